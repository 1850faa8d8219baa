"""Looking into a vault that does not open as it is: damaged, altered, rolled back, or with a damaged header.

Its files are copied, encrypted as they are, into a private folder of this machine and opened there, for reading, with
nothing refused that can be read. The vault itself is not touched: even opening would fold in a write-ahead log.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kvtui.backends.file import checks, files, header, schema, slots
from kvtui.backends.file.header import Header
from kvtui.backends.file.keys import Keys
from kvtui.backends.file.vault import Vault
from kvtui.domain.credential import Credential
from kvtui.domain.errors import Corrupt, KvtuiError
from kvtui.locations import private_dir

_PARTS = (schema.FILE, f"{schema.FILE}-wal")


class RescuedVault(Vault):
    """A copy that ends with being closed."""

    def close(self) -> None:
        super().close()
        shutil.rmtree(self.path, ignore_errors=True)


def rescue(path: Path, credential: Credential, state_dir: Path) -> Vault:
    """Open a copy of what is there. Raises NotFound, WrongCredential, Corrupt where not even that can be opened."""
    notes = [*checks.look(path, {schema.FILE})]
    copy, head, master, used = _copied(path, credential, state_dir)
    if used != header.NAME:
        notes.append(f"{header.NAME} is damaged: {used} was used.")
    try:
        vault = RescuedVault(copy, head.uuid, master, copy / "state")
    except BaseException:
        shutil.rmtree(copy, ignore_errors=True)
        raise
    vault.location = Path(os.path.realpath(path))
    vault.notes.extend(notes)
    return vault


@contextmanager
def copied(path: Path, credential: Credential, state_dir: Path) -> Iterator[tuple[Path, Header, bytes]]:
    """A private copy of a vault's files for as long as it is needed, its header and its master key. Raises as `rescue`
    does."""
    copy, head, master, _ = _copied(path, credential, state_dir)
    try:
        yield copy, head, master
    finally:
        shutil.rmtree(copy, ignore_errors=True)


def _copied(path: Path, credential: Credential, state_dir: Path) -> tuple[Path, Header, bytes, str]:
    """The copy, its header, the master key, and which file the header was."""
    real = Path(os.path.realpath(path))
    head, used = _header(real)
    _, master = slots.unlock(head, credential)
    keys = Keys.derive(master, head.uuid)
    head.verified(keys.header)
    folder = private_dir(state_dir) / "rescue"
    _tidy(folder)
    copy = private_dir(folder / f"{os.getpid()}-{os.urandom(8).hex()}")
    try:
        _copy(real, copy, head.encode(keys.header))
    except BaseException:
        shutil.rmtree(copy, ignore_errors=True)
        raise
    return copy, head, master, used


def _header(vault: Path) -> tuple[Header, str]:
    """The header, or its copy where that is damaged or gone; and which it was."""
    failure: KvtuiError = header.damaged()
    for name in (header.NAME, header.COPY):
        try:
            return header.parse(header.read_bytes(vault, name)), name
        except Corrupt as error:
            failure = error
    raise failure


def _copy(vault: Path, target: Path, head: bytes) -> None:
    try:
        for name in (header.NAME, header.COPY):
            files.create(target / name, head)
        for name in _PARTS:
            source = vault / name
            if source.exists():
                with files.open_regular(source) as read, files.create_open(target / name) as write:
                    shutil.copyfileobj(read, write, 1024 * 1024)
    except OSError as error:
        raise files.fault(error, target) from None


def _tidy(folder: Path) -> None:
    """Remove the copies of processes that are gone without doing it."""
    for left in folder.glob("*-*"):
        pid = left.name.partition("-")[0]
        if pid.isdigit() and not Path("/proc", pid).exists() and Path("/proc/self").exists():
            shutil.rmtree(left, ignore_errors=True)
