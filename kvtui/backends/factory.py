"""What a kind of store tells before it is open: its settings, what it can do at best, how to open and create one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from kvtui.backends.contract import Backend
from kvtui.domain.capability import Capability
from kvtui.domain.credential import Created, Credential, KeySlot
from kvtui.domain.errors import Unsupported
from kvtui.domain.progress import Progress, silent

if TYPE_CHECKING:
    from kvtui.domain.backup import Restored
    from kvtui.domain.canonical_uri import CanonicalUri
    from kvtui.domain.conversation import Conversation
    from kvtui.domain.salvage import Salvaged


class StoreState(StrEnum):
    MISSING = "missing"
    """Nothing there yet; `create` makes it."""
    LOCKED = "locked"
    """`open` needs a credential."""
    READY = "ready"
    """`open` needs nothing more than the settings."""


class Setting(NamedTuple):
    """One key a profile of this kind may have. `type` is str, int or bool; `path` values get `~` expanded."""

    name: str
    type: type
    help: str
    required: bool = False
    path: bool = False


class Mapped(NamedTuple):
    """Where a canonical URI is in a store: at which path, and whether the settings name a root that holds it."""

    path: str
    by_root: bool = False


class BackendFactory(ABC):
    """One kind of store, registered in the entry-point group `kvtui.backends` under its name."""

    kind: ClassVar[str]
    title: ClassVar[str]
    """What it is, in a few words, for the README's table."""
    capabilities: ClassVar[frozenset[Capability]]
    """What it can do at best; an open store says what it can do here."""
    settings: ClassVar[Sequence[Setting]]
    signs_in: ClassVar[bool] = False
    """Whether opening may need a conversation, where `open` without one raises AuthenticationRequired."""
    rescues: ClassVar[bool] = False
    """Whether `rescue` looks into what `open` refuses as damaged."""

    def check(self, settings: Mapping[str, Any]) -> Mapping[str, Any]:
        """Settings whose types are right, checked further. Raises InvalidInput naming the key that is wrong."""
        return settings

    def ambient(self, environ: Mapping[str, str]) -> Mapping[str, Any] | None:
        """The settings of a store that the environment names, such as by an address of its server; None for none.
        Raises InvalidInput."""
        return None

    def inner(self, settings: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        """The settings of a store inside of this one, such as a namespace. Raises Unsupported."""
        raise Unsupported(f"A {self.kind} store has none inside of it.", capability=Capability.NAMESPACES.value)

    def locate(self, settings: Mapping[str, Any], uri: CanonicalUri) -> Mapped | None:
        """Where a store of these settings has what a canonical URI names, as the reverse of `Backend.references`; None
        where it has nothing of the kind. No I/O."""
        return None

    def prepare(self) -> None:  # noqa: B027 - most load little
        """Load what `open` needs. Two threads that import hold each other up: a start does this before it opens beside
        what else it loads."""

    @abstractmethod
    def probe(self, settings: Mapping[str, Any]) -> StoreState:
        """Whether it is there and needs a credential. Raises PermissionDenied, Corrupt, Unavailable."""

    @abstractmethod
    def open(
        self,
        settings: Mapping[str, Any],
        credential: Credential | None = None,
        conversation: Conversation | None = None,
    ) -> Backend:
        """`conversation` is with whoever can be asked for a password or to look at a page; without one only what needs
        no asking is tried. Raises WrongCredential, AuthenticationRequired, NotFound, Corrupt, PermissionDenied,
        Unavailable."""

    def create(self, settings: Mapping[str, Any], credential: Credential) -> Created:
        """Make a new, empty store. Raises AlreadyExists, Unsupported where stores are not made from here."""
        raise Unsupported(
            f"A {self.kind} store is not created from here.", capability="create", hint="Create it on its server."
        )

    def accept_rollback(self, settings: Mapping[str, Any], credential: Credential) -> None:
        """Take a store that is older than when last seen, such as a restored one, for the newest: it opens again.
        Raises as `open` does, Unsupported where nobody notices."""
        raise Unsupported(f"A {self.kind} store is never refused as rolled back.", capability="accept_rollback")

    def restore(
        self,
        archive: Path,
        settings: Mapping[str, Any],
        credential: Credential,
        *,
        replace: bool = False,
        progress: Progress = silent,
    ) -> Restored:
        """Make the store of a backup. Nothing is written unless all of the backup is as it was made; with `replace` a
        store that is there is moved aside first. Progress in bytes.

        Raises NotFound, Corrupt, WrongCredential, AlreadyExists, Unsupported where stores are not made from here."""
        raise Unsupported(f"A {self.kind} store is not restored from here.", capability="restore")

    def ending_slots(self, settings: Mapping[str, Any], credential: Credential) -> Sequence[KeySlot]:
        """The ways to open it that `rotate_master` would end: all but the one used. Raises as `open` does."""
        raise Unsupported(f"A {self.kind} store has no master key.", capability=Capability.KEY_SLOTS.value)

    def rotate_master(
        self,
        settings: Mapping[str, Any],
        credential: Credential,
        *,
        new: Credential | None = None,
        progress: Progress = silent,
    ) -> Created:
        """Encrypt everything anew under a new master key, whose only slots are the credential's (or `new` in its place)
        and a new recovery key. All of it is done, or none. Progress in rows; what it raises stops.

        Raises as `open` does, InvalidInput for a recovery key without `new`, Unavailable where others have it open."""
        raise Unsupported(f"A {self.kind} store has no master key.", capability=Capability.KEY_SLOTS.value)

    def rescue(self, settings: Mapping[str, Any], credential: Credential) -> Backend:
        """Look into a store that `open` refuses as damaged, altered or rolled back: whatever can be read is read, and
        nothing of it is changed. Raises WrongCredential, NotFound, Corrupt where nothing at all can be read."""
        raise Unsupported(f"A {self.kind} store is not rescued from here.", capability="rescue")

    def salvage(
        self, settings: Mapping[str, Any], credential: Credential, target: Path, *, progress: Progress = silent
    ) -> Salvaged:
        """Make a new store at `target` of whatever can be read of a damaged one, which stays as it is. Progress in
        secrets. Raises AlreadyExists, and as `rescue` does."""
        raise Unsupported(f"A {self.kind} store is not salvaged from here.", capability="rescue")
