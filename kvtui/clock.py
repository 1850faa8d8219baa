"""The two clocks of the program: the wall clock for what is stored, and one that counts sleep for what expires."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import Protocol


def utc_now() -> datetime:
    """The current time, aware, in UTC."""
    return datetime.now(UTC)


def suspended_clock() -> float:
    """Seconds since some fixed moment, time in suspend included: deadlines must not stop while a laptop sleeps.

    `time.monotonic` stops there, on Linux and on macOS. Without a better clock this is the wall clock.
    """
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    if clock is None and sys.platform == "darwin":
        # clock_gettime(3): this one goes on during sleep, unlike mach_absolute_time behind time.monotonic().
        clock = time.CLOCK_MONOTONIC
    return time.time() if clock is None else time.clock_gettime(clock)


class Clock(Protocol):
    """What takes time as an argument takes one of these, so that tests can set it."""

    def now(self) -> datetime:
        """Aware, in UTC."""

    def boottime(self) -> float:
        """Seconds, as `suspended_clock`."""


class SystemClock:
    """The real one."""

    def now(self) -> datetime:
        return utc_now()

    def boottime(self) -> float:
        return suspended_clock()
