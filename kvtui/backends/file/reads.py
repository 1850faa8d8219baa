"""Queries. Each takes a connection already in a transaction; all find by index, none scans but those that say so."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from kvtui.backends.file import faults
from kvtui.backends.file.columns import to_column
from kvtui.backends.file.schema import (
    SECRET,
    STATE,
    VERSION_COLUMNS,
    ContainerRow,
    SecretRow,
    StateRow,
    VersionRow,
)

if TYPE_CHECKING:
    import apsw

Child: TypeAlias = tuple[str, str | None, int | None, int | None, int | None]
"""Path, type, state, rotation and rotate_due."""
Row: TypeAlias = SecretRow | VersionRow | ContainerRow

_END = "\U0010ffff"  # a noncharacter: no path holds it, and all paths sort before it

_FIND = f"SELECT {SECRET} FROM secret WHERE path = ?"  # noqa: S608
_FIND_ALL = f"SELECT {SECRET} FROM secret WHERE path IN (SELECT value FROM json_each(?))"  # noqa: S608
_BOTH = ", ".join([f"secret.{name}" for name in SecretRow._fields] + [f"version.{name}" for name in VersionRow._fields])
_CURRENT = f"""SELECT {_BOTH} FROM json_each(?) AS wanted
  CROSS JOIN secret ON secret.path = wanted.value
  CROSS JOIN version ON version.secret = secret.id AND version.number = secret.current"""  # noqa: S608
"""In the order of the paths: a cross join is not reordered."""
_CHILDREN = "SELECT path, type, state, rotation, rotate_due FROM secret WHERE path >= ? AND path < ? ORDER BY path"
_BELOW = f"SELECT {SECRET} FROM secret WHERE path >= ? AND path < ? ORDER BY path LIMIT ?"  # noqa: S608
_VERSION = f"SELECT {VERSION_COLUMNS} FROM version WHERE secret = ? AND number = ?"  # noqa: S608
_VERSIONS = f"SELECT {VERSION_COLUMNS} FROM version WHERE secret = ? ORDER BY number"  # noqa: S608
_DELETED = """SELECT path, number, deleted_at, deleted_by FROM version JOIN secret ON secret.id = version.secret
  WHERE version.state = 1 ORDER BY path, number"""
_MATCHING = f"""SELECT {SECRET} FROM secret
  WHERE id IN (SELECT rowid FROM search WHERE search MATCH ? AND rowid > ?) ORDER BY id LIMIT ?"""  # noqa: S608


def state(connection: apsw.Connection) -> StateRow:
    """The one row that speaks for all others. Raises Corrupt when it is not there."""
    rows = connection.execute(f"SELECT {STATE} FROM state").fetchall()  # noqa: S608
    if len(rows) != 1:
        raise faults.damaged()
    return StateRow._make(rows[0])


def find(connection: apsw.Connection, path: str) -> SecretRow | None:
    for row in connection.execute(_FIND, (to_column(path),)).fetchall():
        return SecretRow._make(row)
    return None


def find_all(connection: apsw.Connection, paths: Iterable[str]) -> dict[str, SecretRow]:
    """Those of many paths that are there, by path as stored."""
    wanted = json.dumps([to_column(path) for path in paths])
    rows = connection.execute(_FIND_ALL, (wanted,)).fetchall()
    return {row.path: row for row in map(SecretRow._make, rows)}


def current(
    connection: apsw.Connection, paths: Iterable[str], most_bytes: int
) -> tuple[list[tuple[SecretRow, VersionRow]], bool]:
    """Those of many paths that are there with their current versions, in the order of the paths.

    Ends, and says so with True, where the sealed values of the versions come to more than `most_bytes`.
    """
    wanted = json.dumps([to_column(path) for path in paths])
    columns = len(SecretRow._fields)
    rows: list[tuple[SecretRow, VersionRow]] = []
    for row in connection.execute(_CURRENT, (wanted,)):
        kept = VersionRow._make(row[columns:])
        rows.append((SecretRow._make(row[:columns]), kept))
        most_bytes -= len(kept.sealed or b"")
        if most_bytes < 0:
            return rows, True
    return rows, False


def version(connection: apsw.Connection, secret: int, number: int) -> VersionRow | None:
    if not 0 < number < 2**63:
        return None
    for row in connection.execute(_VERSION, (secret, number)).fetchall():
        return VersionRow._make(row)
    return None


def versions(connection: apsw.Connection, secret: int) -> Iterator[VersionRow]:
    """Ascending, as they are read."""
    return map(VersionRow._make, connection.execute(_VERSIONS, (secret,)))


def bounds(folder: str) -> tuple[str, str]:
    """All paths below a folder are >= the first and < the second; `0` follows `/`."""
    column = to_column(folder)
    return (f"{column}/", f"{column}0") if folder else ("", _END)


def has_children(connection: apsw.Connection, folder: str) -> bool:
    return bool(
        connection.execute("SELECT 1 FROM secret WHERE path >= ? AND path < ? LIMIT 1", bounds(folder)).fetchall()
    )


def children(connection: apsw.Connection, folder: str, after: str = "") -> Iterator[Child]:
    """The direct children in the order of the index, of folders the path alone; those that come `after` one, see
    `behind`.

    A run of secrets is one scan; a folder is left by a new search behind its last path, so the cost grows with the
    children and not with what is below them.
    """
    start, end = bounds(folder)
    depth = len(start)
    cursor = connection.cursor()
    cursor.execute(_CHILDREN, (after or start, end))
    while True:
        for child in cursor:
            path = child[0]
            slash = path.find("/", depth)
            if slash >= 0:
                yield path[:slash], None, None, None, None
                cursor.execute(_CHILDREN, (path[:slash] + "0", end))
                break
            yield child
        else:
            return


def behind(path: str, kind: str | None) -> str:
    """Where the children after this one begin."""
    return f"{path}0" if kind is None else f"{path}\x01"  # as in `bounds`; no path holds U+0001


def below(connection: apsw.Connection, folder: str, after: str, limit: int) -> Sequence[SecretRow]:
    """At most `limit` secrets below a folder whose paths come after one ("" for the start), by path."""
    start, end = bounds(folder)
    low = to_column(after) + "\x01" if after else start  # no path holds U+0001
    return [SecretRow._make(row) for row in connection.execute(_BELOW, (low, end, limit)).fetchall()]


def matching(connection: apsw.Connection, query: str, after: int, limit: int) -> Sequence[SecretRow]:
    """At most `limit` secrets of ids above one that the search index has under an FTS5 query, by id."""
    return [SecretRow._make(row) for row in connection.execute(_MATCHING, (query, after, limit)).fetchall()]


def deleted(connection: apsw.Connection) -> Sequence[tuple[str, int, int | None, str | None]]:
    """Every deleted version as (path, number, deleted_at, deleted_by), by path and number."""
    return [(row[0], row[1], row[2], row[3]) for row in connection.execute(_DELETED)]


def container(connection: apsw.Connection, name: str) -> ContainerRow | None:
    for row in connection.execute(
        "SELECT name, created_at FROM container WHERE name = ?", (to_column(name),)
    ).fetchall():
        return ContainerRow._make(row)
    return None


def container_names(connection: apsw.Connection) -> Sequence[str]:
    return [row[0] for row in connection.execute("SELECT name FROM container ORDER BY name")]


def rows(connection: apsw.Connection) -> Iterator[Row]:
    """Every row the accumulator is over, secrets before their versions."""
    for row in connection.execute(f"SELECT {SECRET} FROM secret ORDER BY id"):  # noqa: S608 - column names of ours
        yield SecretRow(*row)
    for row in connection.execute(f"SELECT {VERSION_COLUMNS} FROM version ORDER BY secret, number"):  # noqa: S608
        yield VersionRow(*row)
    for row in connection.execute("SELECT name, created_at FROM container"):
        yield ContainerRow(*row)
