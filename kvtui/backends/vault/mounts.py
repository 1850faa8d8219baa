"""Which KV mounts a token reaches, asked with as little right as possible.

sys/internal/ui/mounts lists what a token can reach and needs no right of its own. A mount that is not in it, because
the policy names only a path deep inside, is found by asking for that path (preflight), or named in the profile.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kvtui.backends.vault.api import VaultApi, path_of
from kvtui.domain.errors import NotFound, PermissionDenied

_KV_TYPES = frozenset({"kv", "generic"})
CUBBYHOLE = "cubbyhole"
_FRESH = 1.0
"""Seconds; opening lists them, and so does the tree right after."""


@dataclass(frozen=True, slots=True)
class Mount:
    """`path` has no slash at its end, and may have some inside. `version` is the engine's: 1 or 2."""

    path: str
    version: int
    description: str = ""


class Mounts:
    """The mounts of one namespace, remembered until `renew`."""

    def __init__(self, api: VaultApi, named: Sequence[str] = ()) -> None:
        self._api = api
        self._named = tuple(name.strip("/") for name in named)
        self._known: dict[str, Mount] | None = None
        self._found: dict[str, Mount] = {}
        self._listed_at = 0.0
        self._asked: set[str] = set()

    def renew(self) -> None:
        """Ask again which there are when they are needed next, unless that was done a moment ago. What was found by
        asking for a path stays known."""
        if time.monotonic() - self._listed_at >= _FRESH:
            self._known = None
            self._asked.clear()

    def all(self) -> Sequence[Mount]:
        """By path. With mounts named in the profile just those."""
        known = self._load()
        return [known[path] for path in sorted(known)]

    def of(self, path: str) -> Mount | None:
        """The mount a path is in, the longest that fits; None where there is none the token may know of."""
        known = self._load()
        segments = path.split("/")
        for count in range(len(segments), 0, -1):
            mount = known.get("/".join(segments[:count]))
            if mount is not None:
                return mount
        return self._preflight(path)

    def _load(self) -> dict[str, Mount]:
        known = self._known
        if known is None:
            found = {**self._found, **{mount.path: mount for mount in self._listed()}}
            if self._named:
                asked = {name: found.get(name) or self._ask(name) for name in self._named}
                found = {name: mount for name, mount in asked.items() if mount is not None}
            self._listed_at = time.monotonic()
            self._known = known = found
        return known

    def _listed(self) -> list[Mount]:
        try:
            reply = self._api.get("sys/internal/ui/mounts")
        except (PermissionDenied, NotFound):
            return []
        secret = reply.data.get("secret") if reply else None
        if not isinstance(secret, dict):
            return []
        mounts = [_mount(path, about) for path, about in secret.items()]
        return [mount for mount in mounts if mount is not None]

    def _preflight(self, path: str) -> Mount | None:
        if path in self._asked or self._named:
            return None
        mount = self._ask(path)
        self._asked.add(path)  # once it is answered
        if mount is not None and (path == mount.path or path.startswith(f"{mount.path}/")):
            self._found[mount.path] = self._load()[mount.path] = mount
            return mount
        return None

    def _ask(self, path: str) -> Mount | None:
        try:
            reply = self._api.get(f"sys/internal/ui/mounts/{path_of(path)}")
        except (PermissionDenied, NotFound):
            return None  # the same answer for "not allowed" and "no such mount"
        return None if reply is None else _mount(str(reply.data.get("path", "")), reply.data)


def _mount(path: str, about: object) -> Mount | None:
    if not isinstance(about, dict) or not path:
        return None
    kind = about.get("type")
    if kind not in _KV_TYPES and kind != CUBBYHOLE:
        return None
    options: Any = about.get("options")
    version = str(options.get("version", "1")) if isinstance(options, Mapping) else "1"
    return Mount(
        path.rstrip("/"), 2 if version == "2" and kind != CUBBYHOLE else 1, str(about.get("description") or "")
    )
