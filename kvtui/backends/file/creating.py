"""Making a vault, or its database: beside its place first, moved there as a whole."""

from __future__ import annotations

import os
import secrets
import shutil
from datetime import UTC, datetime
from pathlib import Path

from kvtui.backends.file import checks, database, faults, files, header, schema, sealing, slots
from kvtui.backends.file.header import Header, KdfCost
from kvtui.backends.file.keys import Keys, calibrated
from kvtui.backends.file.schema import StateRow
from kvtui.domain.credential import Credential
from kvtui.domain.errors import AlreadyExists
from kvtui.domain.value import SecretValue


def create_vault(path: Path, credential: Credential, *, kdf: KdfCost | None = None) -> SecretValue:
    """A new, empty vault of mode 0700, and its recovery key. It is made beside and moved into place as a whole.

    Raises AlreadyExists, InvalidInput for a credential that cannot be used, PermissionDenied, Unavailable.
    """
    if checks.exists(path):
        raise AlreadyExists(f"There is a vault at {files.shown(path)}.", hint="Open it, or choose another folder.")
    checks.refuse_network(path)
    uuid, master = os.urandom(16), os.urandom(32)
    first = slots.new_slot(master, uuid, credential, "", kdf or calibrated())
    recovery, text = slots.new_recovery_slot(master, uuid, "")
    head = Header(uuid, 1, datetime.now(UTC).replace(microsecond=0), (first, recovery))
    path = path.absolute()
    building = path.with_name(f".{path.name}.{secrets.token_hex(8)}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        building.mkdir(mode=0o700)
        building.chmod(0o700)
        _fill(Path(os.path.realpath(building)), head, Keys.derive(master, uuid))
        building.rename(path)
        try:
            files.sync_folder(path.parent)
        except OSError:
            path.rename(building)  # nobody gets to see its recovery key
            raise
    except OSError as error:
        raise files.fault(error, path) from None
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return text


def _fill(folder: Path, head: Header, keys: Keys) -> None:
    encoded = head.encode(keys.header)
    files.create(folder / schema.FILE)
    with faults.translated():
        connection = database.connect(folder / schema.FILE, keys.page, empty=True)
        try:
            state = StateRow(
                uuid=head.uuid,
                generation=1,
                accumulator=bytes(32),
                row_count=0,
                header_epoch=head.epoch,
                seed=sealing.seal(keys.value, head.uuid, 0, 0, os.urandom(32)),
            )
            with connection:
                connection.execute(schema.DDL)
                connection.execute(f"INSERT INTO state(id, {schema.STATE}) VALUES(0, ?, ?, ?, ?, ?, ?)", state)
                connection.pragma("application_id", schema.APPLICATION_ID)
                connection.pragma("user_version", schema.VERSION)
        finally:
            connection.close()
    files.create(folder / header.COPY, encoded)
    files.create(folder / header.NAME, encoded)
    files.sync_folder(folder)
