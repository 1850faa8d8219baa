"""Looking: pages, repeats, times, errors in words; never a value or a token anywhere."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from secrets import token_urlsafe
from threading import Barrier

import pytest

from kvtui.backends.http.answer import Unreadable
from kvtui.backends.tailor.api import TailorApi
from kvtui.backends.tailor.backend import TailorBackend
from kvtui.domain.capability import Capability
from kvtui.domain.errors import (
    AuthenticationRequired,
    KvtuiError,
    Locked,
    NotFound,
    PermissionDenied,
    RateLimited,
    Unavailable,
    Unsupported,
)
from tests.doubles.clock import Clock
from tests.doubles.server import Double, Fault, Reply, Seen
from tests.doubles.tailor import TailorDouble, error_reply
from tests.doubles.tailor.connect import STATUS
from tests.tailor.places import fields, opened

NOON = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def double() -> Iterator[TailorDouble]:
    with TailorDouble(clock=Clock(NOON)) as made:
        made.vault("api-keys", {"stripe-key": "old"})
        yield made


LOOKS: dict[str, Callable[[TailorBackend], object]] = {
    "ListSecretManagerVaults": lambda store: store.list(),
    "ListSecretManagerSecrets": lambda store: store.list("api-keys"),
    "GetSecretManagerSecret": lambda store: store.metadata("api-keys/stripe-key"),
}


# Lists


@pytest.mark.parametrize("ends_with_empty_page", [False, True])
def test_lists_are_read_to_their_last_page(double: TailorDouble, *, ends_with_empty_page: bool) -> None:
    double.pages.largest = 7
    double.pages.ends_with_empty_page = ends_with_empty_page
    double.vault("many", {f"secret-{number:02}": "v" for number in reversed(range(28))})
    for number in range(12):
        double.vault(f"vault-{number:02}")
    with opened(double) as store:
        listing = store.list("many")
        assert [one.name for one in listing.entries] == [f"secret-{number:02}" for number in range(28)]
        assert listing.complete
        assert len(store.containers()) == 14
    assert {asked.get("pageSize") for _, asked in double.calls()} == {1000}
    assert len(double.calls("ListSecretManagerSecrets")) == 4 + ends_with_empty_page


def test_a_list_that_goes_in_circles_is_refused(double: TailorDouble) -> None:
    again = Reply(200, b'{"vaults": [{"name": "abc"}], "nextPageToken": "again"}')
    double.break_next(Fault("reply", times=9, reply=again))
    with opened(double) as store, pytest.raises(Unreadable):
        store.list()
    assert len(double.calls()) == 2


def test_names_that_can_be_no_path_are_left_out_and_counted(double: TailorDouble) -> None:
    body = b'{"vaults": [{"name": "a/b"}, {"name": ".."}, {"name": ""}, {"name": "abc"}]}'
    double.break_next(Fault("reply", reply=Reply(200, body)))
    with opened(double) as store:
        listing = store.list()
    assert [one.path for one in listing.entries] == ["abc"]
    assert (listing.complete, listing.note) == (False, "3 left out whose names cannot be in a path.")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"null",
        b'{"vaults": {}}',
        b'{"vaults": [1]}',
        b'{"vaults": [{}]}',
        b'{"vaults": [{"name": 1}]}',
        b'{"vaults": [], "nextPageToken": 7}',
        b"<html>",
    ],
)
def test_what_does_not_look_like_a_list_is_refused(double: TailorDouble, body: bytes) -> None:
    double.break_next(Fault("reply", reply=Reply(200, body)))
    with opened(double) as store, pytest.raises(Unreadable):
        store.list()


# Secrets


def test_an_outline_and_metadata_tell_times_and_never_a_value(double: TailorDouble) -> None:
    with opened(double) as store:
        double.clock.advance(90)
        store.write("api-keys/stripe-key", fields("new"))
        metadata = store.metadata("api-keys/stripe-key")
        assert (metadata.created_at, metadata.updated_at) == (NOON, NOON.replace(minute=1, second=30))
        outline = store.outline("api-keys/stripe-key")
        assert (dict(outline.fields), outline.current) == ({"value": None}, 1)
        assert not outline.version.numbered
        assert outline.version.created_at == metadata.updated_at
        with pytest.raises(Unsupported, match="never gives a value back") as caught:
            store.read("api-keys/stripe-key")
        assert caught.value.capability == Capability.READ
        double.service.shows_times = False
        assert store.metadata("api-keys/stripe-key").updated_at is None
    assert not any("Value" in name for name, _ in double.calls() if name.startswith("Get"))


def test_every_missing_capability_has_its_own_reason(double: TailorDouble) -> None:
    with opened(double) as store:
        info = store.info()
        assert info.capabilities | info.reasons.keys() == set(Capability)
        for capability in (Capability.READ, Capability.VERSIONS, Capability.UNDELETE, Capability.CHECK_AND_SET):
            assert "Tailor Platform" in store.why_not(capability)


# Errors


@pytest.mark.parametrize("code", list(STATUS))
@pytest.mark.parametrize("method", LOOKS)
def test_every_code_is_told_in_words_without_what_the_platform_says(
    double: TailorDouble, method: str, code: str
) -> None:
    double.fail(method, code, "SENTINEL", times=9)
    kinds: dict[str, type[KvtuiError]] = {
        "unauthenticated": AuthenticationRequired,
        "permission_denied": PermissionDenied,
        "not_found": NotFound,
        "resource_exhausted": RateLimited,
    }
    attempts = 2 if method == "ListSecretManagerVaults" else 1
    with opened(double, timeout=5.0, attempts=attempts) as store, pytest.raises(kinds.get(code, KvtuiError)) as caught:
        LOOKS[method](store)
    told = caught.value
    assert told.message
    assert told.hint
    assert "SENTINEL" not in "".join(traceback.format_exception(told))
    repeated = code in {"unavailable", "internal", "unknown", "data_loss", "deadline_exceeded"}
    if code != "resource_exhausted":  # as nobody says how long to wait, that is a second: more than there is left
        assert len(double.calls(method)) == (attempts if repeated else 1)


@pytest.mark.parametrize("code", ["unavailable", "resource_exhausted", "internal"])
def test_a_look_is_repeated_and_then_answered(double: TailorDouble, code: str) -> None:
    double.break_next(Fault("reply", reply=Reply(STATUS[code], error_reply(code).body, {"Retry-After": "0"})))
    with opened(double) as store:
        assert [one.path for one in store.list().entries] == ["api-keys"]
    assert len(double.calls()) == 2


@pytest.mark.parametrize("kind", ["reset_before", "reset_after", "close_early"])
def test_a_look_that_is_lost_is_repeated(double: TailorDouble, kind: str) -> None:
    double.break_next(Fault(kind))
    with opened(double) as store:
        assert [one.path for one in store.list().entries] == ["api-keys"]


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(404, b"404 page not found\n", {"Content-Type": "text/plain"}), "does not know"),
        (Reply(415, b""), "does not take JSON"),
        (Reply(302, b"", {"Location": "https://login.example/?token=SENTINEL"}), "https://login.example"),
        (Reply(401, b"<html>"), "does not take this token"),
        (Reply(403, b"<html>"), "may not do this"),
        (Reply(503, b"<html>"), "problem of its own"),
        (Reply(418, b"{}"), "problem of its own"),
    ],
)
def test_what_stands_in_front_of_the_platform_is_told_in_words(double: TailorDouble, reply: Reply, words: str) -> None:
    double.break_next(Fault("reply", times=9, reply=reply))
    with opened(double, attempts=1) as store, pytest.raises(KvtuiError) as caught:
        store.list()
    assert words in caught.value.message
    assert "SENTINEL" not in str(caught.value)


def test_a_server_without_json_says_so(double: TailorDouble) -> None:
    double.speaks_json = False
    with opened(double) as store, pytest.raises(Unavailable, match="does not take JSON") as caught:
        store.list()
    assert not caught.value.retryable


def test_a_workspace_that_is_not_there_is_named_as_such(double: TailorDouble) -> None:
    with opened(double, "01234567-89ab-cdef-0123-456789abcdef") as store:
        with pytest.raises(NotFound, match="no such workspace"):
            store.list()
        with pytest.raises(NotFound, match="no such workspace"):
            store.create_container("abc")


def test_a_viewer_may_look_and_is_told_why_no_more(double: TailorDouble) -> None:
    double.login = double.new_login("viewer@example.com", {double.main.id: "viewer"})
    with opened(double) as store:
        assert store.list("api-keys").entries
        for act in (
            lambda: store.write("api-keys/stripe-key", fields()),
            lambda: store.delete("api-keys/stripe-key"),
            lambda: store.create_container("abc"),
        ):
            with pytest.raises(PermissionDenied, match="may not") as caught:
                act()
            assert "editor" in caught.value.hint
    assert double.value("api-keys", "stripe-key") == "old"


def test_a_token_that_ends_meanwhile_is_told_with_what_to_do(double: TailorDouble) -> None:
    with opened(double) as store:
        double.clock.advance(3601)
        with pytest.raises(AuthenticationRequired) as caught:
            store.list()
        assert "tailor-sdk login" in caught.value.hint
    assert not [one for one in double.requests if "oauth2" in one.path]


# Secrecy


class _Other(Double):
    def answer(self, request: Seen) -> Reply:
        return Reply(200, b"{}")


def test_value_and_token_are_in_no_address_log_error_or_second_host(
    double: TailorDouble, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    value, token = token_urlsafe(24), double.login.access_token
    told: list[str] = []
    with _Other() as other, opened(double) as store:
        for reply in (
            *(error_reply(code, f"Request: {value} {token}") for code in STATUS),
            Reply(307, value.encode(), {"Location": f"{other.url}/x?{value}{token}"}),
            Reply(200, f"<html>{value}".encode()),
        ):
            double.break_next(Fault("reply", lambda seen: "Update" in seen.path, reply=reply))
            with pytest.raises(KvtuiError) as caught:
                store.write("api-keys/stripe-key", fields(value))
            told += ["".join(traceback.format_exception(caught.value)), repr(caught.value)]
        assert other.requests == []
        told += [repr(store), repr(store.info()), repr(store.signed_in), *store.notes]
    told += [record.getMessage() for record in caplog.records]
    told += [one.target for one in double.requests]
    told += [f"{one.headers}" for one in double.requests if "authorization" not in one.headers]
    assert not any(value in text or token in text for text in told)
    carried = [name for one in double.requests for name, text in one.headers.items() if token in text]
    assert set(carried) == {"authorization"}


def test_a_closed_store_sends_nothing(double: TailorDouble) -> None:
    store = opened(double)
    store.close()
    for call in (*LOOKS.values(), lambda one: one.write("api-keys/x", fields()), lambda one: one.caution("a/b")):
        with pytest.raises(Locked):
            call(store)
    assert double.requests == []


def test_an_interrupted_look_ends_at_once(double: TailorDouble) -> None:
    double.break_next(Fault("hang", seconds=30.0))
    with opened(double, timeout=60.0) as store, store.interruptible() as interrupt:
        interrupt()
        with pytest.raises(Locked):
            store.list()


def test_vaults_are_listed_several_at_a_time(double: TailorDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        double.vault(f"vault-{number}", {"abc": "v"})
    together = Barrier(4, timeout=20.0)  # which is never waited out where all four are under way at once
    secrets = TailorApi.secrets

    def waiting(api: TailorApi, vault: str) -> object:
        together.wait()
        return secrets(api, vault)

    monkeypatch.setattr(TailorApi, "secrets", waiting)
    with opened(double) as store:
        assert [one.path for one in store.walk()] == [
            "api-keys/stripe-key",
            *(f"vault-{number}/abc" for number in range(3)),
        ]
