"""What the providers can do at best, for the table of backends: naming it loads no engine."""

from __future__ import annotations

from kvtui.domain.capability import Capability

YAML = frozenset(
    {
        Capability.LIST,
        Capability.READ,
        Capability.WRITE,
        Capability.FIELDS,
        Capability.TYPED_VALUES,
        Capability.DELETE,
        Capability.REREAD,
        Capability.INDEX,
        Capability.ROTATE,
        Capability.COPY,
    }
)
KV2 = frozenset(
    {
        Capability.READ,
        Capability.WRITE,
        Capability.FIELDS,
        Capability.TYPED_VALUES,
        Capability.METADATA,
        Capability.EDIT_METADATA,
        Capability.VERSIONS,
        Capability.DELETE,
        Capability.UNDELETE,
        Capability.DESTROY,
        Capability.REREAD,
        Capability.ROTATE,
        Capability.COPY,
    }
)
SEALED = frozenset({Capability.READ, Capability.FIELDS, Capability.TYPED_VALUES})
"""Of a provider that is only read."""
OF_THE_SERVICE = frozenset({Capability.SEARCH, Capability.EVENTS, Capability.AUDIT})
AT_BEST = YAML | KV2 | OF_THE_SERVICE
