"""Backing up a vault that is in use, and bringing one back."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from kvtui.backends.file import archive, checks, database, faults, files, header, integrity, reads, schema, slots
from kvtui.backends.file.anchor import Anchor
from kvtui.backends.file.archive import Archive, Manifest
from kvtui.backends.file.header import Header
from kvtui.backends.file.keys import Keys, purpose_key
from kvtui.backends.file.schema import StateRow
from kvtui.backends.file.vault import Vault
from kvtui.domain.backup import BackedUp, Restored
from kvtui.domain.credential import Credential
from kvtui.domain.errors import AlreadyExists, Corrupt, InvalidInput, Unavailable
from kvtui.domain.progress import Progress, silent

_TRIES = 5
_STEPS = 1000
"""Steps of SQLite's machine between two looks at whether to go on."""
_SHARED_FIRST, _SHARED_BYTES = 0x40000002, 510


def back_up(vault: Vault, target: Path, *, overwrite: bool = False, progress: Progress = silent) -> BackedUp:
    """Write a backup of what is committed now. It is checked before it gets its name; nothing half done stays.

    Progress in bytes of the database. Raises AlreadyExists, InvalidInput, Unavailable (full disk), PermissionDenied,
    Corrupt for a damaged vault.
    """
    vault.database.check()
    target = target.absolute()
    _check_target(vault, target, overwrite=overwrite)
    try:
        with ExitStack() as stack:
            snapshot = stack.enter_context(archive.beside(target))
            temporary = stack.enter_context(archive.beside(target))
            taken = _snapshot(vault, snapshot, progress)
            size = _pack(vault, taken, temporary)
            _read_back(vault, temporary, progress)
            _check_target(vault, target, overwrite=overwrite)
            temporary.rename(target)
            files.sync_folder(target.parent)
    except OSError as error:
        raise files.fault(error, target) from None
    return BackedUp(target, size, taken.state.generation, taken.secrets)


def _check_target(vault: Vault, target: Path, *, overwrite: bool) -> None:
    if vault.path in (real := Path(os.path.realpath(target))).parents or real == vault.path:
        raise InvalidInput("A backup inside of its own vault would be lost with it.", hint="Choose another place.")
    if target.is_dir():
        raise AlreadyExists(f"{files.shown(target)} is a folder.", hint="Name a file.")
    if os.path.lexists(target) and not overwrite:
        raise AlreadyExists(
            f"Something is already at {files.shown(target)}.",
            hint="Choose another name, or replace it with --overwrite.",
        )


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """A checked copy of the database, and the header that belongs to it."""

    database: Path
    head: Header
    state: StateRow
    secrets: int


def _snapshot(vault: Vault, snapshot: Path, progress: Progress) -> _Snapshot:
    for _ in range(_TRIES):
        snapshot.unlink(missing_ok=True)
        files.create(snapshot)  # SQLite would make it readable by others
        vault.database.snapshot(snapshot, progress)
        head = vault.header()
        state, count = _look_at(vault, snapshot, progress)
        if state.header_epoch == head.epoch:
            return _Snapshot(snapshot, head, state, count)
    raise Unavailable("The vault's keys are being changed just now.", hint="Try again.")


def _look_at(vault: Vault, snapshot: Path, progress: Progress) -> tuple[StateRow, int]:
    size = snapshot.stat().st_size

    def step() -> bool:
        vault.database.check()
        progress(size, size)
        return False

    with faults.translated():
        connection = database.connect_still(snapshot, vault.keys.page)
        connection.set_progress_handler(step, _STEPS)
        try:
            state = reads.state(connection)
            if connection.execute("PRAGMA quick_check(1)").fetchall() != [("ok",)]:
                raise faults.damaged()
            if not integrity.accumulates(connection, vault.keys.accumulator, state):
                raise integrity.altered()
            count: int = connection.execute("SELECT count(*) FROM secret").get
            return state, count
        finally:
            connection.close(force=True)


def _pack(vault: Vault, taken: _Snapshot, temporary: Path) -> int:
    """Write the archive, durably; its size."""
    head = taken.head.encode(vault.keys.header)
    with taken.database.open("rb") as source, files.create_open(temporary) as target:
        sizes = {name: archive.digest_of(head) for name in (header.NAME, header.COPY)}
        sizes[schema.FILE] = archive.digest(source)
        source.seek(0)
        created = datetime.now(UTC).replace(microsecond=0)
        manifest = Manifest(vault.uuid, taken.state.generation, taken.head.epoch, created, taken.secrets, sizes)
        members: dict[str, BinaryIO | bytes] = {header.NAME: head, header.COPY: head, schema.FILE: source}
        archive.write(target, manifest.encode(vault.backup_key()), created, members)
        files.sync(target)
        return target.tell()


def _read_back(vault: Vault, temporary: Path, progress: Progress) -> None:
    """Read the archive as a restoration would. Raises Corrupt."""
    with files.open_regular(temporary) as file, Path(os.devnull).open("wb") as nowhere:
        found = Archive(file)
        found.manifest.verified(vault.backup_key())
        header.parse(found.headers[header.NAME]).verified(vault.keys.header)
        found.copy_database(nowhere, progress)


def restore(
    backup: Path,
    vault: Path,
    credential: Credential,
    state_dir: Path,
    *,
    replace: bool = False,
    progress: Progress = silent,
) -> Restored:
    """Make a vault of a backup, checked to its last byte before it gets its place. With `replace` the vault that is
    there is moved aside first, and told.

    Raises NotFound, Corrupt, WrongCredential, AlreadyExists, PermissionDenied, Unavailable.
    """
    vault = vault.absolute()
    taken = checks.exists(vault)
    if taken and not replace:
        raise AlreadyExists(
            f"There is a vault at {files.shown(vault)}.", hint="Name another folder, or move it aside with --replace."
        )
    with files.open_regular(backup) as file:
        found = Archive(file)
        head = header.parse(found.headers[header.NAME])
        _, master = slots.unlock(head, credential)
        keys = Keys.derive(master, head.uuid)
        head.verified(keys.header)
        manifest = found.verified(master)
        if (manifest.uuid, manifest.epoch) != (head.uuid, head.epoch):
            raise archive.damaged()
        building = vault.with_name(f".{vault.name}.{secrets.token_hex(8)}.new")
        try:
            vault.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            building.mkdir(mode=0o700)
            building.chmod(0o700)
            _unpack(found, building, progress)
            seed = _check_restored(Path(os.path.realpath(building)), keys, manifest)
            replaced = _put_in_place(building, vault, taken=taken)
            files.sync_folder(vault.parent)
        except OSError as error:
            raise files.fault(error, vault) from None
        finally:
            shutil.rmtree(building, ignore_errors=True)
    seen = Anchor(state_dir, head.uuid, purpose_key(seed, head.uuid, "anchor")).read()
    return Restored(
        location=files.shown(vault),
        generation=manifest.generation,
        created_at=manifest.created,
        replaced=None if replaced is None else files.shown(replaced),
        is_older=manifest.generation < seen,
        journal_key=purpose_key(seed, head.uuid, "journal"),
    )


def _unpack(found: Archive, building: Path, progress: Progress) -> None:
    with files.create_open(building / schema.FILE) as target:
        found.copy_database(target, progress)
        files.sync(target)
    for name, data in found.headers.items():
        files.create(building / name, data)
    files.sync_folder(building)


def _check_restored(building: Path, keys: Keys, manifest: Manifest) -> bytes:
    """The seed of the vault, whose parts belong together. Raises Corrupt."""
    with faults.translated():
        connection = database.connect_still(building / schema.FILE, keys.page)
        try:
            state = integrity.state(connection, manifest.uuid, keys)
        finally:
            connection.close(force=True)
    if (state.generation, state.header_epoch) != (manifest.generation, manifest.epoch):
        raise Corrupt("The parts of this backup do not belong together.", hint="Use another copy of it.")
    return state.seed


def _put_in_place(building: Path, vault: Path, *, taken: bool) -> Path | None:
    """Move the new vault to its place, and the one that is there aside. Where that is now. Raises OSError, Unavailable
    when somebody has it open: it would go on writing to its old place."""
    if not taken:
        building.rename(vault)  # over an empty folder, or nothing
        return None
    aside = vault.with_name(f"{vault.name}.replaced-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    while os.path.lexists(aside):
        aside = aside.with_name(f"{aside.name}-{secrets.token_hex(2)}")
    with _unused(vault):
        vault.rename(aside)
        try:
            building.rename(vault)
        except OSError:
            aside.rename(vault)
            raise
    return aside


@contextmanager
def _unused(vault: Path) -> Iterator[None]:
    """Hold the database of a vault whose key is not known. In WAL mode each connection of SQLite holds a read lock on
    the shared bytes of the file (sqlite3's os.h) as long as it is open. Raises Unavailable when somebody has it open.

    This process must not: closing the file here would drop its locks."""
    try:
        fd = os.open(vault / schema.FILE, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        yield
        return
    with os.fdopen(fd, "r+b", buffering=0) as file:
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, _SHARED_BYTES, _SHARED_FIRST)
        except (BlockingIOError, PermissionError):
            raise Unavailable(
                "Another kvtui has the vault open that is there.", hint="Lock or close it there, then try again."
            ) from None
        yield
