"""A session: one profile, opened and locked, and what people do with it. Every reveal, copy and write is journaled.

Synchronous and usable from any thread; the screen calls it on worker threads. Reads run side by side, writes
one by one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from typing import TYPE_CHECKING

from kvtui.backends.contract import Backend
from kvtui.backends.factory import StoreState
from kvtui.domain.capability import BackendInfo, Capability
from kvtui.domain.credential import Created, Credential
from kvtui.domain.errors import Conflict, InvalidInput, KvtuiError, Locked
from kvtui.domain.progress import Progress, silent
from kvtui.domain.secret import Secret, Version
from kvtui.domain.value import Fields, SecretValue
from kvtui.services.changes import Applied, Change, ChangeSet, Op, Outcome
from kvtui.services.journal import Act, Journal, JournalEntry
from kvtui.services.profiles import Profile

if TYPE_CHECKING:
    from pathlib import Path

    from kvtui.domain.backup import Restored
    from kvtui.domain.conversation import Conversation
    from kvtui.services.carrying import Carried
    from kvtui.services.names import Names
    from kvtui.services.packing import Loss
    from kvtui.services.remembered import RememberedNames

_ACTS = {
    Op.SET: Act.WRITE,
    Op.META: Act.META,
    Op.DELETE: Act.DELETE,
    Op.UNDELETE: Act.UNDELETE,
    Op.DESTROY: Act.DESTROY,
    Op.MOVE: Act.MOVE,
    Op.COPY: Act.COPY_SECRET,
}


class _Undoable:
    """How to take a change back, and the version that was current before the change."""

    def __init__(self, change: Change, before: int | None) -> None:
        self.change = change
        self.before = before


class Session:
    """One profile and, while it is open, its store."""

    def __init__(self, profile: Profile, *, state_dir: Path | None = None) -> None:
        self.profile = profile
        self.staged = ChangeSet()
        self.draft: Change | None = None
        """What somebody was typing when the session was locked; the screen takes it up and sets None."""
        self._pending: tuple[bytes, bool] | None = None
        self._own_key = os.urandom(32)
        """What seals pending changes of a store without a key of its own, as one on a server: they never leave this
        process, and are nowhere in plain while it is locked."""
        self._state_dir = state_dir
        self._backend: Backend | None = None
        self._journal: Journal | None = None
        self._names: RememberedNames | None = None
        self._searched: Names | None = None
        self._undo: list[_Undoable] = []
        self._writing = threading.RLock()
        self._searching = threading.Lock()

    # -- open and close

    @property
    def is_open(self) -> bool:
        return self._backend is not None

    def probe(self) -> StoreState:
        """Whether the store is there and needs a credential; see BackendFactory.probe."""
        if self.profile.rescue:
            return StoreState.LOCKED  # what is wrong with it is no reason not to look
        return self.profile.factory.probe(self.profile.settings)

    def enter(self, credential: Credential | None = None) -> StoreState:
        """Open the store as far as that goes without asking anybody. READY: it is open. Raises as unlock does."""
        if self.is_open:
            return StoreState.READY
        state = self.probe()
        if state is StoreState.READY:
            self.unlock()
        elif state is StoreState.LOCKED and credential is not None:
            self.unlock(credential)
            state = StoreState.READY
        return state

    def create(self, credential: Credential) -> Created:
        """Make the profile's store; it is not opened. See BackendFactory.create."""
        return self.profile.factory.create(self.profile.settings, credential)

    def restore(
        self, archive: Path, credential: Credential, *, replace: bool = False, progress: Progress = silent
    ) -> tuple[Restored, str]:
        """Make the profile's store of a backup; it is not opened. Also why that is not in the journal, "" if it is.
        See BackendFactory.restore."""
        profile = self.profile
        restored = profile.factory.restore(archive, profile.settings, credential, replace=replace, progress=progress)
        journal = Journal.of(profile.name or restored.location, restored.journal_key, self._state_dir)
        try:
            journal.record(Act.RESTORE, "")
        except KvtuiError as error:  # what is done is done
            return restored, error.message
        return restored, ""

    def unlock(self, credential: Credential | None = None, conversation: Conversation | None = None) -> None:
        """Open the store, anew where it is open: staged changes stay. See BackendFactory.open for what it raises."""
        backend = self._opened(credential, conversation)
        try:
            name = self.profile.name or backend.info().location
            journal = Journal.of(name, backend.derive_key("journal"), self._state_dir)
            backend = self._remembering(backend, name)
        except BaseException:
            backend.close()
            raise
        if self.profile.read_only and not self.profile.rescue:  # what was rescued refuses by itself, and says why
            backend = self._read_only(backend)
        with self._writing:
            before = self._change(backend, journal)
        if before is not None:
            before.close()
        self._take_up_pending()

    def _opened(self, credential: Credential | None, conversation: Conversation | None) -> Backend:
        factory, settings = self.profile.factory, self.profile.settings
        if self.profile.rescue:
            return factory.rescue(settings, credential or Credential())
        return factory.open(settings, credential, conversation)

    def _remembering(self, backend: Backend, name: str) -> Backend:
        """Where the store cannot list, with the paths that were used."""
        self._names = None
        if not backend.info().unlisted:
            return backend
        from kvtui.backends.remembering import RememberingBackend  # noqa: PLC0415 - few stores need it
        from kvtui.services.remembered import RememberedNames  # noqa: PLC0415

        self._names = RememberedNames(name, self._state_dir, kept=self.profile.remember)
        return RememberingBackend(backend, self._names)

    @property
    def names(self) -> Names:
        """What is searched of the open store: nothing until it is read; forgotten when it is locked. Raises Locked."""
        from kvtui.services.names import Names  # noqa: PLC0415 - loaded by the first search

        with self._searching:
            backend = self.backend
            if self._searched is None:
                self._searched = Names(backend)
            return self._searched

    def is_gone(self, path: str) -> None:
        """It was gone to, and is not there: it is found no more until names are read again."""
        if (searched := self._searched) is not None:
            searched.drop(path)

    @property
    def names_are_due(self) -> bool:
        """Whether the profile wants them to be read again by now, in the background: see `Names.is_due`."""
        every, searched = self.profile.refresh_names_minutes, self._searched
        return every > 0 and searched is not None and searched.is_due(timedelta(minutes=every))

    def _change(self, backend: Backend | None, journal: Journal | None) -> Backend | None:
        """What is open from now on; returns what was before. Its names go with it: another token may see less."""
        with self._searching:
            before, self._backend, self._journal = self._backend, backend, journal
            searched, self._searched = self._searched, None
        if searched is not None:
            searched.forget()
        return before

    @property
    def remembers(self) -> bool:
        """Whether paths are remembered in place of a listing."""
        return self._names is not None

    def forget(self, path: str | None = None) -> Sequence[str]:
        """Drop one remembered path and those below it, or all of them; tells which. Raises InvalidInput, NotFound, and
        as the file does that they are kept in."""
        names = self._names
        if names is None:
            raise InvalidInput("Nothing is remembered of this store.", hint="It lists what is in it.")
        if path is not None:
            return names.forget_below(path)
        known = names.paths()
        names.forget()
        return known

    @staticmethod
    def _read_only(backend: Backend, *reason: str) -> Backend:
        from kvtui.backends.read_only import ReadOnlyBackend  # noqa: PLC0415 - few profiles are

        return ReadOnlyBackend(backend, *reason)

    def distrust(self, reason: str) -> None:
        """From now on this store is only read, for a reason told to whoever wants to write."""
        with self._writing:
            if self._backend is not None:
                self._backend = self._read_only(self._backend, reason)

    def lock(self, draft: Change | None = None) -> None:
        """Close the store and forget keys and undo. Staged changes and the draft of an open form are kept sealed for
        the next unlock of this session. Locking twice is fine."""
        with self._writing:
            backend = self._change(None, None)
            self._undo.clear()
            self._names = None
            try:
                if backend is not None:
                    self._pending = self._sealed_pending(backend, draft)
            finally:
                self.staged.clear()
                self.draft = None
                if backend is not None:
                    backend.close()

    def _sealed_pending(self, backend: Backend, draft: Change | None) -> tuple[bytes, bool] | None:
        """The sealed changes, and whether the last of them is a draft; None for none."""
        kept = [*self.staged, *([draft] if draft is not None else [])]
        if not kept:
            return None
        from kvtui.services import pending  # noqa: PLC0415 - few sessions leave anything

        key = backend.derive_key(pending.PURPOSE) or self._own_key
        return pending.seal(kept, key), draft is not None

    def _take_up_pending(self) -> None:
        kept, self._pending = self._pending, None
        if kept is None:
            return
        from kvtui.services import pending  # noqa: PLC0415

        changes_kept = pending.unseal(kept[0], self.backend.derive_key(pending.PURPOSE) or self._own_key)
        self.draft = changes_kept.pop() if kept[1] else None
        for change in changes_kept:
            self.staged.stage(change)

    @property
    def backend(self) -> Backend:
        """The open store. Raises Locked."""
        if self._backend is None:
            raise Locked("The vault is locked.", hint="Unlock it with its passphrase.")
        return self._backend

    @property
    def journal(self) -> Journal:
        if self._journal is None:
            raise Locked("The vault is locked.", hint="Unlock it with its passphrase.")
        return self._journal

    @property
    def batches_dir(self) -> Path:
        """Where it is kept how far batches have come: beside the journal, one for each store."""
        journal = self.journal.file
        return journal.parent.parent / "batches" / journal.stem

    # -- what can be done

    def info(self) -> BackendInfo:
        return self.backend.info()

    def can(self, capability: Capability, path: str | None = None) -> bool:
        """With a path, what can be done there: that may ask the store once."""
        return not self.why_not(capability, path)

    def why_not(self, capability: Capability, path: str | None = None) -> str:
        """The reason a capability is missing, for a greyed action; empty when it is there."""
        return "The vault is locked." if self._backend is None else self._backend.why_not(capability, path)

    # -- reading

    def disclose(self, act: Act, secret: Secret, field: str) -> SecretValue:
        """The value of a field, for showing or copying: journaled first, and refused where it cannot be."""
        if field not in secret.fields:
            names = ", ".join(secret.fields) or "none"
            raise InvalidInput(f"It has no field {field}.", hint=f"Its fields: {names}.", path=secret.path)
        self.journal.record(act, secret.path, field=field, version=secret.version.number)
        return secret.fields[field]

    def activity(self, path: str, limit: int = 200) -> list[JournalEntry]:
        """What was done with a secret from this machine, newest first."""
        return self.journal.entries(path=path, limit=limit)

    # -- writing

    def apply(self, change: Change, *, overwrite: bool = False, act: Act | None = None) -> Applied:
        """Do one change with its version check, journal it, remember how to undo it."""
        from kvtui.services import doing  # noqa: PLC0415 - most sessions only read

        with self._writing:
            with self._journaled(act or _ACTS[change.op], change) as note:
                told = len(self.backend.notes)
                applied = doing.apply(self.backend, change, overwrite=overwrite)
                applied = applied._replace(notes=tuple(self.backend.notes[told:]))
                note(applied)
            if applied.undo is not None:
                self._undo.append(_Undoable(applied.undo, applied.version.number - 1 if applied.version else None))
            else:
                self._undo.clear()
            return applied

    def attempt(self, change: Change, *, overwrite: bool = False) -> Outcome:
        """Like apply, with the error as a result: one item of several."""
        try:
            return Outcome(change, self.apply(change, overwrite=overwrite))
        except KvtuiError as error:
            return Outcome(change, error=error)

    def patch(self, path: str, fields: Fields, *, expected: int | None = None) -> Version:
        """Write some fields of a secret without reading the others; see Backend.patch. It is not undone with one key,
        as nobody knows what was there."""
        with self._writing, self.journal.around(Act.WRITE, path):
            version = self.backend.patch(path, fields, expected=expected)
            self._undo.clear()
            return version

    def rotate_there(self, path: str, fields: Fields | None = None) -> Version:
        """A new version by the store's own rotation; see Backend.rotate. It is not undone with one key."""
        with self._writing, self.journal.around(Act.ROTATE, path) as note:
            version = self.backend.rotate(path, fields)
            self._undo.clear()
            note(Applied(Change(Op.SET, path), version, None))
            return version

    def copy_there(self, path: str, to: str, *, move: bool = False, overwrite: bool = False) -> None:
        """The newest values to another path, by the store itself; see Backend.copy. It is not undone with one key."""
        with self._writing, self.journal.around(Act.MOVE if move else Act.COPY_SECRET, path, to=to):
            self.backend.copy(path, to, move=move, overwrite=overwrite)
            self._undo.clear()

    def carry(self, path: str, other: Session, to: str, *, move: bool = False, **how: bool) -> Carried:
        """Copy or move one secret with its versions into another open session; see `kvtui.services.carrying.carry`.
        Both journals tell; nothing of it is undone with one key."""
        from kvtui.services.carrying import carry  # noqa: PLC0415 - few sessions do

        act = Act.MOVE if move else Act.COPY_SECRET
        where = to if other is self else f"{other.profile.name or other.info().location}:{to}"
        arrives = other.journal.around(Act.WRITE, to) if other is not self else nullcontext()
        with self._writing, self.journal.around(act, path, to=where), arrives:
            carried = carry(self.backend, path, other.backend, to, move=move, **how)
            self._undo.clear()
            return carried

    def losses(self, path: str, other: Session, to: str, *, overwrite: bool = False) -> Sequence[Loss]:
        """What `carry` would lose, in words. Nothing is written. Raises what would keep it from being carried."""
        from kvtui.services.carrying import prepare  # noqa: PLC0415
        from kvtui.services.packing import pack  # noqa: PLC0415

        return prepare(pack(self.backend, path), other.backend, to, overwrite=overwrite).lost

    def create_container(self, name: str) -> None:
        """A top-level folder that may be empty."""
        with self._writing, self.journal.around(Act.WRITE, name):
            self.backend.create_container(name)

    def delete_container(self, name: str) -> None:
        """Only when it is empty."""
        with self._writing, self.journal.around(Act.DELETE, name):
            self.backend.delete_container(name)

    def apply_staged(self) -> Iterator[Outcome]:
        """Apply the staged changes one by one; what fails stays staged."""
        for change in self.staged:
            outcome = self.attempt(change)
            if outcome.applied is not None:
                self.staged.unstage(change.path)
            yield outcome

    @property
    def undoable(self) -> Change | None:
        """The change `undo` would do."""
        return self._undo[-1].change if self._undo else None

    def undo(self) -> Applied:
        """Take back my last change. Raises InvalidInput when there is none, Conflict when somebody wrote since."""
        from kvtui.services import doing  # noqa: PLC0415

        with self._writing:
            if not self._undo:
                raise InvalidInput(
                    "There is nothing to undo.", hint="Only your own changes since unlocking can be undone."
                )
            last = self._undo[-1]
            try:
                with self._journaled(Act.UNDO, last.change) as note:
                    applied = doing.apply(self.backend, last.change)
                    note(applied)
            except Conflict:
                self._undo.pop()
                raise
            self._undo.pop()
            if applied.version is not None:
                self._rebase(last, applied.version.number)
            return applied

    def _rebase(self, undone: _Undoable, number: int) -> None:
        """What comes next for this secret was based on the version that is back now, as this number."""
        same = [each for each in self._undo if each.change.path == undone.change.path]
        if same and same[-1].change.base_version == undone.before and not same[-1].change.versions:
            same[-1].change = same[-1].change._replace(base_version=number)

    def _journaled(self, act: Act, change: Change) -> AbstractContextManager[Callable[[Applied], None]]:
        return self.journal.around(act, change.path, to=change.to)
