"""Which paths have which segments: few segments make up many paths, so a text is looked for in each of them once.

A segment of a folder is kept with the slash behind it, so that a folder and a secret are two: "db/" and "db". All is
folded. The paths are rows, by number; what is given is a set of rows (see bits) that may be too large where a text is
too frequent to look up every row of it, never too small.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from itertools import accumulate
from operator import or_
from typing import TypeAlias

from kvtui.services import bits

_DENSE = 32
"""A segment in more than one of so many rows has its set made beforehand: that is smaller than a list of the rows."""
_MOST_SEGMENTS = 2000
"""Where a text stands in more segments, their rows are not looked up."""
_MOST_ROWS = 16
"""Nor where they are more than one of so many."""
_MOST_ROWS_OF_PIECE = 3000
"""Nor those of one of the many pieces of a word where they are more."""
_KEY = 8
"""Characters that the words within segments are sorted by."""
_REMEMBERED = 64
"""Bits for each row that are kept of what was found: most of what a query needs, the one before it needed too."""
_LAST = "\U0010ffff"
STARTS = re.compile(r"(?<![^\W_])[^\W_]")
_LATER_START = re.compile(r"(?<=[\W_])(?<!\n)[^\W_]")

_Span: TypeAlias = tuple[int, int]
_Masks: TypeAlias = tuple[int, int]
"""The letters of a text, and those that start something in it, as bits; letters 64 code points apart share one."""


class Segments:
    """The segments of `paths`, folded; a line feed in one is kept as a space."""

    def __init__(self, paths: Sequence[str]) -> None:
        self.size = len(paths)
        folders, names = _Groups(), _Groups()
        for path in paths:
            folder, slash, name = (path if "\n" not in path else path.replace("\n", " ")).rpartition("/")
            folders.add(folder + slash)
            names.add(name)
        self._by_folder, folder_spans = folders.sorted()
        by_name, name_spans = names.sorted()
        nodes = _nodes(folder_spans)
        self._entries = entries = sorted({*name_spans, *nodes})
        self._text = "\n" + "".join(f"{entry}\n" for entry in entries)
        self._starts = array("I", accumulate((len(entry) + 1 for entry in entries), initial=1))
        """Where each entry starts in the text, and where one more would."""
        later = sorted((found.start() for found in _LATER_START.finditer(self._text)), key=self._word)
        self._later = array("I", later)
        self._lay_out([(by_name[slice(*name_spans.get(entry, (0, 0)))], nodes.get(entry, ())) for entry in entries])
        self._mark(entries, folders, names)
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

    def _mark(self, entries: Sequence[str], folders: _Groups, names: _Groups) -> None:
        """By letter the rows that have it, and those in which it starts a segment or a word."""
        masks = {entry: _masks(entry) for entry in entries}
        each_folder = [[masks[segment] for segment in _segments(folder)] for folder in folders.numbers]
        sets = []
        for kind in range(2):
            of_folder = [_union(mask[kind] for mask in segments) for segments in each_folder]
            of_name = [masks[name][kind] for name in names.numbers]
            rows = zip(folders.of_row, names.of_row, strict=True)
            sets.append(bits.by_bit(array("Q", [of_folder[folder] | of_name[name] for folder, name in rows])))
        self._with, self._starting = sets

    # -- the rows that have

    def with_letters(self, text: str) -> int:
        """All letters of a text, in whatever order."""
        found = (1 << self.size) - 1
        for ch in set(text.replace("\n", " ")):
            found &= self._with[ord(ch) & 63]
        return found

    def starting(self, text: str) -> int:
        """The first letter of a text at the start of a segment or a word, and all of them anywhere."""
        return self._starting[ord(text[0]) & 63] & self.with_letters(text)

    def with_initials(self, text: str) -> int:
        """All letters of a text at the start of segments or words, in whatever order."""
        found = (1 << self.size) - 1
        for ch in set(text.replace("/", "")):
            found &= self._starting[ord(ch) & 63]
        return found

    def exact(self, text: str) -> int:
        """A segment that is this text."""
        names = (text, text + "/") if not text.endswith("/") else (text,)
        return self._rows([self._exact(name) for name in names], text)

    def prefix(self, text: str) -> int:
        """A segment that starts with this text, or several in a row that do."""
        *folders, name = _segments(text)
        return self._rows([self._prefixed(name)], name) & self._all_exact(folders)

    def word_prefix(self, text: str) -> int:
        """A segment or a word in one that starts with this text."""
        if (found := self._remembered.get(text)) is None:
            found = self._word_prefix(text)
            if self._kept > _REMEMBERED * self.size:
                self._remembered, self._kept = {}, 0
            self._remembered[text] = found
            self._kept += found.bit_length() + 64
        return found

    def containing(self, text: str) -> int:
        """A segment with this text in it, or several in a row."""
        first, *others = _segments(text)
        found = self._containing(first)
        if others:
            found &= self._all_exact(others[:-1]) & self._rows([self._prefixed(others[-1])], others[-1])
        return found

    def _word_prefix(self, text: str) -> int:
        if len(text) == 1:
            return self.starting(text)
        key = text[:_KEY]
        low = bisect_left(self._later, key, key=self._word)
        high = bisect_right(self._later, key, lo=low, key=lambda at: self._text[at : at + len(key)])
        if high - low > _MOST_SEGMENTS:
            return self.starting(text)
        spans = [self._span_at(at) for at in self._later[low:high] if self._text.startswith(text, at)]
        return self._rows([self._prefixed(text), *spans], text, _MOST_ROWS_OF_PIECE)

    def _containing(self, text: str) -> int:
        spans = list[_Span]()
        at = self._text.find(text)
        while at >= 0:
            if len(spans) == _MOST_SEGMENTS:
                return self.with_letters(text)
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
            for number in self._dense_numbers[
                bisect_left(self._dense_numbers, low) : bisect_left(self._dense_numbers, high)
            ]:
                found |= self._dense[number]
            first, last = self._nodes[low], self._nodes[high]
            count += self._name_ends[high] - self._name_ends[low] + self._node_rows[last] - self._node_rows[first]
            if count > most:
                return self.with_letters(text)
            pieces.append(self._by_name[self._name_ends[low] : self._name_ends[high]])
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
    """Rows by a text that each has."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.of_row = array("I")

    def add(self, text: str) -> None:
        self.of_row.append(self.numbers.setdefault(text, len(self.numbers)))

    def sorted(self) -> tuple[array[int], dict[str, _Span]]:
        """The rows in the order of their texts, ascending for each; and which of them each text has, in order."""
        texts = sorted(self.numbers)
        ranks, counts = [0] * len(texts), [0] * len(texts)
        for rank, text in enumerate(texts):
            ranks[self.numbers[text]] = rank
        rank_of_row = [ranks[number] for number in self.of_row]
        for rank in rank_of_row:
            counts[rank] += 1
        ends = list(accumulate(counts, initial=0))
        rows = array("I", sorted(range(len(rank_of_row)), key=rank_of_row.__getitem__))
        return rows, {text: (ends[rank], ends[rank + 1]) for rank, text in enumerate(texts)}


def _nodes(folders: Mapping[str, _Span]) -> dict[str, list[_Span]]:
    """By segment the spans of rows that are somewhere below it. `folders` are sorted, so each has one span for all
    that is below it."""
    found: defaultdict[str, list[_Span]] = defaultdict(list)
    above, starts, now = list[str](), list[int](), 0
    for folder, (start, end) in [*folders.items(), ("", (0, 0))]:
        segments = _segments(folder)
        same = 0
        while same < min(len(above), len(segments)) and above[same] == segments[same]:
            same += 1
        for depth in range(same, len(above)):
            found[above[depth]].append((starts[depth], now))
        above, starts, now = segments, [*starts[:same], *[start] * (len(segments) - same)], end
    return found


def _segments(text: str) -> list[str]:
    """The segments of a text, with the slash behind each that has one."""
    return re.findall("[^/]*/|[^/]+", text)


def _masks(text: str) -> _Masks:
    return _union(map(_bit, text)), _union(map(_bit, [text[:1] or "\0", *STARTS.findall(text)]))


def _bit(ch: str) -> int:
    return 1 << (ord(ch) & 63)


def _union(masks: Iterable[int]) -> int:
    return reduce(or_, masks, 0)
