"""Which paths have which segments: few segments make up many paths, so a text is looked for in each of them once.

A segment of a folder is kept with the slash behind it, so that a folder and a secret are two: "db/" and "db". All is
folded. The paths are rows, by number; what is given is a set of rows (see bits) that may be too large where a text is
too frequent to look up every row of it, never too small.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import TypeAlias

from kvtui.courtesy import make_way
from kvtui.services import bits
from kvtui.services.zones import Zones

_DENSE = 32
"""A segment in more than one of so many rows has its set made beforehand: that is smaller than a list of the rows."""
_MOST_SEGMENTS = 800
"""Where a text stands in more segments, their rows are not looked up."""
_FEW_LETTERS = 2
"""Nor where it has so few: they stand in very many."""
_MOST_ROWS = 16
"""Nor where they are more than one of so many."""
_MOST_ROWS_OF_PIECE = 1500
"""Nor those of one of the many pieces of a word where they are more."""
_KEY = 8
"""Characters that the words within segments are sorted by."""
_REMEMBERED = 128
"""Bits for each row that are kept of what was found: most of what a query needs, the one before it needed too."""
_LAST = "\U0010ffff"
_LATER_START = re.compile(r"(?<=[\W_])(?<!\n)[^\W_]")

_Span: TypeAlias = tuple[int, int]


class Segments:
    """The segments of `paths`, folded; a line feed in one is kept as a space."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.size = len(paths)
        whole = (path if "\n" not in path else path.replace("\n", " ") for path in paths)
        parts = [path.rpartition("/") for path in whole]
        make_way()  # here and below: names are laid out while somebody types
        folders, names = _Groups([folder + slash for folder, slash, _ in parts]), _Groups([name for *_, name in parts])
        make_way()
        nodes = _nodes(folders.spans)
        make_way()
        self._by_folder = folders.rows
        self._entries = entries = sorted({*names.spans, *nodes})
        self._text = "\n" + "".join(f"{entry}\n" for entry in entries)
        self._starts = array("I", accumulate((len(entry) + 1 for entry in entries), initial=1))
        """Where each entry starts in the text, and where one more would."""
        later = sorted((found.start() for found in _LATER_START.finditer(self._text)), key=self._word)
        self._later = array("I", later)
        make_way()
        self._lay_out([(names.rows[slice(*names.spans.get(entry, (0, 0)))], nodes.get(entry, ())) for entry in entries])
        make_way()
        self.zones = Zones(folders.spans, folders.of_row, names.spans, names.of_row)
        self._remembered: dict[str, int] = {}
        self._kept = 0

    def _lay_out(self, entries: Iterable[tuple[array[int], Sequence[_Span]]]) -> None:
        """The rows of each entry: those of a name one after another, of a folder's segment as spans of `by_folder`."""
        self._dense: dict[int, int] = {}
        self._by_name, self._name_ends = array("I"), array("I", [0])
        self._node_starts, self._node_ends, self._nodes = array("I"), array("I"), array("I", [0])
        for number, (rows, spans) in enumerate(entries):
            count = len(rows) + sum(end - start for start, end in spans)
            if count * _DENSE > self.size:
                pieces = [rows, *(self._by_folder[start:end] for start, end in spans)]
                self._dense[number] = bits.of_rows(pieces, count, self.size)
            else:
                self._by_name.extend(rows)
                self._node_starts.extend(start for start, _ in spans)
                self._node_ends.extend(end for _, end in spans)
            self._name_ends.append(len(self._by_name))
            self._nodes.append(len(self._node_starts))
        self._dense_numbers = array("I", self._dense)
        sizes = (end - start for start, end in zip(self._node_starts, self._node_ends, strict=True))
        self._node_rows = array("Q", accumulate(sizes, initial=0))

    # -- the rows that have

    def exact(self, text: str) -> int:
        """A segment that is this text."""
        return self._known("=" + text, self._exactly)

    def prefix(self, text: str) -> int:
        """A segment that starts with this text, or several in a row that do."""
        return self._known("/" + text, self._prefix)

    def word_prefix(self, text: str) -> int:
        """A segment or a word in one that starts with this text."""
        return self._known("-" + text, self._word_prefix)

    def containing(self, text: str) -> int:
        """A segment with this text in it, or several in a row."""
        return self._known("*" + text, self._containing)

    def _known(self, key: str, look: Callable[[str], int]) -> int:
        """What was found before, else what is found now."""
        if (found := self._remembered.get(key)) is None:
            found = look(key[1:])
            if self._kept > _REMEMBERED * self.size:
                self._remembered, self._kept = {}, 0
            self._remembered[key] = found
            self._kept += found.bit_length() + 64
        return found

    def _exactly(self, text: str) -> int:
        names = (text, text + "/") if not text.endswith("/") else (text,)
        return self._rows([self._exact(name) for name in names], text)

    def _prefix(self, text: str) -> int:
        *folders, name = _segments(text)
        return self._rows([self._prefixed(name)], name) & self._all_exact(folders)

    def _containing(self, text: str) -> int:
        first, *others = _segments(text)
        found = self._within(first)
        if others:
            found &= self._all_exact(others[:-1]) & self._rows([self._prefixed(others[-1])], others[-1])
        return found

    def _word_prefix(self, text: str) -> int:
        if len(text) == 1:
            return self.zones.starting(text)
        key = text[:_KEY]
        low = bisect_left(self._later, key, key=self._word)
        high = bisect_right(self._later, key, lo=low, key=lambda at: self._text[at : at + len(key)])
        if high - low > _MOST_SEGMENTS:
            return self.zones.starting(text[0]) & self.zones.in_order(text)
        spans = [self._span_at(at) for at in self._later[low:high] if self._text.startswith(text, at)]
        return self._rows([self._prefixed(text), *spans], text, _MOST_ROWS_OF_PIECE)

    def _within(self, text: str) -> int:
        if len(text) <= _FEW_LETTERS:
            return self.zones.in_order(text)
        spans = list[_Span]()
        at = self._text.find(text)
        while at >= 0:
            if len(spans) == _MOST_SEGMENTS:
                return self.zones.in_order(text)
            spans.append(span := self._span_at(at))
            at = self._text.find(text, self._starts[span[1]])
        return self._rows(spans, text)

    def _all_exact(self, folders: Iterable[str]) -> int:
        found = -1
        for folder in folders:
            found &= self._rows([self._exact(folder)], folder)
        return found

    # -- the entries

    def _rows(self, spans: Sequence[_Span], text: str, most: int = 0) -> int:
        """The rows of entries; if they are too many, those that have the letters of the text."""
        most = most or max(1000, self.size // _MOST_ROWS)
        found = count = 0
        pieces: list[array[int]] = []
        for low, high in spans:
            if high - low == 1:
                found |= self._dense.get(low, 0)
            else:
                dense = self._dense_numbers
                for number in dense[bisect_left(dense, low) : bisect_left(dense, high)]:
                    found |= self._dense[number]
            first, last = self._nodes[low], self._nodes[high]
            count += self._name_ends[high] - self._name_ends[low] + self._node_rows[last] - self._node_rows[first]
            if count > most:
                return self.zones.in_order(text)
            pieces.append(self._by_name[self._name_ends[low] : self._name_ends[high]])
            if first < last:
                pieces += [self._by_folder[self._node_starts[at] : self._node_ends[at]] for at in range(first, last)]
        return found | bits.of_rows(pieces, count, self.size) if count else found

    def _exact(self, text: str) -> _Span:
        low = bisect_left(self._entries, text)
        return low, low + self._entries[low : low + 1].count(text)

    def _prefixed(self, text: str) -> _Span:
        low = bisect_left(self._entries, text)
        return low, bisect_left(self._entries, text + _LAST, lo=low)

    def _span_at(self, at: int) -> _Span:
        number = bisect_right(self._starts, at) - 1
        return number, number + 1

    def _word(self, at: int) -> str:
        return self._text[at : at + _KEY]


class _Groups:
    """Rows by the text that each has."""

    def __init__(self, texts: Sequence[str]) -> None:
        distinct = sorted(set(texts))
        ranks = {text: rank for rank, text in enumerate(distinct)}
        self.of_row = [ranks[text] for text in texts]
        """The number of its text for each row; they are numbered in order."""
        self.rows = array("I", sorted(range(len(texts)), key=self.of_row.__getitem__))
        """The rows in the order of their texts, ascending for each."""
        counts = Counter(self.of_row)
        ends = accumulate((counts[rank] for rank in range(len(distinct))), initial=0)
        self.spans = dict(zip(distinct, pairwise(ends), strict=True))
        """Which of these rows have a text, in order."""


def _nodes(folders: Mapping[str, _Span]) -> dict[str, list[_Span]]:
    """By segment the spans of rows that are somewhere below it. `folders` are sorted, so each has one span for all that
    is below it."""
    found: defaultdict[str, list[_Span]] = defaultdict(list)
    above = [("", "", 0)]  # the folder, its last segment, first row
    end = 0
    for folder, (start, after) in folders.items():
        while not folder.startswith(above[-1][0]):
            _, segment, first = above.pop()
            found[segment].append((first, end))
        for segment in _segments(folder[len(above[-1][0]) :]):
            above.append((above[-1][0] + segment, segment, start))
        end = after
    for _, segment, first in above[1:]:
        found[segment].append((first, end))
    return found


def _segments(text: str) -> list[str]:
    """The segments of a text, with the slash behind each that has one."""
    return re.findall("[^/]*/|[^/]+", text)
