"""Work in the background makes way for somebody who waits for an answer.

Python runs one thread at a time. A screen that shares it with ten threads that read a server's answers would get a
tenth of it: so they stop while it has something to do, and few of them are at work at once, the others waiting for the
network or for their turn. All of it is courtesy: no wait here is long, and nothing else depends on it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

AT_ONCE = 2
"""Threads in the background that are at work. One would leave the processor idle until the next one has woken."""
LONGEST_TURN = 0.05
"""Seconds after which a thread goes on without its turn: who has it may wait for something not known here."""
LONGEST_PAUSE = 0.02
"""Seconds that somebody may keep the background waiting until one of its threads does a piece of work all the same."""

_nobody_waits = threading.Event()
_nobody_waits.set()
_turns = threading.Semaphore(AT_ONCE)
_first_in_line = threading.Lock()


class _Here(threading.local):
    in_background = False
    has_turn = False


_here = _Here()


def somebody_waits(waits: bool) -> None:
    """Told by the screen: whether it has something to do."""
    if waits:
        _nobody_waits.clear()
    else:
        _nobody_waits.set()


def make_way() -> None:
    """To be called between two pieces of work in the background. Those kept waiting for too long go on, but
    one thread after the other: ten of them would be at work all the time."""
    if not _nobody_waits.is_set():
        with _first_in_line:
            _nobody_waits.wait(LONGEST_PAUSE)


@contextmanager
def in_turn() -> Iterator[None]:
    """What this thread does in here is in the background: one of many that do the same."""
    _here.in_background = True
    _take_turn()
    try:
        yield
    finally:
        _end_turn()
        _here.in_background = False


@contextmanager
def waiting() -> Iterator[None]:
    """In here this thread waits, for a server say, and others may be at work. Makes way afterwards, where the thread is
    in the background."""
    if not _here.in_background:
        yield
        return
    _end_turn()
    try:
        yield
    finally:
        make_way()
        _take_turn()


def _take_turn() -> None:
    _here.has_turn = _turns.acquire(timeout=LONGEST_TURN)


def _end_turn() -> None:
    if _here.has_turn:
        _here.has_turn = False
        _turns.release()
