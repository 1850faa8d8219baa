"""What is told of a backup that was made, and of one that was restored."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A backup: where it is, how long in bytes, and what of the store it holds."""

    path: Path
    size: int
    generation: int
    secrets: int


@dataclass(frozen=True, slots=True)
class Restored:
    """A store brought back. `replaced` is where the one that was in its place is now; `is_older`: this machine has
    seen a newer one, so it is refused until that is accepted; `journal_key` as `Backend.derive_key("journal")`."""

    location: str
    generation: int
    created_at: datetime
    replaced: str | None = None
    is_older: bool = False
    journal_key: bytes | None = field(default=None, repr=False)
