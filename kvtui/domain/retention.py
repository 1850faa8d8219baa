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

    def changed(self, change: Retention) -> Retention:
        """These settings after a change."""
        named = ((f.name, getattr(change, f.name)) for f in fields(change))
        return replace(self, **{name: value for name, value in named if value is not None})


UNLIMITED = Retention(0, cas_required=False, delete_after=timedelta())
"""What a secret has that nobody set anything for."""
