"""What a connection knows of a secret by the versions that went through it: never a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import TypeVar

_MOST = 50
"""Versions of one secret of which something is kept."""

What = TypeVar("What")


@dataclass(frozen=True, slots=True)
class Known:
    """`newest` is 0 where nothing was there when it was looked for last, None where nobody looked, or the server does
    not tell. `made`: when a version was made, for those written from here; `leases`: for how many seconds one may be
    used once it was read."""

    newest: int | None = None
    made: Mapping[int, datetime] = field(default_factory=lambda: MappingProxyType({}))
    leases: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))

    def seen(self, number: int, *, newest: int | None, lease: int | None) -> Known:
        """A version that was read."""
        return replace(self, newest=newest, leases=_with(self.leases, number, lease))

    def wrote(self, number: int, at: datetime | None) -> Known:
        """A version that was made from here. Somebody else's may be newer."""
        return replace(self, newest=max(self.newest or 0, number), made=_with(self.made, number, at))


def _with(kept: Mapping[int, What], number: int, what: What | None) -> Mapping[int, What]:
    """Also this one, or not any more; those of the greatest numbers."""
    rest = {each: about for each, about in kept.items() if each != number}
    if what is not None:
        rest[number] = what
    return MappingProxyType({each: rest[each] for each in sorted(rest)[-_MOST:]})
