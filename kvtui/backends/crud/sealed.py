"""Providers the service only reads: a file, its own start-up secrets; and databases, which it makes credentials of."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from kvtui.backends.crud import failures
from kvtui.backends.crud.answers import map_of
from kvtui.backends.crud.capabilities import SEALED
from kvtui.backends.crud.engine import ONLY, Engine
from kvtui.backends.crud.failures import GoneError
from kvtui.backends.crud.places import Place
from kvtui.backends.not_found import missing
from kvtui.backends.vault.engine import to_fields
from kvtui.domain.capability import Capability
from kvtui.domain.metadata import Metadata
from kvtui.domain.secret import Secret


class Sealed(Engine):
    capabilities: ClassVar[frozenset[Capability]] = SEALED
    lacking: ClassVar[str] = "The service only reads this provider."

    def read(self, at: Place, version: int | None) -> Secret:
        if version is not None:
            self.lacks(Capability.VERSIONS, at.path)
        try:
            answer = self.api.look("/value", failures.READ, at.uri, about=at.path)
        except GoneError:
            raise missing(at.path) from None
        return Secret(at.path, ONLY, to_fields(map_of(answer)), Metadata(), 1)


class Issuing(Sealed):
    """Reading there may make credentials, which nothing that only looks may do."""

    capabilities: ClassVar[frozenset[Capability]] = frozenset()
    reasons: ClassVar[Mapping[Capability, str]] = MappingProxyType(
        {Capability.READ: "Reading there may make new credentials, and the service tells nothing of their lease."}
    )

    def read(self, at: Place, version: int | None) -> Secret:  # noqa: ARG002
        self.lacks(Capability.READ, at.path)
