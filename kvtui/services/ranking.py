"""The best matches at once, while somebody types: class by class, the best first, as far as there is time.

Which class a match is of follows from how the words stand in its path; which of a class are better, only from their
scores. The rows of a class are a set, known at once (see `segments` and `zones`). How many of them are looked at is
counted in about microseconds: the same is found on every machine, and however busy it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from itertools import chain
from math import ceil
from operator import attrgetter
from typing import NamedTuple

from kvtui.services import bits
from kvtui.services.matcher import Word, says_little, word
from kvtui.services.names_part import Answer, Found, NamesPart, literally, merged
from kvtui.services.query import Query
from kvtui.services.segments import Segments

_SCREEN = 60
"""So many matches are enough: worse classes are not looked for."""
_RANKED = 250
"""How many are ranked where fewer are wanted."""
_EFFORT, _EFFORT_BY_SIZE = 2000, 80
"""How much is done; of very many names, one for so many."""
_SETS = 130
"""What of it the sets of rows take: one for so many names."""
_FEW = 10
"""Where fewer are found by then, it is done once more; where none is, until there is one."""
_FEW_LEFT = 4
"""The part of it that is left once there are matches of better classes, for those whose letters are merely in order."""
_LOOK, _SCORE_LITERAL, _SCORE_LETTER = 1, 2, 2
"""What it takes to look at a row, to score a word that stands in it, and a letter of one that does not."""
_PLAIN_LOOKS = 2
"""What is done at least for each name of a part without segments, where what is merely in order has no classes."""
_LONGEST = 12
"""Letters of a word that is looked for by its initials and in pieces."""
_PIECES = 3


class _Class(NamedTuple):
    """A class of matches."""

    rows: Callable[[Segments, str], int] | None = None
    """The rows to look at for a folded word: all of the class and maybe more. None: segments do not tell."""
    has: Callable[[Word], Callable[[str], object]] | None = None
    """Whether a word matches a folded path in that class; None for all that match at all."""
    is_literal: bool = False
    """Whether every word has to stand in the path; else one may that does not match so."""
    share: float = 1
    """Of the effort that is left."""


def at_once(parts: Sequence[NamesPart], query: Query, most: int | None) -> Found:
    """The best matches of some parts. Where there are `more`, matches of worse classes may be left out, and some of a
    class that is very large; something is found wherever there is anything. What parts were asked for last is known
    still."""
    asked = query, most
    known = [(part, part.last) for part in parts]
    found = [last.found for _, last in known if last is not None and last.asked == asked]
    fresh = [part for part, last in known if last is None or last.asked != asked]
    if query.words and fresh:
        search = _Search(fresh, query, most, of=sum(map(len, parts)))
        search.run(known=sum(len(matches) for matches, _ in found))
        latest = search.found()
    else:
        latest = [part.listed(query, most) for part in fresh]
    for part, each in zip(fresh, latest, strict=True):
        part.last = Answer(asked, each)
    return merged([*found, *latest], query, most)


class _Search:
    """For words, in some parts, which are `of` so many names in all."""

    def __init__(self, parts: Sequence[NamesPart], query: Query, most: int | None, *, of: int) -> None:
        words = [word(text) for text in query.words]
        self._most = most
        self._screen = min(_SCREEN, most or _SCREEN)
        self._size = sum(map(len, parts)) or 1
        self._effort = (max(_EFFORT, of / _EFFORT_BY_SIZE) - of / _SETS) * self._size / (of or 1)
        self._enough = max(_RANKED // len(words), self._screen) * self._size / (of or 1)
        self._parts = [_Part(part, query, words) for part in parts]
        has_little = any(says_little(each.folded) for each in words)
        self._classes = [*_LITERAL, *_IN_ORDER, *(_TOGETHER if has_little else ()), *_LAST]

    def run(self, *, known: int) -> None:
        """Look for as long as is worth it; `known` matches are found elsewhere."""
        effort = self._effort
        self._look(effort)
        if known + self._count() < _FEW:
            self._look(effort)
        while not (known or self._count() or self._is_over()):
            self._look(effort := 2 * effort)

    def found(self) -> list[Found]:
        """What was found, by part."""
        return [part.found(self._most, len(self._classes)) for part in self._parts]

    def _count(self) -> int:
        return sum(len(part.hits) for part in self._parts)

    def _is_over(self) -> bool:
        return all(part.is_over(len(self._classes)) for part in self._parts)

    def _look(self, effort: float) -> None:
        """Look at so much more, from the best class on."""
        is_few = False
        for number, kind in enumerate(self._classes):
            if number == len(_LITERAL) and self._count():
                effort, is_few = effort / _FEW_LEFT, True
            given = effort * kind.share
            effort -= given
            for evenly in (True, False):
                given = self._sweep(number, kind, given, is_few=is_few, evenly=evenly)
            effort += given
            if self._count() >= self._screen or effort <= 0:
                break

    def _sweep(self, number: int, kind: _Class, effort: float, *, is_few: bool, evenly: bool) -> float:
        """Look at a class in all parts: in each as much as it is large, or as is left. What is left of the effort."""
        size = self._size
        for part in self._parts:
            share = len(part) / size if evenly else 1
            size -= len(part)
            given = effort * share
            wanted = ceil((self._enough - self._count()) * share)
            effort -= given - part.look(number, kind, given, wanted, is_few=is_few)
        return effort


class _Part:
    """What is found in one of them, and how far it was looked for there."""

    def __init__(self, names: NamesPart, query: Query, words: Sequence[Word]) -> None:
        self._names, self._query, self._words = names, query, words
        self._texts = [each.in_line for each in words]
        self._passing = names.passing(query)
        self._has_filtered = literally(query) if any(field == "path" for field, _ in query.filters) else None
        self._reached = [0] * len(words)
        self._seen = 0
        self._left = dict[int, Iterator[int] | None]()
        """The rows still to be looked at, for each class that was begun; None for no more."""
        letters = sum(len(each.text) for each in words)
        self._costs = _SCORE_LETTER * letters, _SCORE_LITERAL * len(words)
        self.hits = dict[int, tuple[int, str]]()
        """Score, and what matched beside the path, by row."""

    def __len__(self) -> int:
        return len(self._names)

    def is_over(self, classes: int) -> bool:
        """Whether all rows of so many classes were looked at."""
        return all(self._left.get(number, self) is None for number in range(classes))

    def found(self, most: int | None, classes: int) -> Found:
        return self._names.found(self.hits, self._query, most, more=not self.is_over(classes))

    def look(self, number: int, kind: _Class, effort: float, wanted: int, *, is_few: bool) -> float:
        """Go on with a class until so much is done or so many more are found. What is left of the effort."""
        if is_few and kind.has is not None:
            self._left.setdefault(number)  # what is left is of the last class, too
        if effort <= 0 or wanted <= 0:
            return effort
        found = 0
        if number not in self._left:
            found = self._rows(kind)
            self._left[number] = bits.rows_of(found) if found else None
        if (rows := self._left[number]) is None:
            return effort
        least = 0.0
        if self._names.segments is None and kind is _TOLD:
            least -= _PLAIN_LOOKS * len(self) / (_FEW_LEFT if is_few else 1)
        hits, cost, enough = self.hits, self._costs[kind.is_literal], len(self.hits) + wanted
        fits, folded = self._fitting(kind), self._names.folded.__getitem__
        is_whole = True
        for row in rows:
            if row in hits:
                continue
            effort -= _LOOK
            if not fits(folded(row)):
                is_whole = False
            elif (hit := self._names.score(row, self._words))[0]:
                hits[row] = hit
                effort -= cost
            if effort <= least or len(hits) >= enough:
                following = next(rows, None)
                self._left[number] = None if following is None else chain((following,), rows)
                break
        else:
            self._left[number] = None
            self._seen |= found if is_whole else 0
        return max(effort, 0)

    def _rows(self, kind: _Class) -> int:
        """The rows of a class that are of no better one."""
        found = self._passing if kind.is_literal else self._possible
        names = self._names
        if kind is _ANY or (kind is _TOLD and names.segments is None):
            return found & ~self._seen
        of_word: Callable[[str], int]
        if kind is _TOLD:
            of_word = names.told
        elif names.segments is not None and kind.rows is not None:
            of_word = partial(kind.rows, names.segments)
        elif kind is _INSIDE:
            of_word = names.first_having
        else:
            return 0
        is_new = False
        for index, text in enumerate(self._texts):
            rows = of_word(text)
            is_new = is_new or rows != 0
            self._reached[index] |= rows
            found &= self._reached[index]
        if not is_new:
            return 0
        return found & ~self._seen

    @cached_property
    def _is_told(self) -> bool:
        """Whether a word stands in a description or a tag, and so need not be in the path."""
        return any(map(self._names.told, self._texts))

    @cached_property
    def _possible(self) -> int:
        return self._passing & self._names.possible(self._words)

    def _fitting(self, kind: _Class) -> Callable[[str], object]:
        """Whether a folded path is of a class, as far as its score does not say it."""
        checks: list[Callable[[str], object]] = [self._has_filtered] if self._has_filtered is not None else []
        if has_each := kind.has or (None if self._is_told else _order):
            has = list(map(has_each, self._words))
            alone = kind.is_literal or len(has) == 1
            checks += has if alone else map(_either, [each.stands_in for each in self._words], has)
        match checks:
            case []:
                return lambda _: True
            case [check]:
                return check
        return lambda folded: all(check(folded) for check in checks)


def _either(one: Callable[[str], object], other: Callable[[str], object]) -> Callable[[str], object]:
    return lambda folded: one(folded) or other(folded)


def _inside(segments: Segments, text: str) -> int:
    """None where having a text inside of a word is not in that class."""
    return 0 if says_little(text) else segments.containing(text)


def _initials(segments: Segments, text: str) -> int:
    return segments.zones.starting(text) if len(text) <= _LONGEST else 0


def _starting(segments: Segments, text: str) -> int:
    """The first letter at the start of a segment or word."""
    return segments.zones.starting(text[0])


def _in_pieces(segments: Segments, text: str) -> int:
    """The rows that have the letters of a text in few pieces, each at the start of a segment or word; in whatever
    order."""
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
    for _ in range(_PIECES):
        before, reached = reached, {}
        for start, end, rows in pieces:
            if start in before:
                reached[end] = reached.get(end, 0) | before[start] & rows
        found |= reached.get(len(letters), 0)
    return found


_stands, _pieces, _order = map(attrgetter, ("stands_in", "in_pieces", "in_order"))
_INSIDE = _Class(_inside, _stands, is_literal=True)
_LITERAL = (
    _Class(Segments.exact, _stands, is_literal=True),
    _Class(Segments.prefix, _stands, is_literal=True),
    _Class(Segments.word_prefix, _stands, is_literal=True),
    _INSIDE,
)
_TOLD, _ANY = _Class(), _Class()
_IN_ORDER = (
    _TOLD,
    _Class(_initials, _pieces, share=0.5),
    _Class(_in_pieces, _pieces, share=0.9),
)
_LAST = (_Class(_starting), _ANY)
_TOGETHER = (_Class(_starting, share=0.6), _Class(Segments.containing))
