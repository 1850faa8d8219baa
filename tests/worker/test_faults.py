"""One intent is one request that changes something, whatever goes wrong; what is said of it is true; nothing leaks."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from kvtui.backends.http.answer import Unanswered
from kvtui.backends.worker.backend import WorkerBackend
from kvtui.domain.errors import KvtuiError, Locked, Unavailable
from kvtui.domain.metadata import MetadataPatch
from tests.doubles.clock import Clock
from tests.doubles.server import Fault, Reply, Seen
from tests.doubles.worker import WorkerDouble
from tests.support.logs import kept_log
from tests.worker.places import changes, one, opened, page


@dataclass(frozen=True)
class Deed:
    name: str
    do: Callable[[WorkerBackend], object]
    is_done: Callable[[WorkerDouble], bool]
    is_new: bool = False


def _described(double: WorkerDouble) -> bool:
    row = double.row("a/b")
    return row is not None and row["description"] == "new" and double.value("a/b") == "before"


DEEDS = [
    Deed("create", lambda s: s.write("a/b", one("after"), expected=0), lambda d: d.value("a/b") == "after", True),
    Deed("create-blindly", lambda s: s.write("a/b", one("after")), lambda d: d.value("a/b") == "after", True),
    Deed("write", lambda s: s.write("a/b", one("after"), expected=1), lambda d: d.value("a/b") == "after"),
    Deed("write-over", lambda s: s.write("a/b", one("after")), lambda d: d.value("a/b") == "after"),
    Deed("metadata", lambda s: s.write_metadata("a/b", MetadataPatch(description="new")), _described),
    Deed("delete", lambda s: s.delete("a/b"), lambda d: d.row("a/b") is None),
]
LOST = [
    Fault("reset_before", changes),
    Fault("reset_after", changes),
    Fault("close_early", changes),
    Fault("hang", changes, seconds=0.2),
    Fault("reply_after", changes, reply=Reply(201, b"{broken")),
    Fault("reply_after", changes, reply=page(502)),
    Fault("reply_after", changes, reply=page(500)),
    Fault("reply", changes, reply=Reply(500, b'{"success":false,"error":"Failed to write secret: x"}')),
    Fault("reply", changes, reply=page(503)),
    Fault("reply", changes, reply=Reply(429, b"{}")),
    Fault("reply", changes, reply=page(302, Location="https://team.cloudflareaccess.com/login")),
    Fault("drip_body", changes, seconds=0.3),
]


@pytest.fixture
def double() -> Iterator[WorkerDouble]:
    with WorkerDouble(clock=Clock()) as made:
        yield made


@pytest.mark.parametrize("fault", LOST, ids=lambda fault: f"{fault.kind}-{fault.reply.status}")
@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.name)
def test_one_intent_is_one_request_and_what_is_said_of_it_is_true(
    double: WorkerDouble, deed: Deed, fault: Fault
) -> None:
    double.clock.advance(-3600)
    if not deed.is_new:
        double.put("a/b", "before", description="d")
    double.clock.advance(3600)
    with opened(double, timeout=1.0) as store:
        if not deed.is_new:
            store.read("a/b")
        double.break_next(fault)
        try:
            deed.do(store)
        except KvtuiError as error:
            nobody_knows = isinstance(error, Unanswered) and error.may_have_arrived
            told = None if nobody_knows else False
        else:
            told = True
        assert told in (None, deed.is_done(double))
    assert len(double.mutations()) == 1


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.name)
def test_a_lost_answer_is_settled_by_looking(double: WorkerDouble, deed: Deed) -> None:
    double.clock.advance(-3600)
    if not deed.is_new:
        double.put("a/b", "before", description="d")
    double.clock.advance(3600)
    with opened(double) as store:
        double.break_next(Fault("reset_after", changes))
        deed.do(store)
        assert deed.is_done(double)
        assert len(double.mutations()) == 1


def test_a_lost_answer_is_settled_when_the_value_comes_later(double: WorkerDouble) -> None:
    double.bindings.rollout_reads = 2
    with opened(double, pauses=(0.0, 0.0, 0.0)) as store:
        double.break_next(Fault("reset_after", changes))
        store.write("a", one("x"))
    assert len(double.mutations()) == 1


@pytest.mark.parametrize("before", ["null", "old"])
def test_a_lost_answer_to_a_change_is_settled_when_the_value_comes_later(double: WorkerDouble, before: str) -> None:
    double.clock.advance(-3600)
    double.put("a", "before", description="d")
    double.clock.advance(3600)
    double.bindings.before_rollout = before  # type: ignore[assignment]
    with opened(double, pauses=(0.0, 0.0, 0.0)) as store:
        store.read("a")
        double.bindings.rollout_reads = 2
        double.break_next(Fault("reset_after", changes))
        store.write("a", one("after"), expected=1)
    assert len(double.mutations()) == 1


def test_what_somebody_else_wrote_is_not_taken_for_what_was_lost(double: WorkerDouble) -> None:
    double.put("a", "before")
    with opened(double) as store:
        store.read("a")

        def theirs(request: Seen) -> bool:
            if changes(request):
                double.put("a", "theirs", description="of somebody else")
            return changes(request)

        double.break_next(Fault("reset_before", theirs))
        with pytest.raises(Unanswered) as caught:
            store.write("a", one("mine"), expected=1)
        assert caught.value.may_have_arrived
    assert double.value("a") == "theirs"


def test_a_value_without_its_row_is_not_taken_for_a_write(double: WorkerDouble) -> None:
    """As when the worker's database fails after Cloudflare has stored the value."""
    double.put("a", "before", description="d")
    with opened(double) as store:
        store.read("a")

        def half(request: Seen) -> bool:
            if not changes(request):
                return False
            double.bindings.stored["SECRET_a"] = "after"
            return True

        double.break_next(Fault("reply", half, reply=Reply(500, b'{"success":false,"error":"Failed to write secret"}')))
        with pytest.raises(Unanswered) as caught:
            store.write("a", one("after"), metadata=MetadataPatch(description="new"), expected=1)
        assert caught.value.may_have_arrived
    assert len(double.mutations()) == 1


def test_reads_are_repeated_and_writes_are_not(double: WorkerDouble) -> None:
    double.put("a", "x")
    with opened(double) as store:
        double.break_next(Fault("reset_before", times=2))
        assert store.read("a").fields
        assert len(double.requests) == 3


@pytest.mark.parametrize("kind", ["reset_before", "close_early", "drip_head", "hang"])
def test_a_server_that_breaks_off_or_drips_ends_in_time(double: WorkerDouble, kind: str) -> None:
    double.put("a", "x")
    with opened(double, timeout=0.4) as store:
        double.break_next(Fault(kind, times=3, seconds=0.5))
        with pytest.raises(Unavailable):
            store.list()


def test_closing_ends_everything(double: WorkerDouble) -> None:
    with opened(double) as store:
        store.close()
        for call in (store.list, lambda: store.read("a"), store.legacy, store.condition):
            with pytest.raises(Locked):
                call()
    assert not double.requests


def test_neither_secret_nor_value_is_in_a_url_a_log_or_an_error(double: WorkerDouble) -> None:
    value = secrets.token_hex(12)
    private = [value, double.credentials.client_secret]
    told: list[str] = []
    with kept_log() as log, opened(double, timeout=1.0) as store:
        for fault in (None, *LOST):
            if fault is not None:
                double.break_next(fault)
            try:
                store.write("a/b", one(value))
                store.list()
                store.read("a/b")
                store.write_metadata("a/b", MetadataPatch(description="d"))
                store.delete("a/b")
            except KvtuiError as error:
                told += [str(error), repr(error), repr(error.__cause__), repr(error.__context__)]
        told += [repr(store), repr(store.info()), repr(store.signed_in), *map(repr, vars(store).values())]
    everything = "\n".join([*told, *log.lines, *(request.target for request in double.requests)])
    for text in private:
        assert text not in everything
