"""The nearest to check-and-set that a store without versions allows: look again, just before a write, whether what
this connection read last, or nothing, is still there.

That leaves the time between two requests. Values are not kept for it, only digests under a key of this connection.
"""

from __future__ import annotations

import hmac
import secrets

from kvtui.backends.recent import Recent
from kvtui.domain import json_text
from kvtui.domain.errors import Conflict
from kvtui.domain.value import Fields

_MOST = 2000
"""Paths remembered: those touched last."""
_NOTHING = b""
"""In place of a digest where nothing is."""


class Rereading:
    """What one connection last saw at each path. For any number of threads."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._seen: Recent[bytes] = Recent(_MOST)

    def saw(self, path: str, fields: Fields | None) -> None:
        """This is there now; None for nothing."""
        if fields is None:
            self._seen.forget(path)
        else:
            self._seen.remember(path, self.digest(fields))

    def check(self, path: str, now: Fields | None, expected: int | None) -> bytes:
        """Whether a write may go on: `expected` 0 where nothing may be there, 1 where what was seen last must be, None
        for whatever is there. Returns a digest of what is. It does not count as seen: the same write again is the same
        conflict. Raises Conflict."""
        digest = self.digest(now)
        if expected is None:
            return digest
        seen = self._seen.get(path)
        changed = seen is not None and now is not None and not hmac.compare_digest(seen, digest)
        actual = 0 if now is None else 1
        if changed or actual != expected:
            raise Conflict(
                "Somebody changed it meanwhile." if changed else _mismatch(actual),
                expected=expected,
                actual=actual,
                hint="Read it again and repeat the change.",
                path=path,
            )
        return digest

    def digest(self, fields: Fields | None) -> bytes:
        """Tells two contents apart and nothing else, in whatever order the fields are."""
        if fields is None:
            return _NOTHING
        each = {name: fields[name].digest(self._key).hex() for name in sorted(fields)}
        return hmac.digest(self._key, json_text.dump({**each}).encode("ascii"), "sha256")


def _mismatch(actual: int) -> str:
    return "Something is there already." if actual else "There is no such secret (any more)."
