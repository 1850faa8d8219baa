"""One tree of errors, whose names scripts rely on."""

import inspect

import pytest

from kvtui.domain import errors
from kvtui.domain.errors import (
    AuthenticationRequired,
    Conflict,
    KvtuiError,
    NotFound,
    PermissionDenied,
    RateLimited,
    Unavailable,
    Undisclosed,
    Unsupported,
    WrongCredential,
)

KINDS = {
    "NotFound",
    "AlreadyExists",
    "Conflict",
    "InvalidPath",
    "InvalidInput",
    "PermissionDenied",
    "AuthenticationRequired",
    "Locked",
    "RateLimited",
    "Unavailable",
    "Corrupt",
    "Unsupported",
}
ALL = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, KvtuiError)]


def test_the_kinds_are_those_scripts_know() -> None:
    assert {cls.kind for cls in ALL} == KINDS | {"Failed"}
    assert {cls.kind for cls in ALL if cls is not KvtuiError and cls.__name__ == cls.kind} == KINDS


@pytest.mark.parametrize("cls", ALL)
def test_every_error_is_in_the_drawing(cls: type[KvtuiError]) -> None:
    assert cls.__name__ in (errors.__doc__ or "")


def test_an_error_says_what_happened_and_what_to_do() -> None:
    error = NotFound("No such secret.", hint="See kvtui ls.", path="app/db", state="deleted", version=3)
    assert str(error) == "No such secret. See kvtui ls."
    assert (error.message, error.hint, error.path) == ("No such secret.", "See kvtui ls.", "app/db")
    assert (error.state, error.version, error.retryable) == ("deleted", 3, False)
    assert str(KvtuiError("Failed.")) == "Failed."


def test_a_conflict_has_both_versions() -> None:
    error = Conflict("Somebody else wrote.", expected=1, actual=2)
    assert (error.expected, error.actual) == (1, 2)


def test_a_limit_tells_how_long_to_wait() -> None:
    error = RateLimited("Too many requests.", retry_after=2.5)
    assert (error.retry_after, error.retryable) == (2.5, True)


def test_what_is_unavailable_may_be_tried_again_unless_it_says_otherwise() -> None:
    assert Unavailable("Down.").retryable
    assert not Unavailable("Not installed.", retryable=False).retryable


def test_what_is_unsupported_names_the_capability() -> None:
    assert Unsupported("No.", capability="undelete").capability == "undelete"


def test_a_wrong_credential_is_seen_as_not_authenticated() -> None:
    assert issubclass(WrongCredential, AuthenticationRequired)
    assert WrongCredential.kind == "AuthenticationRequired"


def test_what_is_not_told_is_denied_to_scripts_and_perhaps_missing_to_us() -> None:
    error = Undisclosed("Denied, or nothing there.", hint="Check the path.", path="app/db")
    assert isinstance(error, NotFound)
    assert isinstance(error, PermissionDenied)
    assert (error.kind, error.path, error.state, error.version) == ("PermissionDenied", "app/db", None, None)
