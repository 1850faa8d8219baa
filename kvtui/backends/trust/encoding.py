"""Values and times as the API writes them."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import UTC, datetime

from kvtui.domain.codec import to_bytes
from kvtui.domain.errors import Corrupt, InvalidInput
from kvtui.domain.value import SecretValue, ValueType, decode_input

_PADDED = re.compile(r"[A-Za-z0-9+/]*={0,2}")
_STANDARD = str.maketrans("-_", "+/")


def to_wire(value: SecretValue, path: str) -> SecretValue:
    """Text or bytes as base64 in the standard alphabet, padded.

    The store knows bytes alone: what they are is told by looking at them. Raises InvalidInput for what would not come
    back as it is.
    """
    data = to_bytes(value)
    if not decode_input(data).same_as(value):
        if value.type is ValueType.BYTES:
            raise InvalidInput(
                "These bytes are text, and would come back from this store as text.",
                hint="Write them as text.",
                path=path,
            )
        raise InvalidInput(
            "This text holds half a character, which has no bytes.", hint="Correct it, or write it as bytes.", path=path
        )
    return SecretValue(base64.b64encode(data).decode("ascii"))


def from_wire(text: str, path: str) -> SecretValue:
    """Base64 in either alphabet, with its padding or without, as text where it is UTF-8, else bytes. Raises Corrupt."""
    standard = text.translate(_STANDARD)
    bare = standard.rstrip("=")
    try:
        if not _PADDED.fullmatch(standard) or (bare != standard and len(standard) % 4):
            raise ValueError
        return decode_input(base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True))
    except (binascii.Error, ValueError):
        raise Corrupt(
            "The server's answer holds no value: what it sent is not base64.", hint="Tell who runs it.", path=path
        ) from None


def moment(text: object) -> datetime | None:
    """RFC 3339 as UTC; None for anything else."""
    if not isinstance(text, str):
        return None
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else None
    except (ValueError, OverflowError):
        return None


def count(number: object, least: int) -> int | None:
    """A whole number from `least` on; None for anything else."""
    if isinstance(number, int) and not isinstance(number, bool) and number >= least:
        return number
    return None
