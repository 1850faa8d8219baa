"""Values that were written from here and are not everywhere yet.

Cloudflare rolls a new value out after the write was answered. Until then the worker gives none, or the one before: it
is waited for a little while, and what was read is never taken for what somebody else wrote.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Sequence
from dataclasses import dataclass

from kvtui.backends.recent import Recent
from kvtui.backends.rereading import Rereading
from kvtui.backends.worker.api import WorkerApi
from kvtui.backends.worker.rows import Row
from kvtui.domain.errors import Unavailable
from kvtui.domain.value import SecretValue

ONLY_FIELD = "value"
PAUSES: Sequence[float] = (0.25, 0.5, 1.0, 2.0)
"""Seconds between the looks for a value that was just written."""
_LONGEST = 120.0
"""Seconds after which what is read counts, whatever was written."""
_REMEMBERED = 2000


@dataclass(frozen=True, slots=True)
class _Written:
    before: bytes | None
    """Digest of what was there; None where that is not known."""
    after: bytes
    at: float


class Rollout:
    """Reads one path after the other, knowing what this connection wrote last. For any number of threads."""

    def __init__(self, api: WorkerApi, pauses: Sequence[float]) -> None:
        self._api = api
        self._pauses = pauses
        self._seen = Rereading()
        self._read: Recent[bytes] = Recent(_REMEMBERED)
        self._written: Recent[_Written] = Recent(_REMEMBERED)

    def digest(self, value: SecretValue | None) -> bytes:
        """Of what is at a path; None for nothing."""
        return self._seen.digest(None if value is None else {ONLY_FIELD: value})

    def wrote(self, path: str, value: SecretValue, before: bytes | None) -> None:
        """This was just written there, over what has such a digest."""
        self._written.remember(path, _Written(before, self.digest(value), time.monotonic()))
        self._saw(path, value)

    def deleted(self, path: str) -> None:
        self._written.forget(path)
        self._saw(path, None)

    def known(self, path: str) -> bytes | None:
        """Digest of what was read or written there last."""
        return self._read.get(path)

    def check(self, path: str, expected: int) -> tuple[Row | None, bytes]:
        """What is there, and its digest, where that is what was seen last. Raises Conflict, Unavailable as `read`."""
        found = self._look(path)
        if found is None:
            return None, self._seen.check(path, None, expected)
        row, value = found
        if value is None and expected != 0:
            raise not_there(path)
        return row, self._seen.check(path, {ONLY_FIELD: value or SecretValue("")}, expected)

    def read(self, path: str) -> tuple[Row, SecretValue] | None:
        """None where nothing is. Raises Unavailable where there is a secret and its value is not there."""
        found = self._look(path)
        if found is None:
            self.deleted(path)
            return None
        row, value = found
        if value is None:
            raise not_there(path)
        self._saw(path, value)
        return row, value

    def _look(self, path: str) -> tuple[Row, SecretValue | None] | None:
        """Waits for what was written from here. Raises Unavailable where it does not come."""
        for pause in (*self._pauses, None):
            found = self._api.read(path)
            written = self._written.get(path)
            if found is None or written is None:
                break
            if self._is_settled(written, found[1]):
                self._written.forget(path)
                break
            if pause is None:
                raise not_yet(path, time.monotonic() - written.at)
            self._api.pause(pause)
        return found

    def _is_settled(self, written: _Written, value: SecretValue | None) -> bool:
        """Whether this is what was written, or from somebody else, or it is too late for anything to come."""
        if time.monotonic() - written.at > _LONGEST:
            return True
        if value is None:
            return False
        now = self.digest(value)
        is_old = written.before is not None and hmac.compare_digest(now, written.before)
        return hmac.compare_digest(now, written.after) or not is_old

    def _saw(self, path: str, value: SecretValue | None) -> None:
        self._seen.saw(path, None if value is None else {ONLY_FIELD: value})
        if value is None:
            self._read.forget(path)
        else:
            self._read.remember(path, self.digest(value))


def not_yet(path: str, seconds: float) -> Unavailable:
    return Unavailable(
        f"Its value was written {round(seconds)} s ago and is not rolled out yet.",
        hint="Cloudflare takes up to a minute. Try again.",
        path=path,
    )


def not_there(path: str) -> Unavailable:
    return Unavailable(
        "The worker knows this secret, but has no value for it: it is not rolled out yet, it was lost, or it is empty, "
        "which the worker cannot tell apart.",
        hint="Try again in a minute. If it stays so, delete it and set it anew.",
        path=path,
    )
