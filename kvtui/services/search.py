"""Finding secrets by what is known about them: paths, descriptions, tags, types, owners. Never by their values.

A query is words and filters, all of which must fit:

    word           letters in order in the path, or literally in the description or a tag
    "two words"    the same, as one
    path:text      literally in the path
    desc:text      literally in the description
    tag:text       one of the tags; type:text and owner:text likewise (a type may be shortened)

`description:` and `tags:` are the same as `desc:` and `tag:`. Nothing of it heeds case. An exact query is one literal
piece of a path, case and all.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from kvtui.backends.contract import Backend
from kvtui.domain.capability import Capability
from kvtui.domain.secret import Indexed, Skip, Skipped
from kvtui.services import ranking
from kvtui.services.names_part import Answer, NamesPart, merged
from kvtui.services.query import Match, Query

__all__ = ["Match", "NamesIndex", "Query", "SearchResult", "names_of", "search", "search_exact", "searches_there"]

_MOST = 1_000_000
"""Candidates of an exact query that are looked at."""
_FIRST_PARTS = (20_000, 80_000)
_LARGE = 100_000
"""Names of a part where there are very many."""
_ALIKE = 4
"""So many parts of about the same size are put together: fewer take longer to keep, more to search."""


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Matches, the best first, of equals the shortest, then by code point; without a word by code point alone. Not
    complete: there are `more`, or the store cannot list all."""

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
        self._parts = _Parts(tuple(map(NamesPart, _in_parts(names))))
        self._complete = complete
        self._token: int | None = None
        self.as_of: datetime | None = None
        """When the reading began that last got to its end, where it was told."""

    def __len__(self) -> int:
        """How many names are known; while they are read again, how many were before or are by now."""
        parts = self._parts
        return max(sum(map(len, some)) for some in (parts.before, parts.coming))

    def refresh(
        self, backend: Backend, *, skipped: Skip | None = None, came: Callable[[], object] | None = None
    ) -> bool:
        """Read the names again, unless the store says that nothing changed. Whether they were read. What was there
        before is found meanwhile, and what came by then; `came` is called when it is more. Raises as `index`, or as
        `walk` on stores without an index."""
        token = backend.change_token() if backend.can(Capability.CHANGE_SIGNAL) else None
        if token is not None and token == self._token:
            return False
        noticing = _Noticing(skipped)
        before = self._parts
        coming: tuple[NamesPart, ...] = ()
        try:
            for some in _in_parts(names_of(backend, noticing)):
                coming = (*coming, NamesPart(some))
                self._parts = _Parts((*before.before, *before.coming), coming)
                if came is not None:
                    came()
        except BaseException:
            self._parts = before
            raise
        self._parts = _Parts(coming)
        self._complete = noticing.is_complete and not backend.info().unlisted
        self._token = token
        return True

    def begin(self) -> None:
        """Names are going to be added, all there are."""
        before = self._parts.before
        if len(before) > 1:  # left from readings that were abandoned
            before = (_joined(before),)
        self._parts = _Parts(before)

    def add(self, names: Iterable[Indexed]) -> None:
        """Names that were read. Few large parts are faster to search than many small ones, so the last ones are put
        together as soon as they are about as large."""
        before, coming = self._parts
        coming = (*coming, NamesPart(names, is_light=True))
        while len(coming) >= _ALIKE and len(coming[-_ALIKE]) < 2 * len(coming[-1]):
            coming = (*coming[:-_ALIKE], _joined(coming[-_ALIKE:], is_light=True))
        self._parts = _Parts(before, coming)

    def end(self, *, complete: bool, as_of: datetime) -> None:
        """All were added; what was there before is forgotten."""
        coming = self._parts.coming
        light = [part for part in coming if part.is_light]
        if light:
            coming = (*(part for part in coming if not part.is_light), _joined(light))
        self._parts, self._complete, self.as_of = _Parts(coming), complete, as_of

    def abandon(self) -> None:
        """No more are added. What was is kept beside what was there before."""
        self._parts = _Parts((*self._parts.before, *self._parts.coming))
        self._complete = self._complete and self.as_of is not None

    def query(self, text: str, limit: int | None = None, *, exact: bool = False, at_once: bool = False) -> SearchResult:
        """Search. `at_once`, as while somebody types, worse classes of matches are not looked for where better ones
        fill a screen, even if that is less than the limit, and of very many matches in a class the shortest are ranked;
        the result has `more` then."""
        parts = [part for some in self._parts for part in some]
        most = None if limit is None else limit + 1
        if exact:
            found = merged([part.containing(text, most) for part in parts], Query(), most)
        else:
            query = Query.parse(text)
            found = (
                ranking.at_once(parts, query, most)
                if at_once
                else merged([part.best(query, most) for part in parts], query, most)
            )
        more = found.more or (limit is not None and len(found.matches) > limit)
        return SearchResult(text, found.matches[:limit], complete=self._complete and not more, more=more)


def _joined(parts: Sequence[NamesPart], *, is_light: bool = False) -> NamesPart:
    """All names of some parts, each once, a later part's before an earlier one's. What was asked for last need not be
    looked for again."""
    whole = NamesPart({row.path: row for part in parts for row in part.rows()}.values(), is_light=is_light)
    if (last := parts[0].last) is not None:
        whole.last = Answer(last.asked, ranking.at_once(parts, *last.asked))
    return whole


def _in_parts(names: Iterable[Indexed]) -> Iterator[list[Indexed]]:
    """One at least. To lay out a million takes many seconds: the first can be searched long before the last."""
    left, sizes = iter(names), itertools.chain(_FIRST_PARTS, itertools.repeat(_LARGE))
    yield list(itertools.islice(left, next(sizes)))
    while some := list(itertools.islice(left, next(sizes))):
        yield some


class _Parts(NamedTuple):
    """Swapped as a whole, so that a search sees one state."""

    before: tuple[NamesPart, ...]
    coming: tuple[NamesPart, ...] = ()


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


def search_exact(backend: Backend, text: str, limit: int | None = None, *, skipped: Skip | None = None) -> SearchResult:
    """An exact query by the store's own text index, without reading all names. Raises as `Backend.find`."""
    noticing = _Noticing(skipped)
    candidates = backend.find(text, _MOST, skipped=noticing)
    found = [Match(row.path, words=(text,), exact=True) for row in candidates if text in row.path]
    more = len(candidates) >= _MOST or (limit is not None and len(found) > limit)
    return SearchResult(text, found[:limit], complete=noticing.is_complete and not more, more=more)
