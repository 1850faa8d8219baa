"""Listings of more than one folder."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Growth:
    """Children of a folder that came since the last time. Others may come, and `note` says why not all are there; once
    it is empty there are no others."""

    path: str
    entries: Sequence[Entry]
    note: str = ""


class GrowingTree:
    """The listings of all folders out of a walk, while it goes on. Folders are taken up until `most` secrets came.

    Of folders that are `known` already nothing is told until all of it came, for some of it would be less than before;
    and nothing ever of the root, as a walk has no folder without secrets.
    """

    def __init__(self, most: int, known: Iterable[str] = ()) -> None:
        self._left = most
        self._known = frozenset(known)
        self._open: list[_Folder] = [_Folder("")]
        """What is known of the folders whose end has not come: each is in the one before it."""

    @property
    def is_full(self) -> bool:
        return self._left <= 0

    def add(self, entries: Iterable[Entry]) -> list[Growth | Listing]:
        """What is new by these, parents first; of the `known` their listings."""
        finished: list[_Folder] = []
        innermost = self._open[-1]
        for entry in entries:
            if self.is_full:
                break
            self._left -= not entry.is_folder
            folder = entry.path.rpartition("/")[0]
            if folder != innermost.path:
                finished += self._enter(folder)
                innermost = self._open[-1]
            innermost.add(entry)
        return [*self.rest("Still reading…", new=True), *self._ended(finished)]

    def end(self) -> list[Growth | Listing]:
        """The rest, when all has come."""
        return self._ended(self._open[::-1])

    def rest(self, note: str, *, new: bool = False) -> list[Growth | Listing]:
        """Of the folders whose end has not come and that are not `known`; with `new`, of those with something new."""
        return [
            Growth(folder.path, folder.new(), note)
            for folder in self._open
            if folder.path not in self._known and (folder.has_new or not new)
        ]

    def _enter(self, folder: str) -> Iterator[_Folder]:
        """The folders that are left for it: all of them has come."""
        while (left := self._open[-1].path) and folder != left and not paths.is_under(folder, left):
            yield self._open.pop()
        chain = [*paths.ancestors(folder), folder] if folder else []
        for place in chain[len(self._open) - 1 :]:
            self._open[-1].add(Entry(place, EntryKind.FOLDER))
            self._open.append(_Folder(place))

    def _ended(self, folders: Sequence[_Folder]) -> list[Growth | Listing]:
        return [
            folder.listing() if folder.path in self._known else Growth(folder.path, folder.new())
            for folder in reversed(folders)
            if folder.path or "" not in self._known
        ]


class _Folder:
    def __init__(self, path: str) -> None:
        self.path = path
        self._entries: list[Entry] = []
        self._folders: set[str] = set()
        self._told = -1

    def add(self, entry: Entry) -> None:
        """A folder may come twice: when it cannot be listed whole, and with what is in it."""
        if entry.is_folder:
            if entry.path in self._folders:
                return
            self._folders.add(entry.path)
        self._entries.append(entry)

    @property
    def has_new(self) -> bool:
        return self._told < len(self._entries)

    def new(self) -> list[Entry]:
        """What was added since the last time, in order."""
        told, self._told = max(0, self._told), len(self._entries)
        return sorted(self._entries[told:], key=_order)

    def listing(self) -> Listing:
        return Listing(self.path, sorted(self._entries, key=_order))


def _order(entry: Entry) -> tuple[str, bool]:
    return entry.path, not entry.is_folder
