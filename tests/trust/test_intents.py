"""One thing that somebody wants done is one request, under one id, whatever becomes of the answer."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from kvtui.backends.contract import Backend
from kvtui.backends.trust.intents import Intent, Intents
from kvtui.domain.errors import (
    AuthenticationRequired,
    Conflict,
    InvalidInput,
    KvtuiError,
    Locked,
    NotFound,
    PermissionDenied,
    RateLimited,
    Unavailable,
)
from kvtui.domain.value import SecretValue
from tests.doubles.server import Fault, Reply
from tests.doubles.trust import TrustDouble, error_reply
from tests.trust.places import PATH, answering, changes, gateway, ids, one, opened, reads

Change = Callable[[Backend], object]
CHANGES: dict[str, Change] = {
    "write": lambda store: store.write(PATH, one("new")),
    "rotate": lambda store: store.rotate(PATH),
    "issue": lambda store: store.issue("r", timedelta(hours=1)),
}
LOST = {
    "reset before": Fault("reset_before", changes),
    "reset after": Fault("reset_after", changes),
    "half an answer": Fault("close_early", changes),
    "no answer in time": Fault("hang", changes, seconds=20),
    "an answer that trickles": Fault("drip_head", changes, seconds=1),
    "internal error": Fault("reply", changes, reply=error_reply(500)),
    "internal error after it": Fault("reply_after", changes, reply=error_reply(500)),
    "dependency down": Fault("reply", changes, reply=error_reply(503)),
    "a gateway that gave up": Fault("reply_after", changes, reply=Reply(504, b"<html>")),
    "no JSON": Fault("reply_after", changes, reply=Reply(200, b"<html>")),
    "nothing": Fault("reply_after", changes, reply=Reply(200, b"")),
}


@pytest.fixture
def double(double: TrustDouble) -> TrustDouble:
    double.put(PATH, b"old")
    double.role("r")
    return double


@pytest.mark.parametrize("lost", LOST)
@pytest.mark.parametrize("change", CHANGES)
def test_a_lost_answer_is_one_request_that_tells_its_id(double: TrustDouble, change: str, lost: str) -> None:
    with opened(double, timeout_seconds=1) as store:
        double.break_next(LOST[lost])
        with pytest.raises(Unavailable) as caught:
            CHANGES[change](store)
    (sent,) = double.mutations()
    assert sent.headers["x-request-id"] in str(caught.value)
    assert not caught.value.retryable
    assert "is not known" in caught.value.message
    assert len(double.values(PATH)) <= 2


@pytest.mark.parametrize("lost", ["reset before", "reset after", "internal error", "internal error after it"])
@pytest.mark.parametrize("change", CHANGES)
def test_the_same_again_goes_out_under_the_same_id_and_is_done_once(
    store: Backend, double: TrustDouble, change: str, lost: str
) -> None:
    for _ in range(2):
        double.break_next(LOST[lost])
        with pytest.raises(Unavailable):
            CHANGES[change](store)
    CHANGES[change](store)
    assert len(double.mutations()) == 3
    assert len(set(ids(double.mutations()))) == 1
    assert len(double.values(PATH)) + len(double.leases) == 2
    CHANGES[change](store)  # what was answered is over: this is another one
    assert len(set(ids(double.mutations()))) == 2
    assert len(double.values(PATH)) + len(double.leases) == 3


def test_the_credentials_of_a_lost_answer_are_those_one_gets_then(store: Backend, double: TrustDouble) -> None:
    double.break_next(LOST["reset after"])
    with pytest.raises(Unavailable):
        store.issue("r")
    issued = store.issue("r")
    (lease,) = double.leases
    assert issued.fields["secret_key"].same_as(SecretValue(lease.secret_key))


def test_a_lost_write_that_is_found_is_reported_as_done(store: Backend, double: TrustDouble) -> None:
    store.read(PATH)
    double.break_next(LOST["reset after"])
    assert store.write(PATH, one("new")).number == 2
    assert double.values(PATH) == [b"old", b"new"]
    store.write(PATH, one("new"))
    assert len(set(ids(double.mutations()))) == 2


def test_what_was_done_when_no_answer_came_is_not_done_again_over_others(store: Backend, double: TrustDouble) -> None:
    store.read(PATH)
    double.break_next(LOST["reset after"], Fault("reply", reads, reply=error_reply(403)))
    with pytest.raises(Unavailable, match="is not known"):  # as the look fails too
        store.write(PATH, one("new"))
    double.put(PATH, b"theirs")
    assert store.read(PATH).current == 3
    with pytest.raises(Conflict, match="done as version 2") as caught:
        store.write(PATH, one("new"))
    assert (caught.value.expected, caught.value.actual) == (2, 3)
    assert double.values(PATH) == [b"old", b"new", b"theirs"]
    assert store.write(PATH, one("new")).number == 4  # that was looked at: it is wanted anew


def test_a_lost_write_that_did_not_arrive_is_reported_so_and_tells_its_id(store: Backend, double: TrustDouble) -> None:
    store.read(PATH)
    double.break_next(LOST["reset before"])
    with pytest.raises(Unavailable, match="nothing is changed so far") as caught:
        store.write(PATH, one("new"))
    assert double.mutations()[0].headers["x-request-id"] in caught.value.hint
    assert store.write(PATH, one("new")).number == 2
    assert len(set(ids(double.mutations()))) == 1


def test_a_lost_write_of_something_new_is_found_too(store: Backend, double: TrustDouble) -> None:
    double.unknown = "not_found"
    for name, lost in (("a", "reset after"), ("b", "reset before")):
        with pytest.raises(NotFound):
            store.read(name)
        double.break_next(LOST[lost])
        if lost == "reset after":
            assert store.write(name, one("new")).number == 1
        else:
            with pytest.raises(Unavailable, match="nothing is changed so far"):
                store.write(name, one("new"))
    assert (double.values("a"), double.values("b")) == ([b"new"], [])


def test_a_look_that_finds_what_others_wrote_does_not_guess(store: Backend, double: TrustDouble) -> None:
    store.read(PATH)
    double.put(PATH, b"theirs")
    double.break_next(LOST["reset before"])
    with pytest.raises(Unavailable, match="is not known"):
        store.write(PATH, one("new"))
    assert len(double.mutations()) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, InvalidInput), (401, AuthenticationRequired), (403, PermissionDenied), (404, NotFound), (429, RateLimited)],
)
@pytest.mark.parametrize("change", CHANGES)
def test_a_refused_change_is_one_request_and_never_sent_again(
    store: Backend, double: TrustDouble, change: str, status: int, kind: type[KvtuiError]
) -> None:
    double.break_next(answering(status))
    with pytest.raises(kind):
        CHANGES[change](store)
    assert len(double.mutations()) == 1
    assert (double.values(PATH), double.leases) == ([b"old"], [])


def test_a_change_that_was_never_sent_is_known_not_to_be_done() -> None:
    with TrustDouble() as gone:
        pass
    with opened(gone) as store, pytest.raises(Unavailable, match="cannot be reached") as caught:
        store.write(PATH, one("new"))
    assert caught.value.retryable
    assert "is not known" not in caught.value.message


def test_different_changes_never_share_an_id(store: Backend, double: TrustDouble) -> None:
    for value in ("a", "b"):
        double.break_next(Fault("reset_before", changes))
        with pytest.raises(Unavailable):
            store.write(PATH, one(value))
    for role, ttl in (("r", 1), ("r", 2), ("rr", 1)):
        double.break_next(Fault("reset_before", changes))
        with pytest.raises(Unavailable):
            store.issue(role, timedelta(hours=ttl))
    for path in (PATH, "other"):
        double.break_next(Fault("reset_before", changes))
        with pytest.raises(Unavailable):
            store.rotate(path)
    assert len(set(ids(double.mutations()))) == 7


def test_a_server_that_keeps_no_ids_is_written_to_once_for_each_time_one_asks(
    store: Backend, double: TrustDouble
) -> None:
    double.idempotency.retention_s = 0
    double.break_next(LOST["reset after"])
    with pytest.raises(Unavailable):
        store.write(PATH, one("new"))
    assert store.write(PATH, one("new")).number == 3  # nothing is lost by it: each is a version


def test_reads_are_repeated_under_their_id(store: Backend, double: TrustDouble) -> None:
    double.break_next(Fault("reset_before", reads), gateway(502))
    assert store.read(PATH).fields["value"].same_as(SecretValue("old"))
    assert len(double.requests) == 3
    assert len(set(ids(double.requests))) == 1


def test_closing_in_the_middle_of_a_write_says_that_it_may_be_done(double: TrustDouble) -> None:
    store = opened(double)
    double.break_next(Fault("hang", changes, seconds=20))
    errors: list[KvtuiError] = []

    def write() -> None:
        try:
            store.write(PATH, one("new"))
        except KvtuiError as error:
            errors.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    double.until(lambda: bool(double.mutations()))
    store.close()
    thread.join()
    assert isinstance(errors[0], Locked)
    assert "may be done" in errors[0].message
    assert len(double.mutations()) == 1


def lose(intents: Intents, *what: bytes) -> Intent:
    """Somebody wants this, and nobody knows what became of it."""
    with suppress(Unavailable), intents.one(*what) as intent:
        raise Unavailable("lost")
    return intent


def test_an_id_is_forgotten_after_a_while() -> None:
    now = 0.0
    intents = Intents(lambda: now)
    seen = []
    for seconds in (0, 599, 2):
        now += seconds
        seen.append(lose(intents, b"write", b"x"))
    assert [intent.is_again for intent in seen] == [False, True, False]
    assert seen[0].id == seen[1].id != seen[2].id
    assert all(uuid.UUID(intent.id).version == 4 for intent in seen)


def test_what_is_wanted_is_told_apart_part_by_part_and_not_kept() -> None:
    intents = Intents()
    wanted = ((b"wan", b"ted"), (b"wa", b"nted"), (b"wanted",), (b"wanted", b""))
    assert len({lose(intents, *parts).id for parts in wanted}) == 4
    assert "wanted" not in repr(intents._open._kept)
