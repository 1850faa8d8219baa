"""The contract every store keeps, so that one tree and one set of commands work on all of them.

A backend is an *open* store: made by its factory with whatever credential it needs, used from any thread, closed once.
`kvtui.testing.conformance` proves every sentence below, both ways for each capability.

Paths
    As `kvtui.domain.path` has them. What exists is found by its exact path. Creating checks `check_new`; a name that
    differs from an existing sibling only by normalisation is refused with AlreadyExists.
What a store cannot keep
    Is refused with InvalidInput before anything is sent or written, never changed on the way: a number it would round,
    a text its metadata may not hold, a name it cannot have.
Listing
    `list` gives the direct children, sorted by code point, folders before secrets of the same name. A listing is
    complete or says in `note` why it is not. What goes through many folders ends with the error of the first it cannot
    list, so that nothing is left out unnoticed; with `skipped` that is told each of them instead, and the rest comes.
    A folder exists because of its children (or as an empty container).
    What is remembered in place of a listing (`Listing.remembered`) is never complete, and no error.
    Listing a path that is no folder, such as a leaf, raises NotFound. The root always exists. A secret whose current
    version is deleted is still listed, with that state; one that was destroyed as a whole is not.
Deleted, missing, empty
    Reading a deleted or destroyed version returns a Secret in that state with no fields: no error. A path or version
    that was never there raises NotFound. A secret without fields, or with an empty text as value, is not missing.
Writing
    A write replaces all fields and adds one version, atomically with its metadata patch where the store can: all of it
    is durable when the call returns, or nothing happened, or the error says what did. `expected` is the current
    version's number whatever its state, 0 for "must not exist"; None writes over whatever is there. A mismatch raises
    Conflict and changes nothing. With REREAD in place of CHECK_AND_SET the store looks just before it writes whether
    what this connection read last, or nothing, is still there: that leaves the time between two requests. Version
    numbers grow by one and are never used again.
Deleting
    `delete` without versions deletes the current one (again: no change); with versions just those. `undelete` reverses
    it; a store without UNDELETE deletes for good. `destroy` with versions drops their values and keeps the numbers;
    without versions the secret is gone as a whole. Destroyed stays destroyed: undeleting it raises NotFound. Numbers
    that do not exist raise NotFound, nothing changed.
Concurrent writers
    Any number of threads and processes. Each call sees one state of the store and never half of another's write.
Short-lived credentials and sharing once
    Credentials are issued by `issue` alone: nothing that lists, reads, previews or looks up makes any. What is issued
    or unwrapped is told once, by one request that is never repeated.
What a store tells of others
    Events and audits name acts, paths and people in the store's own words, never a value.
Times
    Aware UTC, set by the store. Errors: `kvtui.domain.errors`, without values. A write is sent once, never retried.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import timedelta
from itertools import islice
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, NoReturn, Self

from kvtui.domain.capability import BackendInfo, Capability
from kvtui.domain.credential import Credential, KeySlot, SignedIn
from kvtui.domain.errors import Unsupported
from kvtui.domain.metadata import Metadata, MetadataPatch
from kvtui.domain.progress import Progress, silent
from kvtui.domain.secret import (
    Deleted,
    Entry,
    Found,
    History,
    Indexed,
    Listing,
    Outline,
    Scheduled,
    Secret,
    Skip,
    Version,
    Write,
    Written,
)
from kvtui.domain.value import Fields, SecretValue

if TYPE_CHECKING:
    from kvtui.domain.backup import BackedUp
    from kvtui.domain.event import Audit, Event
    from kvtui.domain.lease import Issued, Lease
    from kvtui.domain.retention import Retention
    from kvtui.domain.wrapping import Wrapped


_NONE: Mapping[Capability, str] = MappingProxyType({})
_NO_CAVEATS: Mapping[str, str] = MappingProxyType({})


class Backend(ABC):
    """An open store. What `info().capabilities` lacks raises Unsupported."""

    @abstractmethod
    def info(self) -> BackendInfo:
        """What this store is and can do now. Cheap: no I/O."""

    @abstractmethod
    def list(self, folder: str = "") -> Listing:
        """LIST. The direct children of a folder. Raises NotFound where there is no such folder."""

    def list_parts(self, folder: str = "") -> Iterator[Listing]:
        """LIST. What `list` gives, in parts where a store can read them one by one: each child once, sorted within its
        part; a last one alone is complete, or as complete as `list`. Raises as `list` does, with the first part."""
        yield self.list(folder)

    @abstractmethod
    def read(self, path: str, version: int | None = None) -> Secret:
        """READ (an old version: VERSIONS). Raises NotFound."""

    @abstractmethod
    def write(
        self, path: str, fields: Fields, *, metadata: MetadataPatch = MetadataPatch(), expected: int | None = None
    ) -> Version:
        """WRITE. Adds a version with exactly these fields. Raises InvalidPath, Conflict, AlreadyExists, Unsupported
        (more than one field without FIELDS, other than text without TYPED_VALUES or BYTES, metadata without
        EDIT_METADATA and METADATA_WITH_VALUE or beyond `info().metadata_fields`, `expected` without CHECK_AND_SET and
        REREAD), InvalidInput for what is no JSON."""

    def check(self, path: str, fields: Fields, metadata: MetadataPatch = MetadataPatch()) -> None:
        """Whether these could be written here, as far as that can be told without asking the server: raises what
        `write` would raise for them."""
        from kvtui.backends.checking import check_write  # noqa: PLC0415 - the first value that is written loads it

        check_write(self, path, fields, metadata)

    def patch(self, path: str, fields: Fields, *, expected: int | None = None) -> Version:
        """PATCH. Adds a version in which these fields have these values and the others are as they were; none is read.

        Raises NotFound where nothing live is, Conflict, InvalidInput, Unsupported for a value that can only be written
        together with the others."""
        self._lacks(Capability.PATCH, path)

    @abstractmethod
    def close(self) -> None:
        """Forget keys and connections. Any later call but close raises Locked."""

    def interruptible(self) -> AbstractContextManager[Callable[[], None]]:
        """What this thread asks of the store in here fails at once, with Locked, when the function that this gives is
        called from any thread. Does nothing where no call can take long."""
        return nullcontext(_nothing)

    def walk(self, folder: str = "", *, skipped: Skip | None = None) -> Iterator[Entry]:
        """Every secret (no folder entries) below a folder, sorted by path. Streams. Entries tell what comes along with
        the names: less than those of `list` may.

        Raises NotFound, and without `skipped` what listing a folder below raises."""
        from kvtui.backends.one_by_one import walk_below  # noqa: PLC0415 - loaded where a store knows nothing faster

        yield from walk_below(self, self.list(folder), skipped)

    def index(self, folder: str = "", *, skipped: Skip | None = None) -> Iterator[Indexed]:
        """INDEX. What may be searched of every secret below a folder, sorted by path, never a value. Streams. Raises as
        `walk`; `skipped` is told of a secret too, of which only the path is known then."""
        self._lacks(Capability.INDEX)

    def scheduled(self, folder: str = "", *, skipped: Skip | None = None) -> Iterator[Scheduled]:
        """METADATA. Every live secret below a folder that has a rotation interval, sorted by path. Streams. Raises as
        `walk`; `skipped` is told of a secret too, of which nothing could be read."""
        if not self.can(Capability.METADATA):
            self._lacks(Capability.METADATA, folder)
        from kvtui.backends.one_by_one import scheduled  # noqa: PLC0415

        yield from scheduled(self, folder, skipped)

    def find(self, text: str, limit: int, *, skipped: Skip | None = None) -> Sequence[Indexed]:
        """INDEX, or SEARCH. Secrets with this text, in any case, in their path, description or a tag, sorted by path.
        Where more than `limit` have it, which of them is the store's choice. A store with a text index overrides this.
        Raises as `index`."""
        needle = text.casefold()
        return tuple(islice((entry for entry in self.index(skipped=skipped) if entry.mentions(needle)), limit))

    def outline(self, path: str, version: int | None = None) -> Outline:
        """READ, without values where the store can tell the names of fields alone. Where none is ever read, METADATA
        tells that one is there. Raises as `read`."""
        able = self.info().capabilities
        if version is None and Capability.METADATA in able and able.isdisjoint({Capability.READ, Capability.FIELDS}):
            return Outline(path, Version(1), {"value": None}, self.metadata(path), 1)
        return self.read(path, version).outline()

    def caution(self, path: str) -> str:
        """What to know before anything is changed at a path, such as that somebody's configuration will overwrite it,
        in a sentence; "" for nothing. May ask the store once, and raises nothing but Locked."""
        self.info()
        return ""

    def references(self, path: str, field: str | None = None) -> Sequence[str]:
        """How other programs write that they mean this secret, or a field of it: texts that hold no value. No I/O."""
        self.info()
        return ()

    def place(self, path: str) -> str:
        """What tells a path from the others here: of two with the same, only one can be. No I/O."""
        return path

    def limits(self, places: Sequence[str]) -> Sequence[Mapping[Capability, str]]:
        """For each path (a folder's ends in a slash) what `info().capabilities` has but cannot be done there, and why:
        another engine, a right that the token lacks. Asked once for a whole screen; no promise, as rights change."""
        self.info()
        return [_NONE] * len(places)

    def metadata(self, path: str) -> Metadata:
        """METADATA. Without reading a value. Raises NotFound."""
        self._lacks(Capability.METADATA, path)

    def write_metadata(self, path: str, patch: MetadataPatch, retention: Retention | None = None) -> Metadata:
        """EDIT_METADATA, and RETENTION where that is to be changed too: both at once where the store can. Adds no
        version. Returns the metadata as it is then. Raises NotFound, InvalidInput, Unsupported for what is not in
        `info().metadata_fields`."""
        lacks_it = retention is not None and not self.can(Capability.RETENTION)
        self._lacks(Capability.RETENTION if lacks_it else Capability.EDIT_METADATA, path)

    def retention(self, path: str) -> Retention:
        """RETENTION. Raises NotFound."""
        self._lacks(Capability.RETENTION, path)

    def write_retention(self, path: str, change: Retention) -> None:
        """RETENTION. Adds no version; what is None stays. Also for a path where nothing is yet. Raises InvalidInput."""
        self._lacks(Capability.RETENTION, path)

    def versions(self, path: str) -> Sequence[Version]:
        """VERSIONS. Ascending. Raises NotFound."""
        self._lacks(Capability.VERSIONS, path)

    def delete(self, path: str, versions: Sequence[int] = ()) -> None:
        """DELETE. Restorable where UNDELETE is there too. Raises NotFound."""
        self._lacks(Capability.DELETE, path)

    def undelete(self, path: str, versions: Sequence[int] = ()) -> None:
        """UNDELETE. Without versions the current one. A live version stays as it is. Raises NotFound."""
        self._lacks(Capability.UNDELETE, path)

    def destroy(self, path: str, versions: Sequence[int] = ()) -> None:
        """DESTROY. For good. Raises NotFound."""
        self._lacks(Capability.DESTROY, path)

    def trash(self, *, skipped: Skip | None = None) -> Iterator[Deleted]:
        """TRASH. Every secret with restorable versions, sorted by path. Raises as `index`."""
        self._lacks(Capability.TRASH)

    def move(self, source: str, target: str) -> None:
        """MOVE. One secret with all its versions and metadata, atomically. Raises NotFound, AlreadyExists."""
        self._lacks(Capability.MOVE, source)

    def read_history(self, path: str) -> History:
        """HISTORY. All versions with their fields, deleted ones too. Raises NotFound."""
        self._lacks(Capability.HISTORY, path)

    def write_history(self, history: History) -> None:
        """HISTORY. Create a secret with these versions, states, times and metadata. Raises AlreadyExists."""
        self._lacks(Capability.HISTORY, history.path)

    def write_many(self, writes: Iterable[Write]) -> Iterator[Written]:
        """WRITE, in bulk and lazily: each write is durable by the time the iterator ends or is closed. One result each,
        in order; one that fails leaves the others alone. A backend may group several into one commit."""
        from kvtui.backends.one_by_one import write_many  # noqa: PLC0415

        yield from write_many(self, writes)

    def read_many(self, wanted: Iterable[str]) -> Iterator[Found]:
        """READ, in bulk and lazily: one result each, in order. Raises what concerns more than one secret, such as
        Locked. A backend may look up several at once."""
        from kvtui.backends.one_by_one import read_many  # noqa: PLC0415

        yield from read_many(self, wanted)

    def write_histories(self, histories: Iterable[History]) -> Iterator[Written]:
        """HISTORY, in bulk as `write_many`: each result has the newest version, or the error."""
        from kvtui.backends.one_by_one import write_histories  # noqa: PLC0415

        yield from write_histories(self, histories)

    def containers(self) -> Sequence[str]:
        """CONTAINERS. Names of the top-level containers, empty ones too, sorted."""
        self._lacks(Capability.CONTAINERS)

    def create_container(self, name: str) -> None:
        """CONTAINERS. Raises AlreadyExists, InvalidPath."""
        self._lacks(Capability.CONTAINERS, name)

    def delete_container(self, name: str) -> None:
        """CONTAINERS. Raises NotFound, Conflict when it is not empty."""
        self._lacks(Capability.CONTAINERS, name)

    def namespaces(self) -> Sequence[str]:
        """NAMESPACES. Names of the stores inside of this one, sorted; what may not be listed is not in it."""
        self._lacks(Capability.NAMESPACES)

    def change_token(self) -> int:
        """CHANGE_SIGNAL. A number that differs after anybody, here or elsewhere, has changed the store. Cheap."""
        self._lacks(Capability.CHANGE_SIGNAL)

    def key_slots(self) -> Sequence[KeySlot]:
        """KEY_SLOTS. What opens this store."""
        self._lacks(Capability.KEY_SLOTS)

    def add_key_slot(self, credential: Credential, label: str = "") -> KeySlot:
        """KEY_SLOTS. Another way to open this store; see Credential for what makes which type of slot."""
        self._lacks(Capability.KEY_SLOTS)

    def add_recovery_key(self, label: str = "") -> tuple[KeySlot, SecretValue]:
        """KEY_SLOTS. A new recovery key; its text is shown once and not kept."""
        self._lacks(Capability.KEY_SLOTS)

    def remove_key_slot(self, slot_id: str) -> None:
        """KEY_SLOTS. Raises NotFound; InvalidInput for the last slot, which stays."""
        self._lacks(Capability.KEY_SLOTS)

    def replace_key_slot(self, old: Credential, new: Credential) -> KeySlot:
        """KEY_SLOTS. Change the passphrase or key file that `old` is. Raises WrongCredential."""
        self._lacks(Capability.KEY_SLOTS)

    def export_page_key(self) -> SecretValue:
        """KEY_SLOTS. The key that independent tools open the database with, as 64 hex digits of text."""
        self._lacks(Capability.KEY_SLOTS)

    def backup(self, file: Path, *, overwrite: bool = False, progress: Progress = silent) -> BackedUp:
        """BACKUP. All of the store as one encrypted file, while it is in use. The file is whole, checked and durable,
        or not there. Progress in bytes. Raises AlreadyExists unless `overwrite`, InvalidInput, Unavailable."""
        self._lacks(Capability.BACKUP)

    def roles(self) -> Sequence[str]:
        """LEASES. What credentials can be issued for, such as `database/creds/readonly`, sorted, as far as that may be
        listed; `issue` takes others too."""
        self._lacks(Capability.LEASES)

    def issue(self, role: str, ttl: timedelta | None = None) -> Issued:
        """LEASES. New credentials that end after `ttl`, as far as the store allows, else after the role's own time.
        Sent once. Raises NotFound or InvalidInput for no role; InvalidInput for what has no lease, such as a secret:
        nothing of it is kept then."""
        self._lacks(Capability.LEASES, role)

    def leases(self, known: Sequence[Lease] = ()) -> Sequence[Lease]:
        """LEASES. Those issued through this connection and those given, each as the store knows it now; one that ended
        is left out, one that may not be looked up is as it was."""
        self._lacks(Capability.LEASES)

    def look_up_lease(self, lease_id: str) -> Lease:
        """RENEW_LEASES. Raises NotFound for one that has ended."""
        self._lacks(Capability.RENEW_LEASES)

    def renew(self, lease_id: str, increment: timedelta | None = None) -> Lease:
        """RENEW_LEASES. Let it end `increment` from now, as far as the store allows. Raises NotFound for one that has
        ended, InvalidInput for one that cannot be renewed."""
        self._lacks(Capability.RENEW_LEASES)

    def revoke(self, lease_id: str) -> None:
        """RENEW_LEASES. End it now, and its credentials with it. One that has ended stays ended: no error."""
        self._lacks(Capability.RENEW_LEASES)

    def share(self, fields: Fields, ttl: timedelta) -> Wrapped:
        """SHARE. Keep these apart, to be read once within `ttl` by whoever has the token. Raises InvalidInput for no
        fields or no time, and as `write` for what cannot be kept."""
        self._lacks(Capability.SHARE)

    def look_into(self, token: SecretValue) -> Wrapped:
        """SHARE. Where a wrapping token came from and how long it lasts; uses nothing up. Raises NotFound."""
        self._lacks(Capability.SHARE)

    def unwrap(self, token: SecretValue) -> Fields:
        """SHARE. What a wrapping token holds, which uses it up: there is no second time. Raises NotFound."""
        self._lacks(Capability.SHARE)

    def rotate(self, path: str, fields: Fields | None = None) -> Version:
        """ROTATE. Adds a version by the store's own rotation, with values that it makes (`info().makes_values`), or
        with these in place of those of the same names. Sent once. Raises NotFound, InvalidInput for values where it
        makes them and for none where it does not."""
        self._lacks(Capability.ROTATE, path)

    def copy(self, source: str, target: str, *, move: bool = False, overwrite: bool = False) -> None:
        """COPY. The newest values, without their coming here, as the next version of the target; with `move` the source
        is deleted then. Older versions are not carried. Sent once. Raises NotFound, AlreadyExists unless `overwrite`.
        """
        self._lacks(Capability.COPY, source)

    def events(self) -> Iterator[Event]:
        """EVENTS. What is done in the store from now on, as it happens. Waiting for the next ends with Locked when it
        is interrupted or the store closed, with Unavailable when the store ends it."""
        self._lacks(Capability.EVENTS)

    def audit(self, folder: str = "", *, offset: int = 0, limit: int = 100) -> Audit:
        """AUDIT. What the store wrote down of what was done at and below a path, the newest first; nothing where
        nothing was done. Raises PermissionDenied."""
        self._lacks(Capability.AUDIT)

    def legacy(self) -> SecretValue:
        """LEGACY. All that the store still has of its predecessor, values too, as the document that the format
        legacy-connections reads. Changes nothing. Raises PermissionDenied."""
        self._lacks(Capability.LEGACY)

    def derive_key(self, purpose: str) -> bytes | None:
        """A 32-byte key for local files about this store (journal), stable while it lives; None where it has none."""
        self.info()
        return None

    @property
    def signed_in(self) -> SignedIn | None:
        """Whom the server takes us for; None where nobody signs in. No I/O."""
        return None

    def store_sign_in(self) -> str:
        """Keep what signs in where the server's own tools look for it; says where, in words. Raises Unsupported."""
        raise Unsupported(f"Nobody signs in at a {self.info().kind} store.", capability="login")

    def sign_out(self) -> None:
        """End what signs in on the server, and forget it on this machine. Raises Unsupported."""
        raise Unsupported(f"Nobody signs in at a {self.info().kind} store.", capability="login")

    def keep_alive(self) -> None:
        """Called now and then while somebody works: renew what has to be renewed. Cheap when nothing has to. Raises
        AuthenticationRequired, Unavailable."""
        self.info()

    def condition(self) -> str:
        """What keeps this store from being used, in a few words such as "sealed"; "" where nothing does. Asks it once
        and raises nothing but Locked."""
        self.info()
        return ""

    @property
    def clock_skew(self) -> timedelta | None:
        """How far the store's clock is ahead of this machine's, by its last answer; None where it has none of its own,
        or has not told. No I/O."""
        return None

    @property
    def notes(self) -> Sequence[str]:
        """What is odd about this store but does no harm, in plain words: a warning for whoever opened it."""
        return ()

    @property
    def unverified(self) -> bool:
        """Whether opening left something for `verify` to check."""
        return False

    def verify(self, *, gently: bool = False, progress: Progress = silent) -> Sequence[str]:
        """Check everything stored, which may read all of it. What is wrong, in plain words; nothing where all is well
        or a store cannot tell. `gently`: beside somebody who works, without holding up anybody."""
        self.info()
        return ()

    def can(self, capability: Capability, path: str | None = None) -> bool:
        """Whether this store can do something, with a path: there, as far as that is no matter of rights."""
        return not self.why_not(capability, path)

    def why_not(self, capability: Capability, path: str | None = None) -> str:
        """Why it cannot, in a sentence; "" where it can."""
        info = self.info()
        if capability in info.capabilities:
            return ""
        return info.reasons.get(capability, f"This {info.kind} store cannot {capability.title}.")

    def caveats(self, secret: Secret) -> Mapping[str, str]:
        """By field: why its value may not be what was once written, such as a number that this store rounds. No I/O."""
        self.info()
        return _NO_CAVEATS

    @property
    def checks_writes(self) -> bool:
        """Whether `expected` means something here."""
        return self.can(Capability.CHECK_AND_SET) or self.can(Capability.REREAD)

    @property
    def describes_writes(self) -> bool:
        """Whether metadata can be written together with a value."""
        return self.can(Capability.EDIT_METADATA) or self.can(Capability.METADATA_WITH_VALUE)

    def _lacks(self, capability: Capability, path: str | None = None) -> NoReturn:
        raise Unsupported(self.why_not(capability), capability=capability.value, hint="See kvtui backends.", path=path)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _nothing() -> None:
    """What ends nothing."""
