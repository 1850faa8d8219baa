"""A YAML file as a store: the development file of the secrets API with canonical URIs, in plain text.

Every call sees the file as it is now. A write holds a lock that other kvtui processes heed, reads the file again, and
replaces it as a whole; an editor that saves in between is noticed until the moment of replacing.
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from kvtui import locations
from kvtui.backends.contract import Backend
from kvtui.backends.not_found import missing, missing_folder, missing_version
from kvtui.backends.rereading import Rereading
from kvtui.backends.yaml.document import Document
from kvtui.backends.yaml.nodes import MAX_CHARACTERS
from kvtui.domain import path as paths
from kvtui.domain.capability import BackendInfo, Capability
from kvtui.domain.errors import (
    AlreadyExists,
    Conflict,
    Corrupt,
    KvtuiError,
    Locked,
    NotFound,
    PermissionDenied,
    Unavailable,
)
from kvtui.domain.metadata import Metadata, MetadataPatch
from kvtui.domain.secret import Entry, EntryKind, Indexed, Listing, Secret, Skip, Version, Write, Written
from kvtui.domain.value import Fields

CAPABILITIES: Final = frozenset(
    {
        Capability.LIST,
        Capability.READ,
        Capability.WRITE,
        Capability.FIELDS,
        Capability.TYPED_VALUES,
        Capability.BYTES,
        Capability.DELETE,
        Capability.REREAD,
        Capability.INDEX,
        Capability.CHANGE_SIGNAL,
    }
)
_REASONS: Final = MappingProxyType(
    {
        Capability.VERSIONS: "A YAML file keeps no versions.",
        Capability.UNDELETE: "A YAML file keeps nothing of what is deleted.",
        Capability.METADATA: "A YAML file keeps values alone: no type, description, tags or owner.",
        Capability.EDIT_METADATA: "A YAML file keeps values alone: no type, description, tags or owner.",
    }
)
_WARNING = "PLAIN TEXT: who can read the file reads the secrets"
_ONLY = Version(1, numbered=False)
_AT_ONCE = 1000
"""Writes of a bulk that go into the file together."""

_Stamp = tuple[int, int, int]
_NONE: _Stamp = (0, 0, 0)
_TICK = 50_000_000
"""Nanoseconds: file systems give two writes within a clock tick the same time, and a replaced file an old inode."""


@dataclass(frozen=True, slots=True)
class _Reading:
    stamp: _Stamp
    digest: bytes
    document: Document
    certain: bool
    """Whether another stamp would tell of any later change."""


class YamlBackend(Backend):
    """`may_be_missing`: a file that is not there is an empty store, and made by the first write."""

    def __init__(self, file: Path, *, may_be_missing: bool = True) -> None:
        self._file = file
        self._may_be_missing = may_be_missing
        self._lock = threading.RLock()
        self._read_at: _Reading | None = None
        self._seen = Rereading()
        self._closed = False
        self._document()

    def info(self) -> BackendInfo:
        if self._closed:
            raise Locked("This file is closed.", hint="Open the profile again.")
        return BackendInfo("yaml", str(self._file), CAPABILITIES, reasons=_REASONS, keeps_order=False, warning=_WARNING)

    def close(self) -> None:
        with self._lock:
            self._closed, self._read_at = True, None

    @property
    def notes(self) -> Sequence[str]:
        found: list[str] = []
        if hidden := self._document().hidden:
            what = "1 entry has" if hidden == 1 else f"{hidden} entries have"
            found.append(f"{what} no place among folders and secrets, and {'is' if hidden == 1 else 'are'} not shown.")
        try:
            if self._file.stat().st_mode & 0o077:
                found.append("Others on this machine may read the file: close it with chmod go-rwx.")
        except OSError:
            pass  # not there yet
        return found

    # Reading

    def list(self, folder: str = "") -> Listing:
        folder = paths.check_folder(folder)
        found = self._document().folder(folder)
        if folder and (found is None or not found.folders):
            raise missing_folder(folder)
        entries: list[Entry] = []
        for name in sorted(found.folders) if found else ():
            below = found.folders[name] if found else None
            path = paths.join(folder, name)
            if below and below.folders:
                entries.append(Entry(path, EntryKind.FOLDER))
            if below and below.is_secret:
                entries.append(Entry(path, EntryKind.SECRET))
        return Listing(folder, entries)

    def walk(self, folder: str = "", *, skipped: Skip | None = None) -> Iterator[Entry]:  # noqa: ARG002 - all or nothing
        self.list(folder)
        found = sorted(self._document().secrets(paths.check_folder(folder)))
        return iter([Entry(path, EntryKind.SECRET) for path in found])

    def index(self, folder: str = "", *, skipped: Skip | None = None) -> Iterator[Indexed]:
        return (Indexed(entry.path) for entry in self.walk(folder, skipped=skipped))

    def read(self, path: str, version: int | None = None) -> Secret:
        paths.check(path)
        fields = self._document().fields(path)
        if fields is None:
            self._seen.saw(path, None)
            raise missing(path)
        if version is not None:
            self._lacks(Capability.VERSIONS, path)
        self._seen.saw(path, fields)
        return Secret(path, _ONLY, fields, Metadata(), 1)

    def caveats(self, secret: Secret) -> Mapping[str, str]:
        return self._document().caveats(secret.path)

    def change_token(self) -> int:
        self.info()
        self._document()
        return 0 if self._read_at is None else hash((self._read_at.stamp, self._read_at.digest))

    # Writing

    def check(self, path: str, fields: Fields, metadata: MetadataPatch = MetadataPatch()) -> None:
        super().check(path, fields, metadata)
        self._check_place(self._document(), path, fields)

    def write(
        self, path: str, fields: Fields, *, metadata: MetadataPatch = MetadataPatch(), expected: int | None = None
    ) -> Version:
        super().check(path, fields, metadata)
        with self._changing() as document:
            self._prepare(document, path, fields, expected)
            self._replace(document, {path: fields})
        self._seen.saw(path, fields)
        return _ONLY

    def write_many(self, writes: Iterable[Write]) -> Iterator[Written]:
        together: dict[str, Write] = {}
        for each in writes:
            if each.path in together or len(together) == _AT_ONCE:
                yield from self._write_together(tuple(together.values()))
                together = {}
            together[each.path] = each
        if together:
            yield from self._write_together(tuple(together.values()))

    def _write_together(self, writes: Sequence[Write]) -> Iterator[Written]:
        """In one replacement of the file. Where they do not go together, one by one: those that cannot be written
        leave the others alone."""
        try:
            with self._changing() as document:
                for each in writes:
                    super().check(each.path, each.fields, each.metadata)
                    self._prepare(document, each.path, each.fields, each.expected)
                self._replace(document, {each.path: each.fields for each in writes})
        except (Locked, Unavailable, PermissionDenied):
            raise
        except KvtuiError as error:
            if len(writes) == 1:
                yield Written(writes[0].path, error=error)
            else:
                yield from (written for each in writes for written in self._write_together((each,)))
        else:
            for each in writes:
                self._seen.saw(each.path, each.fields)
                yield Written(each.path, _ONLY)

    def delete(self, path: str, versions: Sequence[int] = ()) -> None:
        paths.check(path)
        with self._changing() as document:
            if document.fields(path) is None:
                raise missing(path)
            for version in versions:
                if version != 1:
                    raise missing_version(path, version)
            self._replace(document, {path: None})
        self._seen.saw(path, None)

    def _prepare(self, document: Document, path: str, fields: Fields, expected: int | None) -> None:
        """Raises what keeps it from being written."""
        now = document.fields(path)
        if now is None:
            self._check_new(document, path)
        self._check_place(document, path, fields)
        self._seen.check(path, now, expected)

    @staticmethod
    def _check_new(document: Document, path: str) -> None:
        paths.check_new(path)
        twin = document.twin(path)
        if twin is not None:
            raise AlreadyExists(
                "There is a name that differs only in how its characters are composed.",
                hint="Use the one that is there.",
                path=twin,
            )

    @staticmethod
    def _check_place(document: Document, path: str, fields: Fields) -> None:
        refusal = document.refusal(path, fields)
        if refusal is not None:
            raise refusal

    # The file

    @contextmanager
    def _changing(self) -> Iterator[Document]:
        """The file as it is, while no other kvtui changes it."""
        self.info()
        with self._lock, locations.alone(_lock_of(self._file)):
            self._read_at = None
            yield self._document()

    def _replace(self, document: Document, wanted: Mapping[str, Fields | None]) -> None:
        data = document.changed(wanted)
        mode = stat.S_IMODE(self._file.stat().st_mode) if self._stamp() != _NONE else 0o600
        with locations.replacing_private(self._file) as file:
            os.fchmod(file.fileno(), mode)  # the service that reads it too may be another user
            file.write(data)
            if self._read_at is None or self._digest(self._bytes()) != self._read_at.digest:
                raise Conflict(
                    "Somebody changed the file meanwhile.",
                    expected=1,
                    actual=1,
                    hint="Read it again and repeat the change.",
                    path=next(iter(wanted), None),
                )
        self._read_at = None

    def _document(self) -> Document:
        """Parsed anew when the file is another one."""
        self.info()
        with self._lock:
            stamp = self._stamp()
            last = self._read_at
            if last is not None and last.stamp == stamp and last.certain:
                return last.document
            data = self._bytes()  # after the stamp: what changes in between is read once more
            digest = self._digest(data)
            same = last is not None and last.digest == digest
            document = last.document if last is not None and same else Document(data, self._file.name)
            self._read_at = _Reading(stamp, digest, document, time.time_ns() - stamp[1] > _TICK)
            return document

    @staticmethod
    def _digest(data: bytes) -> bytes:
        return hashlib.sha256(data).digest()

    def _stamp(self) -> _Stamp:
        try:
            info = self._file.stat()
        except FileNotFoundError:
            return _NONE
        except OSError as error:
            raise self._unreadable(error) from error
        return info.st_ino, info.st_mtime_ns, info.st_size

    def _bytes(self) -> bytes:
        locations.check_private_file(self._file)
        try:
            with self._file.open("rb") as file:
                data = file.read(MAX_CHARACTERS + 1)
        except FileNotFoundError:
            if self._may_be_missing:
                return b""
            raise NotFound(f"There is no file {self._file}.", hint="Check the profile's path.") from None
        except OSError as error:
            raise self._unreadable(error) from error
        if len(data) > MAX_CHARACTERS:
            raise Corrupt(
                f"{self._file.name} is larger than {MAX_CHARACTERS >> 20} MiB.", hint="Keep so much in a vault."
            )
        return data

    def _unreadable(self, error: OSError) -> Unavailable:
        return Unavailable(f"{self._file} cannot be read ({error.strerror}).", hint="Check its rights.")


def _lock_of(file: Path) -> Path:
    """Not beside the file, which is often in a repository."""
    name = hashlib.sha256(os.fsencode(file.absolute())).hexdigest()[:32]
    return locations.private_dir(locations.runtime_dir() / "locks") / f"{name}.lock"
