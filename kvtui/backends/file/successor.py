"""`vault.db.next`: the database that will take the place of the current one, and how a change cut short is finished.

It is complete and on the disk before the header of its keys is written. So: header of the old keys, a leftover; header
of the new keys, the rightful database.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kvtui.backends.file import database, faults, files, header, schema
from kvtui.domain.errors import Corrupt

NAME = f"{schema.FILE}.next"
_YOUNG = 60.0
"""Seconds in which a header is written for certain."""


def put_in_place(vault: Path) -> None:
    """Make it the current database. What the old one left beside itself must not meet the new one; another process may
    be doing the same. Raises OSError."""
    for suffix in ("-journal", "-wal", "-shm"):
        with suppress(FileNotFoundError):
            (vault / f"{schema.FILE}{suffix}").unlink()
    with suppress(FileNotFoundError):
        (vault / NAME).rename(vault / schema.FILE)
    files.sync_folder(vault)


def finish(vault: Path, page_key: bytes) -> None:
    """At opening, with the key the header leads to: go on where a change was cut short. Raises Unavailable while one is
    under way."""
    if not (vault / NAME).exists():
        return
    try:
        with _alone(vault):
            if _opens(vault / schema.FILE, page_key) or not _opens(vault / NAME, page_key):
                return
            files.sync_folder(vault)  # the header first
            put_in_place(vault)
    except OSError as error:
        raise files.fault(error, vault) from None


@contextmanager
def _alone(vault: Path) -> Iterator[None]:
    """One process at a time: who comes later must not remove the log of a database that is in place and in use."""
    folder = os.open(vault, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def forget(vault: Path) -> None:
    """Remove what a change left that was cut short. Call it with the database open: then no new database is in the
    making; a header might be, so what is young stays."""
    remove(vault / NAME)
    for leftover in vault.glob(f".{header.NAME}*.{'[0-9a-f]' * 16}"):
        with suppress(OSError):
            if time.time() - leftover.lstat().st_mtime > _YOUNG:
                leftover.unlink()


def remove(database_file: Path) -> None:
    """Remove a database that is not in use, with the journal its making may have left: that one must never meet
    another database of the same name."""
    for path in (database_file.with_name(f"{database_file.name}-journal"), database_file):
        with suppress(OSError):
            path.unlink()


def _opens(path: Path, page_key: bytes) -> bool:
    if not path.exists():
        return False
    try:
        with faults.translated():
            database.probe(path, page_key)
    except Corrupt:
        return False
    return True
