"""Some of the names of a store, laid out to be searched, and searched: column by column, as an object for each of a
million would cost more than the names themselves.

Rows are ordered by length, then by code point, as equally good matches are.
"""

from __future__ import annotations

import heapq
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, chain, islice
from operator import attrgetter
from typing import NamedTuple

from kvtui.courtesy import make_way
from kvtui.domain.metadata import SecretType
from kvtui.domain.secret import Indexed
from kvtui.services import bits
from kvtui.services.matcher import LITERAL, Word, fold, word
from kvtui.services.query import Match, Query
from kvtui.services.segments import Segments

TOLD = LITERAL // 2
"""Score of a word that stands in the description or a tag: better than most whose letters are merely in order."""
_FIRST = 250
"""How many are looked for of those that have a text, where there are no segments."""
_PLAIN = 500
"""So many names are looked through one by one: those of a walk are soon put together with others."""
_HEAVY = 3000
"""So many are laid out in full even if they are to be put together with others soon."""
_FEW = 50
"""Less than one of so many rows are sorted; of more, all are gone through in order."""
_BLOCK_BITS = 10
_BLOCK = 1 << _BLOCK_BITS
_TYPES: Sequence[SecretType | None] = [None, *SecretType]


class Found(NamedTuple):
    """The best matches in their order, and whether there may be more."""

    matches: Sequence[Match]
    more: bool = False


class Answer(NamedTuple):
    """What was asked for at once, how many of it, and what was found."""

    asked: tuple[Query, int | None]
    found: Found


class NamesPart:
    """Names that do not change. Light ones are laid out in a tenth of the time and searched less thoroughly at once."""

    def __init__(self, names: Iterable[Indexed], *, is_light: bool = False) -> None:
        rows = sorted(names, key=lambda row: row.path)
        by_path = sorted(range(len(rows)), key=lambda at: len(rows[at].path))
        self._by_path = array("I", sorted(range(len(rows)), key=by_path.__getitem__))
        """Rows in the order of their paths."""
        rows = [rows[at] for at in by_path]
        paths = [row.path for row in rows]
        make_way()
        folded = paths if fold(together := "".join(paths)) == together else list(map(fold, paths))
        self._paths = _Texts(paths)
        self.folded = self._paths if folded is paths else _Texts(folded)
        """The folded paths of all rows."""
        self.is_light = is_light and _PLAIN < len(rows) < _HEAVY
        self.segments = Segments(folded) if len(rows) > _PLAIN and not self.is_light else None
        """None where few enough are looked through one by one."""
        make_way()
        numbers = {kind: number for number, kind in enumerate(_TYPES)}
        self._types = bytes(numbers[row.type] for row in rows)
        self._told = {at: row for at, row in enumerate(rows) if row.description or row.tags or row.owner}
        self._told_text = _Told(self._told, len(rows))
        self.last: Answer | None = None
        """Swapped as a whole: several may search at once."""

    def __len__(self) -> int:
        return len(self._types)

    def rows(self) -> Iterator[Indexed]:
        """The names again."""
        for at, path in enumerate(self._paths):
            told = self._told.get(at)
            yield Indexed(path, _TYPES[self._types[at]]) if told is None else told

    def containing(self, text: str, most: int | None) -> Found:
        """The first paths with a literal text in them, by code point."""
        found = [path for path in self._paths if text in path]
        paths = sorted(found) if most is None else heapq.nsmallest(most, found)
        return Found([Match(path, words=(text,), exact=True) for path in paths], len(found) > len(paths))

    def best(self, query: Query, most: int | None = None) -> Found:
        """The best of all matches."""
        if not query.words:
            return self.listed(query, most)
        words, fits, hits = [word(text) for text in query.words], literally(query), dict[int, tuple[int, str]]()
        for at in bits.rows_of(self.passing(query) & self.possible(words)):
            if (hit := self.score(at, words))[0] and fits(self.folded[at]):
                hits[at] = hit
        return self.found(hits, query, most)

    # -- queries without words

    def listed(self, query: Query, most: int | None) -> Found:
        """What passes the filters, by code point."""
        passing, fits = self.passing(query), literally(query)
        if passing.bit_count() * _FEW > len(self):
            digits = f"{passing:0{len(self)}b}"
            rows: Iterator[int] = (at for at in self._by_path if digits[-1 - at] == "1")
        else:
            rows = iter(sorted(bits.rows_of(passing), key=self._paths.__getitem__))
        fitting = (self._paths[at] for at in rows if fits(self.folded[at]))
        paths = list(islice(fitting, most))
        return Found([Match(path) for path in paths], next(fitting, None) is not None)

    def passing(self, query: Query) -> int:
        """The rows that pass all filters; more than that for those of paths."""
        passing = (1 << len(self)) - 1
        for field, text in query.filters:
            if field == "path":
                passing &= self.segments.containing(text.replace("\n", " ")) if self.segments else -1
            elif field == "type":
                digits = bytes(49 if kind is not None and kind.value.startswith(text) else 48 for kind in _TYPES)
                passing &= int(self._types.translate(digits.ljust(256, b"0"))[::-1] or b"0", 2)
            else:
                rows = [at for at, row in self._told.items() if _fits(row, field, text)]
                passing &= bits.of_rows([rows], len(rows), len(self))
        return passing

    # -- queries with words

    def possible(self, words: Sequence[Word]) -> int:
        """The rows that words may match: all that they do, and a few more."""
        found = (1 << len(self)) - 1
        if self.segments is not None:
            for each in words:
                found &= self.segments.zones.in_order(each.in_line) | self.told(each.in_line)
        return found

    def told(self, text: str) -> int:
        """The rows of which a folded text is told in the description or the tags."""
        return self._told_text.containing(text)

    def first_having(self, text: str) -> int:
        """The first rows, the shortest paths, that have a folded text, and maybe others."""
        rows = list(islice(self.folded.having(text), _FIRST))
        return bits.of_rows([rows], len(rows), len(self))

    def score(self, row: int, words: Sequence[Word]) -> tuple[int, str]:
        """The score of a row, 0 if it does not fit, and what matched beside the path."""
        path = self._paths[row]
        folded = path if self.folded is self._paths else self.folded[row]
        total, where, told = 0, "path", self._told.get(row)
        for each in words:
            score = each.score(path, folded)
            if told is not None and score < TOLD and (elsewhere := _told_where(told, each)):
                score, where = max(score, TOLD), elsewhere if where == "path" else where
            if not score:
                return 0, where
            total += score
        return total, where

    def found(
        self, hits: Mapping[int, tuple[int, str]], query: Query, most: int | None, *, more: bool = False
    ) -> Found:
        """The best of some rows, given with their scores."""
        best = sorted((-score, at, where) for at, (score, where) in hits.items())[:most]
        matches = [Match(self._paths[at], -score, where, query.words) for score, at, where in best]
        return Found(matches, more or len(best) < len(hits))


def merged(found: Sequence[Found], query: Query, most: int | None) -> Found:
    """The matches of several parts in order, each path once."""
    if len(found) == 1:
        return found[0]
    by_path = {match.path: match for matches, _ in found for match in matches}
    matches = sorted(by_path.values(), key=attrgetter("order" if query.words else "path"))[:most]
    return Found(matches, any(more for _, more in found) or len(matches) < len(by_path))


def literally(query: Query) -> Callable[[str], bool]:
    """Whether a folded path passes the filters of paths."""
    texts = [text for field, text in query.filters if field == "path"]
    return lambda folded: all(text in folded for text in texts)


def _fits(row: Indexed, field: str, text: str) -> bool:
    match field:
        case "desc":
            return text in fold(row.description)
        case "tag":
            return text in map(fold, row.tags)
        case _:
            return row.owner is not None and fold(row.owner) == text


def _told_where(row: Indexed, each: Word) -> str:
    if each.folded in fold(row.description):
        return "description"
    return "tags" if any(each.folded in fold(tag) for tag in row.tags) else ""


class _Texts:
    """Many short texts in few long ones, as an object for each would take as much again as the text. Not one alone:
    a single character outside of Latin-1 makes its whole text twice or four times as large."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._size = len(texts)
        blocks = [texts[at : at + _BLOCK] for at in range(0, len(texts), _BLOCK)]
        self._blocks = ["".join(block) for block in blocks]
        self._ends = array("I", chain.from_iterable(accumulate(map(len, block), initial=0) for block in blocks))

    def __getitem__(self, at: int) -> str:
        block = at >> _BLOCK_BITS
        at += block
        return self._blocks[block][self._ends[at] : self._ends[at + 1]]

    def __iter__(self) -> Iterator[str]:
        return map(self.__getitem__, range(self._size))

    def having(self, text: str) -> Iterator[int]:
        """The numbers of the texts that a text starts in, ascending; it may go on in the next one."""
        for number, block in enumerate(self._blocks):
            ends = self._ends[number * (_BLOCK + 1) : (number + 1) * (_BLOCK + 1)]
            at = block.find(text)
            while at >= 0:
                found = bisect_right(ends, at) - 1
                yield (number << _BLOCK_BITS) + found
                at = block.find(text, ends[found + 1])


class _Told:
    """What descriptions and tags say, in one text, so that looking for a piece in all of them is a single search."""

    def __init__(self, told: Mapping[int, Indexed], size: int) -> None:
        self._size, self._rows = size, array("I", told)
        texts = ("\0".join((fold(row.description), *map(fold, row.tags))).replace("\n", " ") for row in told.values())
        pieces = [f"{text}\n" for text in texts]
        self._text = "".join(pieces)
        self._starts = array("Q", accumulate(map(len, pieces), initial=0))

    def containing(self, text: str) -> int:
        """The rows, as a set, of which a folded text is told."""
        rows = array("I")
        at = self._text.find(text)
        while at >= 0:
            number = bisect_right(self._starts, at) - 1
            rows.append(self._rows[number])
            at = self._text.find(text, self._starts[number + 1])
        return bits.of_rows([rows], len(rows), self._size)
