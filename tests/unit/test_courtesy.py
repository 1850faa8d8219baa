"""Threads in the background that make way for the screen, and for each other."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from kvtui import courtesy
from kvtui.ui.loop import Loop, reading_beside


@pytest.fixture(autouse=True)
def _nobody_waits() -> Iterator[None]:
    yield
    courtesy.somebody_waits(False)


def on_threads(count: int, work: Callable[[], None]) -> list[threading.Thread]:
    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


def ended(threads: list[threading.Thread]) -> bool:
    for thread in threads:
        thread.join(20)
    return not any(thread.is_alive() for thread in threads)


def test_the_background_stops_while_somebody_waits_but_not_for_ever() -> None:
    courtesy.make_way()  # nobody waits
    courtesy.somebody_waits(True)
    start = time.monotonic()
    courtesy.make_way()
    assert time.monotonic() - start >= courtesy.LONGEST_PAUSE * 0.9
    courtesy.somebody_waits(False)


def test_it_goes_on_as_soon_as_nobody_waits_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courtesy, "LONGEST_PAUSE", 20.0)
    courtesy.somebody_waits(True)
    threads = on_threads(3, courtesy.make_way)
    courtesy.somebody_waits(False)
    start = time.monotonic()
    assert ended(threads)
    assert time.monotonic() - start < 10


def test_of_those_kept_waiting_for_too_long_one_after_the_other_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courtesy, "LONGEST_PAUSE", 0.02)
    courtesy.somebody_waits(True)
    start = time.monotonic()
    assert ended(on_threads(5, courtesy.make_way))
    assert time.monotonic() - start >= 5 * 0.02 * 0.9


def test_few_threads_are_at_work_at_once_while_any_number_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courtesy, "LONGEST_TURN", 20.0)
    lock, at_work, most = threading.Lock(), 0, 0
    all_wait = threading.Barrier(8)

    def change(by: int) -> None:
        nonlocal at_work, most
        with lock:
            at_work += by
            most = max(most, at_work)

    def work() -> None:
        with courtesy.in_turn():
            for _ in range(20):
                change(1)
                change(-1)
                with courtesy.waiting():
                    all_wait.wait(20)  # only passed when all eight are here, so none keeps its turn meanwhile

    assert ended(on_threads(8, work))
    assert most <= courtesy.AT_ONCE


def test_who_keeps_a_turn_too_long_does_not_stop_the_others() -> None:
    gate = threading.Event()

    def hang() -> None:
        with courtesy.in_turn():
            gate.wait(20)

    hanging = on_threads(courtesy.AT_ONCE, hang)
    with courtesy.in_turn():
        done = True
    gate.set()
    assert done
    assert ended(hanging)


def test_a_turn_ends_with_its_thread_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courtesy, "LONGEST_TURN", 0.0)
    for _ in range(courtesy.AT_ONCE + 1):
        with pytest.raises(ZeroDivisionError), courtesy.in_turn(), courtesy.waiting():
            raise ZeroDivisionError
    with courtesy.in_turn():
        assert courtesy._here.has_turn
    assert not courtesy._here.has_turn


def test_what_is_not_in_the_background_takes_no_turns() -> None:
    with courtesy.waiting():
        pass
    assert not courtesy._here.has_turn


def test_the_loop_tells_when_it_has_something_to_do_only_while_something_is_read_beside() -> None:
    told: list[bool] = []
    usual, thresholds = sys.getswitchinterval(), gc.get_threshold()

    async def run() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        await asyncio.sleep(0.001)
        assert told == []
        with loop.beside(told.append), loop.beside(told.append):
            assert sys.getswitchinterval() < usual
            assert gc.get_threshold()[:2] == thresholds[:2]
            assert gc.get_threshold()[2] > thresholds[2]
            await asyncio.sleep(0)  # there is always something to do
            assert told == []
            await asyncio.sleep(0.001)
            assert told[:2] == [False, True]
            assert told[-1] is True
        assert told[-1] is False
        count = len(told)
        await asyncio.sleep(0.001)
        assert len(told) == count
        assert sys.getswitchinterval() == usual
        assert gc.get_threshold() == thresholds

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(run())


def test_a_loop_that_is_busy_still_sees_what_comes() -> None:
    ours, theirs = socket.socketpair()

    async def run() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Loop)
        came = asyncio.Event()

        def go_on() -> None:  # so that there is always something to do
            if not came.is_set():
                loop.call_soon(go_on)

        with ours, theirs, loop.beside(lambda _: None):
            loop.add_reader(ours, came.set)
            go_on()
            theirs.send(b"x")
            await asyncio.wait_for(came.wait(), 60)
            loop.remove_reader(ours)

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(run())


def test_a_reading_beside_makes_the_background_wait_for_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courtesy, "LONGEST_PAUSE", 20.0)

    async def run() -> None:
        with reading_beside():
            await asyncio.sleep(0.001)
            threads = on_threads(1, courtesy.make_way)
            threads[0].join(0.05)  # would be over by then, if the loop did not come first
            assert threads[0].is_alive()
            assert await asyncio.to_thread(ended, threads)

    with asyncio.Runner(loop_factory=Loop) as runner:
        runner.run(run())


async def test_another_loop_than_the_screens_is_left_alone() -> None:
    usual = sys.getswitchinterval()
    with reading_beside():
        assert sys.getswitchinterval() == usual
