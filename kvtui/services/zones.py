"""Which paths have some letters in order, told for all of them at once.

A path is cut into zones, one after another, and for each zone and letter the rows whose path has it there are a set
(see `bits`). Letters in order in a path are in order in its zones; the other way round they mostly are, so the rows
that are given may be too many, never too few.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from operator import or_
from typing import NamedTuple

from kvtui.courtesy import make_way
from kvtui.services import bits

_STARTS = re.compile(r"^.|(?<![^\W_])[^\W_]")
_SEGMENTS = re.compile("[^/]*/")
_A = ord("a") & 63
_LATIN = (1 << 26) - 1
_LETTERS = 16
"""Of a longer text, so many are looked for: few rows are left by then."""


class Zones:
    """Of paths whose folders and names are given, each once, and for each row the numbers of these. All are folded, a
    folder has the slash behind it."""

    def __init__(
        self, folders: Iterable[str], of_row: Sequence[int], names: Iterable[str], name_of_row: Sequence[int]
    ) -> None:
        self._all = (1 << len(of_row)) - 1
        segments = _Segments()
        in_folders, in_names = [_of_folder(folder, segments) for folder in folders], [segments[name] for name in names]
        make_way()  # here and below: names are laid out while somebody types
        self._starting = bits.by_bit(
            array("Q", map(or_, _column(in_folders, 4, of_row), _column(in_names, 2, name_of_row)))
        )
        columns = [_column(in_folders, zone, of_row) for zone in range(4)] + [
            _column(in_names, zone, name_of_row) for zone in range(2)
        ]
        self._with = list[list[int]]()
        """By zone and bit, see `_letters`."""
        for column in columns:
            make_way()
            self._with.append(bits.by_bit(array("Q", column)))

    def starting(self, text: str) -> int:
        """All letters of a text at the start of words, in whatever order."""
        found = self._all
        for ch in set(text):
            found &= self._starting[ord(ch) & 63]
        return found

    def in_order(self, text: str) -> int:
        """All letters of a text in order; of a long text, the first ones."""
        placed = [[self._all] * len(self._with)]
        """For each number of letters and each zone the rows with the letters up to there in that zone or before it."""
        last = dict[str, int]()
        for at, ch in enumerate(text[:_LETTERS]):
            before, column, found = placed[-1], list[int](), 0
            for zone, have in enumerate(self._with):
                if (same := last.get(ch)) is None:
                    found |= before[zone] & have[ord(ch) & 63]
                else:  # twice in this zone, or the one before in an earlier zone
                    found |= before[zone] & have[_twice(ch)]
                    if zone:
                        found |= self._run(text, same + 1, at, zone, placed)
                column.append(found)
            placed.append(column)
            if "a" <= ch <= "z":
                last[ch] = at
        return placed[-1][-1]

    def _run(self, text: str, start: int, end: int, zone: int, placed: Sequence[Sequence[int]]) -> int:
        """The rows with the letters up to `end` where those of a zone begin at `start` or later."""
        have, found = self._with[zone], 0
        for at in range(start, end + 1):
            found = (found | placed[at][zone - 1]) & have[ord(text[at]) & 63]
        return found


def _column(masks: Sequence[Sequence[int]], number: int, of_row: Iterable[int]) -> Iterator[int]:
    return map([each[number] for each in masks].__getitem__, of_row)


def _of_folder(folder: str, segments: _Segments) -> tuple[int, int, int, int, int]:
    """The letters of its four zones, and those that start a word."""
    found = [segments[segment] for segment in _SEGMENTS.findall(folder)]
    starting = reduce(or_, [each.starting for each in found], 0)
    match found:
        case [first, *more, before, last] if more:
            middle = reduce(_together, [each.whole for each in more])
            return first.whole, middle, before.whole, last.whole, starting
        case [first, middle, last]:
            return first.whole, middle.first, middle.second, last.whole, starting
        case [first, last]:
            return first.first, first.second, last.first, last.second, starting
        case [only]:
            return only.first, only.second, 0, 0, starting
    return 0, 0, 0, 0, 0


class _Segment(NamedTuple):
    """The letters of the two halves of a segment, and those that start a word in it."""

    first: int
    second: int
    starting: int

    @property
    def whole(self) -> int:
        return _together(self.first, self.second)


class _Segments(dict[str, _Segment]):
    def __missing__(self, segment: str) -> _Segment:
        middle = (len(segment) + 1) // 2
        starting = _letters("".join(_STARTS.findall(segment)))
        found = self[segment] = _Segment(_letters(segment[:middle]), _letters(segment[middle:]), starting)
        return found


def _letters(text: str) -> int:
    """The letters of a text as bits; those 64 code points apart share one. What is twice in it has another one, if it
    is of the Latin alphabet: folded, little else has these bits."""
    once = again = 0
    for ch in text:
        bit = 1 << (ord(ch) & 63)
        again |= once & bit
        once |= bit
    return once | (again >> _A & _LATIN)


def _together(one: int, other: int) -> int:
    """The letters of two texts, one after the other."""
    return one | other | ((one & other) >> _A & _LATIN)


def _twice(ch: str) -> int:
    return (ord(ch) & 63) - _A
