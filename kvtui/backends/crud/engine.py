"""What lies behind the service: a provider, which does what it can with one place."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, NoReturn, TypeAlias

from kvtui.backends.crud.api import CrudApi
from kvtui.backends.crud.places import Place
from kvtui.backends.rereading import Rereading
from kvtui.domain.capability import Capability
from kvtui.domain.errors import Unsupported
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.secret import Outline, Secret, Version
from kvtui.domain.value import Fields

Look: TypeAlias = Callable[[], bool | None]
"""Whether a change whose answer was lost has happened; None where that cannot be told."""
NO_BYTES = "The service keeps JSON, and bytes are none: store them as base64 text."
ONLY = Version(1, numbered=False)
"""Of what has no versions, or tells none."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether something is there, None where that is not told; without values. `mark` differs once it was changed."""

    is_there: bool | None
    mark: object = None
    is_live: bool = True


class Engine(ABC):
    capabilities: ClassVar[frozenset[Capability]]
    lacking: ClassVar[str]
    reasons: ClassVar[Mapping[Capability, str]] = MappingProxyType({})
    """In place of `lacking`, where there is more to say of one capability."""

    def __init__(self, api: CrudApi) -> None:
        self.api = api
        self.seen = Rereading()

    def why_not(self, capability: Capability) -> str:
        """Why this cannot be done here; "" where it can."""
        return "" if capability in self.capabilities else self.reasons.get(capability, self.lacking)

    def check(self, path: str, fields: Fields, patch: MetadataPatch) -> None:  # noqa: ARG002
        """Raise what a write of these would, as far as it can be told without asking."""
        self.lacks(Capability.WRITE, path)

    @abstractmethod
    def read(self, at: Place, version: int | None) -> Secret: ...

    def outline(self, at: Place, version: int | None) -> Outline:
        return self.read(at, version).outline()

    def write(self, at: Place, fields: Fields, patch: MetadataPatch, expected: int | None) -> Version:  # noqa: ARG002
        self.lacks(Capability.WRITE, at.path)

    def rotate(self, at: Place, fields: Fields) -> Version:  # noqa: ARG002
        self.lacks(Capability.ROTATE, at.path)

    def delete(self, at: Place, versions: Sequence[int]) -> None:  # noqa: ARG002
        self.lacks(Capability.DELETE, at.path)

    def standing(self, at: Place) -> Standing:
        """COPY."""
        self.lacks(Capability.COPY, at.path)

    def lacks(self, capability: Capability, path: str | None) -> NoReturn:
        raise Unsupported(
            self.why_not(capability) or self.lacking,
            capability=capability.value,
            hint="See kvtui backends.",
            path=path,
        )
