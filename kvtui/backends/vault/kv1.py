"""KV version 1 and cubbyhole: one map per path, no versions, no metadata, no check-and-set (vault's passthrough.go).

A secret has version 1, always. To notice somebody else's change a write with `expected` reads again first: 0 means that
nothing may be there, 1 that what this connection read last must be. That leaves a gap between two requests.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

from kvtui.backends.http.answer import Unanswered
from kvtui.backends.http.settle import settle
from kvtui.backends.not_found import missing, missing_version
from kvtui.backends.rereading import Rereading
from kvtui.backends.vault import numbers
from kvtui.backends.vault.api import path_of
from kvtui.backends.vault.capabilities import KV1
from kvtui.backends.vault.engine import Engine, Known, Place, Right, named, to_fields, to_map
from kvtui.domain.capability import Capability
from kvtui.domain.errors import InvalidInput
from kvtui.domain.metadata import Metadata, MetadataPatch
from kvtui.domain.secret import Entry, Secret, Version
from kvtui.domain.value import Fields

_ONLY = Version(1, numbered=False)


class Kv1(Engine):
    capabilities: ClassVar[frozenset[Capability]] = KV1
    lacking: ClassVar[str] = "This mount is KV version 1: one value per path, no versions, nothing known about it."
    reasons: ClassVar[Mapping[Capability, str]] = MappingProxyType(
        {
            Capability.VERSIONS: "KV version 1 keeps no versions.",
            Capability.UNDELETE: "KV version 1 keeps nothing of what is deleted.",
            Capability.RETENTION: "KV version 1 keeps one value, for as long as it is there.",
            Capability.EDIT_METADATA: "KV version 1 keeps values alone: no type, description, tags or owner.",
        }
    )

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._seen = Rereading()

    def entries(self, at: Place, noted: dict[str, Known] | None = None) -> Sequence[Entry]:  # noqa: ARG002
        return named(at, self.api.keys(self._path(at) + "/", about=at.path))

    def scan(self, at: Place) -> Sequence[str] | None:
        return self.api.scan(self._path(at) + "/", about=at.path)

    def read(self, at: Place, version: int | None) -> Secret:
        reply = self.api.get(self._path(at), about=at.path)
        if reply is None:
            self._seen.saw(at.path, None)
            raise missing(at.path)
        if version not in {None, 1}:
            raise missing_version(at.path, version or 0)
        fields = to_fields(reply.data)
        self._seen.saw(at.path, fields)
        return Secret(at.path, _ONLY, fields, Metadata(), 1)

    def write(self, at: Place, fields: Fields, patch: MetadataPatch, expected: int | None) -> Version:  # noqa: ARG002
        data = to_map(fields, at.path)
        before = None if expected is None else self._seen.check(at.path, self._now(at), expected)
        try:
            self.api.change("POST", self._path(at), data, about=at.path)
        except Unanswered as error:
            settle(error, lambda: self._holds(at, fields, before), at.path)
        self._seen.saw(at.path, fields)
        return _ONLY

    def check(self, path: str, fields: Fields, metadata: MetadataPatch) -> None:
        super().check(path, fields, metadata)
        if not fields:
            raise InvalidInput("This mount keeps no secret without fields.", hint="Give it one.", path=path)
        numbers.check_finite(fields, path)

    def _now(self, at: Place) -> Fields | None:
        reply = self.api.get(self._path(at), about=at.path)
        return None if reply is None else to_fields(reply.data)

    def _holds(self, at: Place, fields: Fields, before: bytes | None) -> bool | None:
        """Whether what was sent is there. None where that is something else than before, or nobody looked before."""
        now = self._seen.digest(self._now(at))
        if hmac.compare_digest(now, self._seen.digest(fields)):
            return True
        return False if now == before else None

    def delete(self, at: Place, versions: Sequence[int]) -> None:
        for version in versions or (1,):
            self.read(at, version)
        try:
            self.api.change("DELETE", self._path(at), about=at.path)
        except Unanswered as error:
            settle(error, lambda: self._now(at) is None, at.path)
        self._seen.saw(at.path, None)

    def rights(self, at: Place) -> Mapping[Capability, Right]:
        here = f"{self.mount}/{at.key}"
        return {
            Capability.READ: Right(here, frozenset({"read"})),
            Capability.WRITE: Right(here, frozenset({"create", "update"})),
            Capability.DELETE: Right(here, frozenset({"delete"})),
            Capability.LIST: Right(f"{here.rstrip('/')}/", frozenset({"list"})),
        }

    def _path(self, at: Place) -> str:
        return path_of(self.mount, at.key) if at.key else path_of(self.mount)
