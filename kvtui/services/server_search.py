"""Searching by asking the store, where that can search what it cannot list."""

from __future__ import annotations

from collections.abc import Sequence

from kvtui.backends.contract import Backend
from kvtui.domain.secret import Indexed, Skip
from kvtui.services.search import Match, NamesIndex, Query, SearchResult

MOST = 1000
"""How many the store is asked for where nobody says."""


def search_there(
    backend: Backend,
    text: str,
    limit: int | None = None,
    *,
    exact: bool = False,
    known: NamesIndex | None = None,
    skipped: Skip | None = None,
) -> SearchResult:
    """What the store finds, joined with what is found among the names that are `known` from here. Never complete where
    it has folders that nobody can list. Raises as `Backend.find`."""
    most = MOST if limit is None else limit
    asked = text if exact else asked_for(text)
    found = backend.find(asked, most + 1, skipped=skipped) if asked else ()
    here = known.query(text, limit, exact=exact) if known is not None else SearchResult(text, (), complete=True)
    joined = join(here.matches, found, text, exact=exact)
    more = here.more or len(joined) > most
    whole = here.complete and not more and not backend.info().unlisted
    return SearchResult(text, joined[:limit], complete=whole, more=more)


def join(here: Sequence[Match], found: Sequence[Indexed], text: str, *, exact: bool = False) -> list[Match]:
    """Matches among known names, then those that the store found besides. What it finds by one word is taken as it is,
    for it may know more than it tells; several words and filters have to fit what it tells."""
    known = {match.path for match in here}
    others = [row for row in found if row.path not in known]
    fits = list(NamesIndex(others).query(text, exact=exact).matches)
    query = Query.parse(text)
    if not exact and len(query.words) == 1 and not query.filters:
        seen = {match.path for match in fits}
        fits += [Match(row.path, where="store") for row in others if row.path not in seen]
    return [*here, *fits]


def asked_for(text: str) -> str:
    """The piece of a query that a store is asked for: the longest literal one, "" for none."""
    query = Query.parse(text)
    literal = [value for field, value in query.filters if field in {"path", "desc", "tag"}]
    return max([*query.words, *literal], key=len, default="")
