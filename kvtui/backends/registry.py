"""Kinds of stores by name: ours, and those other packages add in the entry-point group `kvtui.backends`.

Ours are named here rather than as entry points: reading the metadata of every installed package costs more than
opening a vault.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Any

from kvtui.backends.factory import BackendFactory
from kvtui.domain.errors import InvalidInput, KvtuiError, Unavailable

GROUP = "kvtui.backends"

_OURS: Mapping[str, str] = MappingProxyType(
    {
        "file": "kvtui.backends.file:FileFactory",
        "vault": "kvtui.backends.vault:VaultFactory",
        "worker": "kvtui.backends.worker:WorkerFactory",
        "trust": "kvtui.backends.trust:TrustFactory",
        "tailor": "kvtui.backends.tailor:TailorFactory",
        "crud": "kvtui.backends.crud:CrudFactory",
        "yaml": "kvtui.backends.yaml:YamlFactory",
        "memory": "kvtui.backends.memory:MemoryFactory",
    }
)


_AMBIENT = MappingProxyType(
    {
        "vault": ("BAO_ADDR", "VAULT_ADDR", "BAO_AGENT_ADDR", "VAULT_AGENT_ADDR"),
        "tailor": ("TAILOR_PLATFORM_TOKEN", "TAILOR_TOKEN", "TAILOR_PLATFORM_PROFILE"),
    }
)
"""Variables that name a store of a kind, so that looking at them loads that kind only where it is wanted."""


def ambient(environ: Mapping[str, str]) -> Mapping[str, Mapping[str, Any]]:
    """Stores the environment names, by kind: their settings. Raises InvalidInput."""
    found: dict[str, Mapping[str, Any]] = {}
    for kind, variables in _AMBIENT.items():
        if any(environ.get(name) for name in variables):
            settings = factory(kind).ambient(environ)
            if settings is not None:
                found[kind] = settings
    return found


def kinds() -> list[str]:
    """Names of the installed kinds, sorted. Imports none of them; ours cannot be replaced."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - opening a store of ours does not need it

    return sorted({*_OURS, *entry_points(group=GROUP).names})


@cache
def factory(kind: str) -> BackendFactory:
    """The factory of one kind, importing just that one. Raises InvalidInput for an unknown kind, Unavailable for a
    broken one."""
    try:
        made = _load(kind)()
    except KvtuiError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever another package does when it is loaded
        raise Unavailable(
            f"The backend {kind} cannot be loaded ({type(error).__name__}).",
            hint="Reinstall the package it comes from.",
            retryable=False,
        ) from None
    if not isinstance(made, BackendFactory):
        raise Unavailable(f"The backend {kind} is not a BackendFactory.", hint="Tell its author.", retryable=False)
    return made


def _load(kind: str) -> Callable[[], Any]:
    if kind in _OURS:
        module, _, name = _OURS[kind].partition(":")
        loaded: Callable[[], Any] = getattr(import_module(module), name)
        return loaded
    from importlib.metadata import entry_points  # noqa: PLC0415

    found = entry_points(group=GROUP, name=kind)
    if not found:
        raise InvalidInput(f"No backend is called {kind}.", hint=f"Installed are: {', '.join(kinds())}.")
    point: Callable[[], Any] = next(iter(found)).load()
    return point
