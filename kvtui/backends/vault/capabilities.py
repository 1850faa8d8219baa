"""What the engines can do at best, for the table of backends: naming it loads no engine."""

from __future__ import annotations

from kvtui.domain.capability import Capability

KV1 = frozenset(
    {
        Capability.LIST,
        Capability.READ,
        Capability.WRITE,
        Capability.FIELDS,
        Capability.TYPED_VALUES,
        Capability.DELETE,
        Capability.REREAD,
    }
)
KV2 = frozenset(
    {
        Capability.LIST,
        Capability.READ,
        Capability.WRITE,
        Capability.PATCH,
        Capability.FIELDS,
        Capability.TYPED_VALUES,
        Capability.METADATA,
        Capability.EDIT_METADATA,
        Capability.VERSIONS,
        Capability.RETENTION,
        Capability.DELETE,
        Capability.UNDELETE,
        Capability.DESTROY,
        Capability.CHECK_AND_SET,
        Capability.TRASH,
    }
)
ON_DETAILS = frozenset({Capability.INDEX})
"""Where the server lists what is known of many secrets at once, as OpenBao does."""
OF_THE_SERVER = frozenset({Capability.NAMESPACES, Capability.LEASES, Capability.RENEW_LEASES, Capability.SHARE})
AT_BEST = KV1 | KV2 | ON_DETAILS | OF_THE_SERVER
