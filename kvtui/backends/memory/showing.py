"""What is there, for the reference backend: listings, what may be searched, what can be undeleted."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from itertools import islice

from kvtui.backends.contract import Backend
from kvtui.backends.memory.store import Held, MemoryStore, entry_of, indexed_of
from kvtui.backends.not_found import missing_folder
from kvtui.domain import path as paths
from kvtui.domain.capability import Capability
from kvtui.domain.errors import PermissionDenied
from kvtui.domain.secret import Deleted, Entry, EntryKind, Indexed, Listing, Skip, Skipped, VersionState


class Showing(Backend):
    """The part of a backend in memory that lists."""

    _store: MemoryStore

    @abstractmethod
    def _using(self, capability: Capability, path: str | None = None) -> AbstractContextManager[dict[str, Held]]:
        """The secrets, with nobody else at them. Raises Locked, Unsupported."""

    def list(self, folder: str = "") -> Listing:
        folder = paths.check_folder(folder)
        with self._using(Capability.LIST, folder) as held:
            self._must_be_listed(folder)
            below = self._below(folder)
            children: dict[tuple[str, bool], Entry] = {}
            if not folder:
                children = {(name, False): Entry(name, EntryKind.FOLDER) for name in self._store.containers}
            for path in below:
                first, slash, _ = paths.relative(path, folder).partition("/")
                child = paths.join(folder, first)
                if slash:
                    children[child, False] = Entry(child, EntryKind.FOLDER)
                else:
                    children[child, True] = entry_of(path, held[path])
        return Listing(folder, tuple(children[key] for key in sorted(children)))

    def walk(self, folder: str = "", *, skipped: Skip | None = None) -> Iterator[Entry]:
        with self._using(Capability.LIST, folder) as held:
            return iter([entry_of(path, held[path]) for path in self._listed_below(folder, skipped)])

    def index(self, folder: str = "", *, skipped: Skip | None = None) -> Iterator[Indexed]:
        with self._using(Capability.INDEX, folder) as held:
            return iter([indexed_of(path, held[path]) for path in self._listed_below(folder, skipped)])

    def find(self, text: str, limit: int, *, skipped: Skip | None = None) -> Sequence[Indexed]:
        if self.can(Capability.INDEX) or not self.can(Capability.SEARCH):
            return super().find(text, limit, skipped=skipped)
        with self._using(Capability.SEARCH) as held:
            rows = (indexed_of(path, held[path]) for path in self._listed_below("", skipped))
            return tuple(islice((row for row in rows if row.mentions(text.casefold())), limit))

    def trash(self, *, skipped: Skip | None = None) -> Iterator[Deleted]:
        with self._using(Capability.TRASH) as held:
            found = []
            for path in self._listed_below("", skipped):
                versions = [kept.version for kept in held[path].versions.values()]
                deleted = [version for version in versions if version.state is VersionState.DELETED]
                if deleted:
                    last = max(deleted, key=lambda version: version.deleted_at or datetime.min.replace(tzinfo=UTC))
                    numbers = tuple(version.number for version in deleted)
                    found.append(Deleted(path, numbers, last.deleted_at, last.deleted_by))
        return iter(found)

    def _must_be_listed(self, folder: str) -> None:
        if folder in self._store.denied or not self._store.denied.isdisjoint(paths.ancestors(folder)):
            raise PermissionDenied("This folder may not be listed.", hint="Ask for the right.", path=folder)

    def _listed_below(self, folder: str, skipped: Skip | None) -> Sequence[str]:
        """The paths below a folder, sorted, without those in folders that may not be listed."""
        folder = paths.check_folder(folder)
        self._must_be_listed(folder)
        found, denied = sorted(self._below(folder)), set[str]()
        for path in found:
            outermost = next((each for each in paths.ancestors(path) if each in self._store.denied), None)
            if outermost is not None and outermost not in denied:
                denied.add(outermost)
                error = PermissionDenied("This folder may not be listed.", hint="Ask for the right.", path=outermost)
                if skipped is None:
                    raise error
                skipped(Skipped(outermost, error))
        return [path for path in found if denied.isdisjoint(paths.ancestors(path))] if denied else found

    def _below(self, folder: str) -> Sequence[str]:
        found = [path for path in self._store.secrets if paths.is_under(path, folder)]
        if not found and folder and folder not in self._store.containers:
            raise missing_folder(folder)
        return found
