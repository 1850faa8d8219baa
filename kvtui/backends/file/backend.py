"""The open vault as a Backend: what changes it; `reading` has the rest."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING

from kvtui.backends.file import reads, records, sealing
from kvtui.backends.file.columns import to_column
from kvtui.backends.file.reading import VaultReading, found, kept_version
from kvtui.backends.file.schema import DELETED, DESTROYED, LIVE, ContainerRow, SecretRow, VersionRow
from kvtui.backends.file.transaction import Transaction
from kvtui.backends.file.vault import Vault
from kvtui.backends.not_found import missing_folder
from kvtui.clock import utc_now
from kvtui.domain import path as paths
from kvtui.domain.capability import Capability
from kvtui.domain.codec import encode_fields
from kvtui.domain.credential import Credential, KeySlot
from kvtui.domain.errors import AlreadyExists, Conflict, InvalidInput, InvalidPath, KvtuiError, NotFound
from kvtui.domain.metadata import Metadata, MetadataPatch
from kvtui.domain.secret import History, Version, VersionState, Write, Written
from kvtui.domain.value import Fields, SecretValue

if TYPE_CHECKING:
    import apsw

    from kvtui.domain.retention import Retention

_COMMIT_WRITES = 4000
_COMMIT_BYTES = 8 * 1024 * 1024


class FileBackend(VaultReading):
    """`max_versions`: how many versions of a secret are kept where it does not say itself; 0 for all."""

    def __init__(
        self, vault: Vault, *, max_versions: int = 0, clock: Callable[[], datetime] = utc_now, user: str | None = None
    ) -> None:
        super().__init__(vault)
        self._max_versions = max_versions
        self._clock = clock
        self._user = user or _login()

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

    def write_metadata(self, path: str, patch: MetadataPatch, retention: Retention | None = None) -> Metadata:
        if retention is not None:
            self._lacks(Capability.RETENTION, path)
        with self._vault.change() as transaction:
            old = found(transaction.connection, path)
            current = reads.version(transaction.connection, old.id, old.current)
            changed = patch.apply(records.metadata(old))._replace(updated_at=self._clock())
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
            old = found(transaction.connection, path)
            new = old._replace(max_versions=count)
            transaction.update_secret(old, new)
            self._prune(transaction, new)

    def move(self, source: str, target: str) -> None:
        with self._vault.change() as transaction:
            row = found(transaction.connection, source)
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

    def add_key_slot(self, credential: Credential, label: str = "") -> KeySlot:
        return self._vault.add_slot(credential, label)

    def add_recovery_key(self, label: str = "") -> tuple[KeySlot, SecretValue]:
        return self._vault.add_recovery_key(label)

    def remove_key_slot(self, slot_id: str) -> None:
        self._vault.remove_slot(slot_id)

    def replace_key_slot(self, old: Credential, new: Credential) -> KeySlot:
        return self._vault.replace_slot(old, new)

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
        row = records.new(transaction.next_id, history.path, last)
        row = records.with_metadata(row, history.metadata, last.created_at)
        transaction.insert_secret(row)
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
        new = records.with_version(old, version) if old else records.new(transaction.next_id, path, version)
        if patch:
            new = records.with_metadata(new, patch.apply(records.metadata(new)), version.created_at)
        if old is None:
            transaction.insert_secret(new)
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
            row = found(transaction.connection, path)
            numbers = dict.fromkeys(versions or [row.current])
            yield transaction, row, [kept_version(transaction.connection, row, number) for number in numbers]

    def _seal(self, secret: int, number: int, data: bytes) -> bytes:
        return sealing.seal(self._vault.keys.value, self._vault.uuid, secret, number, data)


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
