"""A store that cannot list everywhere, shown by the paths that were used from here.

Where the store lists, its listing is given as it is. Elsewhere a folder has what is remembered of it: never complete,
which its note says, and no error. A path is remembered when something was read or written there, and forgotten when
nothing is there any more. Names only; see `kvtui.services.remembered` for where they are kept.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

from kvtui.backends.contract import Backend
from kvtui.backends.delegating import DelegatingBackend
from kvtui.backends.not_found import missing_folder
from kvtui.backends.one_by_one import walk_below
from kvtui.domain import path as paths
from kvtui.domain.capability import BackendInfo, Capability
from kvtui.domain.errors import NotFound, PermissionDenied
from kvtui.domain.metadata import Metadata, MetadataPatch
from kvtui.domain.retention import Retention
from kvtui.domain.secret import (
    Entry,
    EntryKind,
    Found,
    History,
    Listing,
    Outline,
    Secret,
    Skip,
    Version,
    Write,
    Written,
)
from kvtui.domain.value import Fields

NOTE = "Only paths used from here: this store cannot list. Go to any other by typing it."


class Names(Protocol):
    """The remembered paths of one store. Safe for any number of threads."""

    def paths(self) -> Sequence[str]:
        """Sorted by code point, each once. Cheap where nothing was added since."""

    def add(self, path: str) -> None:
        """Remember it."""

    def drop(self, path: str) -> None:
        """Forget it."""

    def save(self) -> None:
        """Whatever was not kept yet is, when this returns."""


class RememberingBackend(DelegatingBackend):
    """Gives LIST to a store that lacks it, as a whole or in some folders (`BackendInfo.unlisted`)."""

    def __init__(self, inner: Backend, names: Names) -> None:
        super().__init__(inner)
        self._names = names

    def info(self) -> BackendInfo:
        info = self._inner.info()
        reasons: dict[Capability, str] = {**info.reasons}
        reasons.pop(Capability.LIST, None)
        return info._replace(capabilities=info.capabilities | {Capability.LIST}, reasons=MappingProxyType(reasons))

    def why_not(self, capability: Capability, path: str | None = None) -> str:
        return "" if capability is Capability.LIST else super().why_not(capability, path)

    def limits(self, places: Sequence[str]) -> Sequence[Mapping[Capability, str]]:
        found = self._inner.limits(places)
        return [{each: why for each, why in there.items() if each is not Capability.LIST} for there in found]

    def close(self) -> None:
        try:
            self._names.save()
        finally:
            self._inner.close()

    def list(self, folder: str = "") -> Listing:
        folder = paths.check_folder(folder)
        if self._inner.can(Capability.LIST, folder):
            return self._inner.list(folder)
        self._inner.info()  # a closed store is Locked, whatever is remembered of it
        entries = self._children(folder)
        if folder and not entries and not self._is_known_folder(folder):
            raise missing_folder(folder)
        return Listing(folder, entries, complete=False, note=NOTE, remembered=True)

    def list_parts(self, folder: str = "") -> Iterator[Listing]:
        if self._inner.can(Capability.LIST, paths.check_folder(folder)):
            return self._inner.list_parts(folder)
        return iter([self.list(folder)])

    def _children(self, folder: str) -> Sequence[Entry]:
        children: dict[tuple[str, bool], Entry] = {}
        for path in self._below(folder):
            first, slash, _ = paths.relative(path, folder).partition("/")
            child = paths.join(folder, first)
            kind = EntryKind.FOLDER if slash else EntryKind.SECRET
            children[child, not slash] = Entry(child, kind)
        return tuple(children[key] for key in sorted(children))

    def _below(self, folder: str) -> Iterator[str]:
        known = self._names.paths()
        start = f"{folder}/" if folder else ""
        for at in range(bisect_left(known, start), len(known)):
            if not known[at].startswith(start):
                return
            yield known[at]

    def _is_known_folder(self, folder: str) -> bool:
        """Whether the store itself lists it as a folder, such as an empty mount."""
        above = paths.parent(folder)
        if not self._inner.can(Capability.LIST, above):
            return False
        return any(entry.is_folder and entry.path == folder for entry in self._inner.list(above).entries)

    def walk(self, folder: str = "", *, skipped: Skip | None = None) -> Iterator[Entry]:
        if self._inner.can(Capability.LIST) and not self._inner.info().unlisted:
            return self._inner.walk(folder, skipped=skipped)
        return walk_below(self, self.list(folder), skipped)

    # What is read or written somewhere is there.

    def read(self, path: str, version: int | None = None) -> Secret:
        with _Noticing(self._names, path, version):
            return self._inner.read(path, version)

    def outline(self, path: str, version: int | None = None) -> Outline:
        with _Noticing(self._names, path, version):
            return self._inner.outline(path, version)

    def metadata(self, path: str) -> Metadata:
        with _Noticing(self._names, path):
            return self._inner.metadata(path)

    def versions(self, path: str) -> Sequence[Version]:
        with _Noticing(self._names, path):
            return self._inner.versions(path)

    def read_history(self, path: str) -> History:
        with _Noticing(self._names, path):
            return self._inner.read_history(path)

    def read_many(self, wanted: Iterable[str]) -> Iterator[Found]:
        for found in self._inner.read_many(wanted):
            if found.secret is not None:
                self._names.add(found.path)
            elif found.error is None:
                self._names.drop(found.path)
            yield found

    def write(
        self, path: str, fields: Fields, *, metadata: MetadataPatch = MetadataPatch(), expected: int | None = None
    ) -> Version:
        with _Noticing(self._names, path):
            return self._inner.write(path, fields, metadata=metadata, expected=expected)

    def patch(self, path: str, fields: Fields, *, expected: int | None = None) -> Version:
        with _Noticing(self._names, path):
            return self._inner.patch(path, fields, expected=expected)

    def write_metadata(self, path: str, patch: MetadataPatch, retention: Retention | None = None) -> Metadata:
        with _Noticing(self._names, path):
            return self._inner.write_metadata(path, patch, retention)

    def rotate(self, path: str, fields: Fields | None = None) -> Version:
        with _Noticing(self._names, path):
            return self._inner.rotate(path, fields)

    def undelete(self, path: str, versions: Sequence[int] = ()) -> None:
        with _Noticing(self._names, path):
            self._inner.undelete(path, versions)

    def write_history(self, history: History) -> None:
        with _Noticing(self._names, history.path):
            self._inner.write_history(history)

    def write_many(self, writes: Iterable[Write]) -> Iterator[Written]:
        return self._noticed(self._inner.write_many(writes))

    def write_histories(self, histories: Iterable[History]) -> Iterator[Written]:
        return self._noticed(self._inner.write_histories(histories))

    def _noticed(self, results: Iterator[Written]) -> Iterator[Written]:
        try:
            for written in results:
                if written.error is None:
                    self._names.add(written.path)
                yield written
        finally:
            self._names.save()

    def delete(self, path: str, versions: Sequence[int] = ()) -> None:
        with _Noticing(self._names, path):
            self._inner.delete(path, versions)
        if not self._inner.can(Capability.UNDELETE, path):
            self._names.drop(path)

    def destroy(self, path: str, versions: Sequence[int] = ()) -> None:
        with _Noticing(self._names, path):
            self._inner.destroy(path, versions)
        if not versions:
            self._names.drop(path)

    def move(self, source: str, target: str) -> None:
        with _Noticing(self._names, source):
            self._inner.move(source, target)
        self._names.drop(source)
        self._names.add(target)

    def copy(self, source: str, target: str, *, move: bool = False, overwrite: bool = False) -> None:
        with _Noticing(self._names, source):
            self._inner.copy(source, target, move=move, overwrite=overwrite)
        if move and not self._inner.can(Capability.UNDELETE, source):
            self._names.drop(source)
        self._names.add(target)


class _Noticing:
    """Remembers a path where the body went well, and forgets it where nothing is there. An old version that is missing
    says nothing about the secret, nor does what somebody may not read."""

    def __init__(self, names: Names, path: str, version: int | None = None) -> None:
        self._names = names
        self._path = path
        self._version = version

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None:
            self._names.add(self._path)
        elif isinstance(error, NotFound) and not isinstance(error, PermissionDenied) and self._version is None:
            self._names.drop(self._path)
