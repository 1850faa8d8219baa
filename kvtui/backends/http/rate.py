"""A limit on requests that a client keeps by itself, for stores that take only so many a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from kvtui.domain.errors import RateLimited


class TokenBucket:
    """`per_second` turns a second, of which `burst` may be taken at once after a rest. For any number of threads, each
    served in its order.

    Kept as the time at which the bucket is full again (the generic cell rate algorithm), so that nobody has to fill it.
    `clock` is in seconds and never goes back.
    """

    def __init__(self, per_second: float, *, burst: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        if not per_second > 0 or burst < 1:
            raise ValueError("a bucket without turns")
        self._burst = burst
        self._interval = 1 / per_second
        self._clock = clock
        self._full_at = clock()
        self._lock = threading.Lock()

    def reserve(self, longest: float) -> float:
        """Take the next turn: seconds to wait for it. One that is not waited out is lost, not given to another.

        Raises RateLimited, and takes none, where it is more than `longest` seconds away.
        """
        with self._lock:
            now = self._clock()
            full_at = max(self._full_at, now)
            wait = max(0.0, full_at - self._slack - now)
            if wait <= longest:
                self._full_at = full_at + self._interval
                return wait
        raise RateLimited(
            "More requests are waiting than this store takes in time.",
            retry_after=wait,
            hint="Try again in a moment; requests_per_second and timeout_seconds set the limits.",
        )

    def slow_to(self, per_second: float) -> None:
        """No more turns a second than this from now on; fewer stay fewer."""
        with self._lock:
            self._interval = max(self._interval, 1 / per_second)

    @property
    def _slack(self) -> float:
        return (self._burst - 1) * self._interval

    def hold(self, seconds: float) -> None:
        """No turn for so long: the store asked for it."""
        with self._lock:
            self._full_at = max(self._full_at, self._clock() + seconds + self._slack)
