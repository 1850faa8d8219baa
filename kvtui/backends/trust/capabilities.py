"""What the API has, and why it has no more."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from kvtui.domain.capability import Capability
from kvtui.domain.metadata import MetadataField

C = Capability

AT_BEST = frozenset(
    {C.READ, C.WRITE, C.BYTES, C.METADATA_WITH_VALUE, C.VERSIONS, C.LEASES, C.ROTATE},
)
KEPT = frozenset({MetadataField.OWNER, MetadataField.ROTATION})

_NO_DELETE = "This store deletes nothing: every version stays until its own rules remove it."
_ONE_VALUE = "This store keeps one value for each path."
_ONE_BY_ONE = "The API tells of one path at a time, and only of one that is named."

REASONS: Mapping[Capability, str] = MappingProxyType(
    {
        C.LIST: "This store cannot list; any path can be gone to by typing it.",
        C.INDEX: _ONE_BY_ONE,
        C.SEARCH: _ONE_BY_ONE,
        C.TRASH: _NO_DELETE,
        C.CONTAINERS: "Folders are not kept by this store: a path is just a name.",
        C.NAMESPACES: "A token belongs to one tenant, and sees no other.",
        C.FIELDS: _ONE_VALUE,
        C.PATCH: f"{_ONE_VALUE} There is nothing beside it to leave alone.",
        C.TYPED_VALUES: "This store keeps bytes, shown as text where they are text: write numbers, lists and maps so.",
        C.METADATA: "Owner and rotation interval are written with a value, and the API gives them back to nobody.",
        C.EDIT_METADATA: "Owner and rotation interval can only be written together with a value.",
        C.DELETE: _NO_DELETE,
        C.UNDELETE: f"{_NO_DELETE} There is nothing to bring back.",
        C.DESTROY: _NO_DELETE,
        C.CHECK_AND_SET: "A write here names no version that it is based on: the API takes none.",
        C.REREAD: "Versions stay: what somebody else writes meanwhile is a version of its own, and not lost.",
        C.RETENTION: "How long versions are kept is set by whoever runs the store.",
        C.HISTORY: "Versions are numbered and dated by the store itself.",
        C.MOVE: "The API moves nothing: copy it; the source stays.",
        C.COPY: "The API copies nothing by itself: values come here on their way.",
        C.CHANGE_SIGNAL: "The API does not tell that something has changed.",
        C.KEY_SLOTS: "Its keys are managed by whoever runs the store.",
        C.BACKUP: "It is backed up by whoever runs the store.",
        C.RENEW_LEASES: "Leases here can be neither renewed nor revoked: they end by themselves.",
        C.SHARE: "The API has no way to share something once.",
        C.EVENTS: "The API tells of no events.",
        C.AUDIT: "Every use is written down as evidence, which the API lets nobody read.",
    }
)

NO_ADMIN = "The server refused to rotate with this token: that is for admins."
CAUTION = (
    "A version has only the owner and rotation interval that are written with it: those of the one before it cannot be "
    "read here."
)
