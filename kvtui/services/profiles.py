"""Profiles: named connections, made from the configuration, the environment or the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from kvtui.backends import registry
from kvtui.backends.factory import BackendFactory
from kvtui.domain.capability import Capability

DEFAULT_NAME = "personal"


@dataclass(frozen=True, slots=True)
class Profile:
    """A named connection. `settings` are the backend's own, checked; none of them holds a secret."""

    name: str
    kind: str
    settings: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    read_only: bool = False
    colour: str | None = None
    banner: str | None = None
    after_rotate: tuple[str, ...] = ()
    remember: bool = True

    @property
    def factory(self) -> BackendFactory:
        """Raises InvalidInput for an unknown kind, Unavailable for a broken one."""
        return registry.factory(self.kind)

    def offers(self, capability: Capability) -> bool:
        """Whether a store of this kind can do this at best; what it can do here is known when it is open."""
        return capability in self.factory.capabilities


def vault_profile(directory: Path, *, name: str = "", read_only: bool = False) -> Profile:
    """A profile for a vault named directly (`--vault DIR`, `KVTUI_VAULT`)."""
    return Profile(name=name, kind="file", settings=MappingProxyType({"path": directory}), read_only=read_only)
