"""Secrets, their versions and their listing; what is asked and given in bulk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from kvtui.domain.errors import KvtuiError
from kvtui.domain.metadata import Metadata, MetadataPatch, SecretType, due_from
from kvtui.domain.value import Fields, ValueType


class VersionState(StrEnum):
    LIVE = "live"
    DELETED = "deleted"
    """Restorable with undelete."""
    DESTROYED = "destroyed"
    """The values are gone; the number stays taken."""


class Version(NamedTuple):
    """One version of a secret: numbered from 1, never renumbered. Times are aware UTC."""

    number: int
    state: VersionState = VersionState.LIVE
    created_at: datetime | None = None
    created_by: str | None = None
    deleted_at: datetime | None = None
    deleted_by: str | None = None
    expires_at: datetime | None = None
    """When the store will delete a live one by itself; None where it will not."""
    numbered: bool = True
    """Whether the store keeps versions; where it does not, 1 stands for all there is, and is not shown."""


class Secret(NamedTuple):
    """A secret as read at one version. `fields` is empty unless that version is live; empty is not missing."""

    path: str
    version: Version
    fields: Fields
    metadata: Metadata
    current: int
    """Number of the newest version, whatever its state."""

    def outline(self) -> Outline:
        """The same without values."""
        types = {name: value.type for name, value in self.fields.items()}
        return Outline(self.path, self.version, types, self.metadata, self.current)


class Outline(NamedTuple):
    """A secret at one version as it can be shown before anything is revealed. `fields` has the type of each field,
    None where the store does not tell it without the value."""

    path: str
    version: Version
    fields: Mapping[str, ValueType | None]
    metadata: Metadata
    current: int


class StoredVersion(NamedTuple):
    """A version with what it holds, for history: a deleted one still has its fields, a destroyed one has None."""

    version: Version
    fields: Fields | None


class History(NamedTuple):
    """Everything of one secret, versions ascending: what a copy, an export or a backup carries."""

    path: str
    metadata: Metadata
    versions: Sequence[StoredVersion]


class EntryKind(StrEnum):
    FOLDER = "folder"
    SECRET = "secret"  # noqa: S105


class Entry(NamedTuple):
    """One row of a listing. A folder and a secret may share a name: two entries then, the folder first.

    `type`, `state` are None where the store's listing does not tell; folders have neither.
    """

    path: str
    kind: EntryKind
    type: SecretType | None = None
    state: VersionState | None = None
    due_from: datetime | None = None
    """From when on a live secret is due: to be rotated, or about to expire; None also where the listing does not tell.
    """

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def is_folder(self) -> bool:
        return self.kind is EntryKind.FOLDER


def due_of(metadata: Metadata, current: Version) -> datetime | None:
    """From when on a secret with this current version is due, as an entry tells it."""
    made = current.created_at
    if current.state is not VersionState.LIVE or made is None:
        return None
    left = None if current.expires_at is None else current.expires_at - made
    return min(filter(None, (due_from(metadata.rotation, made), due_from(left, made))), default=None)


class Listing(NamedTuple):
    """The direct children of a folder, sorted by code point of the name. Not complete: `note` says why."""

    path: str
    entries: Sequence[Entry]
    complete: bool = True
    note: str = ""
    remembered: bool = False
    """Not what the store has, as it cannot list, but what was used from here: never complete, and nothing failed."""


class Skipped(NamedTuple):
    """A folder that could not be listed, or a secret that could not be looked at, and why."""

    path: str
    error: KvtuiError
    kind: EntryKind = EntryKind.FOLDER


Skip: TypeAlias = Callable[[Skipped], None]
"""Told what is left out."""


class Deleted(NamedTuple):
    """A secret with restorable versions. `deleted_*` are of the latest deletion."""

    path: str
    versions: tuple[int, ...]
    deleted_at: datetime | None
    deleted_by: str | None


class Indexed(NamedTuple):
    """What the search index holds of a secret: never a value."""

    path: str
    type: SecretType | None = None
    description: str = ""
    tags: tuple[str, ...] = ()
    owner: str | None = None
    state: VersionState | None = None

    def mentions(self, needle: str) -> bool:
        """Whether a case-folded text is in the path, the description or a tag."""
        return any(needle in text.casefold() for text in (self.path, self.description, *self.tags))


class Write(NamedTuple):
    """One write of a bulk: the arguments of `Backend.write`."""

    path: str
    fields: Fields
    metadata: MetadataPatch = MetadataPatch()
    expected: int | None = None


class Written(NamedTuple):
    """The result of one write of a bulk: the new version, or the error that kept it from being written."""

    path: str
    version: Version | None = None
    error: KvtuiError | None = None


class Scheduled(NamedTuple):
    """A live secret that is rotated at intervals. `made_at` is when its newest version was, None where that is not
    told."""

    path: str
    metadata: Metadata
    made_at: datetime | None = None


class Found(NamedTuple):
    """The result of one read of a bulk: the secret, or the error that kept it from being read; neither where nothing
    is."""

    path: str
    secret: Secret | None = None
    error: KvtuiError | None = None
