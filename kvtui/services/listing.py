"""Listings of more than one folder."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from kvtui.backends.contract import Backend
from kvtui.domain import path as paths
from kvtui.domain.secret import Entry, EntryKind, Listing, Skip, Skipped


def tree_entries(backend: Backend, skipped: Skip) -> Iterator[Entry]:
    """Every secret of a store, sorted by path, and among them the folders that could not be listed."""
    gaps: deque[str] = deque()

    def leave_out(what: Skipped) -> None:
        skipped(what)
        if what.path:
            gaps.append(what.path)

    for entry in backend.walk(skipped=leave_out):
        while gaps:
            yield Entry(gaps.popleft(), EntryKind.FOLDER)
        yield entry
    yield from (Entry(path, EntryKind.FOLDER) for path in gaps)


class GrowingTree:
    """The listings of all folders out of a walk, while it goes on. Folders are taken up until `most` secrets came."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        self._open: dict[str, dict[tuple[str, bool], Entry]] = {"": {}}
        """What is known of the folders whose end has not come, outermost first: each is in the one before it."""

    @property
    def is_full(self) -> bool:
        return self._count >= self._most

    def add(self, entries: Iterable[Entry]) -> list[Listing]:
        """What is known by these, parents first: folders of which all has come are complete."""
        finished: list[Listing] = []
        for entry in entries:
            if self.is_full:
                break
            self._count += not entry.is_folder
            folder = paths.parent(entry.path)
            while (innermost := next(reversed(self._open))) != folder and not paths.is_under(folder, innermost):
                finished.append(_listing(innermost, self._open.pop(innermost)))
            for above in paths.ancestors(entry.path):
                if above not in self._open:
                    self._open[paths.parent(above)][paths.name(above), False] = Entry(above, EntryKind.FOLDER)
                    self._open[above] = {}
            self._open[folder][entry.name, not entry.is_folder] = entry
        return [*self.rest(self._open, "Still reading…"), *reversed(finished)]

    def end(self) -> list[Listing]:
        """The rest, when all has come."""
        return [_listing(folder, rows) for folder, rows in self._open.items()]

    def rest(self, folders: Collection[str], note: str) -> list[Listing]:
        """Those of these folders whose end has not come, as far as they are known."""
        return [
            replace(_listing(folder, rows), complete=False, note=note)
            for folder, rows in self._open.items()
            if folder in folders
        ]


def _listing(folder: str, rows: Mapping[tuple[str, bool], Entry]) -> Listing:
    return Listing(folder, [entry for _, entry in sorted(rows.items())])
