"""The event loop of the screen: work in the background makes way for it; signals Textual does not handle leave cleanly,
and values are masked before being stopped and after coming back."""

from __future__ import annotations

import asyncio
import gc
import selectors
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType
from typing import Any

from textual._ansi_sequences import SYNC_END, SYNC_START
from textual.drivers.linux_driver import LinuxDriver

from kvtui.hardening import take_terminal_found

_TAKING_TURNS = 0.001
"""Seconds after which a thread that runs Python gives it to one that waits for it, while the loop waits. A key is read,
answered and written by three threads, each of which would wait for the usual 5 ms."""
_KEEPING = 0.004
"""The same while the loop has something to do: only who is at it for long is interrupted."""
_HANDING_ON = 0.0001
"""The same once there is something to write, for a moment: the thread that does that needs Python for an instant."""
_LOOKING = 0.001
"""Seconds between two looks at what came while there is something to do: each gives Python to whoever waits for it, and
a key takes dozens of rounds of the loop."""
_COLLECTIONS = 1000
"""Collections of young garbage until all objects are looked through: that holds up everything for 20 ms, and most of
what a reading brings stays."""


class _Selector(selectors.DefaultSelector):
    tell: Callable[[bool], None] | None = None
    _next_look = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, Any]]:
        if self.tell is None:
            return super().select(timeout)
        if timeout is not None and timeout <= 0:
            return self._look()
        sys.setswitchinterval(_TAKING_TURNS)
        self.tell(False)
        try:
            return super().select(timeout)
        finally:
            self.tell(True)
            sys.setswitchinterval(_KEEPING)
            self._next_look = monotonic() + _LOOKING

    def _look(self) -> list[tuple[selectors.SelectorKey, Any]]:
        if (now := monotonic()) < self._next_look:
            return []
        self._next_look = now + _LOOKING
        sys.setswitchinterval(_KEEPING)
        return super().select(0)

    def hand_on(self) -> None:
        """Let a thread that was just woken have its turn at once."""
        if self.tell is not None:
            sys.setswitchinterval(_HANDING_ON)
            self._next_look = monotonic() + _LOOKING


class Loop(asyncio.SelectorEventLoop):
    """Knows when it waits and when it has something to do."""

    def __init__(self) -> None:
        self._events = _Selector()
        self.hand_on = self._events.hand_on
        super().__init__(self._events)
        self._beside = 0

    @contextmanager
    def beside(self, tell: Callable[[bool], None]) -> Iterator[None]:
        """In here `tell` is told whenever the loop gets something to do (True) and when it is done with it. Threads
        take turns as suits the loop, and garbage of long ago is left alone."""
        if not self._beside:
            self._usual = sys.getswitchinterval(), gc.get_threshold()
            sys.setswitchinterval(_KEEPING)
            gc.set_threshold(*self._usual[1][:2], _COLLECTIONS)
            self._events.tell = tell
        self._beside += 1
        try:
            yield
        finally:
            self._beside -= 1
            if not self._beside:
                self._events.tell = None
                tell(False)
                sys.setswitchinterval(self._usual[0])
                gc.set_threshold(*self._usual[1])


class LoopDriver(LinuxDriver):
    """Has its thread write what is drawn before the loop goes on, and a frame in one go: its beginning, its picture and
    its end, as Textual writes them, would be three turns of that thread. The terminal is left as the program found it.
    """

    _frame: list[str] | None = None

    def start_application_mode(self) -> None:
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self.attrs_before = take_terminal_found() or self.attrs_before

    def write(self, data: str) -> None:
        if data == SYNC_START:
            self._frame = []
        if self._frame is not None:
            self._frame.append(data)
            if data != SYNC_END:
                return
            data, self._frame = "".join(self._frame), None
        super().write(data)
        if isinstance(self._loop, Loop):
            self._loop.hand_on()


@contextmanager
def reading_beside() -> Iterator[None]:
    """Something long is read on other threads, which make way for the loop that runs, if it is the screen's."""
    from kvtui import courtesy  # noqa: PLC0415 - the first such reading loads it

    loop = asyncio.get_running_loop()
    if isinstance(loop, Loop):
        with loop.beside(courtesy.somebody_waits):
            yield
    else:
        yield


def collect_from_here() -> None:
    """Look for garbage, among what comes after this alone: what is there by now stays."""
    gc.freeze()
    gc.enable()


LEAVING = (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGINT)


def handle_signals(
    driver: LinuxDriver, *, leave: Callable[[int], None], stopping: Callable[[], None], back: Callable[[], None]
) -> None:
    """`leave` gets the exit code a shell would give; `stopping` runs before SIGTSTP stops us; `back` after SIGCONT.

    Call it in the event loop, after the driver has set its own handlers.
    """
    loop = asyncio.get_running_loop()
    for number in LEAVING:
        loop.add_signal_handler(number, leave, 128 + number)
    drivers_stop, drivers_resume = signal.getsignal(signal.SIGTSTP), signal.getsignal(signal.SIGCONT)
    entering = False

    def stop(number: int, frame: FrameType | None) -> None:
        stopping()
        if callable(drivers_stop):
            drivers_stop(number, frame)

    def resume(number: int, frame: FrameType | None) -> None:
        nonlocal entering
        if entering:
            return
        entering = True
        try:
            # SIGSTOP gives no chance to leave the terminal first. Entering it twice would start a second reader and
            # take our own settings for the ones to restore at the end.
            if driver._auto_restart and not driver._must_signal_resume:  # noqa: SLF001
                driver.suspend_application_mode()
                driver.resume_application_mode()
            elif callable(drivers_resume):
                drivers_resume(number, frame)
        finally:
            entering = False
        back()

    signal.signal(signal.SIGTSTP, stop)
    signal.signal(signal.SIGCONT, resume)
