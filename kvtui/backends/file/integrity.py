"""Whether a vault is what was last written to it: pages, rows, search index, headers, generation."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from kvtui.backends.file import accumulator, faults, header, reads, schema, sealing
from kvtui.backends.file.schema import StateRow
from kvtui.domain.errors import Corrupt, Unsupported

if TYPE_CHECKING:
    import apsw

    from kvtui.backends.file.keys import Keys
    from kvtui.backends.file.vault import Vault

_CHECKS = (
    ("PRAGMA integrity_check(1)", "The database file is damaged."),
    ("PRAGMA foreign_key_check", "Some versions belong to no secret."),
    ("INSERT INTO search(search, rank) VALUES('integrity-check', 1)", "The search index does not match the secrets."),
)


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
        hint="Restore a backup.",
    )


def verify(vault: Vault) -> Sequence[str]:
    """Check everything, which reads all of the vault. What is wrong, in plain words; nothing when all is well."""
    findings = []
    with vault.database.exclusive_use() as connection:
        for statement, finding in _CHECKS:
            with faults.translated():
                try:
                    rows = connection.execute(statement).fetchall()
                except faults.DAMAGE:
                    rows = [("damaged",)]
            if rows not in ([], [("ok",)]):
                findings.append(finding)
    try:
        with vault.database.reading() as connection:
            if not accumulates(connection, vault.keys.accumulator, vault.state(connection)):
                findings.append("Some stored rows are not those last written: changed from outside, or partly old.")
    except Corrupt as error:
        findings.append(error.message)
    findings.extend(_verify_headers(vault))
    if vault.generation() < vault.anchor.read():
        findings.append("The vault is older than when it was last used here.")
    return findings


def _verify_headers(vault: Vault) -> Iterator[str]:
    for name in (header.NAME, header.COPY):
        try:
            header.parse(header.read_bytes(vault.path, name)).verified(vault.keys.header)
        except (Corrupt, Unsupported):
            yield f"{name} is damaged or missing."
