"""Sets of row numbers as the bits of one integer: a million rows are intersected in microseconds, in 125 kB."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from sys import byteorder

_FEW = 3000
"""Up to so many rows it is faster to set bits one by one than to make a character of every row."""
_BITS = [bytes(49 if value >> bit & 1 else 48 for value in range(256)) for bit in range(8)]
"""By bit: the digit "1" for each byte that has it, else "0"."""
_SET = [[bit for bit in range(8) if value >> bit & 1] for value in range(256)]
_SOME = re.compile(rb"[^\0]").finditer


def of_rows(rows: Sequence[Iterable[int]], count: int, size: int) -> int:
    """The set of some of `size` rows, given in several pieces with about `count` rows in all; they may repeat."""
    if count <= _FEW:
        packed = bytearray(size // 8 + 1)
        for piece in rows:
            for row in piece:
                packed[row >> 3] |= 1 << (row & 7)
        return int.from_bytes(packed, "little")
    digits = bytearray(b"0") * size
    for piece in rows:
        for row in piece:
            digits[row] = 49
    return int(digits[::-1], 2)


def rows_of(bits: int) -> Iterator[int]:
    """The rows of a set, ascending."""
    packed = bits.to_bytes((bits.bit_length() + 7) // 8, "little")
    for found in _SOME(packed):
        at = found.start()
        first = at << 3
        for bit in _SET[packed[at]]:
            yield first + bit


def by_bit(masks: array[int]) -> list[int]:
    """For each of 64 bits the set of rows whose mask has it; masks are 64 bits wide, one for each row."""
    raw = masks.tobytes()
    columns = (raw[byte::8][::-1] for byte in (range(8) if byteorder == "little" else reversed(range(8))))
    planes = (column.translate(digits) for column in columns for digits in _BITS)
    return [int(plane, 2) if b"1" in plane else 0 for plane in planes]
