"""The open vault as a Backend."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from kvtui.backends.contract import Backend, Found, Write, Written, mentions, missing, missing_folder, missing_version
from kvtui.backends.file import files, integrity, reads, records, sealing
from kvtui.backends.file.columns import to_column
from kvtui.backends.file.schema import DELETED, DESTROYED, LIVE, ContainerRow, SecretRow, VersionRow
from kvtui.backends.file.transaction import Transaction
from kvtui.backends.file.vault import Vault
from kvtui.clock import utc_now
from kvtui.domain import path as paths
from kvtui.domain.capability import BackendInfo, Capability
from kvtui.domain.codec import decode_fields, encode_fields
from kvtui.domain.credential import Credential, KeySlot
from kvtui.domain.errors import AlreadyExists, Conflict, Corrupt, InvalidInput, InvalidPath, KvtuiError, NotFound
from kvtui.domain.metadata import Metadata, MetadataPatch
from kvtui.domain.progress import Progress, silent
from kvtui.domain.secret import (
    Deleted,
    Entry,
    EntryKind,
    History,
    Indexed,
    Listing,
    Secret,
    StoredVersion,
    Version,
    VersionState,
)
from kvtui.domain.value import Fields, SecretValue

if TYPE_CHECKING:
    import apsw

    from kvtui.domain.backup import BackedUp

ALL = frozenset(Capability)

_CHUNK = 1000
"""Rows read at once when streaming: no transaction outlives a chunk, so nothing holds up the write-ahead log."""
_COMMIT_WRITES = 4000
_COMMIT_BYTES = 8 * 1024 * 1024


class FileBackend(Backend):
    """`max_versions`: how many versions of a secret are kept where it does not say itself; 0 for all."""

    def __init__(
        self, vault: Vault, *, max_versions: int = 0, clock: Callable[[], datetime] = utc_now, user: str | None = None
    ) -> None:
        self._vault = vault
        self._database = vault.database
        self._max_versions = max_versions
        self._clock = clock
        self._user = user or _login()
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

    # Reading

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
        entries.sort(key=lambda entry: (entry.path, not entry.is_folder))
        return Listing(folder, tuple(entries))

    def walk(self, folder: str = "") -> Iterator[Entry]:
        return (records.entry(row.path, row.type, row.state) for row in self._stream(folder))

    def index(self, folder: str = "") -> Iterator[Indexed]:
        return map(records.indexed, self._stream(folder))

    def find(self, text: str, limit: int) -> Sequence[Indexed]:
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
                rows = reads.matching(connection, query, after, _CHUNK)
            found.extend(entry for entry in map(records.indexed, rows) if mentions(entry, needle))
            if len(rows) < _CHUNK:
                break
            after = rows[-1].id
        return tuple(sorted(found[:limit], key=lambda entry: entry.path))

    def read(self, path: str, version: int | None = None) -> Secret:
        with self._database.reading() as connection:
            row = _found(connection, path)
            kept = _kept(connection, row, row.current if version is None else version)
        fields = self._fields(kept) if kept.state == LIVE else {}
        return Secret(path, records.version(kept), fields or {}, records.metadata(row), row.current)

    def read_many(self, paths: Iterable[str]) -> Iterator[Found]:
        self._database.check()
        return self._read_chunks(iter(paths))

    def metadata(self, path: str) -> Metadata:
        with self._database.reading() as connection:
            return records.metadata(_found(connection, path))

    def versions(self, path: str) -> Sequence[Version]:
        with self._database.reading() as connection:
            row = _found(connection, path)
            return tuple(records.version(kept) for kept in reads.versions(connection, row.id))

    def read_history(self, path: str) -> History:
        with self._database.reading() as connection:
            row = _found(connection, path)
            kept = list(reads.versions(connection, row.id))
        versions = tuple(StoredVersion(records.version(one), self._fields(one)) for one in kept)
        return History(path, records.metadata(row), versions)

    def trash(self) -> Iterator[Deleted]:
        with self._database.reading() as connection:
            rows = reads.deleted(connection)
        return iter(records.trash(rows))

    def change_token(self) -> int:
        # Every commit of every kvtui adds one to it, our own too; PRAGMA data_version shows others' only.
        return self._vault.generation()

    # Writing

    def write(
        self, path: str, fields: Fields, *, metadata: MetadataPatch = MetadataPatch(), expected: int | None = None
    ) -> Version:
        data = encode_fields(fields)
        with self._vault.change() as transaction:
            old = reads.find(transaction.connection, path)
            return self._put(transaction, old, Write(path, fields, metadata, expected), data)[1]

    def write_many(self, writes: Iterable[Write]) -> Iterator[Written]:
        self._database.check()
        return self._write_chunks(iter(writes))

    def write_metadata(self, path: str, patch: MetadataPatch) -> Metadata:
        with self._vault.change() as transaction:
            old = _found(transaction.connection, path)
            current = reads.version(transaction.connection, old.id, old.current)
            changed = replace(patch.apply(records.metadata(old)), updated_at=self._clock())
            new = records.with_metadata(old, changed, current and records.from_micros(current.created_at))
            transaction.update_secret(old, new)
        return records.metadata(new)

    def write_history(self, history: History) -> None:
        encoded = _encoded(history)
        with self._vault.change() as transaction:
            _check_free(transaction.connection, history.path)
            self._restore(transaction, history, encoded)

    def write_histories(self, histories: Iterable[History]) -> Iterator[Written]:
        self._database.check()
        return self._history_chunks(iter(histories))

    def limit_versions(self, path: str, count: int) -> None:
        """Keep at most so many versions of this secret, dropping the oldest now and later; 0: as the vault has it."""
        if not 0 <= count < 2**31:
            raise InvalidInput("A number of versions is 0 or more.", hint="0 keeps as many as the vault does.")
        with self._vault.change() as transaction:
            old = _found(transaction.connection, path)
            new = old._replace(max_versions=count)
            transaction.update_secret(old, new)
            self._prune(transaction, new)

    def move(self, source: str, target: str) -> None:
        with self._vault.change() as transaction:
            row = _found(transaction.connection, source)
            _check_free(transaction.connection, target)
            transaction.update_secret(row, row._replace(path=target))

    # Deleting

    def delete(self, path: str, versions: Sequence[int] = ()) -> None:
        now = records.to_micros(self._clock())
        with self._changing(path, versions) as (transaction, row, chosen):
            gone = [
                kept._replace(state=DELETED, deleted_at=now, deleted_by=to_column(self._user))
                if kept.state == LIVE
                else kept
                for kept in chosen
            ]
            _update(transaction, row, chosen, gone)

    def undelete(self, path: str, versions: Sequence[int] = ()) -> None:
        with self._changing(path, versions) as (transaction, row, chosen):
            for kept in chosen:
                if kept.state == DESTROYED:
                    raise NotFound(
                        f"Version {kept.number} is destroyed.",
                        hint="Nothing brings it back.",
                        path=path,
                        state=VersionState.DESTROYED.value,
                        version=kept.number,
                    )
            _update(
                transaction,
                row,
                chosen,
                [kept._replace(state=LIVE, deleted_at=None, deleted_by=None) for kept in chosen],
            )

    def destroy(self, path: str, versions: Sequence[int] = ()) -> None:
        with self._changing(path, versions) as (transaction, row, chosen):
            if versions:
                _update(transaction, row, chosen, [kept._replace(state=DESTROYED, sealed=None) for kept in chosen])
            else:
                transaction.delete_secret(row)

    # Containers

    def containers(self) -> Sequence[str]:
        with self._database.reading() as connection:
            folders = {path for path, kind, _ in reads.children(connection, "") if kind is None}
            return tuple(sorted(folders.union(reads.container_names(connection))))

    def create_container(self, name: str) -> None:
        paths.check_new(name)
        if "/" in name:
            raise InvalidPath("A container has no slash in its name.", hint="Name one top folder.", path=name)
        created = records.to_micros(self._clock()) or 0
        with self._vault.change() as transaction:
            if _is_container(transaction.connection, name):
                raise AlreadyExists("This container exists.", hint="Use it, or choose another name.", path=name)
            transaction.insert_container(ContainerRow(name, created))

    def delete_container(self, name: str) -> None:
        with self._vault.change() as transaction:
            if not _is_container(transaction.connection, name):
                raise missing_folder(name)
            if reads.has_children(transaction.connection, name):
                raise Conflict(
                    "The container holds secrets.", expected=0, actual=1, hint="Move or destroy them first.", path=name
                )
            row = reads.container(transaction.connection, name)
            if row is not None:
                transaction.delete_container(row)

    # Keys

    def key_slots(self) -> Sequence[KeySlot]:
        return self._vault.slots()

    def add_key_slot(self, credential: Credential, label: str = "") -> KeySlot:
        return self._vault.add_slot(credential, label)

    def add_recovery_key(self, label: str = "") -> tuple[KeySlot, SecretValue]:
        return self._vault.add_recovery_key(label)

    def remove_key_slot(self, slot_id: str) -> None:
        self._vault.remove_slot(slot_id)

    def replace_key_slot(self, old: Credential, new: Credential) -> KeySlot:
        return self._vault.replace_slot(old, new)

    def export_page_key(self) -> SecretValue:
        return self._vault.export_page_key()

    def backup(self, file: Path, *, overwrite: bool = False, progress: Progress = silent) -> BackedUp:
        from kvtui.backends.file import backups  # noqa: PLC0415 - few sessions make one

        return backups.back_up(self._vault, file, overwrite=overwrite, progress=progress)

    def derive_key(self, purpose: str) -> bytes | None:
        return self._vault.derive_key(purpose)

    def _read_chunks(self, paths_: Iterator[str]) -> Iterator[Found]:
        left: list[str] = []
        while left := [*left, *islice(paths_, _CHUNK - len(left))]:
            with self._database.reading() as connection:
                rows, stopped = reads.current(connection, left, _COMMIT_BYTES)
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
            first = reads.below(connection, folder, "", _CHUNK)
            if not first and folder and reads.container(connection, folder) is None:
                raise missing_folder(folder)
        return self._rest(folder, first)

    def _rest(self, folder: str, rows: Sequence[SecretRow]) -> Iterator[SecretRow]:
        while rows:
            yield from rows
            if len(rows) < _CHUNK:
                return
            with self._database.reading() as connection:
                rows = reads.below(connection, folder, rows[-1].path, _CHUNK)

    def _write_chunks(self, writes: Iterator[Write]) -> Iterator[Written]:
        while chunk := list(islice(_sized(writes), _COMMIT_WRITES)):
            try:
                with self._vault.change() as transaction:
                    known = reads.find_all(transaction.connection, (write.path for write, _ in chunk))
                    results = [self._put_one(transaction, write, data, known) for write, data in chunk]
            except KvtuiError as error:  # the commit failed, and with it all of them
                results = [Written(write.path, error=error) for write, _ in chunk]
            yield from results

    def _history_chunks(self, histories: Iterator[History]) -> Iterator[Written]:
        while chunk := list(islice(_sized_histories(histories), _COMMIT_WRITES)):
            try:
                with self._vault.change() as transaction:
                    known = set(reads.find_all(transaction.connection, (history.path for history, _ in chunk)))
                    results = [self._restore_one(transaction, history, data, known) for history, data in chunk]
            except KvtuiError as error:  # the commit failed, and with it all of them
                results = [Written(history.path, error=error) for history, _ in chunk]
            yield from results

    def _restore_one(
        self, transaction: Transaction, history: History, data: Sequence[bytes | None] | KvtuiError, known: set[str]
    ) -> Written:
        """As `_put_one`: `known` are the paths that are taken."""
        if isinstance(data, KvtuiError):
            return Written(history.path, error=data)
        column = to_column(history.path)
        try:
            if column in known:
                raise _taken(history.path)
            paths.check_new(history.path)
        except (InvalidPath, AlreadyExists) as error:
            return Written(history.path, error=error)
        self._restore(transaction, history, data)
        known.add(column)
        return Written(history.path, history.versions[-1].version)

    def _restore(self, transaction: Transaction, history: History, encoded: Sequence[bytes | None]) -> None:
        last = history.versions[-1].version
        row = records.with_version(records.blank(history.path, last), last)
        row = transaction.insert_secret(records.with_metadata(row, history.metadata, last.created_at))
        for stored, data in zip(history.versions, encoded, strict=True):
            sealed = None if data is None else self._seal(row.id, stored.version.number, data)
            transaction.insert_version(records.version_row(row.id, stored.version, sealed))

    def _put_one(
        self, transaction: Transaction, write: Write, data: bytes | KvtuiError, known: dict[str, SecretRow]
    ) -> Written:
        """What is refused here is refused before any row is written, so the others of the commit are not touched.

        `known` are the stored rows the commit is about, by path as stored; what is written goes there too.
        """
        if isinstance(data, KvtuiError):
            return Written(write.path, error=data)
        try:
            old = known.get(to_column(write.path))
            row, version = self._put(transaction, old, write, data)
        except (InvalidPath, InvalidInput, Conflict, AlreadyExists) as error:
            return Written(write.path, error=error)
        known[row.path] = row
        return Written(write.path, version)

    def _put(
        self, transaction: Transaction, old: SecretRow | None, write: Write, data: bytes
    ) -> tuple[SecretRow, Version]:
        path, patch, expected = write.path, write.metadata, write.expected
        current = old.current if old else 0
        if old is None:
            paths.check_new(path)  # which also makes look-alikes by normalisation impossible
        if expected is not None and expected != current:
            raise _conflict(path, expected, current)
        now = self._clock()
        version = Version(current + 1, created_at=now, created_by=self._user)
        new = records.with_version(old or records.blank(path, version), version)
        if patch:
            new = records.with_metadata(new, patch.apply(records.metadata(new)), version.created_at)
        if old is None:
            new = transaction.insert_secret(new)
        else:
            transaction.update_secret(old, new)
        transaction.insert_version(records.version_row(new.id, version, self._seal(new.id, new.current, data)))
        self._prune(transaction, new)
        return new, version

    def _prune(self, transaction: Transaction, row: SecretRow) -> None:
        kept = row.max_versions or self._max_versions
        if kept and row.current > kept:
            transaction.prune(row.id, row.current - kept + 1)

    @contextmanager
    def _changing(
        self, path: str, versions: Sequence[int]
    ) -> Iterator[tuple[Transaction, SecretRow, Sequence[VersionRow]]]:
        """A secret with the versions meant, all of which exist."""
        with self._vault.change() as transaction:
            row = _found(transaction.connection, path)
            numbers = dict.fromkeys(versions or [row.current])
            yield transaction, row, [_kept(transaction.connection, row, number) for number in numbers]

    def _seal(self, secret: int, number: int, data: bytes) -> bytes:
        return sealing.seal(self._vault.keys.value, self._vault.uuid, secret, number, data)

    def _fields(self, row: VersionRow) -> Fields | None:
        """None for a destroyed version. Raises Corrupt."""
        if row.sealed is None:
            return None
        self._database.check()
        key = self._vault.keys.value
        return decode_fields(sealing.unseal(key, self._vault.uuid, row.secret, row.number, row.sealed))


def _found(connection: apsw.Connection, path: str) -> SecretRow:
    row = reads.find(connection, paths.check(path))
    if row is None:
        raise missing(path)
    return row


def _kept(connection: apsw.Connection, row: SecretRow, number: int) -> VersionRow:
    kept = reads.version(connection, row.id, number)
    if kept is None:
        raise missing_version(row.path, number)
    return kept


def _check_free(connection: apsw.Connection, path: str) -> None:
    if reads.find(connection, paths.check(path)) is not None:
        raise _taken(path)
    paths.check_new(path)


def _taken(path: str) -> AlreadyExists:
    return AlreadyExists("A secret is already there.", hint="Choose another path.", path=path)


def _is_container(connection: apsw.Connection, name: str) -> bool:
    if "/" in name or not name:
        return False
    return reads.container(connection, name) is not None or reads.has_children(connection, name)


def _update(
    transaction: Transaction, row: SecretRow, before: Sequence[VersionRow], after: Sequence[VersionRow]
) -> None:
    changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
    for old, new in changed:
        transaction.update_version(old, new)
    transaction.set_state(row, [new for _, new in changed])


def _sized(writes: Iterator[Write]) -> Iterator[tuple[Write, bytes | KvtuiError]]:
    """Writes with their fields encoded, until they fill a commit."""
    size = 0
    for write in writes:
        data: bytes | KvtuiError
        try:
            data = encode_fields(write.fields)
            size += len(data)
        except KvtuiError as error:
            data = error
        yield write, data
        if size >= _COMMIT_BYTES:
            return


def _sized_histories(histories: Iterator[History]) -> Iterator[tuple[History, Sequence[bytes | None] | KvtuiError]]:
    """Histories with their fields encoded, until they fill a commit."""
    size = count = 0
    for history in histories:
        data: Sequence[bytes | None] | KvtuiError
        try:
            data = _encoded(history)
            size += sum(len(one) for one in data if one is not None)
            count += len(data)
        except KvtuiError as error:
            data = error
        yield history, data
        if size >= _COMMIT_BYTES or count >= _COMMIT_WRITES:
            return


def _encoded(history: History) -> Sequence[bytes | None]:
    """The fields of each version. Raises InvalidInput unless they ascend from 1 and just destroyed ones have none."""
    numbers = [stored.version.number for stored in history.versions]
    if not numbers or numbers[0] < 1 or numbers[-1] >= 2**62 or numbers != sorted(set(numbers)):
        raise InvalidInput("Versions must ascend from 1.", hint="Restore them in order.")
    if any((one.fields is None) != (one.version.state is VersionState.DESTROYED) for one in history.versions):
        raise InvalidInput("Just a destroyed version has no fields.", hint="Restore it as destroyed.")
    return [None if stored.fields is None else encode_fields(stored.fields) for stored in history.versions]


def _conflict(path: str, expected: int, actual: int) -> Conflict:
    return Conflict(
        f"The current version is {actual}, not {expected}." if actual else "There is no such secret (any more).",
        expected=expected,
        actual=actual,
        hint="Read it again and repeat the change.",
        path=path,
    )


def _login() -> str:
    """Who writes: the account's name, else its number."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
