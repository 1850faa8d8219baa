"""Changes of rows within one commit, with the accumulator kept in step. Nothing else writes to the tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kvtui.backends.file import reads
from kvtui.backends.file.accumulator import Accumulator
from kvtui.backends.file.schema import (
    SECRET,
    VERSION_COLUMNS,
    ContainerRow,
    SecretRow,
    VersionRow,
)

if TYPE_CHECKING:
    import apsw

_NEW_SECRET = f"INSERT INTO secret({SECRET}) VALUES(?{', ?' * (len(SecretRow._fields) - 1)})"
_NEW_VERSION = f"INSERT INTO version({VERSION_COLUMNS}) VALUES(?{', ?' * (len(VersionRow._fields) - 1)})"
_DROP_VERSION = "DELETE FROM version WHERE secret = ? AND number = ?"
# The index is told of many new rows in one statement: it writes its pages at the end of each, which for single rows is
# ten times slower. For the same reason it is not kept by triggers.
_INDEX_NEW = """INSERT INTO search(rowid, path, description, tags)
  SELECT id, path, description, tags FROM secret WHERE id >= ?"""
_INDEXED = frozenset({"path", "description", "tags"})
_INDEX = "INSERT INTO search(rowid, path, description, tags) VALUES(?, ?, ?, ?)"
_UNINDEX = "INSERT INTO search(search, rowid, path, description, tags) VALUES('delete', ?, ?, ?, ?)"
_STATE = "UPDATE state SET generation = generation + 1, accumulator = ?, row_count = ?"
# What AUTOINCREMENT would give: never used again, be it of a secret that is gone.
_LAST_ID = """SELECT max((SELECT coalesce(max(id), 0) FROM secret),
  (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'secret'))"""


class Transaction:
    """One commit in the making. Rows go in and come out whole.

    New rows are kept back and go in together, each kind with one statement. No cursor is kept: apsw 3.54 never frees
    one that lives while a later one of its connection goes, and looks through all of those at every statement.
    """

    def __init__(self, connection: apsw.Connection, accumulator_key: bytes) -> None:
        self._connection = connection
        self.generation = 0
        """Of this commit, once finished; 0 when nothing was changed."""
        state = reads.state(connection)
        self._before = state.generation
        self._sum = Accumulator(accumulator_key, state.accumulator, state.row_count)
        self._changed = False
        self._first_new = 0
        self._next_id = 0
        self._secrets: list[SecretRow] = []
        self._versions: list[VersionRow] = []

    @property
    def connection(self) -> apsw.Connection:
        """With every row in the tables that has been inserted here."""
        if self._secrets or self._versions:
            self._insert_kept_back()
        return self._connection

    def _insert_kept_back(self) -> None:
        if self._secrets:
            self._connection.executemany(_NEW_SECRET, self._secrets)
            self._sum.add_all(self._secrets)
            self._secrets.clear()
        if self._versions:
            self._connection.executemany(_NEW_VERSION, self._versions)
            self._sum.add_all(self._versions)
            self._versions.clear()

    def finish(self) -> None:
        """Write the search index, generation and accumulator; the commit follows."""
        connection = self.connection
        if self._first_new:
            connection.execute(_INDEX_NEW, (self._first_new,))
        if self._changed:
            connection.execute(_STATE, (self._sum.digest(), self._sum.rows))
            self.generation = self._before + 1

    def touch(self) -> None:
        """Count as a change although no row has changed."""
        self._changed = True

    @property
    def next_id(self) -> int:
        """Of the next secret that is inserted."""
        if not self._next_id:
            self._next_id = int(str(self._connection.execute(_LAST_ID).fetchall()[0][0])) + 1
        return self._next_id

    def insert_secret(self, row: SecretRow) -> None:
        """A row whose id is `next_id`."""
        self._secrets.append(row)
        self._first_new = self._first_new or row.id
        self._next_id = row.id + 1
        self._changed = True

    def update_secret(self, old: SecretRow, new: SecretRow) -> None:
        """Write the columns that differ."""
        changed = {name: after for name, before, after in zip(old._fields, old, new, strict=True) if before != after}
        if not changed:
            return
        columns = " = ?, ".join(changed)
        update = f"UPDATE secret SET {columns} = ? WHERE id = ?"  # noqa: S608 - our column names
        self.connection.execute(update, (*changed.values(), old.id))
        if not _INDEXED.isdisjoint(changed):
            self._unindex(old)
            self._index(new)
        self._removed(old)
        self._added(new)

    def delete_secret(self, row: SecretRow) -> None:
        """Drop a secret with all its versions."""
        for version in reads.versions(self.connection, row.id):
            self._removed(version)
        self._removed(row)
        self._unindex(row)
        self.connection.execute("DELETE FROM secret WHERE id = ?", (row.id,))

    def insert_version(self, row: VersionRow) -> None:
        self._versions.append(row)
        self._changed = True

    def update_version(self, old: VersionRow, new: VersionRow) -> None:
        self.connection.execute(
            "UPDATE version SET state = ?, deleted_at = ?, deleted_by = ?, sealed = ? WHERE secret = ? AND number = ?",
            (new.state, new.deleted_at, new.deleted_by, new.sealed, old.secret, old.number),
        )
        self._removed(old)
        self._added(new)

    def prune(self, secret: int, below: int) -> None:
        """Drop the versions with numbers below a number. They are not used again: the current one only grows."""
        rows = self.connection.execute(
            f"SELECT {VERSION_COLUMNS} FROM version WHERE secret = ? AND number < ?",  # noqa: S608
            (secret, below),
        ).fetchall()
        for row in map(VersionRow._make, rows):
            self.connection.execute(_DROP_VERSION, (row.secret, row.number))
            self._removed(row)

    def set_state(self, row: SecretRow, changed: Sequence[VersionRow]) -> None:
        """Keep the state of the current version beside its secret, where listings find it."""
        for version in changed:
            if version.number == row.current:
                self.update_secret(row, row._replace(state=version.state))

    def insert_container(self, row: ContainerRow) -> None:
        self.connection.execute("INSERT INTO container(name, created_at) VALUES(?, ?)", row)
        self._added(row)

    def delete_container(self, row: ContainerRow) -> None:
        self.connection.execute("DELETE FROM container WHERE name = ?", (row.name,))
        self._removed(row)

    def _index(self, row: SecretRow) -> None:
        if not self._is_new(row):
            self.connection.execute(_INDEX, (row.id, row.path, row.description, row.tags))

    def _unindex(self, row: SecretRow) -> None:
        if not self._is_new(row):
            self.connection.execute(_UNINDEX, (row.id, row.path, row.description, row.tags))

    def _is_new(self, row: SecretRow) -> bool:
        """Whether the index will hear of it when the transaction is finished."""
        return 0 < self._first_new <= row.id

    def _added(self, row: SecretRow | VersionRow | ContainerRow) -> None:
        self._sum.add(row)
        self._changed = True

    def _removed(self, row: SecretRow | VersionRow | ContainerRow) -> None:
        self._sum.remove(row)
        self._changed = True
