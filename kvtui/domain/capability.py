"""What a store can do here, with this token: data on the instance, asked before an action is offered."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple

from kvtui.domain.metadata import ALL_FIELDS, MetadataField


class Capability(StrEnum):
    """The value is the stable name; `title` is how the screen and the README call it."""

    LIST = "list"
    READ = "read"
    WRITE = "write"
    PATCH = "patch"
    FIELDS = "fields"
    TYPED_VALUES = "typed_values"
    BYTES = "bytes"
    METADATA = "metadata"
    EDIT_METADATA = "edit_metadata"
    METADATA_WITH_VALUE = "metadata_with_value"
    VERSIONS = "versions"
    DELETE = "delete"
    UNDELETE = "undelete"
    DESTROY = "destroy"
    CHECK_AND_SET = "check_and_set"
    REREAD = "reread"
    RETENTION = "retention"
    HISTORY = "history"
    MOVE = "move"
    CONTAINERS = "containers"
    TRASH = "trash"
    INDEX = "index"
    NAMESPACES = "namespaces"
    CHANGE_SIGNAL = "change_signal"
    KEY_SLOTS = "key_slots"
    BACKUP = "backup"
    LEASES = "leases"
    RENEW_LEASES = "renew_leases"
    SHARE = "share"
    ROTATE = "rotate"
    COPY = "copy"
    SEARCH = "search"
    EVENTS = "events"
    AUDIT = "audit"
    LEGACY = "legacy"

    @property
    def title(self) -> str:  # type: ignore[override]  # the words of a name, not its letters
        return _TITLES[self]


_TITLES: Mapping[Capability, str] = MappingProxyType(
    {
        Capability.LIST: "list folders",
        Capability.READ: "read values",
        Capability.WRITE: "write and create",
        Capability.PATCH: "change one field without reading the others",
        Capability.FIELDS: "keep many fields per path",
        Capability.TYPED_VALUES: "keep numbers, lists and maps as values",
        Capability.BYTES: "keep bytes as values",
        Capability.METADATA: "read metadata",
        Capability.EDIT_METADATA: "write metadata",
        Capability.METADATA_WITH_VALUE: "write metadata, but only with a new value",
        Capability.VERSIONS: "list and read old versions",
        Capability.DELETE: "delete",
        Capability.UNDELETE: "undelete",
        Capability.DESTROY: "destroy for good",
        Capability.CHECK_AND_SET: "write with check-and-set",
        Capability.REREAD: "read again before a write, in place of check-and-set",
        Capability.RETENTION: "set how many versions are kept, and how long",
        Capability.HISTORY: "copy a secret with all its versions",
        Capability.MOVE: "move and rename",
        Capability.CONTAINERS: "keep empty containers",
        Capability.TRASH: "list what can be undeleted",
        Capability.INDEX: "search paths, descriptions and tags",
        Capability.NAMESPACES: "hold namespaces: stores inside of it",
        Capability.CHANGE_SIGNAL: "notice changes by others",
        Capability.KEY_SLOTS: "manage passphrases and keys",
        Capability.BACKUP: "back up while in use",
        Capability.LEASES: "issue short-lived credentials",
        Capability.RENEW_LEASES: "renew and revoke them",
        Capability.SHARE: "share once by a wrapping token",
        Capability.ROTATE: "rotate on the server",
        Capability.COPY: "copy and move the newest values on the server",
        Capability.SEARCH: "search on the server",
        Capability.EVENTS: "tell what happens, as it happens",
        Capability.AUDIT: "tell what was done",
        Capability.LEGACY: "give what its predecessor held, to import",
    }
)

ON_SERVERS = frozenset(
    {
        Capability.PATCH,
        Capability.METADATA_WITH_VALUE,
        Capability.REREAD,
        Capability.RETENTION,
        Capability.NAMESPACES,
        Capability.LEASES,
        Capability.RENEW_LEASES,
        Capability.SHARE,
        Capability.ROTATE,
        Capability.COPY,
        Capability.SEARCH,
        Capability.EVENTS,
        Capability.AUDIT,
        Capability.LEGACY,
    }
)
"""What a store on this machine has no use for."""

WRITING = frozenset(
    {
        Capability.WRITE,
        Capability.PATCH,
        Capability.EDIT_METADATA,
        Capability.METADATA_WITH_VALUE,
        Capability.RETENTION,
        Capability.DELETE,
        Capability.UNDELETE,
        Capability.DESTROY,
        Capability.MOVE,
        Capability.CONTAINERS,
        Capability.SHARE,
        Capability.ROTATE,
        Capability.COPY,
    }
)
"""What a read-only profile never offers."""


class BackendInfo(NamedTuple):
    """What a store is and can do. `location` is safe to show: no token, no password in it."""

    kind: str
    location: str
    capabilities: frozenset[Capability]
    reasons: Mapping[Capability, str] = MappingProxyType({})
    """Why a capability is missing here, where there is more to say than that the store has none."""
    read_only: bool = False
    max_value_bytes: int | None = None
    varies: bool = False
    """Whether what can be done differs from path to path; `Backend.limits` tells."""
    unlisted: bool = False
    """Whether there are folders that the store cannot list; paths used there are worth remembering."""
    keeps_versions: int | None = None
    """How many versions of a secret are kept where nothing is set for it; None for all."""
    keeps_order: bool = True
    """Whether fields, and the keys of a map, come back in the order they were written in."""
    metadata_fields: frozenset[MetadataField] = ALL_FIELDS
    """What of the metadata can be written."""
    probes_versions: bool = False
    """Whether versions are found by asking for one number after the other, which reads values: only when they are to be
    seen. Older ones than are told may be there."""
    makes_values: bool = False
    """Whether rotating on the server makes the new values there; else they are given."""
    warning: str = ""
    """What must always be seen while this store is open, such as that its server is not checked."""
