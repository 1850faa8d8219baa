"""A keyed fingerprint of all rows, kept up to date at the cost of one hash for each row that changes.

The sum modulo 2^256 of BLAKE2b-256(key, row) over every row of `secret`, `version` and `container`; a row is a letter
for its kind, the canonical JSON array of its columns, and for versions the sealed bytes. Page encryption cannot tell an
old copy of a page from the current one; this can: fingerprint and rows are then of different generations.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from hashlib import blake2b
from json.encoder import encode_basestring_ascii as quoted
from typing import TYPE_CHECKING, Any

from kvtui.backends.file import reads
from kvtui.backends.file.schema import ContainerRow, SecretRow, VersionRow

if TYPE_CHECKING:
    import apsw

_MODULUS = 1 << 256
_digits: Callable[[Any], str] = int.__repr__  # raises TypeError for what no such column holds


class Accumulator:
    """A running sum with the number of rows in it."""

    __slots__ = ("_keyed", "rows", "total")

    def __init__(self, key: bytes, total: bytes = bytes(32), rows: int = 0) -> None:
        self._keyed = blake2b(key=key, digest_size=32)
        self.total = int.from_bytes(total, "big")
        self.rows = rows

    def add(self, row: SecretRow | VersionRow | ContainerRow) -> None:
        self.total += self._hash(row)
        self.rows += 1

    def add_all(self, rows: Collection[SecretRow] | Collection[VersionRow]) -> None:
        self.total += sum(map(self._hash, rows))
        self.rows += len(rows)

    def remove(self, row: SecretRow | VersionRow | ContainerRow) -> None:
        self.total -= self._hash(row)
        self.rows -= 1

    def digest(self) -> bytes:
        return (self.total % _MODULUS).to_bytes(32, "big")

    def _hash(self, row: SecretRow | VersionRow | ContainerRow) -> int:
        if isinstance(row, VersionRow):
            data = b"v" + _canonical(row[:-1]) + (row.sealed or b"")
        else:
            data = (b"s" if isinstance(row, SecretRow) else b"c") + _canonical(row)
        hashed = self._keyed.copy()
        hashed.update(data)
        return int.from_bytes(hashed.digest(), "big")


def _canonical(columns: Iterable[str | int | bytes | None]) -> bytes:
    """A JSON array: ASCII, no white space."""
    # What json.dumps gives, in two thirds of its time: it is on the way of every row that is written or checked.
    parts = ["null" if each is None else quoted(each) if isinstance(each, str) else _digits(each) for each in columns]
    return f"[{','.join(parts)}]".encode("ascii")


def recompute(connection: apsw.Connection, key: bytes) -> Accumulator:
    """The fingerprint of what is stored now. Call it in the transaction the state row is read in."""
    fresh = Accumulator(key)
    for row in reads.rows(connection):
        fresh.add(row)
    return fresh
