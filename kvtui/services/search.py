"""Finding secrets by what is known about them: paths, descriptions, tags, types, owners. Never by their values.

A query is words and filters, all of which must fit:

    word           letters in order in the path, or literally in the description or a tag
    "two words"    the same, as one
    path:text      literally in the path
    desc:text      literally in the description
    tag:text       one of the tags; type:text and owner:text likewise (a type may be shortened)

Nothing of it heeds case. An exact query is one literal piece of a path, case and all.
"""

from __future__ import annotations

import heapq
import itertools
import re
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from kvtui.backends.contract import Backend
from kvtui.domain.capability import Capability
from kvtui.domain.secret import Indexed, Skip, Skipped
from kvtui.services.matcher import Hit, Word, fold, word

_TOKEN = re.compile(r'(?:(?P<field>type|tag|owner|desc|path):)?(?:"(?P<quoted>[^"]*)"?|(?P<plain>\S+))')
_MOST = 1_000_000
"""Candidates of an exact query that are looked at."""
_RANKED = 300
"""How many candidates are ranked where fewer are wanted: the better classes come first, see matcher."""

_FEW = 1000
"""Up to so many hits it is faster to sort them into classes than to look for each class in all names."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query, taken apart; all texts are folded but the words."""

    words: tuple[str, ...] = ()
    filters: tuple[tuple[str, str], ...] = ()
    """Pairs of field (type, tag, owner, desc, path) and text."""

    @classmethod
    def parse(cls, text: str) -> Query:
        """Any text is a query: what is no filter is a word, half-typed filters are ignored."""
        words, filters = [], []
        for found in _TOKEN.finditer(text):
            value = found["plain"] if found["quoted"] is None else found["quoted"]
            if found["field"] and value:
                filters.append((found["field"], fold(value)))
            elif value and not re.fullmatch("(?:type|tag|owner|desc|path):", value):
                words.append(value)
        return cls(tuple(words), tuple(filters))


@dataclass(frozen=True, slots=True)
class Match:
    """A secret that fits. `positions` are the matched characters of the path, ascending; `where` what else matched:
    path, description or tags."""

    path: str
    score: int = 0
    positions: tuple[int, ...] = ()
    where: str = "path"


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Matches, the best first, then by code point. Not complete: there are `more`, or the store cannot list all."""

    query: str
    matches: Sequence[Match]
    complete: bool
    more: bool = False


def search(
    names: Iterable[Indexed], query: str, *, exact: bool = False, limit: int | None = None, complete: bool = True
) -> SearchResult:
    """Search once. `complete` says whether `names` are all there are."""
    return NamesIndex(names, complete=complete).query(query, exact=exact, limit=limit)


class NamesIndex:
    """What may be searched of one store. Searching and reading may run side by side.

    Names are read in one go by `refresh`, or as they come: `begin`, `add` and `end` or `abandon`. What was there before
    is found as well until the reading ends; after one that did not get to its end both are.
    """

    def __init__(self, names: Iterable[Indexed] = (), *, complete: bool = True) -> None:
        self._parts = _Parts((_Columns(names),))
        self._complete = complete
        self._token: int | None = None
        self.as_of: datetime | None = None
        """When the reading began that last got to its end, where it was told."""

    def __len__(self) -> int:
        """How many names are known; while they are read again, how many were before or are by now."""
        parts = self._parts
        return max(sum(len(part.paths) for part in some) for some in (parts.before, parts.coming))

    def refresh(self, backend: Backend, *, skipped: Skip | None = None) -> bool:
        """Read the names again, unless the store says that nothing changed. Whether they were read. Raises as `index`,
        or as `walk` on stores without an index."""
        token = backend.change_token() if backend.can(Capability.CHANGE_SIGNAL) else None
        if token is not None and token == self._token:
            return False
        noticing = _Noticing(skipped)
        columns = _Columns(names_of(backend, noticing))
        self._parts = _Parts((columns,))
        self._complete = noticing.is_complete and not backend.info().unlisted
        self._token = token
        return True

    def begin(self) -> None:
        """Names are going to be added, all there are."""
        before = self._parts.before
        if len(before) > 1:  # left from readings that were abandoned
            known = {row.path: row for part in before for row in part.rows()}
            before = (_Columns(known.values()),)
        self._parts = _Parts(before)

    def add(self, names: Iterable[Indexed]) -> None:
        """Names that were read. Few large parts are faster to search than many small ones, so parts are put together
        as soon as one is not much larger than the next."""
        before, coming = self._parts
        joined = _Columns(names)
        while coming and len(coming[-1].paths) < 2 * len(joined.paths):
            joined, coming = _Columns(itertools.chain(coming[-1].rows(), joined.rows())), coming[:-1]
        self._parts = _Parts(before, (*coming, joined))

    def end(self, *, complete: bool, as_of: datetime) -> None:
        """All were added; what was there before is forgotten."""
        self._parts, self._complete, self.as_of = _Parts(self._parts.coming), complete, as_of

    def abandon(self) -> None:
        """No more are added. What was is kept beside what was there before."""
        self._parts = _Parts((*self._parts.before, *self._parts.coming))
        self._complete = self._complete and self.as_of is not None

    def clear(self) -> None:
        """Forget all names."""
        self._parts, self._token, self.as_of = _Parts((_Columns(()),)), None, None

    def query(self, text: str, limit: int | None = None, *, exact: bool = False) -> SearchResult:
        """Search. With a limit, the best class of matches is ranked first and the rest need not be looked at."""
        parts = [part for some in self._parts for part in some]
        most = None if limit is None else limit + 1
        if exact:
            matches = _merged([list(itertools.islice(part.containing(text), most)) for part in parts], _by_path)
        else:
            query = Query.parse(text)
            matches = _merged([_best(part.matches(query), most) for part in parts], _order)
        more = limit is not None and len(matches) > limit
        return SearchResult(text, matches[:limit], complete=self._complete and not more, more=more)


class _Parts(NamedTuple):
    """Swapped as a whole, so that a search sees one state."""

    before: tuple[_Columns, ...]
    coming: tuple[_Columns, ...] = ()


class _Noticing:
    """Hands on what is left out, or raises its error where nobody is told; and remembers."""

    def __init__(self, skipped: Skip | None) -> None:
        self._skipped = skipped
        self.is_complete = True

    def __call__(self, what: Skipped) -> None:
        if self._skipped is None:
            raise what.error
        self.is_complete = False
        self._skipped(what)


def names_of(backend: Backend, skipped: Skip | None = None) -> Iterator[Indexed]:
    """What may be searched of a store, as far as it tells, or as is remembered of it. Raises as `index`, or `walk`."""
    if backend.can(Capability.INDEX) and not backend.info().unlisted:
        return backend.index(skipped=skipped)
    return (Indexed(entry.path, entry.type, state=entry.state) for entry in backend.walk(skipped=skipped))


def searches_there(backend: Backend) -> bool:
    """Whether the store finds by itself what its names do not tell."""
    return backend.can(Capability.SEARCH) and (backend.info().unlisted or not backend.can(Capability.INDEX))


def _best(hits: Iterator[Match], most: int | None) -> list[Match]:
    if most is None:
        return sorted(hits, key=_order)
    return heapq.nsmallest(most, itertools.islice(hits, max(_RANKED, most)), key=_order)


def _merged(found: Sequence[list[Match]], order: Callable[[Match], Any]) -> list[Match]:
    """The matches of all parts in order, each path once."""
    if len(found) == 1:
        return found[0]
    return sorted({match.path: match for matches in found for match in matches}.values(), key=order)


def search_exact(backend: Backend, text: str, limit: int | None = None, *, skipped: Skip | None = None) -> SearchResult:
    """An exact query by the store's own text index, without reading all names. Raises as `Backend.find`."""
    noticing = _Noticing(skipped)
    candidates = backend.find(text, _MOST, skipped=noticing)
    found = list(_containing([row.path for row in candidates], text))
    more = len(candidates) >= _MOST or (limit is not None and len(found) > limit)
    return SearchResult(text, found[:limit], complete=noticing.is_complete and not more, more=more)


def _order(match: Match) -> tuple[int, str]:
    return -match.score, match.path


def _by_path(match: Match) -> str:
    return match.path


def _containing(paths: Sequence[str], text: str) -> Iterator[Match]:
    for path in paths:
        if text in path:
            at = path.index(text)
            yield Match(path, positions=tuple(range(at, at + len(text))))


class _Text:
    """Many short texts in one long one, so that looking for a piece in all of them is a single fast search."""

    def __init__(self, pieces: Sequence[str]) -> None:
        self._text = "".join(f"/{piece}\n" for piece in (each.replace("\n", " ") for each in pieces))
        self._starts = array("Q", itertools.accumulate((len(piece) + 2 for piece in pieces), initial=0))

    def containing(self, part: str) -> Iterator[int]:
        """Numbers of the pieces that `part` occurs in, ascending. Each has a slash before it and a newline behind."""
        at = self._text.find(part)
        while at >= 0:
            number = bisect_right(self._starts, at) - 1
            yield number
            at = self._text.find(part, self._starts[number + 1])


class _Columns:
    """The names, column by column: an object for each of a million would cost more than the names themselves."""

    def __init__(self, names: Iterable[Indexed]) -> None:
        rows = sorted(names, key=lambda row: row.path)
        self.paths = [row.path for row in rows]
        self._folded = [path if (low := fold(path)) == path else low for path in self.paths]
        self._types = [row.type for row in rows]
        self._told = {at: row for at, row in enumerate(rows) if row.description or row.tags or row.owner}
        self._told_at = list(self._told)
        self._text = _Text(self._folded)
        self._words = _Text(["\x00".join((fold(row.description), *map(fold, row.tags))) for row in self._told.values()])
        self._having: dict[str, int] = {}

    def rows(self) -> Iterator[Indexed]:
        """The names again."""
        for at, path in enumerate(self.paths):
            told = self._told.get(at)
            yield Indexed(path, self._types[at]) if told is None else told

    def containing(self, text: str) -> Iterator[Match]:
        """The paths with a literal text in them."""
        return _containing(self.paths, text)

    def matches(self, query: Query) -> Iterator[Match]:
        """What fits, in classes: the words as a name, at a segment's start, in the path, in order, in what is told."""
        if not query.words:
            for at, path in enumerate(self.paths):
                if self._passes(at, query):
                    yield Match(path)
            return
        words = [word(text) for text in query.words]
        rarest = (
            words[0]
            if len(words) == 1
            else min(words, key=lambda each: (self._with_letters(each).bit_count(), -len(each.text)))
        )
        for at in self._candidates(rarest, words):
            if self._passes(at, query):
                match = self._match(at, words)
                if match is not None:
                    yield match

    def _match(self, at: int, words: Sequence[Word]) -> Match | None:
        path, folded = self.paths[at], self._folded[at]
        if at not in self._told and not all(each.in_order(folded) for each in words):
            return None
        score, positions, where = 0, set[int](), "path"
        for each in words:
            hit = each.match(path, folded)
            if hit is None:
                elsewhere = self._told_where(at, each)
                if elsewhere is None:
                    return None
                where = elsewhere if where == "path" else where
                hit = Hit(0, ())
            score += hit.score
            positions.update(hit.positions)
        return Match(path, score, tuple(sorted(positions)), where)

    def _told_where(self, at: int, each: Word) -> str | None:
        row = self._told.get(at)
        if row is None:
            return None
        if each.folded in fold(row.description):
            return "description"
        return "tags" if any(each.folded in fold(tag) for tag in row.tags) else None

    def _candidates(self, rarest: Word, words: Sequence[Word]) -> Iterator[int]:
        seen = set[int]()
        part = rarest.folded
        classes = itertools.chain(
            self._literal(part),
            (self._in_order(rarest, words), map(self._told_at.__getitem__, self._words.containing(part))),
        )
        for at in itertools.chain.from_iterable(classes):
            if at not in seen:
                seen.add(at)
                yield at

    def _literal(self, part: str) -> Iterator[Iterable[int]]:
        """The paths a part stands in: as the name, at the start of a segment, anywhere."""
        some = list(itertools.islice(self._text.containing(part), _FEW))
        if len(some) == _FEW:
            yield from (self._text.containing(form) for form in (f"/{part}\n", f"/{part}", part))
        else:
            name, start = "/" + part, [at for at in some if f"/{part}" in "/" + self._folded[at]]
            yield [at for at in start if ("/" + self._folded[at]).endswith(name)]
            yield start
            yield some

    def _in_order(self, rarest: Word, words: Sequence[Word]) -> Iterator[int]:
        candidates = self._with_letters(rarest)
        if not self._told:
            for each in words:
                candidates &= self._with_letters(each)
        bits = f"{candidates:b}"[::-1]
        at = bits.find("1")
        while at >= 0:
            if rarest.in_order(self._folded[at]) is not None:
                yield at
            at = bits.find("1", at + 1)

    def _with_letters(self, each: Word) -> int:
        """The paths that have all letters of a word, as a set of bits: most others need no closer look."""
        found = -1
        for ch in set(each.folded):
            found &= self._with_letter(ch)
        return max(found, 0)

    def _with_letter(self, ch: str) -> int:
        bits = self._having.get(ch)
        if bits is None:
            bits = int("".join("1" if ch in folded else "0" for folded in reversed(self._folded)) or "0", 2)
            self._having[ch] = bits
        return bits

    def _passes(self, at: int, query: Query) -> bool:
        return all(self._fits(at, field, text) for field, text in query.filters)

    def _fits(self, at: int, field: str, text: str) -> bool:
        row = self._told.get(at)
        match field:
            case "path":
                return text in self._folded[at]
            case "type":
                kind = self._types[at]
                return kind is not None and kind.value.startswith(text)
            case "desc":
                return row is not None and text in fold(row.description)
            case "tag":
                return row is not None and text in map(fold, row.tags)
            case _:
                return row is not None and row.owner is not None and fold(row.owner) == text
