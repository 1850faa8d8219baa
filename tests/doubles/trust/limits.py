"""What stands before the endpoints: so many requests a second, and answers kept for requests sent again."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime
from typing import Literal

from tests.doubles.clock import Clock
from tests.doubles.server import Reply, Seen


class RateLimit:
    """No more than `per_second` requests of one tenant in any second; those refused do not count."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.per_second: int | None = 10
        """None is no limit."""
        self.retry_after: Literal["none", "seconds", "date"] = "none"
        """How a 429 tells when to come again. The API promises nothing."""
        self.refused = 0
        self._times: dict[str, deque[float]] = {}

    def take(self, tenant: str) -> dict[str, str] | None:
        """None: go on. Otherwise the headers of the 429."""
        if self.per_second is None:
            return None
        now = self.clock.seconds()
        times = self._times.setdefault(tenant, deque())
        while times and times[0] <= now - 1:
            times.popleft()
        if len(times) < self.per_second:
            times.append(now)
            return None
        self.refused += 1
        wait = max(1, math.ceil(times[0] + 1 - now))
        match self.retry_after:
            case "none":
                return {}
            case "seconds":
                return {"Retry-After": str(wait)}
            case "date":
                return {"Retry-After": format_datetime(self.clock.now() + timedelta(seconds=wait), usegmt=True)}


@dataclass(frozen=True)
class Kept:
    request: tuple[str, str, bytes]
    reply: Reply
    until: float


class Idempotency:
    """Successes by X-Request-Id. The same id gets the same answer, whatever it is sent with, on every call."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.retention_s = 24 * 3600.0
        """For how long an answer is kept; 0 is not at all. The API does not say."""
        self.refuses_reuse = False
        """An id that comes with another request is refused instead of answered with what the first one got."""
        self.replays = 0
        self._kept: dict[tuple[str, str], Kept] = {}

    def find(self, tenant: str, name: str, request: Seen) -> Reply | None:
        kept = self._kept.get((tenant, name))
        if kept is None or kept.until <= self.clock.seconds():
            return None
        if self.refuses_reuse and kept.request != _content(request):
            return Reply(400, b'{"error":"invalid_request"}')
        self.replays += 1
        return kept.reply

    def keep(self, tenant: str, name: str, request: Seen, reply: Reply) -> None:
        if reply.status < 300:
            self._kept[tenant, name] = Kept(_content(request), reply, self.clock.seconds() + self.retention_s)


def _content(request: Seen) -> tuple[str, str, bytes]:
    return request.method, request.target, request.body
