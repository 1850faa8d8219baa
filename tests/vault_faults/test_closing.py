"""Locking while requests are under way: each ends at once as Locked, and nothing of it is left."""

from __future__ import annotations

import gc
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace

import pytest

from kvtui.backends.contract import Backend
from kvtui.backends.http import address
from kvtui.backends.http.client import HttpClient
from kvtui.backends.http.tls import Tls
from kvtui.backends.http.transport import Calls, together
from kvtui.domain.errors import KvtuiError, Locked
from tests.doubles.server import Fault, Seen
from tests.doubles.vault import VaultDouble
from tests.http.test_client import Authority
from tests.vault_faults.places import MOUNTS, answering, changes, fields, opened

SOON = 10.0
"""Seconds."""


@pytest.fixture
def double() -> Iterator[VaultDouble]:
    with VaultDouble(mounts=MOUNTS) as made:
        yield made


def threads() -> set[threading.Thread]:
    """Ours; the double has its own."""
    return {each for each in threading.enumerate() if "process_request_thread" not in each.name}


class UnderWay:
    """Calls on threads of their own, and what became of them."""

    def __init__(self, *calls: Callable[[], object]) -> None:
        self.results: list[object] = []
        self._threads = [threading.Thread(target=self._run, args=(call,)) for call in calls]
        for each in self._threads:
            each.start()

    def _run(self, call: Callable[[], object]) -> None:
        try:
            result = call()
        except KvtuiError as error:
            result = error
        self.results.append(result)

    def join(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        for each in self._threads:
            each.join(max(0.0, until - time.monotonic()))
        assert not any(each.is_alive() for each in self._threads)


HOLDS: dict[str, Fault] = {
    "hanging": Fault("hang", seconds=30, times=1000),
    "dripping head": Fault("drip_head", seconds=0.5, times=1000),
    "dripping body": Fault("drip_body", seconds=0.5, times=1000),
    "limited": answering(429, times=1000, retry_after="14"),
    "failing": answering(500, times=1000, retry_after="14"),
    "preparing": answering(400, {"errors": ["Upgrading from non-versioned to versioned data."]}, times=1000),
}


@pytest.mark.parametrize("held", HOLDS)
def test_calls_under_way_end_as_locked_at_once(double: VaultDouble, held: str) -> None:
    before = threads()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with opened(double, timeout=30, width=4) as backend:
            backend.write("kv/a", fields())
            backend.write("old/a", fields())
            seen = len(double.requests)
            double.break_next(HOLDS[held])
            calls = UnderWay(
                lambda: backend.read("kv/a"),
                lambda: backend.read("old/a"),
                lambda: backend.list("kv"),
                lambda: list(backend.walk("kv")),
                lambda: backend.metadata("kv/a"),
                lambda: backend.limits(["kv/a"]),
            )
            double.until(lambda: len(double.requests) >= seen + 6)
            started = time.monotonic()
            backend.close()
            calls.join(SOON)
            assert time.monotonic() - started < SOON
            assert [type(result) for result in calls.results] == [Locked] * 6
        gc.collect()
    assert threads() <= before


@pytest.mark.parametrize("kind", ["reset_after", "hang"])
def test_a_change_cut_off_by_locking_says_that_nobody_knows(double: VaultDouble, kind: str) -> None:
    with opened(double, timeout=30) as backend:
        backend.write("kv/a", fields())
        double.break_next(Fault(kind, seconds=30, when=changes))
        sent = len(double.mutations())
        calls = UnderWay(lambda: backend.write("kv/a", fields("2"), expected=1))
        double.until(lambda: len(double.mutations()) > sent)
        backend.close()
        calls.join(SOON)
        (error,) = calls.results
        assert isinstance(error, Locked)
        assert "may be done or not" in str(error)
        assert len(double.mutations()) == sent + 1


def test_locking_while_a_lost_write_is_looked_at_says_that_nobody_knows(double: VaultDouble) -> None:
    with opened(double, timeout=30) as backend:
        backend.write("kv/a", fields())
        lost = threading.Event()

        def looks(seen: Seen) -> bool:
            lost.set() if changes(seen) else None
            return lost.is_set() and not changes(seen)

        double.break_next(Fault("hang", seconds=30, when=looks), Fault("reset_after", when=changes))
        calls = UnderWay(lambda: backend.write("kv/a", fields("2"), expected=1))
        double.until(lambda: lost.is_set() and double.requests[-1].method == "GET")
        backend.close()
        calls.join(SOON)
        (error,) = calls.results
        assert isinstance(error, Locked)
        assert "not known" in str(error)


def test_locking_while_a_refusal_is_looked_into_is_no_refusal(double: VaultDouble) -> None:
    with opened(double, timeout=30) as backend:
        backend.write("kv/a", fields())
        seen = len(double.requests)
        double.break_next(
            replace(answering(403), when=lambda seen: "/data/" in seen.path), Fault("hang", seconds=30, times=10)
        )
        calls = UnderWay(lambda: backend.read("kv/a"))
        double.until(lambda: len(double.requests) == seen + 2)
        backend.close()
        calls.join(SOON)
        assert isinstance(calls.results[0], Locked)


def test_calls_that_wait_for_a_connection_end_too(double: VaultDouble) -> None:
    with opened(double, timeout=30) as backend:
        backend.write("kv/a", fields())
        seen = len(double.requests)
        double.break_next(Fault("hang", seconds=30, times=1000))
        calls = UnderWay(*[lambda: backend.read("kv/a")] * 30)  # on 20 connections
        double.until(lambda: len(double.requests) == seen + 20)
        backend.close()
        calls.join(2 * SOON)
        assert [type(result) for result in calls.results] == [Locked] * 30
        assert len(double.requests) == seen + 20


def test_a_call_that_waits_for_a_connection_keeps_its_own_deadline(double: VaultDouble) -> None:
    client = HttpClient(address.parse(double.url), timeout=30, connections=1)
    double.break_next(Fault("hang", seconds=30))
    first = UnderWay(lambda: client.send("GET", "/v1/x"))
    double.until(lambda: len(double.requests) == 1)
    started = time.monotonic()
    with pytest.raises(KvtuiError, match="in time"):
        client.send("GET", "/v1/x", timeout=0.3)
    assert time.monotonic() - started < 15  # the other has 30 s
    client.close()
    first.join(SOON)


def test_every_later_call_is_locked(double: VaultDouble) -> None:
    with opened(double) as backend:
        backend.write("kv/a", fields())
    sent = len(double.requests)
    acts: list[Callable[[Backend], object]] = [
        lambda b: b.info(),
        lambda b: b.read("kv/a"),
        lambda b: b.list(),
        lambda b: list(b.walk()),
        lambda b: b.write("kv/a", fields()),
        lambda b: b.delete("kv/a"),
        lambda b: b.keep_alive(),
        lambda b: b.condition(),
    ]
    for act in acts:
        with pytest.raises(Locked):
            act(backend)
    assert len(double.requests) == sent


def test_a_tls_handshake_that_never_ends_is_cut_off(tmp_path: object) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        client = HttpClient(address.parse(f"https://127.0.0.1:{port}"), tls=Tls(skip_verify=True), timeout=30)
        calls = UnderWay(lambda: client.send("GET", "/x", repeat=True))
        accepted, _ = silent.accept()
        with accepted:
            accepted.recv(1)
            client.close()
            calls.join(SOON)
        assert isinstance(calls.results[0], Locked)


def test_a_body_that_is_read_slowly_is_cut_off_at_the_deadline() -> None:
    """Each part that is taken in time is no reason to go on for ever."""
    with socket.create_server(("127.0.0.1", 0)) as slow:
        slow.settimeout(60)
        client = HttpClient(address.parse(f"http://127.0.0.1:{slow.getsockname()[1]}"), timeout=5)
        started = time.monotonic()
        calls = UnderWay(lambda: client.send("POST", "/x", json={"a": "x" * 20_000_000}))
        accepted, _ = slow.accept()
        with accepted, suppress(OSError):
            while time.monotonic() < started + 60 and not calls.results:
                accepted.recv(1 << 12)
                time.sleep(0.02)  # a reader that is never done before the deadline is what is tested
        calls.join(60)
        assert time.monotonic() - started < 30  # it would be read in 100 s
        assert isinstance(calls.results[0], KvtuiError)
        client.close()


def test_a_body_nobody_reads_is_cut_off_at_the_deadline_and_by_closing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        for timeout, close in ((5, False), (50, True)):
            client = HttpClient(address.parse(f"http://127.0.0.1:{silent.getsockname()[1]}"), timeout=timeout)
            started = time.monotonic()
            calls = UnderWay(lambda client=client: client.send("POST", "/x", json={"a": "x" * 20_000_000}))  # type: ignore[misc]
            accepted, _ = silent.accept()
            with accepted:
                accepted.recv(1000)
                if close:
                    client.close()
                calls.join(60)
            assert time.monotonic() - started < 40
            assert isinstance(calls.results[0], Locked if close else KvtuiError)
            client.close()


def test_reading_over_tls_is_cut_off(tmp_path: object) -> None:
    from pathlib import Path

    authority = Authority(Path(str(tmp_path)))
    with VaultDouble(context=authority.server("localhost")) as double:
        client = HttpClient(
            address.parse(double.url.replace("127.0.0.1", "localhost")), tls=Tls(ca_file=authority.file), timeout=30
        )
        double.break_next(Fault("drip_body", seconds=0.5))
        calls = UnderWay(lambda: client.send("GET", "/v1/sys/health"))
        double.until(lambda: len(double.requests) == 1)
        client.close()
        calls.join(SOON)
        assert isinstance(calls.results[0], Locked)


def test_calls_together_are_ended_without_the_others(double: VaultDouble) -> None:
    client = HttpClient(address.parse(double.url), timeout=30, connections=2)
    double.break_next(Fault("hang", seconds=30))
    group = Calls()

    def in_company() -> object:
        with together(group):
            return client.send("GET", "/v1/sys/health", repeat=True)

    calls = UnderWay(in_company)
    double.until(lambda: len(double.requests) == 1)
    group.end()
    calls.join(SOON)
    assert isinstance(calls.results[0], Locked)
    assert client.send("GET", "/v1/sys/health").status == 200
    with together(group), pytest.raises(Locked):
        client.send("GET", "/v1/sys/health")
    assert len(double.requests) == 2
    client.close()


def test_closing_again_and_again_while_others_call_leaves_nothing(double: VaultDouble) -> None:
    """Connections are opened, used and closed under each other's feet."""
    before = threads()
    double.latency = 0.002
    for _ in range(20):
        with opened(double, width=4) as backend:
            go = threading.Barrier(5)

            def work(backend: Backend = backend, go: threading.Barrier = go) -> object:
                go.wait()
                while True:
                    with suppress(KeyError):
                        backend.list("kv")

            calls = UnderWay(*[work] * 4)
            go.wait()
            double.until(lambda: len(double.requests) > 0 and double.requests[-1].method == "GET")
            backend.close()
            calls.join(SOON)
            assert [type(result) for result in calls.results] == [Locked] * 4
    gc.collect()
    assert threads() <= before
