"""Python text in SQLite TEXT columns, exactly.

UTF-8 has no lone surrogates, and SQL functions and tools stop at NUL. Both are written as U+FDD0, a noncharacter that
Unicode keeps for such inner use, and four hex digits; U+FDD0 itself likewise. Any other text is stored as it is.
"""

from __future__ import annotations

import re

_ESCAPE = "\ufdd0"
_SPECIAL = "[\x00\ud800-\udfff\ufdd0]"
_LINES = "[\n\x00\ud800-\udfff\ufdd0]"
_ESCAPED = "\ufdd0([0-9a-f]{4})"


def to_column(text: str) -> str:
    return text if text.isascii() and "\x00" not in text else re.sub(_SPECIAL, _escape, text)


def from_column(text: str) -> str:
    return re.sub(_ESCAPED, _unescape, text) if _ESCAPE in text else text


def join_tags(tags: tuple[str, ...]) -> str:
    """Tags one per line, so that they can be searched as text. None of them is empty."""
    return "\n".join(re.sub(_LINES, _escape, tag) for tag in tags)


def split_tags(text: str) -> tuple[str, ...]:
    return tuple(from_column(tag) for tag in text.split("\n")) if text else ()


def _escape(match: re.Match[str]) -> str:
    return f"{_ESCAPE}{ord(match[0]):04x}"


def _unescape(match: re.Match[str]) -> str:
    return chr(int(match[1], 16))
