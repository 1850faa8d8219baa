"""Everything that reads an open vault."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from kvtui.backends.contract import Backend
from kvtui.backends.file import files, integrity, reads, records, sealing
from kvtui.backends.file.columns import to_column
from kvtui.backends.file.schema import LIVE, SecretRow, VersionRow
from kvtui.backends.file.vault import Vault
from kvtui.backends.not_found import missing, missing_folder, missing_version
from kvtui.domain import path as paths
from kvtui.domain.capability import ON_SERVERS, BackendInfo, Capability
from kvtui.domain.codec import decode_fields
from kvtui.domain.credential import KeySlot
from kvtui.domain.errors import Corrupt
from kvtui.domain.metadata import Metadata
from kvtui.domain.progress import Progress, silent
from kvtui.domain.secret import (
    Deleted,
    Entry,
    EntryKind,
    Found,
    History,
    Indexed,
    Listing,
    Scheduled,
    Secret,
    StoredVersion,
    Version,
)
from kvtui.domain.value import Fields, SecretValue

if TYPE_CHECKING:
    import apsw

    from kvtui.domain.backup import BackedUp

ALL = frozenset(Capability) - ON_SERVERS

CHUNK = 1000
"""Rows read at once when streaming: no transaction outlives a chunk, so nothing holds up the write-ahead log."""
CHUNK_BYTES = 8 * 1024 * 1024
FIRST_PART, PART = 500, 2000
"""Children of a folder that are listed at once, where they are listed in parts."""
MORE = "Still reading…"


class VaultReading(Backend):
    """The half of the backend that changes nothing."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._database = vault.database
        self._info = BackendInfo(kind="file", location=files.shown(vault.location), capabilities=ALL)

    @property
    def notes(self) -> Sequence[str]:
        """What is odd about this vault but does no harm, in plain words."""
        anchor = self._vault.anchor.note
        return (*self._vault.notes, anchor) if anchor else tuple(self._vault.notes)

    def info(self) -> BackendInfo:
        self._database.check()
        return self._info

    def close(self) -> None:
        self._vault.close()

    @property
    def unverified(self) -> bool:
        return not self._vault.was_checked

    def verify(self, *, gently: bool = False, progress: Progress = silent) -> Sequence[str]:
        return integrity.verify(self._vault, gently=gently, progress=progress)

    def list(self, folder: str = "") -> Listing:
        folder = paths.check_folder(folder)
        with self._database.reading() as connection:
            entries = [records.entry(*row) for row in reads.children(connection, folder)]
            if not folder:
                known = {entry.path for entry in entries if entry.is_folder}
                empty = [name for name in reads.container_names(connection) if name not in known]
                entries.extend(Entry(name, EntryKind.FOLDER) for name in empty)
            elif not entries and reads.container(connection, folder) is None:
                raise missing_folder(folder)
        return Listing(folder, _sorted(entries))

    def list_parts(self, folder: str = "") -> Iterator[Listing]:
        folder = paths.check_folder(folder)
        if not folder:
            yield self.list()
            return
        after, most = "", FIRST_PART
        while True:
            with self._database.reading() as connection:
                rows = list(islice(reads.children(connection, folder, after), most))
                if not rows and not after and reads.container(connection, folder) is None:
                    raise missing_folder(folder)
            is_last = len(rows) < most
            yield Listing(folder, _sorted([records.entry(*row) for row in rows]), is_last, "" if is_last else MORE)
            if is_last:
                return
            after, most = reads.behind(*rows[-1][:2]), PART

    def walk(self, folder: str = "", *, skipped: object = None) -> Iterator[Entry]:  # noqa: ARG002 - nothing is
        return (
            records.entry(row.path, row.type, row.state, row.rotation, row.rotate_due) for row in self._stream(folder)
        )

    def index(self, folder: str = "", *, skipped: object = None) -> Iterator[Indexed]:  # noqa: ARG002
        return map(records.indexed, self._stream(folder))

    def scheduled(self, folder: str = "", *, skipped: object = None) -> Iterator[Scheduled]:  # noqa: ARG002
        live = (row for row in self._stream(folder) if row.state == LIVE)
        return (records.scheduled(row) for row in live if row.rotation is not None)

    def find(self, text: str, limit: int, *, skipped: object = None) -> Sequence[Indexed]:  # noqa: ARG002
        """By the trigram index where it can tell; less than three characters, or others than printable ASCII, need all
        rows. The index does not know that `ß` may be searched as `ss`, nor other letters that fold to several."""
        if len(text) < 3 or not (text.isascii() and text.isprintable()):
            return super().find(text, limit)
        needle = text.casefold()
        trigrams = sorted({needle[start : start + 3] for start in range(len(needle) - 2)})
        query = " AND ".join('"' + trigram.replace('"', '""') + '"' for trigram in trigrams)
        found: list[Indexed] = []
        after = 0
        while len(found) < limit:
            with self._database.reading() as connection:
                rows = reads.matching(connection, query, after, CHUNK)
            found.extend(entry for entry in map(records.indexed, rows) if entry.mentions(needle))
            if len(rows) < CHUNK:
                break
            after = rows[-1].id
        return tuple(sorted(found[:limit], key=lambda entry: entry.path))

    def read(self, path: str, version: int | None = None) -> Secret:
        with self._database.reading() as connection:
            row = found(connection, path)
            kept = kept_version(connection, row, row.current if version is None else version)
        fields = self._fields(kept) if kept.state == LIVE else {}
        return Secret(path, records.version(kept), fields or {}, records.metadata(row), row.current)

    def read_many(self, wanted: Iterable[str]) -> Iterator[Found]:
        self._database.check()
        return self._read_chunks(iter(wanted))

    def metadata(self, path: str) -> Metadata:
        with self._database.reading() as connection:
            return records.metadata(found(connection, path))

    def versions(self, path: str) -> Sequence[Version]:
        with self._database.reading() as connection:
            row = found(connection, path)
            return tuple(records.version(kept) for kept in reads.versions(connection, row.id))

    def read_history(self, path: str) -> History:
        with self._database.reading() as connection:
            row = found(connection, path)
            kept = list(reads.versions(connection, row.id))
        versions = tuple(StoredVersion(records.version(one), self._fields(one)) for one in kept)
        return History(path, records.metadata(row), versions)

    def trash(self, *, skipped: object = None) -> Iterator[Deleted]:  # noqa: ARG002
        with self._database.reading() as connection:
            rows = reads.deleted(connection)
        return iter(records.trash(rows))

    def change_token(self) -> int:
        # Every commit of every kvtui adds one to it, our own too; PRAGMA data_version shows others' only.
        return self._vault.generation()

    def containers(self) -> Sequence[str]:
        with self._database.reading() as connection:
            folders = {path for path, kind, *_ in reads.children(connection, "") if kind is None}
            return tuple(sorted(folders.union(reads.container_names(connection))))

    def key_slots(self) -> Sequence[KeySlot]:
        return self._vault.slots()

    def export_page_key(self) -> SecretValue:
        return self._vault.export_page_key()

    def backup(self, file: Path, *, overwrite: bool = False, progress: Progress = silent) -> BackedUp:
        from kvtui.backends.file import backups  # noqa: PLC0415 - few sessions make one

        return backups.back_up(self._vault, file, overwrite=overwrite, progress=progress)

    def derive_key(self, purpose: str) -> bytes | None:
        return self._vault.derive_key(purpose)

    def _read_chunks(self, paths_: Iterator[str]) -> Iterator[Found]:
        left: list[str] = []
        while left := [*left, *islice(paths_, CHUNK - len(left))]:
            with self._database.reading() as connection:
                rows, stopped = reads.current(connection, left, CHUNK_BYTES)
            found = iter(rows)
            row, kept = next(found, (None, None))
            count = 0
            for path in left:
                if row is None or kept is None or row.path != to_column(path):
                    if row is None and stopped:
                        break
                    yield Found(path)
                else:
                    yield self._found(path, row, kept)
                    row, kept = next(found, (None, None))
                count += 1
            left = left[count:]

    def _found(self, path: str, row: SecretRow, kept: VersionRow) -> Found:
        try:
            fields = self._fields(kept) if kept.state == LIVE else {}
        except Corrupt as error:
            return Found(path, error=error)
        return Found(path, Secret(path, records.version(kept), fields or {}, records.metadata(row), row.current))

    def _stream(self, folder: str) -> Iterator[SecretRow]:
        """The secrets below a folder, chunk by chunk. Raises NotFound at once."""
        folder = paths.check_folder(folder)
        with self._database.reading() as connection:
            first = reads.below(connection, folder, "", CHUNK)
            if not first and folder and reads.container(connection, folder) is None:
                raise missing_folder(folder)
        return self._rest(folder, first)

    def _rest(self, folder: str, rows: Sequence[SecretRow]) -> Iterator[SecretRow]:
        while rows:
            yield from rows
            if len(rows) < CHUNK:
                return
            with self._database.reading() as connection:
                rows = reads.below(connection, folder, rows[-1].path, CHUNK)

    def _fields(self, row: VersionRow) -> Fields | None:
        """None for a destroyed version. Raises Corrupt."""
        if row.sealed is None:
            return None
        self._database.check()
        key = self._vault.keys.value
        return decode_fields(sealing.unseal(key, self._vault.uuid, row.secret, row.number, row.sealed))


def _sorted(entries: Sequence[Entry]) -> Sequence[Entry]:
    return tuple(sorted(entries, key=lambda entry: (entry.path, not entry.is_folder)))


def found(connection: apsw.Connection, path: str) -> SecretRow:
    row = reads.find(connection, paths.check(path))
    if row is None:
        raise missing(path)
    return row


def kept_version(connection: apsw.Connection, row: SecretRow, number: int) -> VersionRow:
    kept = reads.version(connection, row.id, number)
    if kept is None:
        raise missing_version(row.path, number)
    return kept
