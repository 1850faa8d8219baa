"""One KV mount, of either engine. Paths are those of the tree; a key is what is left of one inside of the mount."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar

from kvtui.backends.not_found import missing
from kvtui.backends.vault.api import VaultApi
from kvtui.domain import json_text
from kvtui.domain import path as paths
from kvtui.domain.capability import Capability
from kvtui.domain.errors import InvalidInput
from kvtui.domain.json_text import Json
from kvtui.domain.metadata import Metadata, MetadataPatch
from kvtui.domain.retention import Retention
from kvtui.domain.secret import Entry, EntryKind, Outline, Secret, Version
from kvtui.domain.value import Fields, SecretValue


@dataclass(frozen=True, slots=True)
class Place:
    """A path of the tree and the key of it in its mount; an empty key is the mount itself."""

    path: str
    key: str

    def below(self, key: str) -> str:
        """The tree's path of a key relative to this folder."""
        return paths.join(self.path, key)


@dataclass(frozen=True, slots=True)
class Right:
    """What a policy must allow for something: any of `verbs` on an API path (encoded nowhere: as policies have it)."""

    path: str
    verbs: frozenset[str]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a secret besides its values. `versions` ascend."""

    current: int
    versions: Sequence[Version]
    metadata: Metadata
    labels: Mapping[str, str] = field(default_factory=dict)
    """Its metadata as the server has it, with what other tools wrote."""
    revision: int | None = None
    """How often the metadata was changed, where the server checks that number."""
    retention: Retention = field(default_factory=Retention)


class Engine(ABC):
    """What both engines do; `versioned` is the rest of the one that keeps versions."""

    capabilities: ClassVar[frozenset[Capability]]
    lacking: ClassVar[str]
    reasons: ClassVar[Mapping[Capability, str]] = MappingProxyType({})
    """In place of `lacking`, where there is more to say of one capability."""

    def __init__(self, api: VaultApi, mount: str) -> None:
        self.api = api
        self.mount = mount

    @abstractmethod
    def entries(self, at: Place, noted: dict[str, Known] | None = None) -> Sequence[Entry]:
        """The direct children of a folder, in any order. None where there is no such folder. `noted` takes by path
        what is known of them where the listing can tell it."""

    @abstractmethod
    def scan(self, at: Place) -> Sequence[str] | None:
        """The keys of all secrets below a folder, relative to it, in one request; None where the server has none."""

    @abstractmethod
    def read(self, at: Place, version: int | None) -> Secret: ...

    def outline(self, at: Place, version: int | None) -> Outline:
        return self.read(at, version).outline()

    @property
    def versioned(self) -> Versioned | None:
        return None

    def check(self, path: str, fields: Fields, metadata: MetadataPatch) -> None:  # noqa: ARG002 - KV 1 has none
        """Raise InvalidInput for what the server would change, or refuse, without asking it."""
        to_map(fields, path)

    def why(self, capability: Capability) -> str:
        """Why this engine lacks it."""
        return self.reasons.get(capability, self.lacking)

    def caveats(self, fields: Fields) -> Mapping[str, str]:  # noqa: ARG002 - KV 1 keeps every digit
        """See Backend.caveats."""
        return {}

    @abstractmethod
    def write(self, at: Place, fields: Fields, patch: MetadataPatch, expected: int | None) -> Version: ...

    @abstractmethod
    def delete(self, at: Place, versions: Sequence[int]) -> None: ...

    @abstractmethod
    def rights(self, at: Place) -> Mapping[Capability, Right]:
        """What each capability needs at a path."""


class Versioned(Engine):
    """An engine that keeps versions, and what is known of a secret besides its values."""

    @property
    def versioned(self) -> Versioned:
        return self

    @property
    @abstractmethod
    def has_details(self) -> bool:
        """Whether this server tells what is known of many secrets at once, and this token may ask."""

    @abstractmethod
    def known_below(self, at: Place) -> Mapping[str, Known] | None:
        """Everything below a folder by its key relative to it, in one request; None where the server has none."""

    @abstractmethod
    def known(self, at: Place) -> Known: ...

    @abstractmethod
    def patch(self, at: Place, fields: Fields, expected: int | None) -> Version: ...

    @abstractmethod
    def write_metadata(self, at: Place, patch: MetadataPatch, retention: Retention | None) -> Metadata: ...

    @abstractmethod
    def retention(self, at: Place) -> Retention: ...

    @abstractmethod
    def write_retention(self, at: Place, change: Retention) -> None: ...

    @abstractmethod
    def undelete(self, at: Place, versions: Sequence[int]) -> None: ...

    @abstractmethod
    def destroy(self, at: Place, versions: Sequence[int]) -> None: ...


def folder_entry(path: str) -> Entry:
    return Entry(path, EntryKind.FOLDER)


def named(at: Place, names: Sequence[str]) -> Sequence[Entry]:
    """Names as LIST gives them, folders with a slash at their end, as entries."""
    return [
        folder_entry(at.below(name[:-1])) if name.endswith("/") else Entry(at.below(name), EntryKind.SECRET)
        for name in names
    ]


def is_name(name: str) -> bool:
    """Whether this can be the name of something in a folder; a broken or hostile server may list anything."""
    return "/" not in name and name not in {"", ".", ".."}


def to_map(fields: Fields, path: str) -> dict[str, Json]:
    """The fields of a secret as the JSON map both engines keep. Raises InvalidInput for what is none, or no UTF-8."""
    data = {name: value.reveal() for name, value in fields.items()}
    json_text.check(data)
    try:
        json_text.dump(data, ascii_only=False).encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidInput(
            "This server keeps UTF-8, and a value holds half a character.", hint="Remove it.", path=path
        ) from None
    return data


def to_fields(data: Mapping[str, Json]) -> Mapping[str, SecretValue]:
    return {name: SecretValue(value) for name, value in data.items()}


def must_be_possible(path: str) -> None:
    """Raise NotFound for a path no server of this kind can have (util.go: only printable characters)."""
    if not path.isprintable():
        raise missing(path)
