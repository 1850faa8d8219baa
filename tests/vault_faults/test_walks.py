"""A walk through a large tree some of which is denied, broken or vanishing; and one that is left halfway."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from kvtui.domain.errors import AuthenticationRequired, KvtuiError, Locked, PermissionDenied, Unavailable
from kvtui.domain.secret import Skipped
from tests.doubles.server import Fault, Reply, Seen
from tests.doubles.vault import VaultDouble
from tests.vault_faults.places import answering, fields, opened

FOLDERS, EACH = 500, 4
DENIED = ["f005", "f099", "f250", "f333", "f498"]
BROKEN = ["f010", "f251", "f499"]
VANISHING = "f400"
NAMES = [f"f{number:03}" for number in range(FOLDERS)]


@pytest.fixture
def double() -> Iterator[VaultDouble]:
    """`kv` has 500 folders of 4 secrets; the token may list all but five."""
    with VaultDouble(mounts={"kv": 2}) as made:
        with opened(made) as backend:
            backend.write("kv/one", fields())
        twin = made.secrets_of("kv").pop("one")
        made.secrets_of("kv").update({f"{folder}/s{number}": twin for folder in NAMES for number in range(EACH)})
        denied = {f"kv/metadata/{folder}/*": ["deny"] for folder in DENIED}
        made.policy("some", {"kv/metadata/*": ["read", "list"], "kv/data/*": ["read"], **denied})
        yield made


def token(double: VaultDouble) -> str:
    return double.token("some")


def listing_of(*folders: str) -> object:
    return lambda seen: "list=true" in seen.target and seen.path.rstrip("/").rpartition("/")[2] in folders


def expected(without: set[str]) -> list[str]:
    return [f"kv/{folder}/s{number}" for folder in NAMES if folder not in without for number in range(EACH)]


def disturb(double: VaultDouble) -> None:
    """Three folders fail for ever, and one goes away when the first is listed."""

    def vanish(seen: Seen) -> bool:
        if "f000" in seen.target:
            for number in range(EACH):
                double.secrets_of("kv").pop(f"{VANISHING}/s{number}", None)
        return False

    double.break_next(
        Fault("reply", when=vanish),
        Fault("reply", when=listing_of(*BROKEN), times=10_000, reply=Reply(500, b"{}")),  # type: ignore[arg-type]
    )


def test_a_walk_of_500_folders_keeps_its_order_and_tells_each_problem_once(
    double: VaultDouble, record_property: pytest.RecordProperty
) -> None:
    disturb(double)
    skipped: list[Skipped] = []
    with opened(double, token(double)) as backend:
        sent = len(double.requests)
        started = time.monotonic()
        found = [entry.path for entry in backend.walk("kv", skipped=skipped.append)]
        seconds, requests = time.monotonic() - started, len(double.requests) - sent
    assert found == expected({*DENIED, *BROKEN, VANISHING})
    assert sorted(each.path for each in skipped) == sorted(f"kv/{name}" for name in DENIED + BROKEN)
    told = {each.path.removeprefix("kv/"): type(each.error) for each in skipped}
    assert all(told[name] is PermissionDenied for name in DENIED)
    assert all(told[name] is Unavailable for name in BROKEN)
    assert requests <= FOLDERS + 2 * len(BROKEN) + len(DENIED) + 8  # each once; failures twice more; what a 403 means
    record_property("requests", requests)
    record_property("seconds", round(seconds, 2))
    print(f"{requests} requests, {seconds:.2f} s")


def test_without_being_told_of_problems_a_walk_ends_at_the_first(double: VaultDouble) -> None:
    disturb(double)
    found: list[str] = []
    with opened(double, token(double)) as backend:
        walk = (found.append(entry.path) for entry in backend.walk("kv"))
        with pytest.raises(PermissionDenied) as caught:
            list(walk)
    assert caught.value.path == f"kv/{DENIED[0]}"
    assert found == expected({*NAMES[5:]})


def test_a_walk_streams_before_it_is_done(double: VaultDouble) -> None:
    with opened(double, token(double)) as backend:
        double.break_next(Fault("hang", when=lambda seen: "f100" in seen.target, times=10, seconds=30))
        walk = backend.walk("kv", skipped=lambda _: None)
        assert next(walk).path == "kv/f000/s0"
        walk.close()


@pytest.mark.parametrize("kind", ["hang", "drip_head", "429"])
def test_leaving_a_walk_ends_its_requests_and_threads_at_once(double: VaultDouble, kind: str) -> None:
    stuck = answering(429, times=10_000, retry_after="14").reply
    first = listing_of("f000")

    def later(seen: Seen) -> bool:
        return "list=true" in seen.target and "/f" in seen.path and not first(seen)  # type: ignore[operator]

    seconds = 0.0 if kind == "429" else 30.0
    fault = Fault("reply" if kind == "429" else kind, when=later, times=10_000, reply=stuck, seconds=seconds)
    double.break_next(fault)
    with opened(double, token(double), timeout=30) as backend:
        walk = backend.walk("kv", skipped=lambda _: None)
        assert next(walk).path == "kv/f000/s0"
        double.until(lambda: sum(map(later, double.requests)) >= 9)
        started = time.monotonic()
        walk.close()
        for each in threading.enumerate():
            if each.name == "walk":
                each.join(60)
        assert time.monotonic() - started < 10  # not the 14 or 30 s that the server asks for
        assert backend.metadata("kv/f000/s0").description == ""  # the connection is as good as before
        assert len([seen for seen in double.requests if seen.path.endswith("/metadata/f000/s0")]) == 1
        assert sum(map(later, double.requests)) <= 10  # one for each thread: none went on


def test_an_index_that_is_left_ends_its_requests_at_once(double: VaultDouble) -> None:
    with opened(double, timeout=30) as backend:
        double.break_next(
            Fault(
                "reply",
                when=lambda seen: "detailed" in seen.target or "scan" in seen.target,
                times=10_000,
                reply=Reply(405, b"{}"),
            ),
            Fault("hang", when=lambda seen: seen.path.endswith("/s3"), times=10_000, seconds=30),
        )
        trash = backend.trash()
        thread_found: list[object] = []

        def look() -> None:
            try:
                thread_found.append(next(trash, None))
            except KvtuiError as error:
                thread_found.append(error)

        looking = threading.Thread(target=look)
        looking.start()
        double.until(lambda: any(seen.path.endswith("/s3") for seen in double.requests))
        started = time.monotonic()
        backend.close()
        looking.join(60)
        assert not looking.is_alive()
        assert time.monotonic() - started < 15  # not the 30 s that the server takes
        assert isinstance(thread_found[0], Locked)


def test_an_expired_token_ends_a_walk_although_problems_are_told(double: VaultDouble) -> None:
    short = double.token("some", ttl=60)
    with opened(double, short) as backend:
        walk = backend.walk("", skipped=lambda _: None)
        assert next(walk).path == "kv/f000/s0"
        double.advance(120)
        backend._api._good_until = 0.0  # what was asked about the token is older than two minutes, too
        with pytest.raises(AuthenticationRequired):
            list(walk)
