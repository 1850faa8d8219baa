"""Connections to `vault.db`: one for writing, a few for reading, each used by one thread at a time.

While they are open nothing else in this process may open and close the file: POSIX drops all of a process' locks on a
file when any descriptor of it is closed. No key goes into a URI and nothing is attached.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from kvtui.backends.file import faults, files
from kvtui.domain.errors import Corrupt, Unavailable
from kvtui.domain.progress import Progress

_PAGE = 4096
_READERS = 3
_BUSY_MS = 10_000
_PASSING_KIB = 256
"""Of cache for a check, which goes through all of a vault once: more is no faster, and is held all that time."""
STEPS = 1000
"""Steps of SQLite's machine between two looks at the progress."""
_PRAGMAS = {
    "synchronous": 2,
    "fullfsync": 1,
    "checkpoint_fullfsync": 1,
    "secure_delete": 1,
    "temp_store": 2,
    "foreign_keys": 1,
    "cell_size_check": 1,
    "trusted_schema": 0,
    "mmap_size": 0,
    "wal_autocheckpoint": 1000,
}


Confirm = Callable[[], None]


def connect(
    path: Path, key: bytes, *, cache_kib: int = 6144, empty: bool = False, confirm: Confirm = lambda: None
) -> apsw.Connection:
    """An encrypted connection in SQLCipher-4 format; `empty` for a new file of no bytes. `confirm` is asked before
    anything is written beside the file, and again once the connection keeps others from exchanging it.

    Raises apsw's errors (NotADBError for another key), Corrupt when what comes out is not encrypted. Every answer is
    checked: a key that is not taken would leave a plain database and still say "ok".
    """
    connection = _keyed(path, key, apsw.SQLITE_OPEN_READWRITE, empty=empty)
    try:
        confirm()
        _expect(connection.pragma("journal_mode", "wal") == "wal")
        confirm()
        for name, value in _PRAGMAS.items():
            connection.pragma(name, value)
        connection.pragma("cache_size", -cache_kib)
    except BaseException:
        connection.close(force=True)
        raise
    return connection


def connect_new(path: Path, key: bytes) -> apsw.Connection:
    """A connection to a file of no bytes that is filled in one go and is nothing until it is done: no journal, no
    sync. Whoever fills it syncs the file."""
    connection = _keyed(path, key, apsw.SQLITE_OPEN_READWRITE, empty=True)
    for name, value in {"journal_mode": "off", "synchronous": 0, "temp_store": 2, "trusted_schema": 0}.items():
        connection.pragma(name, value)
    connection.pragma("cache_size", -16384)
    return connection


@contextmanager
def exclusive(path: Path, key: bytes) -> Iterator[apsw.Connection]:
    """A connection nobody else has one beside, for as long as it is open; the write-ahead log is folded in and gone.

    SQLite gives up the log only when no other connection is there, and the exclusive lock keeps it so. Raises
    Unavailable when somebody else has the database open.
    """
    with faults.translated():
        connection = _keyed(path, key, apsw.SQLITE_OPEN_READWRITE)
        try:
            connection.set_busy_timeout(1000)
            connection.pragma("locking_mode", "exclusive")
            try:
                _expect(connection.pragma("journal_mode", "delete") == "delete")
                connection.execute("BEGIN EXCLUSIVE; COMMIT")
            except apsw.BusyError:
                raise Unavailable(
                    "Another kvtui has this vault open.", hint="Lock or close it there, then try again."
                ) from None
            yield connection
        finally:
            connection.close(force=True)


def probe(path: Path, key: bytes) -> None:
    """Raise apsw.NotADBError or Corrupt unless this key opens this database. Changes nothing in it."""
    _keyed(path, key, apsw.SQLITE_OPEN_READWRITE).close(force=True)


def connect_still(path: Path, key: bytes) -> apsw.Connection:
    """A connection for reading a file that nobody else uses and that has no write-ahead log: nothing is written, not
    even beside it. Raises as `connect` does."""
    connection = _keyed(path, key, apsw.SQLITE_OPEN_READONLY)
    connection.pragma("temp_store", 2)
    connection.pragma("trusted_schema", 0)
    return connection


def _keyed(path: Path, key: bytes, mode: int, *, empty: bool = False) -> apsw.Connection:
    if len(key) != 32:
        raise ValueError("a page key has 32 bytes")  # a shorter one would be taken for a passphrase
    if not empty:
        try:
            size = path.stat().st_size
        except OSError as error:
            raise files.fault(error, path) from None
        if size < _PAGE:
            raise faults.foreign()  # SQLite would make a new database of an empty file
    connection = apsw.Connection(str(path), flags=mode | apsw.SQLITE_OPEN_NOFOLLOW)
    try:
        connection.set_busy_timeout(_BUSY_MS)  # before the first statement: opening may meet a closing WAL
        _expect(connection.pragma("cipher", "sqlcipher") == "sqlcipher")
        _expect(str(connection.pragma("legacy", 4)) == "4")
        _expect(connection.pragma("key", f"x'{key.hex()}'") == "ok")
        connection.pragma("user_version")
        if empty:
            connection.pragma("journal_mode", "delete")
            connection.execute("CREATE TABLE first(x); DROP TABLE first")  # writes page 1, and with it the salt
        _expect(connection.execute("SELECT sqlite3mc_codec_data('cipher_salt')").fetchall()[0][0] is not None)
    except BaseException:
        connection.close(force=True)
        raise
    return connection


class Database:
    """The open connections. Every failure comes out as one of our errors; after `close` as Locked."""

    def __init__(self, path: Path, key: bytes, confirm: Confirm = lambda: None) -> None:
        """A write-ahead log that is there stays as it is, whatever is read, until `trust` is called: folding in what is
        left of a damaged one would destroy the rest of it."""
        self._path = path
        self._key = key
        self._pid = os.getpid()
        self._closed = False
        self._writing = threading.Lock()
        self._state = threading.Condition()
        self._idle: list[apsw.Connection] = []
        self._readers: set[apsw.Connection] = set()
        with faults.translated():
            self._keeps_log = _has_content(path.with_name(f"{path.name}-wal"))
            self._writer = connect(path, key, cache_kib=16384, confirm=confirm)
            self._writer.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, self._keeps_log)

    def trust(self) -> None:
        """What was read is what was written: from now on the write-ahead log may be folded in."""
        self._keeps_log = False
        self._writer.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, False)

    @contextmanager
    def reading(self) -> Iterator[apsw.Connection]:
        """A connection in a read transaction: everything read in it is of one state of the vault."""
        connection = self._take()
        try:
            with faults.translated():
                connection.execute("BEGIN")
                try:
                    yield connection
                finally:
                    if connection.in_transaction:
                        connection.execute("COMMIT")
        finally:
            self._give_back(connection)

    @contextmanager
    def writing(self) -> Iterator[apsw.Connection]:
        """The write connection in BEGIN IMMEDIATE; committed at the end, rolled back on any exception."""
        with self._writing, faults.translated():
            self.check()
            writer = self._begin()
            try:
                yield writer
                writer.execute("COMMIT")
            except BaseException:
                if writer.in_transaction:
                    writer.execute("ROLLBACK")
                raise

    def _begin(self) -> apsw.Connection:
        """The write connection, in a transaction."""
        if self._writer.readonly("main"):
            self._connect_again()
        try:
            self._writer.execute("BEGIN IMMEDIATE")
        except apsw.ReadOnlyError:
            self._connect_again()
            self._writer.execute("BEGIN IMMEDIATE")
        return self._writer

    def _connect_again(self) -> None:
        """Where a file could not be opened for writing SQLite took it for reading; the disk may be better now."""
        fresh = connect(self._path, self._key, cache_kib=16384)
        fresh.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, self._keeps_log)
        self._writer.close(force=True)
        self._writer = fresh

    @contextmanager
    def apart(self) -> Iterator[apsw.Connection]:
        """A reading connection of its own, in no transaction: one that met a damaged page is of no more use."""
        self.check()
        with faults.translated():
            connection = connect(self._path, self._key, cache_kib=_PASSING_KIB)
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, self._keeps_log)
            connection.pragma("query_only", 1)
            try:
                yield connection
            finally:
                connection.close(force=True)

    @contextmanager
    def exclusive_use(self) -> Iterator[apsw.Connection]:
        """The write connection outside of a transaction, for checks of the whole file."""
        self.check()
        with self._writing, faults.translated():
            self.check()
            self._begin().execute("ROLLBACK")
            yield self._writer

    def snapshot(self, target: Path, progress: Progress) -> None:
        """Copy what is committed now into an empty file, encrypted under the same key, while others write. Told in
        bytes. Raises as everything here does; what `progress` raises ends it."""
        self.check()
        with faults.translated():
            connection = connect(self._path, self._key)
            try:
                pages: int = connection.pragma("page_count")
                progress(0, pages * _PAGE)

                def step() -> bool:
                    self.check()
                    progress(target.stat().st_size, pages * _PAGE)
                    return False

                connection.set_progress_handler(step, STEPS)
                connection.execute("VACUUM INTO ?", (str(target),))
            finally:
                connection.close(force=True)

    def check(self) -> None:
        """Raise Locked after close, Unavailable in a forked child: keys and locks are the parent's."""
        if self._closed:
            raise faults.closed()
        if os.getpid() != self._pid:
            raise Unavailable(
                "An open vault cannot be used in a forked process.", hint="Open it again there.", retryable=False
            )

    def close(self) -> None:
        """Interrupt what runs, wait for it, close everything. The last one out folds the write-ahead log in."""
        if os.getpid() != self._pid:
            return
        with self._state:
            if self._closed:
                return
            self._closed = True
            self._key = b""
            while len(self._idle) < len(self._readers):
                for reader in self._readers:
                    reader.interrupt()
                self._state.wait(0.05)
            for reader in self._readers:
                reader.close(force=True)
            self._readers.clear()
            self._idle.clear()
            self._state.notify_all()
        if not self._writing.acquire(blocking=False):
            self._writer.interrupt()
            self._writing.acquire()
        try:
            self._writer.execute("SELECT 1")  # takes the interrupt back, which would stop the checkpoint too
            self._writer.close(force=True)
        finally:
            self._writing.release()

    def _take(self) -> apsw.Connection:
        with self._state:
            while True:
                self.check()
                if self._idle:
                    return self._idle.pop()
                if len(self._readers) < _READERS:
                    with faults.translated():
                        reader = connect(self._path, self._key)
                        reader.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, self._keeps_log)
                        reader.pragma("query_only", 1)
                    self._readers.add(reader)
                    return reader
                self._state.wait()

    def _give_back(self, connection: apsw.Connection) -> None:
        with self._state:
            self._idle.append(connection)
            self._state.notify()


def _has_content(file: Path) -> bool:
    try:
        return file.stat().st_size > 0
    except FileNotFoundError:  # it comes and goes with other processes
        return False


def _expect(condition: bool) -> None:
    if not condition:
        raise Corrupt("The vault's database is not encrypted as it must be.", hint="Do not use it; restore a backup.")
