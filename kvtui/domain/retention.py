"""How long and how many versions of a secret a store keeps, where that is set for each secret."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Retention:
    """As read, or as a change: None leaves a setting alone.

    `max_versions`: 0 is whatever the store or its mount says. `cas_required`: a write must name the version it is based
    on. `delete_after`: each version is deleted that long after it was made; zero is never.
    """

    max_versions: int | None = None
    cas_required: bool | None = None
    delete_after: timedelta | None = None

    def __bool__(self) -> bool:
        """Whether anything is named."""
        return self != Retention()

    def back(self, change: Retention) -> Retention:
        """The change that takes a change of these settings back."""
        named = {f.name: getattr(self, f.name) for f in fields(self) if getattr(change, f.name) is not None}
        return Retention(**named)

    @classmethod
    def replacing(cls, retention: Retention, base: Retention) -> Retention:
        """The change that turns `base` into `retention`; only what differs is named."""
        differing = (f.name for f in fields(cls) if getattr(retention, f.name) != getattr(base, f.name))
        return cls(**{name: getattr(retention, name) for name in differing})

    def changed(self, change: Retention) -> Retention:
        """These settings after a change."""
        named = ((f.name, getattr(change, f.name)) for f in fields(change))
        return replace(self, **{name: value for name, value in named if value is not None})


UNLIMITED = Retention(0, cas_required=False, delete_after=timedelta())
"""What a secret has that nobody set anything for."""
