"""Durations as Go writes them: `768h0m0s`, `1.5h`, `300ms` (time.ParseDuration), and plain seconds."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"ns": 1e-9, "us": 1e-6, "\u00b5s": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|\u00b5s|ms|s|m|h|d)")
_LONGEST = timedelta(days=36500)


def parse(text: object) -> timedelta | None:
    """None for what is no duration, or one of more than a century."""
    plain = isinstance(text, (int, float)) and not isinstance(text, bool)
    if plain or (isinstance(text, str) and text.isdigit()):
        seconds = float(str(text))
    elif isinstance(text, str) and text and not _PART.sub("", text):
        seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    else:
        return None
    return timedelta(seconds=seconds) if 0 <= seconds <= _LONGEST.total_seconds() else None


def seconds(duration: timedelta) -> str:
    """In the form the server reads: `7776000s`."""
    return f"{int(duration.total_seconds())}s"
