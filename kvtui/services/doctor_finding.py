"""One thing the doctor looked at, and how bad it is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    NOTE = "note"
    """Good to know."""
    WARNING = "warning"
    """Something is less safe or less able than it could be."""
    PROBLEM = "problem"
    """Something does not work, or somebody else has a way in."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. Texts may quote names from files: they go through show(). `hint` is what to do, or empty."""

    level: Level
    subject: str
    message: str
    hint: str = ""
