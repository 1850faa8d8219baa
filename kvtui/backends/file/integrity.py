"""Whether a vault is what was last written to it: pages, rows, values, search index, headers, generation."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from kvtui.backends.file import accumulator, faults, header, reads, schema, sealing
from kvtui.backends.file.accumulator import Accumulator
from kvtui.backends.file.schema import StateRow, VersionRow
from kvtui.courtesy import make_way
from kvtui.domain.errors import Corrupt, Unsupported
from kvtui.domain.progress import Progress, silent

if TYPE_CHECKING:
    import apsw

    from kvtui.backends.file.keys import Keys
    from kvtui.backends.file.vault import Vault

_RESTORE = "Restore a backup."
_PAGES = (
    ("PRAGMA integrity_check(1)", "The database file is damaged."),
    ("PRAGMA foreign_key_check", "Some versions belong to no secret."),
)
_INDEX = "INSERT INTO search(search, rank) VALUES('integrity-check', 1)"
_STEPS = 1000
_CHUNK = 500
"""Rows between two words of progress."""
_WORK, _REST = 0.004, 0.008
"""Seconds: hashing rows keeps Python to itself, so whoever works beside somebody's keys rests twice as long."""


def state(connection: apsw.Connection, uuid: bytes, keys: Keys) -> StateRow:
    """The state row, its seed unsealed. Raises Corrupt when the database is of another vault, Unsupported when it was
    written by a newer kvtui."""
    if connection.pragma("user_version") > schema.VERSION:
        raise Unsupported(
            "This vault was written by a newer kvtui.", capability="open", hint="Use that version or a later one."
        )
    row = reads.state(connection)
    if row.uuid != uuid:
        raise faults.foreign()
    return row._replace(seed=sealing.unseal(keys.value, uuid, 0, 0, row.seed))


def accumulates(connection: apsw.Connection, key: bytes, state: StateRow) -> bool:
    """Whether the rows are those the state row speaks of. Call it in the transaction that was read in."""
    fresh = accumulator.recompute(connection, key)
    return secrets.compare_digest(fresh.digest(), state.accumulator) and fresh.rows == state.row_count


def altered() -> Corrupt:
    return Corrupt(
        "Some stored rows are not those last written: the vault was changed from outside, or part of it is old.",
        hint=_RESTORE,
    )


def verify(vault: Vault, *, gently: bool = False, progress: Progress = silent) -> Sequence[str]:
    """Check everything, which reads all of the vault; progress in rows. What is wrong, in plain words; nothing when all
    is well.

    `gently`, beside somebody who works: with rests, without holding up those who write, and so without comparing the
    search index with the secrets, whose pages are checked nevertheless.
    """
    findings = [*_verify_pages(vault, progress)]
    if not gently:
        findings += _verify_index(vault)
    try:
        findings += _verify_rows(vault, gently=gently, progress=progress)
    except Corrupt as error:
        findings.append(error.message)
    findings += _verify_headers(vault)
    seen = vault.anchor.read()  # before the generation, or another writer in between looks like a rollback
    if vault.generation() < seen:
        findings.append("The vault is older than when it was last used here.")
    return list(dict.fromkeys(findings))


def _verify_pages(vault: Vault, progress: Progress) -> Iterator[str]:
    def step() -> bool:
        make_way()
        vault.database.check()
        progress(0, None)
        return False

    for statement, finding in _PAGES:
        with vault.database.apart() as connection:
            connection.set_progress_handler(step, _STEPS)
            try:
                found = connection.execute(statement).fetchall()
            except faults.DAMAGE:
                found = [("damaged",)]
        if found not in ([], [("ok",)]):
            yield finding


def _verify_index(vault: Vault) -> Iterator[str]:
    with vault.database.exclusive_use() as connection:
        try:
            connection.execute(_INDEX)
        except faults.DAMAGE:
            yield "The search index does not match the secrets."


def _verify_rows(vault: Vault, *, gently: bool, progress: Progress) -> Iterator[str]:
    """The rows of one moment against what the vault says of them, and that each value opens at its place."""
    keys = vault.keys
    with vault.database.apart() as connection:
        connection.execute("BEGIN")
        known = vault.state(connection)
        fresh = Accumulator(keys.accumulator)
        lost = 0
        worked = time.monotonic()
        for done, row in enumerate(reads.rows(connection)):
            fresh.add(row)
            if isinstance(row, VersionRow) and row.sealed is not None:
                try:
                    sealing.unseal(keys.value, vault.uuid, row.secret, row.number, row.sealed)
                except Corrupt:
                    lost += 1
            if done % _CHUNK == 0:
                vault.database.check()
                progress(done, known.row_count)
            make_way()
            if gently and time.monotonic() - worked > _WORK:
                time.sleep(_REST)
                worked = time.monotonic()
        if lost:
            yield f"Stored values that cannot be read: {lost}."
        if (fresh.digest(), fresh.rows) != (known.accumulator, known.row_count):
            yield "Some stored rows are not those last written: changed from outside, or partly old."


def _verify_headers(vault: Vault) -> Iterator[str]:
    for name in (header.NAME, header.COPY):
        try:
            header.parse(header.read_bytes(vault.path, name)).verified(vault.keys.header)
        except (Corrupt, Unsupported):
            yield f"{name} is damaged or missing."
