"""How long and how many versions of a secret a store keeps, where that is set for each secret."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple


class Retention(NamedTuple):
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
        named = {name: getattr(self, name) for name in self._fields if getattr(change, name) is not None}
        return Retention(**named)

    @classmethod
    def replacing(cls, retention: Retention, base: Retention) -> Retention:
        """The change that turns `base` into `retention`; only what differs is named."""
        differing = (name for name in cls._fields if getattr(retention, name) != getattr(base, name))
        return cls(**{name: getattr(retention, name) for name in differing})

    def changed(self, change: Retention) -> Retention:
        """These settings after a change."""
        named = change._asdict()
        return self._replace(**{name: value for name, value in named.items() if value is not None})


UNLIMITED = Retention(0, cas_required=False, delete_after=timedelta())
"""What a secret has that nobody set anything for."""
