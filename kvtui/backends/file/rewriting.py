"""All rows of one database into a fresh one under other keys: what a change of the master key and a salvage share.

Streaming: rows go over one by one, in the order of their ids, and memory stays flat. Ids, version numbers and times
stay; values are sealed anew for the place they are at.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

from kvtui.backends.file import database, faults, files, integrity, reads, schema, sealing, successor
from kvtui.backends.file.accumulator import Accumulator
from kvtui.backends.file.keys import Keys
from kvtui.backends.file.schema import (
    SECRET,
    VERSION_COLUMNS,
    ContainerRow,
    SecretRow,
    StateRow,
    VersionRow,
)
from kvtui.domain.progress import Progress, silent

if TYPE_CHECKING:
    import apsw


_PROGRESS = 500
"""Rows between two words of progress."""
_INSERTS = {
    SecretRow: f"INSERT INTO secret({SECRET}) VALUES(?{', ?' * (len(SecretRow._fields) - 1)})",
    VersionRow: f"INSERT INTO version({VERSION_COLUMNS}) VALUES(?{', ?' * (len(VersionRow._fields) - 1)})",
    ContainerRow: "INSERT INTO container(name, created_at) VALUES(?, ?)",
}


class Rewriter:
    """A fresh database of a vault in the making. `state` is what it will say of itself; its accumulator and number of
    rows are worked out here. Use as a context manager, then `finish`; without that the file is removed."""

    def __init__(self, path: Path, keys: Keys, state: StateRow) -> None:
        """Raises OSError."""
        self._path = path
        self._keys = keys
        self._state = state
        self._sum = Accumulator(keys.accumulator)
        self._finished = False
        successor.remove(path)
        files.create(path)
        with faults.translated():
            self._connection = database.connect_new(path, keys.page)
            self._connection.execute(schema.DDL)
            self._connection.execute("BEGIN")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close(force=True)
        if not self._finished:
            successor.remove(self._path)

    def add(self, row: reads.Row, value: bytes | None = None) -> None:
        """A row as it is; for a version that is not destroyed with its unsealed value."""
        if isinstance(row, VersionRow) and value is not None:
            sealed = sealing.seal(self._keys.value, self._state.uuid, row.secret, row.number, value)
            row = row._replace(sealed=sealed)
        self._connection.execute(_INSERTS[type(row)], row)
        self._sum.add(row)

    def has(self, path: str) -> bool:
        """Whether a secret of this path, as it is stored, was added."""
        return bool(self._connection.execute("SELECT 1 FROM secret WHERE path = ?", (path,)).fetchall())

    def finish(self, last_id: int) -> None:
        """Build the search index, write the state, and have all of it on the disk. Ids up to `last_id` stay used."""
        connection = self._connection
        sealed_seed = sealing.seal(self._keys.value, self._state.uuid, 0, 0, self._state.seed)
        state = self._state._replace(accumulator=self._sum.digest(), row_count=self._sum.rows, seed=sealed_seed)
        with faults.translated():
            connection.execute("INSERT INTO search(search) VALUES('rebuild')")
            connection.execute(f"INSERT INTO state(id, {schema.STATE}) VALUES(0, ?, ?, ?, ?, ?, ?)", state)
            connection.execute("DELETE FROM sqlite_sequence WHERE name = 'secret'")
            connection.execute("INSERT INTO sqlite_sequence(name, seq) VALUES('secret', ?)", (last_id,))
            connection.execute("COMMIT")
            connection.pragma("application_id", schema.APPLICATION_ID)
            connection.pragma("user_version", schema.VERSION)
            connection.close()
        with self._path.open("rb+") as file:
            files.sync(file)
        self._finished = True


def rewrite(
    source: apsw.Connection, old: Keys, target: Path, new: Keys, state: StateRow, *, progress: Progress = silent
) -> None:
    """Copy a whole database under new keys. `state` is its state row, with the generation and epoch it will have.

    Raises Corrupt where a row or a value is not what was written: nothing is left then. Progress in rows.
    """
    check = Accumulator(old.accumulator)
    with faults.translated(), Rewriter(target, new, state) as made:
        for done, row in enumerate(reads.rows(source)):
            check.add(row)
            value = None
            if isinstance(row, VersionRow) and row.sealed is not None:
                value = sealing.unseal(old.value, state.uuid, row.secret, row.number, row.sealed)
            made.add(row, value)
            if done % _PROGRESS == 0:
                progress(done, state.row_count)
        if (check.digest(), check.rows) != (state.accumulator, state.row_count):
            raise integrity.altered()
        made.finish(last_id(source))
    progress(state.row_count, state.row_count)


def last_id(connection: apsw.Connection) -> int:
    """The highest id a secret ever had."""
    found = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'secret'").fetchall()
    return int(str(found[0][0])) if found else 0
