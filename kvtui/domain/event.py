"""What a store tells of what is done in it: as it happens, and as it wrote it down."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that was done, or refused, in the store's own words: untrusted text. `at` is aware UTC; what the store
    does not tell is None, or "" for `detail`."""

    at: datetime | None
    act: str
    path: str | None
    by: str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Audit:
    """A page of what was written down, the newest first; `more`: older ones are left."""

    events: Sequence[Event]
    more: bool
