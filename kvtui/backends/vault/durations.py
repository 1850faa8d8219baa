"""Durations as Go writes them: `768h0m0s`, `1.5h`, `300ms` (time.ParseDuration), days too, and plain seconds."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h|d)")
_LONGEST = timedelta(days=36500)


def seconds_of(text: str) -> float:
    """Raises ValueError for what is no duration."""
    if text.isascii() and text.isdigit() and len(text) < 12:
        return float(text)
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def parse(told: object) -> timedelta | None:
    """What a server tells, as text or as seconds; None for what is no duration, or one of more than a century."""
    if isinstance(told, bool) or not isinstance(told, (int, float, str)):
        return None
    try:
        found = seconds_of(told) if isinstance(told, str) else float(told)
    except ValueError:
        return None
    return timedelta(seconds=found) if 0 <= found <= _LONGEST.total_seconds() else None


def written(duration: timedelta) -> str:
    """In the form the server reads: `7776000s`."""
    return f"{int(duration.total_seconds())}s"
