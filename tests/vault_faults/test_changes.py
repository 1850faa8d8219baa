"""One intent is one request that changes something, whatever goes wrong with it; and what is said of it is true."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest

from kvtui.backends.contract import Backend
from kvtui.backends.http.answer import Unanswered
from kvtui.backends.vault.backend import VaultBackend
from kvtui.domain.errors import Conflict, KvtuiError, PermissionDenied, RateLimited, Unavailable
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.retention import Retention
from tests.doubles.server import Double, Fault, Reply, Seen
from tests.doubles.vault import VaultDouble
from tests.vault_faults.places import MOUNTS, answering, changes, fields, held, opened

LABEL = MetadataPatch(description="as it is now")


@dataclass(frozen=True)
class Deed:
    """Something a user wants done at a path that `made` has prepared. `told`: whether a lost answer can be settled."""

    name: str
    mount: str
    do: Callable[[Backend, str], object]
    made: Callable[[Backend, str], object] = lambda *_: None
    told: bool = True


def three_versions(backend: Backend, path: str) -> None:
    for number in range(3):
        backend.write(path, fields(f"version {number + 1}"), expected=number)


def with_deleted(backend: Backend, path: str) -> None:
    three_versions(backend, path)
    backend.delete(path, [2])


def one_value(backend: Backend, path: str) -> None:
    backend.write(path, fields("before"))


DEEDS = [
    Deed("create", "kv", lambda b, p: b.write(p, fields(), expected=0)),
    Deed("write", "kv", lambda b, p: b.write(p, fields(), expected=3), three_versions),
    Deed("write-over", "kv", lambda b, p: b.write(p, fields()), three_versions),
    Deed("patch", "kv", lambda b, p: b.patch(p, fields(), expected=3), three_versions),
    Deed("patch-over", "kv", lambda b, p: b.patch(p, fields()), three_versions),
    Deed("both", "kv", lambda b, p: b.write_metadata(p, LABEL, Retention(max_versions=7)), three_versions),
    Deed("metadata", "kv", lambda b, p: b.write_metadata(p, LABEL), three_versions),
    Deed("retention", "kv", lambda b, p: b.write_retention(p, Retention(max_versions=7)), three_versions),
    Deed("retention-of-nothing", "kv", lambda b, p: b.write_retention(p, Retention(max_versions=7))),
    Deed("delete", "kv", lambda b, p: b.delete(p), three_versions),
    Deed("delete-versions", "kv", lambda b, p: b.delete(p, [1, 3]), three_versions),
    Deed("undelete", "kv", lambda b, p: b.undelete(p, [2]), with_deleted),
    Deed("destroy-versions", "kv", lambda b, p: b.destroy(p, [1]), three_versions),
    Deed("destroy", "kv", lambda b, p: b.destroy(p), three_versions),
    Deed("old-create", "old", lambda b, p: b.write(p, fields(), expected=0)),
    Deed("old-write", "old", lambda b, p: b.write(p, fields(), expected=1), one_value),
    Deed("old-write-over", "old", lambda b, p: b.write(p, fields()), one_value, told=False),
    Deed("old-delete", "old", lambda b, p: b.delete(p), one_value),
]

SLOW = 0.05


def some(names: Iterable[str], *quick: str) -> list[Any]:
    """All faults, of which only a few belong to the quick run: each of them meets every deed."""
    return [name if name in quick else pytest.param(name, marks=pytest.mark.slow) for name in names]


NOT_DONE: dict[str, Fault] = {
    "reset before": Fault("reset_before"),
    "hang": Fault("hang", seconds=10),
    **{f"{status} before": answering(status) for status in (500, 502, 503, 504)},
}
"""Nothing was done, which the server does not say."""
REFUSED: dict[str, tuple[Fault, type[KvtuiError]]] = {
    "sealed": (answering(503, {"errors": ["Vault is sealed"]}), Unavailable),
    "429": (answering(429), RateLimited),
    "429 for a second": (answering(429, retry_after="1"), RateLimited),
    "429 for long": (answering(429, retry_after="999999"), RateLimited),
    "412": (answering(412), Unavailable),
    "403": (answering(403, {"errors": ["permission denied"]}), PermissionDenied),
    "472": (answering(472), Unavailable),
    "473": (answering(473), Unavailable),
    **{str(status): (answering(status), Unavailable) for status in (301, 302, 303, 307, 308)},
}
"""Nothing was done, and the server says so."""
DONE: dict[str, Fault] = {
    "reset after": Fault("reset_after"),
    "hang after": Fault("reset_after", seconds=10),
    "closed early": Fault("close_early"),
    "dripping head": Fault("drip_head", seconds=SLOW),
    "dripping body": Fault("drip_body", seconds=SLOW),
    **{f"{status} after": Fault("reply_after", reply=Reply(status, b"{}")) for status in (500, 502, 503, 504)},
    "no JSON": Fault("reply_after", reply=Reply(200, b"<html>thank you</html>")),
    "empty": Fault("reply_after", reply=Reply(200, b"")),
    "no data": Fault("reply_after", reply=Reply(200, b'{"data": null, "warnings": ["none"]}')),
    "no envelope": Fault("reply_after", reply=Reply(200, b"[]")),
    "compressed": Fault("reply_after", reply=Reply(200, b"x", {"Content-Encoding": "gzip"})),
}
"""It was done, and the answer does not come through."""


@dataclass
class Tried:
    deed: Deed
    before: Any
    done: Any
    now: Any
    sent: int
    error: Exception | None
    again: Exception | None = None
    finally_: Any = None

    def __str__(self) -> str:
        return f"{self.deed.name}: {self.error!r}, then {self.again!r}"


class Elsewhere(Double):
    """Another server that redirects point at."""

    def answer(self, request: Seen) -> Reply:
        return Reply(body=b"{}")


@pytest.fixture
def double() -> Iterator[VaultDouble]:
    with VaultDouble(mounts=MOUNTS) as made:
        yield made


def attempt(deed: Deed, backend: Backend, key: str) -> Exception | None:
    try:
        deed.do(backend, f"{deed.mount}/{key}")
    except Exception as error:  # noqa: BLE001
        return error
    return None


def try_all(double: VaultDouble, fault: Fault, *, timeout: float = 1.0) -> list[Tried]:
    """Every deed with this fault at its own request, all at the same time; after an error once more without."""
    with opened(double, timeout=timeout, width=len(DEEDS)) as backend, ThreadPoolExecutor(len(DEEDS)) as pool:

        def one(deed: Deed) -> Tried:
            twin = f"twin-{deed.name}"
            for key in (deed.name, twin):
                deed.made(backend, f"{deed.mount}/{key}")
            before = held(double, deed.mount, deed.name)
            deed.do(backend, f"{deed.mount}/{twin}")
            sent = len(changing(double, deed))
            double.break_next(replace(fault, when=lambda seen: changes(seen) and is_about(seen, deed)))
            error = attempt(deed, backend, deed.name)
            now = held(double, deed.mount, deed.name)
            count = len(changing(double, deed)) - sent
            tried = Tried(deed, before, held(double, deed.mount, twin), now, count, error)
            if error is not None:
                tried.again = attempt(deed, backend, deed.name)
            tried.finally_ = held(double, deed.mount, deed.name)
            return tried

        found = list(pool.map(one, DEEDS))
    assert not double.broken
    return found


def is_about(seen: Seen, deed: Deed) -> bool:
    return seen.path.startswith(f"/v1/{deed.mount}/") and seen.path.endswith(f"/{deed.name}")


def changing(double: VaultDouble, deed: Deed) -> list[Seen]:
    return [seen for seen in double.mutations() if is_about(seen, deed)]


def is_unknown(error: Exception | None) -> bool:
    return isinstance(error, Unanswered) and error.may_have_arrived


def wrong(found: Sequence[Tried], check: Callable[[Tried], bool]) -> list[str]:
    return [str(tried) for tried in found if not (tried.sent == 1 and check(tried))]


def done_in_the_end(tried: Tried) -> bool:
    """Once, and no more: the state is that of the twin, which nothing happened to."""
    return tried.finally_ == tried.done and tried.done != tried.before


@pytest.mark.parametrize("name", some(NOT_DONE, "reset before", "503 before"))
def test_what_was_not_done_is_told_as_not_done_and_can_be_done_again(double: VaultDouble, name: str) -> None:
    def check(tried: Tried) -> bool:
        if tried.now != tried.before or not done_in_the_end(tried) or tried.again is not None:
            return False
        if tried.deed.told:
            return isinstance(tried.error, Unavailable) and "nothing is changed" in str(tried.error)
        return is_unknown(tried.error) and "not known" in str(tried.error)

    assert wrong(try_all(double, NOT_DONE[name]), check) == []


@pytest.mark.parametrize("name", some(REFUSED, "sealed", "429"))
def test_what_the_server_refuses_was_not_done_and_can_be_done_again(double: VaultDouble, name: str) -> None:
    fault, kind = REFUSED[name]
    with Elsewhere() as other:
        where = {"Location": f"{other.url}/v1/kv/data/x"}
        fault = replace(fault, reply=replace(fault.reply, headers={**where, **fault.reply.headers}))

        def check(tried: Tried) -> bool:
            told = type(tried.error) is kind and tried.now == tried.before
            return told and tried.again is None and done_in_the_end(tried)

        assert wrong(try_all(double, fault), check) == []
        assert other.requests == []


@pytest.mark.parametrize("name", some(DONE, "reset after", "closed early", "empty"))
def test_what_was_done_without_an_answer_is_seen_to_be_done(double: VaultDouble, name: str) -> None:
    def check(tried: Tried) -> bool:
        return tried.error is None and done_in_the_end(tried)

    assert wrong(try_all(double, DONE[name]), check) == []


@pytest.mark.parametrize("committed", [True, False], ids=["done", "not done"])
def test_where_nobody_can_look_afterwards_the_error_says_that_nobody_knows(
    double: VaultDouble, *, committed: bool
) -> None:
    with opened(double, timeout=5) as backend:
        for deed in DEEDS:
            deed.made(backend, f"{deed.mount}/{deed.name}")
            before = held(double, deed.mount, deed.name)
            fault = Fault("reset_after" if committed else "reset_before", when=changes)
            down = threading.Event()

            def trouble(seen: Seen, down: threading.Event = down) -> bool:
                down.set() if changes(seen) else None
                return down.is_set() and not changes(seen)

            gone = Fault("reply", when=trouble, times=10_000, reply=Reply(501, b"{}"))
            with double._lock:
                double._faults[:] = []
            double.break_next(gone, fault)
            sent = len(changing(double, deed))
            error = attempt(deed, backend, deed.name)
            with double._lock:
                double._faults[:] = []
            assert is_unknown(error), f"{deed.name}: {error!r}"
            assert "not known" in str(error)
            assert "again" in str(error)
            assert len(changing(double, deed)) == sent + 1
            assert (held(double, deed.mount, deed.name) != before) is committed


def test_a_server_that_does_it_after_we_gave_up_does_it_once(double: VaultDouble) -> None:
    with opened(double, timeout=0.5) as backend:
        three_versions(backend, "kv/slow")
        double.break_next(Fault("late", when=changes, seconds=1.0))
        with pytest.raises(Unavailable, match="nothing is changed so far"):
            backend.write("kv/slow", fields(), expected=3)
        while double.secrets_of("kv")["slow"].current == 3:
            time.sleep(0.02)  # the server is slow, and tells nobody when it is done
        with pytest.raises(Conflict) as caught:
            backend.write("kv/slow", fields(), expected=3)
        assert caught.value.actual == 4
        assert backend.read("kv/slow").fields["field"].same_as(fields()["field"])
        assert double.secrets_of("kv")["slow"].current == 4


def behind_our_back(double: VaultDouble, act: Callable[[VaultBackend], object]) -> Fault:
    """Commit our write, let somebody else act, and lose the answer."""

    def when(seen: Seen) -> bool:
        return changes(seen) and not busy.is_set()

    busy = threading.Event()
    answer = double.answer

    def after(request: Seen) -> Reply:
        reply = answer(request)
        if changes(request) and not busy.is_set():
            busy.set()
            with opened(double) as other:
                act(other)
        return reply

    double.answer = after  # type: ignore[method-assign]
    return Fault("reset_after", when=when)


def test_our_version_is_found_below_the_one_another_wrote_over_it(double: VaultDouble) -> None:
    with opened(double) as backend:
        three_versions(backend, "kv/a")
        double.break_next(behind_our_back(double, lambda other: other.write("kv/a", fields("theirs"), expected=4)))
        assert backend.write("kv/a", fields(), expected=3).number == 4
        assert double.secrets_of("kv")["a"].current == 5


def test_our_version_that_another_destroyed_at_once_is_not_guessed_about(double: VaultDouble) -> None:
    with opened(double) as backend:
        three_versions(backend, "kv/a")
        double.break_next(behind_our_back(double, lambda other: other.destroy("kv/a", [4])))
        with pytest.raises(Unanswered, match="not known"):
            backend.write("kv/a", fields(), expected=3)


@pytest.mark.parametrize("expected", [3, None])
def test_a_lost_write_that_lost_the_race_is_a_conflict_and_not_sent_again(
    double: VaultDouble, expected: int | None
) -> None:
    """The answer that is lost here is the server's refusal of our version."""
    with opened(double) as backend, opened(double) as other:
        three_versions(backend, "kv/a")
        once = threading.Event()
        answer = double.answer

        def first(request: Seen) -> Reply:
            if changes(request) and not once.is_set():
                once.set()
                other.write("kv/a", fields("theirs"), expected=3)
            return answer(request)

        double.answer = first  # type: ignore[method-assign]
        double.break_next(Fault("reset_after", when=lambda seen: changes(seen) and not once.is_set()))
        sent = len(double.mutations())
        with pytest.raises(Conflict):
            backend.write("kv/a", fields(), expected=expected)
        assert len(double.mutations()) == sent + 2
        assert double.secrets_of("kv")["a"].current == 4


def test_a_write_over_whatever_is_there_goes_on_only_after_a_refusal(double: VaultDouble) -> None:
    with opened(double) as backend, opened(double) as other:
        three_versions(backend, "kv/a")
        turns = iter([True, True, False])
        answer = double.answer

        def first(request: Seen) -> Reply:
            if changes(request) and b"theirs" not in request.body and next(turns):
                other.write("kv/a", fields("theirs"))
            return answer(request)

        double.answer = first  # type: ignore[method-assign]
        assert backend.write("kv/a", fields()).number == 6
        assert next(turns, None) is None


def test_a_write_with_metadata_says_which_half_of_it_is_done(double: VaultDouble) -> None:
    with opened(double) as backend:
        three_versions(backend, "kv/a")

        def second(seen: Seen) -> bool:
            return changes(seen) and "/metadata/" in seen.path

        double.break_next(replace(answering(403), when=second))
        with pytest.raises(Unavailable, match="Version 4 is written, its metadata is not"):
            backend.write("kv/a", fields(), expected=3, metadata=LABEL)
        double.break_next(replace(answering(500), when=second))
        with pytest.raises(Unavailable, match=r"Version 5 is written, its metadata is not: .*nothing is changed"):
            backend.write("kv/a", fields(), expected=4, metadata=LABEL)
        double.break_next(Fault("reset_after", when=second))
        assert backend.write("kv/a", fields(), expected=5, metadata=LABEL).number == 6
        assert backend.metadata("kv/a").description == LABEL.description
        gone = Fault("reply", times=20, when=lambda seen: "/metadata/" in seen.path and changed.is_set())
        changed = threading.Event()

        def broken(seen: Seen) -> bool:
            if second(seen):
                changed.set()
            return second(seen)

        double.break_next(Fault("reset_after", when=broken), replace(gone, reply=Reply(500, b"{}")))
        with pytest.raises(Unavailable, match=r"Version 7 is written, its metadata may not be: .*not known"):
            backend.write("kv/a", fields(), expected=6, metadata=MetadataPatch(description="other"))


def test_metadata_is_written_even_where_it_cannot_be_read_again(double: VaultDouble) -> None:
    with opened(double) as backend:
        three_versions(backend, "kv/a")
        done = threading.Event()

        def after(seen: Seen) -> bool:
            if changes(seen):
                done.set()
                return False
            return done.is_set()

        double.break_next(replace(answering(501, times=50), when=after))
        assert backend.write_metadata("kv/a", LABEL).description == LABEL.description
        assert double.secrets_of("kv")["a"].custom == {"description": LABEL.description}
