"""One request id for each thing that somebody wants done, however often it has to be asked for.

The API takes `X-Request-Id` as an idempotency key: what comes twice under one id is done once, and answered as it was
the first time. So a change whose outcome is not known keeps its id: the same change, asked for again on this
connection, goes out under it. One that was answered, or refused, is over: the same again is a new intent.
"""

from __future__ import annotations

import hmac
import secrets
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kvtui.backends.recent import Recent
from kvtui.clock import suspended_clock
from kvtui.domain.errors import KvtuiError, Locked, RateLimited, Unavailable

_MOST = 200
_SECONDS = 600.0
"""For so long the same change is taken for the same intent. How long the server keeps answers, it does not say."""


@dataclass(frozen=True, slots=True)
class Intent:
    """`is_again`: its outcome was not known, and it may be done already."""

    id: str
    is_again: bool = False


class Intents:
    """Those of one connection. Kept as digests: no value is. For any number of threads; `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float] = suspended_clock) -> None:
        self._key = secrets.token_bytes(32)
        self._clock = clock
        self._open: Recent[tuple[str, float]] = Recent(_MOST)

    @contextmanager
    def one(self, *what: bytes) -> Iterator[Intent]:
        """What is sent in here is for this."""
        key = hmac.digest(self._key, b"".join(len(part).to_bytes(8, "big") + part for part in what), "sha256").hex()
        name, until = self._open.get(key) or ("", 0.0)
        is_again = until > self._clock()
        if not is_again:
            name, until = str(uuid.uuid4()), self._clock() + _SECONDS
        self._open.remember(key, (name, until))
        try:
            yield Intent(name, is_again)
        except (Unavailable, RateLimited, Locked):
            raise
        except KvtuiError:
            self._open.forget(key)
            raise
        self._open.forget(key)
