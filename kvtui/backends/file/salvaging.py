"""Everything that can still be read of a damaged vault, in a new and whole one.

The damaged vault is copied first and stays as it is. Rows on damaged pages are left out by halving the range of ids
that cannot be read until only they remain; a version whose value does not open at its place is left out too, and a
secret none of whose versions is left. Their paths are told as far as the index of paths still has them.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import apsw

from kvtui.backends.file import checks, database, faults, files, header, rescuing, schema, sealing, slots
from kvtui.backends.file.columns import from_column
from kvtui.backends.file.header import Header, Slot
from kvtui.backends.file.keys import Keys, calibrated
from kvtui.backends.file.rewriting import Rewriter
from kvtui.backends.file.schema import (
    SECRET,
    VERSION_COLUMNS,
    ContainerRow,
    SecretRow,
    StateRow,
    VersionRow,
)
from kvtui.domain.credential import Credential
from kvtui.domain.errors import AlreadyExists, Corrupt
from kvtui.domain.progress import Progress, silent
from kvtui.domain.salvage import Lost, Salvaged
from kvtui.domain.value import SecretValue

Found = TypeVar("Found")

_HIGHEST = 1 << 24
"""Ids are looked for up to here where the vault cannot tell how many there were."""
_PIECE = 1024


@dataclass
class _Wreck:
    """A copy of a damaged database, read as far as it goes."""

    path: Path
    keys: Keys
    uuid: bytes
    lost: list[Lost] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._connection: apsw.Connection | None = None
        self.is_damaged = False

    def query(self, statement: str, *values: object) -> list[tuple[object, ...]] | None:
        """The rows, None where a damaged page is in the way. A connection that met one is of no more use."""
        with faults.translated():
            if self._connection is None:
                self._connection = database.connect(self.path, self.keys.page)
            try:
                return self._connection.execute(statement, values).fetchall()
            except faults.DAMAGE:
                self.close()
                self.is_damaged = True
                return None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close(force=True)
            self._connection = None

    def secrets(self) -> Iterator[SecretRow]:
        """Every secret row that can be read, by id."""
        for rows in self._halved(
            lambda low, high: self.query(
                f"SELECT {SECRET} FROM secret WHERE id BETWEEN ? AND ? ORDER BY id",  # noqa: S608
                low,
                high,
            ),
            1,
            self.highest_id(),
        ):
            yield from (SecretRow(*row) for row in rows)  # type: ignore[arg-type]

    def versions(self, row: SecretRow) -> list[VersionRow]:
        """Every version of a secret that can be read."""
        statement = f"SELECT {VERSION_COLUMNS} FROM version WHERE secret = ? AND number BETWEEN ? AND ?"  # noqa: S608
        found = self._halved(lambda low, high: self.query(statement, row.id, low, high), 1, max(row.current, 1))
        return [VersionRow(*each) for rows in found for each in rows]  # type: ignore[arg-type]

    def containers(self) -> list[ContainerRow]:
        rows = self.query("SELECT name, created_at FROM container") or []
        return [ContainerRow(*row) for row in rows]  # type: ignore[arg-type]

    def highest_id(self) -> int:
        for statement in ("SELECT seq FROM sqlite_sequence WHERE name = 'secret'", "SELECT max(id) FROM secret"):
            rows = self.query(statement)
            if rows and isinstance(rows[0][0], int):
                return rows[0][0]
        return _HIGHEST

    def paths(self) -> Iterator[str]:
        """The paths the index of paths tells, from both its ends up to where it is damaged."""
        first, last = "", "\U0010ffff"
        while rows := self.query("SELECT path FROM secret WHERE path > ? ORDER BY path LIMIT 20", first):
            yield from (first := str(row[0]) for row in rows)
        while rows := self.query(
            "SELECT path FROM secret WHERE path < ? AND path > ? ORDER BY path DESC LIMIT 20", last, first
        ):
            yield from (last := str(row[0]) for row in rows)

    @staticmethod
    def _halved(read: Callable[[int, int], list[Found] | None], low: int, high: int) -> Iterator[list[Found]]:
        """What can be read of a range, in pieces; of a piece that cannot be read halves, and halves of those."""
        for piece in range(low, high + 1, _PIECE):
            waiting = [(piece, min(piece + _PIECE - 1, high))]
            while waiting:
                start, end = waiting.pop()
                rows = read(start, end)
                if rows is not None:
                    yield rows
                elif start < end:
                    middle = (start + end) // 2
                    waiting += [(middle + 1, end), (start, middle)]


def salvage(
    vault: Path, credential: Credential, target: Path, state_dir: Path, *, progress: Progress = silent
) -> Salvaged:
    """Make a new vault of what can be read of a damaged one, opened by the same credential. Progress in secrets.

    Raises AlreadyExists, WrongCredential, Corrupt where nothing at all can be read, Unavailable.
    """
    target = target.absolute()
    checks.refuse_network(target)
    if checks.exists(target) or target.exists():
        raise AlreadyExists(f"Something is already at {files.shown(target)}.", hint="Choose another folder.")
    checks.look(vault, {schema.FILE})
    with rescuing.copied(vault, credential, state_dir) as (copy, used, master):
        wreck = _Wreck(copy / schema.FILE, Keys.derive(master, used.uuid), used.uuid)
        building = target.with_name(f".{target.name}.{secrets.token_hex(8)}.new")
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            building.mkdir(mode=0o700)
            building.chmod(0o700)
            salvaged = _build(wreck, building, credential, slots.unlock(used, credential)[0], progress)
            building.rename(target)
            files.sync_folder(target.parent)
        except OSError as error:
            raise files.fault(error, target) from None
        finally:
            wreck.close()
            shutil.rmtree(building, ignore_errors=True)
    return Salvaged(files.shown(target), salvaged[0], salvaged[1], tuple(wreck.lost))


def _build(
    wreck: _Wreck, building: Path, credential: Credential, used: Slot, progress: Progress
) -> tuple[SecretValue, int]:
    uuid, master = os.urandom(16), os.urandom(32)
    keys = Keys.derive(master, uuid)
    recovery, text = slots.new_recovery_slot(master, uuid, "")
    own: tuple[Slot, ...] = ()
    if used.type != "recovery":
        own = (slots.new_slot(master, uuid, credential, used.label, used.kdf or calibrated()),)
    head = Header(uuid, 1, datetime.now(UTC).replace(microsecond=0), (*own, recovery))
    state = StateRow(uuid, 1, bytes(32), 0, head.epoch, os.urandom(32))
    real = Path(os.path.realpath(building))
    saved = last = 0
    with Rewriter(real / schema.FILE, keys, state) as made:
        for row in wreck.secrets():
            saved += _save(wreck, made, row)
            last = row.id
            progress(saved, None)
        for container in wreck.containers():
            made.add(container)
        if wreck.is_damaged:
            told = {one.path for one in wreck.lost}
            gone = (path for path in wreck.paths() if not made.has(path))
            wreck.lost += [Lost(path) for path in map(from_column, gone) if path not in told]
        made.finish(last)
    if not saved and wreck.lost:
        raise Corrupt("Nothing of this vault can be read any more.", hint="Restore a backup.")
    encoded = head.encode(keys.header)
    files.create(real / header.COPY, encoded)
    files.create(real / header.NAME, encoded)
    files.sync_folder(real)
    return text, saved


def _save(wreck: _Wreck, made: Rewriter, row: SecretRow) -> int:
    """One secret with the versions that are left; how many secrets that makes."""
    path = from_column(row.path)
    kept: list[tuple[VersionRow, bytes | None]] = []
    for version in wreck.versions(row):
        value = None
        if version.sealed is not None:
            try:
                value = sealing.unseal(wreck.keys.value, wreck.uuid, row.id, version.number, version.sealed)
            except Corrupt:
                wreck.lost.append(Lost(path, version.number))
                continue
        kept.append((version, value))
    if not kept or made.has(row.path):  # an old copy of a page can bring a path twice
        wreck.lost.append(Lost(path))
        return 0
    newest = max((version for version, _ in kept), key=lambda version: version.number)
    if newest.number != row.current:
        if Lost(path, row.current) not in wreck.lost:
            wreck.lost.append(Lost(path, row.current))
        row = row._replace(current=newest.number, state=newest.state)
    made.add(row)
    for version, value in sorted(kept):
        made.add(version, value)
    return 1
