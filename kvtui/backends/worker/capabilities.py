"""What such a store can do at best, and why not more. Naming it loads no HTTP client."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kvtui.domain.capability import Capability
from kvtui.domain.metadata import MetadataField

CAPABILITIES = frozenset(
    {
        Capability.LIST,
        Capability.READ,
        Capability.WRITE,
        Capability.METADATA,
        Capability.EDIT_METADATA,
        Capability.METADATA_WITH_VALUE,
        Capability.DELETE,
        Capability.REREAD,
        Capability.INDEX,
        Capability.LEGACY,
    }
)
KEPT = frozenset({MetadataField.TYPE, MetadataField.DESCRIPTION, MetadataField.TAGS})
REASONS: Mapping[Capability, str] = MappingProxyType(
    {
        Capability.FIELDS: "A worker keeps one value per path.",
        Capability.PATCH: "A worker keeps one value per path.",
        Capability.TYPED_VALUES: "A worker keeps text: of anything else it would keep what JavaScript makes of it.",
        Capability.BYTES: "A worker keeps text. Store bytes as base64.",
        Capability.VERSIONS: "A worker keeps the newest value only: what is written over is gone.",
        Capability.HISTORY: "A worker keeps the newest value only.",
        Capability.RETENTION: "A worker keeps one value, for as long as it is there.",
        Capability.UNDELETE: "A worker keeps nothing of what is deleted.",
        Capability.TRASH: "A worker keeps nothing of what is deleted.",
        Capability.DESTROY: "Deleting is for good here already.",
        Capability.CHECK_AND_SET: "A worker has no versions to check. It is read again before each write instead.",
        Capability.MOVE: "A worker moves nothing by itself: it is copied, compared and deleted.",
        Capability.COPY: "A worker copies nothing by itself.",
        Capability.ROTATE: "A worker makes no values.",
        Capability.LEASES: "A worker issues no credentials.",
        Capability.RENEW_LEASES: "A worker issues no credentials.",
        Capability.AUDIT: "A worker writes down what is done but tells nobody by path.",
        Capability.CONTAINERS: "A folder is there because of what is in it.",
        Capability.SEARCH: "A worker searches nothing. Its list is searched here.",
    }
)
