"""Which loaded rows of the path tree a filter lets through. Loaded with the first filter.

What arrives is matched alone; a query that grows looks only at what it let through before; and a filter over very many
rows is made in slices, between which keys are answered.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Protocol, Self

from kvtui.domain import path as paths
from kvtui.ui.widgets.tree_row import index_of, is_folder, merge, order

if TYPE_CHECKING:
    from textual.timer import Timer

    from kvtui.ui.widgets.tree_rows import TreeRows

_SLICE_SECONDS = 0.008
"""Of a frame, for a filter over more rows than can be matched at once."""
_BESIDE_SECONDS = 0.002
"""Between two such slices: a key that came meanwhile is answered first."""
_LOOK_AT = 1000
"""Rows that are matched at once where the first match is looked for."""
_PIECE = 10_000
"""Rows that are matched without looking at the clock: a few milliseconds."""


class Matcher(Protocol):
    """A filter over rows. Whole lists at a time, because a call for each of many rows would be felt at every key."""

    def select(self, rows: Sequence[str]) -> list[str]:
        """The rows that match, in the same order."""

    def positions(self, path: str) -> Iterable[int]:
        """Indexes into a matching path of the characters that matched."""

    def narrows(self, other: Self) -> bool:
        """Whether every row that matches this one matches the other one too. False where that is not known."""


class Terms:
    """Rows that hold every white-space separated term of a query. Case counts once the query has a capital."""

    def __init__(self, query: str) -> None:
        self._exact = query != query.lower()
        self._terms = query.split()

    def select(self, rows: Sequence[str]) -> list[str]:
        found = list(rows)
        for term in self._terms:
            if self._exact:
                found = [row for row in found if term in row]
            else:
                found = [row for row in found if term in row.lower()]
        return found

    def positions(self, path: str) -> set[int]:
        """The last place of each term: the end of a path tells more than its folders."""
        text = path if self._exact else "".join(low if len(low := ch.lower()) == 1 else ch for ch in path)
        starts = {term: text.rfind(term) for term in self._terms}
        return {at for term, start in starts.items() if start >= 0 for at in range(start, start + len(term))}

    def narrows(self, other: Self) -> bool:
        same_case = self._exact is other._exact
        return same_case and all(any(old in new for new in self._terms) for old in other._terms)


class Filter:
    """A matcher over the loaded folders of a tree. `children` (rows by folder) and `loaded` (loaded folders by the
    folder they are in) are the tree's own; it tells of each change to them. Until `is_done` only some are matched."""

    def __init__(
        self,
        matcher: Matcher,
        children: Mapping[str, list[str]],
        loaded: Mapping[str, set[str]],
        before: Filter | None = None,
    ) -> None:
        """`before`: the filter whose place this one is to take, kept up to date meanwhile."""
        self.matcher = matcher
        self.shown: dict[str, list[str]] = {}
        """Of each folder, what matches and what holds matches, in display order."""
        self.held: defaultdict[str, set[str]] = defaultdict(set)
        """Folders that do not match, shown open for what matches in them; by the folder they are in."""
        self.folded: set[str] = set()
        """Of those, the ones closed by hand."""
        self.is_done = False
        self._children = children
        self._loaded = loaded
        alike = before is not None and type(before.matcher) is type(matcher)
        self._before = before if before and alike and matcher.narrows(before.matcher) else None
        self._todo = sorted(children)  # the last first: what is in a folder comes before it
        self._steps = self._match_all()

    def go_on(self, seconds: float) -> bool:
        """Match for about so long. Whether it is done."""
        until = perf_counter() + seconds
        for _ in self._steps:
            if perf_counter() >= until:
                return False
        self.is_done, self._before = True, None
        return True

    def is_held(self, folder: str) -> bool:
        return folder in self.held.get(paths.parent(folder), ())

    def _match_all(self) -> Iterator[None]:
        while self._todo:
            folder = self._todo.pop()
            if folder not in self._children:
                continue
            rows = self._children[folder]
            if self._before is not None:
                rows = self._before.shown.get(folder, rows)
            hits: list[str] = []
            for at in range(0, len(rows), _PIECE):
                hits += self.matcher.select(rows[at : at + _PIECE])
                yield
            self._set(folder, hits)

    # The tree changes

    def replaced(self, folder: str) -> str:
        """A folder's rows are others. The outermost folder of which something else is shown now."""
        if not self.is_done:
            self._todo.append(folder)
            return folder
        return self._set(folder, self.matcher.select(self._children[folder]))

    def extended(self, folder: str, rows: Sequence[str]) -> dict[str, list[str]]:
        """A folder has these rows more. What is shown in addition, by folder, the outermost last."""
        if not self.is_done:
            self._todo.append(folder)
            return {}
        shown = self.shown.setdefault(folder, [])
        was_empty = not shown
        hits = self.matcher.select(rows)
        holders = {row for row in rows if is_folder(row) and self.shown.get(row[:-1])}.difference(hits)
        self.held[folder] |= {row[:-1] for row in holders}
        more = {folder: merge(shown, sorted([*hits, *holders], key=order) if holders else hits)}
        if was_empty and shown:
            self._tell_above(folder, more)
        return more

    def forgotten(self, folder: str) -> None:
        """A folder is not loaded any more."""
        self.shown.pop(folder, None)
        self.held.pop(folder, None)
        self.folded.discard(folder)
        self._tell_above(folder, {})

    def _set(self, folder: str, hits: list[str]) -> str:
        shown = list(hits)
        holders = {f"{child}/" for child in self._loaded.get(folder, ()) if self.shown.get(child)}.difference(hits)
        if holders:
            holders.intersection_update(self._children[folder])
            merge(shown, sorted(holders, key=order))
        self.held[folder] = {row[:-1] for row in holders}
        self.shown[folder] = shown
        return self._tell_above(folder, {})

    def _tell_above(self, folder: str, more: dict[str, list[str]]) -> str:
        """The folders above hold what is shown in one, or hold nothing any more. Returns the outermost that is shown
        otherwise than before, and adds to `more` what is new in each."""
        while folder:
            above, row = paths.parent(folder), f"{folder}/"
            siblings = self.shown.get(above)
            if siblings is None:
                break
            held = self.held[above]
            at = index_of(siblings, row)
            if self.shown.get(folder):
                if at is not None or index_of(self._children[above], row) is None:
                    break
                merge(siblings, [row])
                held.add(folder)
                more[above] = [row]
                folder = above
                if len(siblings) > 1:
                    break
            else:
                if at is None or folder not in held:
                    break
                held.discard(folder)
                del siblings[at]
                folder = above
                if siblings:
                    break
        return folder


class Filtering:
    """Filters of one tree, each in place of the one before, by which the rows go until all of them are matched."""

    def __init__(
        self, rows: TreeRows, later: Callable[[float, Callable[[], None]], Timer], row_changes: Callable[[], None]
    ) -> None:
        """`later` calls something after so many seconds; `row_changes` is told when other rows are shown."""
        self._rows, self._later, self._row_changes = rows, later, row_changes
        self._timer: Timer | None = None

    def begin(self, query: str | Matcher) -> None:
        """An empty query shows all again."""
        self._stop()
        matcher = Terms(query) if isinstance(query, str) else query
        is_empty = isinstance(query, str) and not query.strip()
        self._go_on(is_done=self._rows.set_filter(None if is_empty else matcher, _SLICE_SECONDS))

    def finish(self) -> None:
        """Match now what is left to match."""
        if self._timer is not None:
            self._stop()
            self._go_on(is_done=self._rows.go_on())

    def first_match(self, row: str | None) -> str | None:
        """The first row that matches by itself; None where `row` does, or none, or nothing is filtered."""
        matcher, rows = self._rows.matcher, self._rows.rows
        if matcher is None or (row is not None and matcher.select([row])):
            return None
        pieces = (matcher.select(rows[at : at + _LOOK_AT]) for at in range(0, len(rows), _LOOK_AT))
        return next((piece[0] for piece in pieces if piece), None)

    def _go_on(self, *, is_done: bool) -> None:
        if is_done:
            self._timer = None
            self._row_changes()
        else:
            self._timer = self._later(_BESIDE_SECONDS, self._match_slice)

    def _match_slice(self) -> None:
        self._go_on(is_done=self._rows.go_on(_SLICE_SECONDS))

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
