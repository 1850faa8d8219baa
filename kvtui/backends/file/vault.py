"""A vault on disk: opening one, its key slots, and whether it is what was left.

Opening: look at the files; read and bound the header; unwrap the master key; verify the header; read the anchor; open
the database; compare epoch, generation and (small vaults) the accumulator. Changing slots: write the header of the next
epoch, then commit that epoch to the database; a header one ahead is a crash in between and is finished.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kvtui.backends.file import anchor, checks, header, integrity, reads, schema, slots, successor
from kvtui.backends.file.anchor import Anchor
from kvtui.backends.file.database import Database
from kvtui.backends.file.header import Header, KdfCost, Slot
from kvtui.backends.file.keys import Keys, backup_key, calibrated, purpose_key
from kvtui.backends.file.schema import StateRow
from kvtui.backends.file.transaction import Transaction
from kvtui.domain.credential import Credential, KeySlot
from kvtui.domain.errors import Corrupt, InvalidInput, KvtuiError, NotFound, Unavailable
from kvtui.domain.value import SecretValue
from kvtui.locations import write_private

if TYPE_CHECKING:
    import apsw

CHECKED_AT_OPEN = 10_000
"""Vaults of at most this many rows have their accumulator recomputed at every opening; larger ones by `verify`."""

_ROLLED_BACK = "kvtui doctor --accept-rollback, if you restored it on purpose; else look for the newer one."


class Vault:
    """An open vault. `notes` are oddities that do no harm, in plain words."""

    def __init__(self, path: Path, uuid: bytes, master: bytes, state_dir: Path) -> None:
        self.path = self.location = path
        self.uuid = uuid
        self.keys = Keys.derive(master, uuid)
        self.notes: list[str] = []
        self.was_checked = False
        """Whether opening compared every row, or left that to `integrity.verify`."""
        self._master = master
        record = anchor.stored(state_dir, uuid)  # before the generation
        self.database = Database(path / schema.FILE, self.keys.page, self._confirm)
        try:
            with self.database.reading() as connection:
                self._seed = self.state(connection).seed
        except BaseException:
            self.database.close()
            raise
        self.anchor = Anchor(state_dir, uuid, self.derive_key("anchor"))
        self._anchored = self.anchor.generation_of(record)

    def _confirm(self) -> None:
        """The header is still of these keys: whoever waited for the database may have missed that they were exchanged.
        Raises Unavailable."""
        try:
            self.header()
        except Corrupt:
            raise Unavailable("The vault was encrypted anew just now.", hint="Open it again.") from None

    @contextmanager
    def change(self) -> Iterator[Transaction]:
        """One durable commit of everything done with the transaction."""
        with self.database.writing() as connection:
            transaction = Transaction(connection, self.keys.accumulator)
            yield transaction
            transaction.finish()
        if transaction.generation:
            self.anchor.raise_to(transaction.generation)

    def generation(self) -> int:
        with self.database.reading() as connection:
            return reads.state(connection).generation

    def derive_key(self, purpose: str) -> bytes:
        """32 bytes from the vault's seed; the same after the master key has been changed."""
        self.database.check()
        return purpose_key(self._seed, self.uuid, purpose)

    def backup_key(self) -> bytes:
        """What backups are signed with."""
        self.database.check()
        return backup_key(self._master, self.uuid)

    def close(self) -> None:
        self.database.close()
        self.anchor.close()
        self._master = self._seed = b""
        self.keys = Keys(b"", b"", b"", b"")

    # Key slots

    def slots(self) -> Sequence[KeySlot]:
        self.database.check()
        return [slots.public(slot) for slot in self.header().slots]

    def add_slot(self, credential: Credential, label: str) -> KeySlot:
        self.database.check()
        slot = slots.new_slot(self._master, self.uuid, credential, label, self._cost())
        self._change_slots(lambda old: (*old, slot))
        return slots.public(slot)

    def add_recovery_key(self, label: str) -> tuple[KeySlot, SecretValue]:
        self.database.check()
        slot, text = slots.new_recovery_slot(self._master, self.uuid, label)
        self._change_slots(lambda old: (*old, slot))
        return slots.public(slot), text

    def remove_slot(self, slot_id: str) -> None:
        """Raises NotFound; InvalidInput for the last one."""
        self._change_slots(lambda old: _without(old, slot_id))

    def replace_slot(self, old: Credential, new: Credential) -> KeySlot:
        """Replace the slot `old` opens. A recovery key stays: it then replaces the only other slot.

        Raises WrongCredential; InvalidInput when it is not clear which slot is meant.
        """
        self.database.check()
        current = self.header()
        opened, _ = slots.unlock(current, old)
        if opened.type == "recovery":
            others = [slot for slot in current.slots if slot.type != "recovery"]
            if len(others) != 1:
                raise InvalidInput(
                    "It is not clear which key the recovery key shall replace.",
                    hint="Use kvtui key add and key remove.",
                )
            opened = others[0]
        slot = slots.new_slot(self._master, self.uuid, new, opened.label, self._cost())
        self._change_slots(lambda before: (*_without((*before, slot), opened.id),))
        return slots.public(slot)

    def export_page_key(self) -> SecretValue:
        self.database.check()
        return SecretValue(self.keys.page.hex())

    # Whether it is what was left

    def check(self) -> None:
        """At opening: the database is of this header, neither is older than what was seen, small ones are unaltered."""
        with self.database.reading() as connection:
            state = self.state(connection)
            self.was_checked = state.row_count <= CHECKED_AT_OPEN
            whole = not self.was_checked or integrity.accumulates(connection, self.keys.accumulator, state)
        if self.header().epoch < state.header_epoch:
            raise _rolled_back("The vault's header is older than its database", "an old passphrase may open it")
        if state.generation < self._anchored:
            raise _rolled_back("The vault is older than when it was last used here", "later changes are missing")
        if not whole:
            raise integrity.altered()
        self.database.trust()
        self._heal()
        self.anchor.raise_to(state.generation)

    def accept_rollback(self) -> None:
        """Take what is stored as the newest there is. Raises Corrupt when it is not a whole vault of some moment."""
        with self.database.reading() as connection:
            whole = integrity.accumulates(connection, self.keys.accumulator, self.state(connection))
        if not whole:
            raise integrity.altered()
        with self.database.writing() as connection:
            state = self.state(connection)
            old = self.header()
            epoch = max(old.epoch, state.header_epoch) + 1
            self._write_header(Header(old.uuid, epoch, old.created, old.slots))
            generation = max(state.generation, self._anchored) + 1
            connection.execute("UPDATE state SET generation = ?, header_epoch = ?", (generation, epoch))
        self._write_copy()
        self.anchor.raise_to(generation)

    def state(self, connection: apsw.Connection) -> StateRow:
        """Raises Corrupt when the database is of another vault, Unsupported when of a newer kvtui."""
        return integrity.state(connection, self.uuid, self.keys)

    # The header

    def header(self) -> Header:
        """As it is on disk now, verified. Raises Corrupt."""
        return header.read(self.path).verified(self.keys.header)

    def _heal(self) -> None:
        """Finish a change of slots that was cut short, and put a good copy where there is none."""
        with self.database.reading() as connection:
            behind = reads.state(connection).header_epoch != self.header().epoch
        if behind:
            with self.database.writing() as connection:  # waits for whoever is changing slots right now
                epoch = self.header().epoch
                known = reads.state(connection).header_epoch
                if epoch > known + 1:
                    raise _rolled_back("The vault's database is older than its header", "later changes are missing")
                connection.execute("UPDATE state SET header_epoch = ?", (epoch,))
        try:
            same = header.read_bytes(self.path, header.COPY) == header.read_bytes(self.path)
        except Corrupt:
            same = False
        if not same:
            self.notes.append(f"{header.COPY} was missing or differed and has been written again.")
            self._write_copy()
        successor.forget(self.path)

    def _change_slots(self, edit: Callable[[tuple[Slot, ...]], tuple[Slot, ...]]) -> None:
        self.database.check()
        self._heal()
        new = None
        try:
            with self.change() as transaction:
                old = self.header()
                new = old.following(edit(old.slots))
                if len(new.slots) > header.MAX_SLOTS:
                    raise InvalidInput(f"A vault has at most {header.MAX_SLOTS} keys.", hint="Remove one first.")
                transaction.connection.execute("UPDATE state SET header_epoch = ?", (new.epoch,))
                transaction.touch()
                self._write_header(new)
            self._write_copy()
        except KvtuiError as error:
            if new is None:
                raise
            raise self._half_changed(new, error) from None

    def _half_changed(self, new: Header, error: KvtuiError) -> KvtuiError:
        """What to say when a change of slots fails: its header counts once it is there, whatever fails after it."""
        try:
            if self.header().signed() != new.signed():
                return error
            what = "The keys are changed, but not all of it could be written"
        except KvtuiError:
            what = "The keys may be changed"
        hint = "Open the vault again, which finishes it; until then old keys may be left in its files."
        return Unavailable(f"{what}: {error.message}", hint=hint)

    def _write_header(self, new: Header) -> None:
        write_private(self.path / header.NAME, new.encode(self.keys.header))

    def _write_copy(self) -> None:
        write_private(self.path / header.COPY, header.read_bytes(self.path))

    def _cost(self) -> KdfCost:
        """What new slots cost: as much as the dearest there is."""
        costs = [slot.kdf for slot in self.header().slots if slot.kdf is not None]
        return max(costs, key=lambda cost: cost.memory_kib * cost.passes) if costs else calibrated()


def open_vault(path: Path, credential: Credential, state_dir: Path, *, accept_rollback: bool = False) -> Vault:
    """Raises NotFound, WrongCredential, AuthenticationRequired, PermissionDenied, Corrupt, Unsupported, Unavailable."""
    notes = checks.inspect(path)
    real = Path(os.path.realpath(path))  # the vault itself is no link; SQLite refuses any on the way
    parsed = header.read(real)
    _, master = slots.unlock(parsed, credential)
    keys = Keys.derive(master, parsed.uuid)
    parsed.verified(keys.header)
    successor.finish(real, keys.page)
    vault = Vault(real, parsed.uuid, master, state_dir)
    vault.notes.extend(notes)
    try:
        if accept_rollback:
            vault.accept_rollback()
        vault.check()
    except BaseException:
        vault.close()
        raise
    return vault


def _without(before: tuple[Slot, ...], slot_id: str) -> tuple[Slot, ...]:
    left = tuple(slot for slot in before if slot.id != slot_id)
    if len(left) == len(before):
        raise NotFound("No such key.", hint="See kvtui key list.")
    if not left:
        raise InvalidInput("The last key stays: without one nothing opens the vault.", hint="Add another first.")
    return left


def _rolled_back(what: str, meaning: str) -> Corrupt:
    return Corrupt(f"{what}: it was rolled back, and {meaning}.", hint=_ROLLED_BACK)
