"""Stores in memory that cannot do everything, under the profiles of a test."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from kvtui.backends import registry
from kvtui.backends.contract import Backend
from kvtui.backends.memory import ALL, MemoryBackend, MemoryFactory, MemoryStore
from kvtui.domain.capability import Capability
from kvtui.domain.metadata import MetadataField

C = Capability
WRITE_ONLY: Mapping[str, Any] = {"capabilities": {C.LIST, C.WRITE, C.DELETE, C.CONTAINERS, C.METADATA}}
"""Values are never given back."""
UNLISTED: Mapping[str, Any] = {
    "capabilities": {
        C.READ,
        C.WRITE,
        C.BYTES,
        C.METADATA,
        C.METADATA_WITH_VALUE,
        C.VERSIONS,
        C.LEASES,
        C.ROTATE,
    },
    "metadata_fields": {MetadataField.OWNER, MetadataField.ROTATION},
    "makes_values": True,
}
"""It cannot list, keeps two things about a secret, and makes values by itself."""
QUIET: Mapping[str, Any] = {"capabilities": ALL - {C.AUDIT, C.EVENTS}}
"""It tells nothing of what was done in it."""
SEARCHING: Mapping[str, Any] = {"capabilities": ALL - {C.LIST, C.INDEX, C.TRASH, C.CHANGE_SIGNAL} | {C.SEARCH}}
"""It finds what it cannot list, and rotates with values it is given."""


def use(
    monkeypatch: pytest.MonkeyPatch,
    variant: Mapping[str, Any],
    *,
    made: Callable[..., Backend] = MemoryBackend,
    only: Callable[[str], bool] = lambda _name: True,
) -> None:
    """From now on stores in memory are opened so; of those the names tell apart, `only` some."""
    usual = MemoryFactory.open

    def opened(self: MemoryFactory, settings: Mapping[str, Any], *how: Any) -> Backend:
        name = str(settings.get("name", ""))
        if not only(name):
            return usual(self, settings, *how)
        store = self._stores.setdefault(name, MemoryStore())
        return made(store, location=f"memory:{name}", **variant)

    monkeypatch.setattr(MemoryFactory, "open", opened)


def stores() -> dict[str, MemoryStore]:
    """Those that were opened, by the name in their settings."""
    factory = registry.factory("memory")
    assert isinstance(factory, MemoryFactory)
    return factory._stores
