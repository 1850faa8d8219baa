"""Which paths have some letters in order, told for all of them at once.

A path is cut into zones, one after another, and for each zone and letter the rows whose path has it there are a set
(see `bits`). Letters in order in a path are in order in its zones; the other way round they mostly are, so the rows
that are given may be too many, never too few.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Collection, Iterable, Sequence
from functools import reduce
from operator import or_

from kvtui.courtesy import make_way
from kvtui.services import bits

_STARTS = re.compile(r"^.|(?<=/).|(?<![^\W_])[^\W_]")
_SEGMENTS = re.compile("[^/]*/")
_A = ord("a") & 63
_LETTERS = 16
"""Of a longer text, so many are looked for: few rows are left by then."""


class Zones:
    """Of paths whose folders and names are given, each once, and for each row the numbers of these. All are folded, a
    folder has the slash behind it."""

    def __init__(
        self, folders: Collection[str], of_row: Sequence[int], names: Collection[str], name_of_row: Sequence[int]
    ) -> None:
        self._all = (1 << len(of_row)) - 1
        letters = _Letters()
        self._with = list[list[int]]()
        """By zone and bit, see `_Letters`."""
        starting = list[Iterable[int]]()
        for texts, zones_of, numbers in ((folders, _folder_zones, of_row), (names, _halves, name_of_row)):
            masks = [[letters[zone] for zone in (*zones_of(text), "".join(_STARTS.findall(text)))] for text in texts]
            *columns, starts = ([each[column] for each in masks] for column in range(len(zones_of("")) + 1))
            starting.append(map(starts.__getitem__, numbers))
            for column in columns:
                make_way()  # names are laid out while somebody types
                self._with.append(_by_letter(map(column.__getitem__, numbers)))
        self._starting = _by_letter(map(or_, *starting))

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


def _by_letter(masks: Iterable[int]) -> list[int]:
    return bits.by_bit(array("Q", masks))


def _folder_zones(folder: str) -> tuple[str, ...]:
    match _SEGMENTS.findall(folder):
        case [first, *more, before, last] if more:
            return first, "".join(more), before, last
        case [first, middle, last]:
            return first, *_halves(middle), last
        case [first, last]:
            return *_halves(first), *_halves(last)
    return *_halves(folder), "", ""


def _halves(text: str) -> tuple[str, str]:
    middle = (len(text) + 1) // 2
    return text[:middle], text[middle:]


def _twice(ch: str) -> int:
    return (ord(ch) & 63) - _A


class _Letters(dict[str, int]):
    """The letters of a text as bits; those 64 code points apart share one. What is twice in it has another one, if it
    is of the Latin alphabet: folded, little else has these bits."""

    def __missing__(self, text: str) -> int:
        letters = set(text)
        found = reduce(or_, [1 << (ord(ch) & 63) for ch in letters], 0)
        if len(letters) < len(text):
            found = reduce(or_, [1 << _twice(ch) for ch in letters if "a" <= ch <= "z" and text.count(ch) > 1], found)
        self[text] = found
        return found
