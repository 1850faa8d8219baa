"""Taking apart JSON of which only the usual shape is known: what is not of it counts as missing."""

from __future__ import annotations

from datetime import UTC, datetime

from kvtui.domain.json_text import Json


def rows(value: Json) -> list[dict[str, Json]]:
    """The maps of a list."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def map_of(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def text_of(value: Json) -> str:
    return value if isinstance(value, str) else ""


def texts(value: Json) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def is_there(value: Json) -> bool:
    """Whether it is worth a field: exports name all fields a kind has, most of them empty."""
    return value is not None and value not in ("", [], {})


def time_of(value: Json) -> datetime | None:
    """RFC 3339, or seconds since 1970."""
    try:
        if isinstance(value, str):
            time = datetime.fromisoformat(value)
            return time.astimezone(UTC) if time.tzinfo else None
        if isinstance(value, int) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None
