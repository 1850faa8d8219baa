"""Which names were met already: among a million, in the memory of about fifteen bytes each."""

from __future__ import annotations

import secrets
from hashlib import blake2b

_BUCKETS = 1 << 16
_KEPT = 10
"""Bytes kept of each name's code; two more choose its bucket. Among ten million names, two that differ share one by
chance once in 10^15 files, and on purpose never: the codes are keyed."""


class Names:
    """A set of text that only grows. A few are kept as they are, many as codes."""

    def __init__(self) -> None:
        self._few: set[str] = set()
        self._many: list[bytes] = []
        self._key = b""

    def add(self, name: str) -> bool:
        """Whether it is new."""
        if self._many:
            return self._add_code(name)
        before = len(self._few)
        self._few.add(name)
        is_new = len(self._few) > before
        if len(self._few) > _BUCKETS:
            self._many = [b""] * _BUCKETS
            self._key = secrets.token_bytes(16)
            for one in self._few:
                self._add_code(one)
            self._few.clear()
        return is_new

    def _add_code(self, name: str) -> bool:
        code = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=_KEPT + 2, key=self._key).digest()
        at = code[0] << 8 | code[1]
        kept = code[2:]
        bucket = self._many[at]
        found = bucket.find(kept)
        while found % _KEPT > 0 and found >= 0:  # across two of them
            found = bucket.find(kept, found + 1)
        if found >= 0:
            return False
        self._many[at] = bucket + kept
        return True
