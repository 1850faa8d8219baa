"""Some of the names of a store, laid out to be searched, and searched: column by column, as an object for each of a
million would cost more than the names themselves.

Rows are ordered by length, then by code point, as equally good matches are.
"""

from __future__ import annotations

import heapq
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate, chain, islice
from math import inf
from operator import attrgetter
from typing import NamedTuple

from kvtui.courtesy import make_way
from kvtui.domain.metadata import SecretType
from kvtui.domain.secret import Indexed
from kvtui.services import bits
from kvtui.services.matcher import LITERAL, Word, fold, says_little, word
from kvtui.services.query import Match, Query
from kvtui.services.segments import STARTS, Segments

TOLD = LITERAL // 2
"""Score of a word that stands in the description or a tag: better than most whose letters are merely in order."""
_SCREEN = 60
"""At once, so many are enough: worse classes are not looked for."""
_RANKED = 250
"""How many are ranked where fewer are wanted, as only their score tells the best of a class."""
_EFFORT, _EFFORT_BY_SIZE = 1800, 300
"""How much is done at once, and one more for so many names."""
_FEW_LEFT = 10
"""The part of it that is left once there are matches of better classes, for those whose letters are merely in order."""
_LONGEST = 12
"""Letters of a word that is looked for in pieces."""
_PLAIN = 500
"""So many names are looked through one by one: those of a walk are soon put together with others."""
_HEAVY = 20_000
"""So many are laid out in full even if they are to be put together with others soon."""
_LOOKS = 2
"""As much as it takes to look at a row, and to score some."""
_FEW = 50
"""Less than one of so many rows are sorted; of more, all are gone through in order."""
_BLOCK_BITS = 10
_BLOCK = 1 << _BLOCK_BITS
_TYPES: Sequence[SecretType | None] = [None, *SecretType]


class Found(NamedTuple):
    """The best matches in their order, and whether there may be more."""

    matches: Sequence[Match]
    more: bool = False


class _Answer(NamedTuple):
    """What was asked for, the effort it was looked for with, and what was found."""

    asked: tuple[Query, int | None, bool]
    effort: float
    found: Found


class _Level(NamedTuple):
    """A class of matches."""

    rows_of: Callable[[str], int]
    """The rows to look at for a word: all of the class and maybe more."""
    is_in_class: Callable[[Word, str], bool] | None = None
    """Whether a word matches a folded path in that class; None for all that match at all."""
    looking: float = 1
    scoring: float = 2
    """What a row takes of the effort, in about microseconds: to be looked at, and to be scored, for each letter."""
    share: float = 1
    """Of the effort that is left, for this class."""


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
        self._folded = self._paths if folded is paths else _Texts(folded)
        self.is_light = is_light and _PLAIN < len(rows) < _HEAVY
        self._segments = Segments(folded) if len(rows) > _PLAIN and not self.is_light else None
        make_way()
        numbers = {kind: number for number, kind in enumerate(_TYPES)}
        self._types = bytes(numbers[row.type] for row in rows)
        self._told = {at: row for at, row in enumerate(rows) if row.description or row.tags or row.owner}
        self._told_text = _Told(self._told, len(rows))
        self.last: _Answer | None = None
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

    def best(
        self, query: Query, most: int | None = None, *, at_once: bool = False, effort: float = 0, share: float = 1
    ) -> Found:
        """The best matches; what was asked for last is known still. `effort` is how much is done at once, in about
        microseconds: nothing may be found then where a longer look would find something, and there is `more`. Without,
        it is looked for until something is found. `share` of what is ranked at once is what this part, of several,
        ranks."""
        last = self.last
        if last is None or last.asked != (query, most, at_once) or (last.found.more and last.effort < (effort or inf)):
            found = self._ranked(query, most, at_once, effort, share) if query.words else self._listed(query, most)
            last = self.last = _Answer((query, most, at_once), effort or inf, found)
        return last.found

    @classmethod
    def joined(cls, parts: Sequence[NamesPart], *, is_light: bool = False) -> NamesPart:
        """All names of some parts, each once, a later part's before an earlier one's. What all were asked for last need
        not be looked for again."""
        whole = cls({row.path: row for part in parts for row in part.rows()}.values(), is_light=is_light)
        if (last := parts[0].last) is not None:
            query, most, at_once = last.asked
            found = [part.best(query, most, at_once=at_once) for part in parts]
            whole.last = _Answer(last.asked, inf, merged(found, query, most))
        return whole

    # -- queries without words

    def _listed(self, query: Query, most: int | None) -> Found:
        """What passes the filters, by code point."""
        passing, fits = self._passing(query), _literally(query)
        if passing.bit_count() * _FEW > len(self):
            digits = f"{passing:0{len(self)}b}"
            rows: Iterator[int] = (at for at in self._by_path if digits[-1 - at] == "1")
        else:
            rows = iter(sorted(bits.rows_of(passing), key=self._paths.__getitem__))
        fitting = (self._paths[at] for at in rows if fits(self._folded[at]))
        paths = list(islice(fitting, most))
        return Found([Match(path) for path in paths], next(fitting, None) is not None)

    def _passing(self, query: Query) -> int:
        """The rows that pass all filters; more than that for those of paths."""
        passing = (1 << len(self)) - 1
        for field, text in query.filters:
            if field == "path":
                passing &= self._segments.containing(text.replace("\n", " ")) if self._segments else -1
            elif field == "type":
                digits = bytes(49 if kind is not None and kind.value.startswith(text) else 48 for kind in _TYPES)
                passing &= int(self._types.translate(digits.ljust(256, b"0"))[::-1] or b"0", 2)
            else:
                rows = [at for at, row in self._told.items() if _fits(row, field, text)]
                passing &= bits.of_rows([rows], len(rows), len(self))
        return passing

    # -- queries with words

    def _ranked(self, query: Query, most: int | None, at_once: bool, at_most: float, share: float) -> Found:
        words = [word(text) for text in query.words]
        passing, fits = self._passing(query), _literally(query)
        at_once = at_once and (share < 1 or self._segments is not None or self.is_light)  # few are all looked at
        screen = min(_SCREEN, most or _SCREEN) if at_once else inf
        enough = max(_RANKED * share // len(words), screen) if at_once else inf
        effort = (at_most or effort_for(len(self))) if at_once else inf
        if self._segments is None:  # it has no better classes of what is not found literally
            effort = max(effort, _LOOKS * len(self))
        few_left = effort / _FEW_LEFT
        hits = dict[int, tuple[int, str]]()
        seen, reached, more = 0, [0] * len(words), False
        is_literal, letters = False, sum(len(each.text) for each in words)
        for rows_of, is_in_class, looking, scoring, of_effort in self._levels(words, at_once):
            found = passing
            for index, each in enumerate(words):
                reached[index] |= rows_of(each.folded.replace("\n", " "))
                found &= reached[index]
            if at_once and is_literal and is_in_class is not _has:
                effort = min(effort, few_left)
            is_whole, least = True, effort * (1 - of_effort) if at_once else -inf
            for at in bits.rows_of(found & ~seen):
                if len(hits) >= enough or (effort <= least and (hits or least or at_most)):
                    is_whole, more = False, True
                    break
                path, folded = self._at(at)
                effort -= looking
                if is_in_class is not None and not all(is_in_class(each, folded) for each in words):
                    is_whole = False  # more rows were given than are of this class
                elif at not in hits and (hit := self._score(at, path, folded, words))[0] and fits(folded):
                    hits[at] = hit
                    effort -= scoring * letters
            seen |= found if is_whole else 0
            is_literal = is_literal or (is_in_class is _has and bool(hits))
            if len(hits) >= screen or (effort <= 0 and (hits or at_most)):
                more = True
                break
        ranked = ((-score, at, where) for at, (score, where) in hits.items())
        best = sorted(ranked)[:most]
        matches = [Match(self._paths[at], -score, where, query.words) for score, at, where in best]
        return Found(matches, more or len(best) < len(hits))

    def _levels(self, words: Sequence[Word], at_once: bool) -> Iterator[_Level]:
        """At once from the best class to any match; else all that match."""
        segments, told = self._segments, self._told_text.containing
        if segments is None:
            if at_once:
                yield _Level(self._some_with, _has, scoring=0.4)
            yield _Level(lambda _: (1 << len(self)) - 1)
            return
        if at_once:
            for literally in (segments.exact, segments.prefix, segments.word_prefix, partial(_containing, segments)):
                yield _Level(literally, _has, scoring=0.4)
            yield _Level(told)
            yield _Level(segments.with_initials, _has_initials, looking=3, share=0.25)
            yield _Level(partial(_in_pieces, segments, 3), _has_pieces, share=0.6)
            yield _Level(partial(_in_pieces, segments, 6), _has_pieces, share=0.6)
            if any(says_little(each.folded) for each in words):
                yield _Level(segments.starting, share=0.6)
                yield _Level(segments.containing)
            yield _Level(segments.starting)
        yield _Level(lambda text: segments.with_letters(text) | told(text))

    def _some_with(self, text: str) -> int:
        """The first rows, the shortest paths, that have a folded text, and maybe others."""
        rows = list(islice(self._folded.having(text), _RANKED))
        return bits.of_rows([rows], len(rows), len(self))

    def _at(self, row: int) -> tuple[str, str]:
        path = self._paths[row]
        return path, path if self._folded is self._paths else self._folded[row]

    def _score(self, at: int, path: str, folded: str, words: Sequence[Word]) -> tuple[int, str]:
        """The score of a row, 0 if it does not fit, and what matched beside the path."""
        total, where, told = 0, "path", self._told.get(at)
        for each in words:
            score = each.score(path, folded)
            if told is not None and score < TOLD and (elsewhere := _told_where(told, each)):
                score, where = max(score, TOLD), elsewhere if where == "path" else where
            if not score:
                return 0, where
            total += score
        return total, where


def effort_for(size: int) -> float:
    """How much is done at once to search so many names, in about microseconds."""
    return _EFFORT + size / _EFFORT_BY_SIZE


def _containing(segments: Segments, text: str) -> int:
    """The rows that have a text; none where having it inside of a word is not in that class."""
    return 0 if says_little(text) else segments.containing(text)


def _in_pieces(segments: Segments, most: int, text: str) -> int:
    """The rows that have the letters of a text in at most so many pieces, each at the start of a segment or word; in
    whatever order."""
    letters = text.replace("/", "")
    if not 1 < len(letters) <= _LONGEST:
        return 0
    pieces = list[tuple[int, int, int]]()
    for start in range(len(letters)):
        for end in range(start + 1, len(letters) + 1):
            if not (rows := segments.word_prefix(letters[start:end])):
                break  # nothing starts with more of it either
            pieces.append((start, end, rows))
    found, reached = 0, {0: (1 << segments.size) - 1}
    for _ in range(most):
        before, reached = reached, {}
        for start, end, rows in pieces:
            if start in before:
                reached[end] = reached.get(end, 0) | before[start] & rows
        found |= reached.get(len(letters), 0)
    return found


def merged(found: Sequence[Found], query: Query, most: int | None) -> Found:
    """The matches of several parts in order, each path once."""
    if len(found) == 1:
        return found[0]
    by_path = {match.path: match for matches, _ in found for match in matches}
    matches = sorted(by_path.values(), key=attrgetter("order" if query.words else "path"))[:most]
    return Found(matches, any(more for _, more in found) or len(matches) < len(by_path))


def _has(each: Word, folded: str) -> bool:
    return each.stands_in(folded)


def _has_initials(each: Word, folded: str) -> bool:
    return bool(each.in_order(folded) and each.in_order("".join(STARTS.findall(folded))))


def _has_pieces(each: Word, folded: str) -> bool:
    return bool(each.in_order(folded) and each.in_pieces(folded))


def _literally(query: Query) -> Callable[[str], bool]:
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
