"""A new master key: everything of a vault encrypted anew, so that whoever had the old key has nothing of what follows.

    vault.db.next   the whole database under the new keys, while the vault is held by nobody else
    vault.hdr       the new master key in new slots                              <- from here on the new one counts
    vault.db        replaced by vault.db.next
    vault.hdr.bak   the new header

Killed before the second step, the vault is as it was and the next opening removes what lies about; killed after it, the
next opening does the rest. The old key of every slot but the one used is not known here, so the other slots end.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from kvtui.backends.file import database, files, header, integrity, rewriting, schema, slots, successor
from kvtui.backends.file.header import Slot
from kvtui.backends.file.keys import Keys, calibrated
from kvtui.backends.file.vault import open_vault
from kvtui.domain.credential import Credential, KeySlot
from kvtui.domain.errors import Corrupt, InvalidInput, KvtuiError, Unavailable
from kvtui.domain.progress import Progress, silent
from kvtui.domain.value import SecretValue
from kvtui.locations import write_private


def ending(vault: Path, credential: Credential) -> Sequence[KeySlot]:
    """The slots that a change of the master key would end. Raises as opening does."""
    head = header.read(vault)
    used, _ = slots.unlock(head, credential)
    return [slots.public(slot) for slot in head.slots if slot.id != used.id]


def rotate_master(
    vault: Path,
    credential: Credential,
    state_dir: Path,
    *,
    new: Credential | None = None,
    progress: Progress = silent,
) -> SecretValue:
    """Encrypt a vault anew under a new master key; the new recovery key. `new` takes the place of the credential, and
    is needed where that is a recovery key. Progress in rows.

    Raises as opening does, Unavailable where somebody else has it open, Corrupt for a damaged vault: unchanged then.
    """
    open_vault(vault, credential, state_dir).close()  # finishes what was begun, refuses what was rolled back
    vault = Path(os.path.realpath(vault))
    head = header.read(vault)
    used, master = slots.unlock(head, credential)
    if used.type == "recovery" and new is None:
        raise InvalidInput("A recovery key is not used again.", hint="Give a new passphrase.")
    old = Keys.derive(master, head.uuid)
    fresh = os.urandom(32)
    keys = Keys.derive(fresh, head.uuid)
    slot = slots.new_slot(fresh, head.uuid, new or _as_used(credential, used), used.label, used.kdf or calibrated())
    spare, recovery = slots.new_recovery_slot(fresh, head.uuid, "")
    encoded = b""
    try:
        with database.exclusive(vault / schema.FILE, old.page) as connection:
            head = header.read(vault).verified(old.header)  # nobody changed it while we waited
            state = integrity.state(connection, head.uuid, old)
            after = head.following((slot, spare))
            if state.header_epoch != head.epoch:
                raise Corrupt("The vault's header and database are not of one time.", hint="Run kvtui doctor.")
            state = state._replace(generation=state.generation + 1, header_epoch=after.epoch)
            rewriting.rewrite(connection, old, vault / successor.NAME, keys, state, progress=progress)
            encoded = after.encode(keys.header)
            _write_header(vault, encoded)
        # Whoever waited for the old database finds another header now, before writing anything beside the new one.
        successor.finish(vault, keys.page)
        write_private(vault / header.COPY, encoded)
        open_vault(vault, new or credential, state_dir).close()  # tells the anchor
    except (OSError, KvtuiError) as error:
        problem = error if isinstance(error, KvtuiError) else files.fault(error, vault)
        if not encoded or not _counts(vault, encoded):
            raise problem from None
        raise Unavailable(
            f"The master key is changed, but not all of it is in place: {problem.message}",
            hint="Open the vault, which finishes it. The new recovery key is lost: kvtui key add --recovery.",
        ) from None
    return recovery


def _as_used(credential: Credential, slot: Slot) -> Credential:
    """What of a credential the slot was opened with: a key file of the profile may be beside a passphrase alone."""
    if slot.type == "passphrase":
        return Credential(credential.passphrase)
    return Credential(key_file=credential.key_file) if slot.type == "keyfile" else credential


def _write_header(vault: Path, encoded: bytes) -> None:
    """The step from which on the new key counts. It can fail when the new header is in place already, at the sync of
    the folder: the old database is then the one nothing opens any more."""
    try:
        write_private(vault / header.NAME, encoded)
    except BaseException:
        if not _counts(vault, encoded):
            successor.forget(vault)
        raise


def _counts(vault: Path, encoded: bytes) -> bool:
    """Whether this is the vault's header, or may be."""
    try:
        return header.read_bytes(vault) == encoded
    except KvtuiError:
        return True
