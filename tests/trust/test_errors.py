"""Every error of the API, and what is no answer of it, in words; and nothing of a token or value anywhere."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from kvtui.backends.contract import Backend
from kvtui.domain.errors import (
    AuthenticationRequired,
    Corrupt,
    InvalidInput,
    KvtuiError,
    Locked,
    NotFound,
    PermissionDenied,
    RateLimited,
    Unavailable,
    Undisclosed,
)
from tests.doubles.server import Double, Fault, Reply, Seen
from tests.doubles.trust import TrustDouble, error_reply
from tests.support.logs import Log, kept_log
from tests.trust.places import PATH, answering, changes, gateway, one, opened

VALUE = "SENTINEL-value"

WORDS: dict[int, tuple[type[KvtuiError], str]] = {
    400: (InvalidInput, "invalid_request"),
    401: (AuthenticationRequired, "unauthorized"),
    403: (Undisclosed, "forbidden"),
    404: (NotFound, "No such secret"),
    429: (RateLimited, "fewer requests"),
    500: (Unavailable, "internal_error"),
    503: (Unavailable, "dependency_down"),
}


@pytest.mark.parametrize("status", WORDS)
def test_every_error_of_the_document_is_told_in_words(double: TrustDouble, status: int) -> None:
    kind, words = WORDS[status]
    double.put(PATH, b"v")
    with opened(double, timeout_seconds=20) as store:
        double.break_next(answering(status, times=3))
        with pytest.raises(kind, match=words) as caught:
            store.read(PATH)
    assert type(caught.value) is kind
    assert caught.value.hint
    assert caught.value.message.endswith(".")


def test_too_many_requests_are_told_with_the_time_and_whose_they_are(store: Backend, double: TrustDouble) -> None:
    double.break_next(Fault("reply", reply=error_reply(429, {"Retry-After": "7"})))
    with pytest.raises(RateLimited) as caught:
        store.write(PATH, one("x"))
    assert caught.value.retry_after == 7
    assert "tenant" in caught.value.hint


def test_a_read_waits_and_asks_again_where_that_may_help(store: Backend, double: TrustDouble) -> None:
    double.put(PATH, b"v")
    for status in (429, 500, 503):
        double.break_next(Fault("reply", reply=error_reply(status, {"Retry-After": "0"})))
        store.read(PATH)
    assert len(double.requests) == 6


def test_a_dependency_that_stays_down_is_told(double: TrustDouble) -> None:
    double.put(PATH, b"v")
    double.is_dependency_down = True
    with opened(double, timeout_seconds=20) as store:
        with pytest.raises(Unavailable, match="dependency_down"):
            store.read(PATH)
        with pytest.raises(Unavailable, match=r"dependency_down.*is not known"):
            store.write(PATH, one("x"))


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, InvalidInput), (401, AuthenticationRequired), (403, PermissionDenied), (404, Unavailable)]
    + [(status, Unavailable) for status in (405, 418, 502, 599)]
    + [(413, InvalidInput)],
)
def test_what_a_gateway_says_is_not_taken_for_the_service(double: TrustDouble, status: int, kind: type) -> None:
    """A 404 of somebody else's says nothing about a secret: what is remembered of it stays."""
    double.put(PATH, b"v")
    with opened(double, timeout_seconds=20) as store:
        double.break_next(*[gateway(status)] * 3)
        with pytest.raises(kind) as caught:
            store.read(PATH)
    assert "SENTINEL" not in str(caught.value)


class Elsewhere(Double):
    """Another server, which would take whatever comes."""

    def answer(self, request: Seen) -> Reply:
        return Reply(200, b'{"value_b64": "", "version": 1}')


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_with_a_token(store: Backend, double: TrustDouble, status: int) -> None:
    with Elsewhere() as other:
        where = {"Location": f"{other.url}/login?token=SENTINEL"}
        for call in (lambda: store.read(PATH), lambda: store.write(PATH, one(VALUE)), lambda: store.rotate(PATH)):
            double.break_next(Fault("reply", reply=Reply(status, b"", where)))
            with pytest.raises(Unavailable) as caught:
                call()
            assert other.url in caught.value.message
            assert "SENTINEL" not in str(caught.value)
        assert other.requests == []


@pytest.fixture
def log() -> Iterator[Log]:
    with kept_log() as kept:
        yield kept


def test_a_token_or_value_is_in_no_url_log_or_error(double: TrustDouble, log: Log) -> None:
    told: list[str] = []
    with opened(double, timeout_seconds=20) as store:
        double.role("r")
        calls: list[Callable[[], object]] = [
            lambda: store.write(PATH, one(VALUE)),
            lambda: store.read(PATH),
            lambda: store.versions(PATH),
            lambda: store.rotate(PATH),
            lambda: store.issue("r"),
        ]
        for fault in (None, Fault("reset_after"), answering(400), answering(403), answering(500), gateway(404)):
            for call in calls:
                if fault is not None:
                    double.break_next(fault)
                try:
                    told.append(repr(call()))
                except KvtuiError as error:
                    told.append(f"{error!r} {error} {error.hint} {error.path} {vars(error)}")
        told += [repr(store), repr(store.info()), repr(vars(store))]
    seen = [request.target for request in double.requests]
    for secret in (double.token, VALUE, *(lease.secret_key for lease in double.leases)):
        assert not any(secret in text for text in (*told, *seen, *log.lines))


def test_a_closed_connection_keeps_no_token(double: TrustDouble) -> None:
    token = double.token
    store = opened(double, token)
    double.put(PATH, b"v")
    store.read(PATH)
    store.close()
    with pytest.raises(Locked):
        store.read(PATH)
    with suppress(KvtuiError):
        store.issue("r")
    gc.collect()
    held = [each for each in gc.get_objects() if type(each).__name__ == "HttpClient"]
    assert not any(token in repr(each.__dict__.get("_headers")) for each in held)
    assert not any(map(changes, double.requests))


HOSTILE = (
    b"",
    b"null",
    b"[]",
    b"[" * 100_000,
    b"\xff\xfe",
    b'{"error": {"error": "SENTINEL"}}',
    b'{"version": 1e400, "value_b64": "YQ==", "new_version": 1e400}',
    b'{"version": -1, "value_b64": "YQ==", "new_version": 0}',
    b'{"version": true, "value_b64": {"a": 1}, "new_version": "SENTINEL"}',
    b'{"version": null, "value_b64": "SENTINEL!", "secret_key": 7, "expires_at": "SENTINEL"}',
)


@pytest.mark.parametrize("status", [200, 299, 400, 404])
def test_hostile_answers_end_in_an_error_of_ours(store: Backend, double: TrustDouble, status: int) -> None:
    calls: list[Callable[[], object]] = [
        lambda: store.read(PATH),
        lambda: store.write(PATH, one("x")),
        lambda: store.rotate(PATH),
        lambda: store.issue("r"),
    ]
    for body in HOSTILE:
        for call in calls:
            double.break_next(Fault("reply", reply=Reply(status, body)))
            with pytest.raises(KvtuiError) as caught:
                call()
            assert "SENTINEL" not in str(caught.value)


def test_a_value_that_is_no_base64_is_told_as_damage(store: Backend, double: TrustDouble) -> None:
    double.break_next(Fault("reply", reply=Reply(200, b'{"version": 1, "value_b64": "SENTINEL!"}')))
    with pytest.raises(Corrupt) as caught:
        store.read(PATH)
    assert (caught.value.path, "SENTINEL" in str(caught.value)) == (PATH, False)
