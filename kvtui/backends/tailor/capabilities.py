"""What the platform's secret manager can do, and why it cannot do the rest."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kvtui.domain.capability import Capability

CAPABILITIES = frozenset(
    {
        Capability.LIST,
        Capability.WRITE,
        Capability.METADATA,
        Capability.DELETE,
        Capability.CONTAINERS,
    }
)

_NEVER_READ = "Tailor Platform never gives a value back: only programs that run there can read it."
_ONE_TEXT = "A secret of Tailor Platform is one text."
_NAMES_AND_TIMES = "Tailor Platform keeps a secret's name and times, and nothing else about it."
_TELLS_NOTHING = "Tailor Platform lists names, and tells nothing of what happens to them."
_NO_VERSIONS = "Tailor Platform keeps the newest value alone, without a number."

REASONS: Mapping[Capability, str] = MappingProxyType(
    {
        Capability.READ: _NEVER_READ,
        Capability.PATCH: _ONE_TEXT,
        Capability.FIELDS: _ONE_TEXT,
        Capability.TYPED_VALUES: _ONE_TEXT,
        Capability.BYTES: _ONE_TEXT,
        Capability.EDIT_METADATA: _NAMES_AND_TIMES,
        Capability.METADATA_WITH_VALUE: _NAMES_AND_TIMES,
        Capability.VERSIONS: _NO_VERSIONS,
        Capability.CHECK_AND_SET: _NO_VERSIONS,
        Capability.REREAD: _NEVER_READ,
        Capability.RETENTION: _NO_VERSIONS,
        Capability.HISTORY: _NEVER_READ,
        Capability.UNDELETE: "What is deleted on Tailor Platform is gone.",
        Capability.DESTROY: "Delete it: what is deleted on Tailor Platform is gone for good.",
        Capability.TRASH: "What is deleted on Tailor Platform is gone.",
        Capability.MOVE: _NEVER_READ,
        Capability.COPY: _NEVER_READ,
        Capability.INDEX: _NAMES_AND_TIMES,
        Capability.ROTATE: "Tailor Platform makes no values.",
        Capability.SHARE: _NEVER_READ,
        Capability.NAMESPACES: "Another workspace is a profile of its own: set its workspace_id.",
        Capability.CHANGE_SIGNAL: f"{_TELLS_NOTHING} Refresh to see what others changed.",
        Capability.SEARCH: f"{_TELLS_NOTHING} Names are searched here.",
        Capability.EVENTS: _TELLS_NOTHING,
        Capability.AUDIT: _TELLS_NOTHING,
        Capability.LEASES: "Tailor Platform issues no short-lived credentials.",
        Capability.RENEW_LEASES: "Tailor Platform issues no short-lived credentials.",
        Capability.KEY_SLOTS: "Its keys are managed by Tailor Platform.",
        Capability.BACKUP: _NEVER_READ,
        Capability.LEGACY: "Tailor Platform's secret manager has no predecessor.",
    }
)
