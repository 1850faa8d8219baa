"""Signals: leave cleanly on those Textual does not handle, mask before being stopped and after coming back."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from types import FrameType

from textual.drivers.linux_driver import LinuxDriver

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
