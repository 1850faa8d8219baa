"""Numbers on a server that reads JSON through float64, as KV v2 does (vault's path_data.go): told before it is done."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from decimal import Decimal

from kvtui.domain import json_text
from kvtui.domain.errors import InvalidInput
from kvtui.domain.value import Fields

_LARGEST = sys.float_info.max
_TOLD_APART = 2**53
_SMALL, _LARGE = 1e-6, 1e21
"""Outside of these Go's encoding/json writes an exponent."""


def check_exact(fields: Fields, path: str) -> None:
    """Raise InvalidInput naming the first field that would come back as another number, or written otherwise."""
    for name, value in fields.items():
        if not _is_exact(value.reveal()):
            raise InvalidInput(
                f"This server would change a number in the field {name!a}.",
                hint="Store it as text, in quotes.",
                path=path,
            )


def check_finite(fields: Fields, path: str) -> None:
    """The same for a server that keeps a number's digits, but none beyond float64."""
    for name, value in fields.items():
        if not _is_finite(value.reveal()):
            raise InvalidInput(
                f"A number in the field {name!a} is too large for this server.",
                hint="Store it as text, in quotes.",
                path=path,
            )


def rounded(fields: Fields) -> Mapping[str, str]:
    """By field: what to know of a number that may have been rounded, as float64 tells not all integers from 2^53 on."""
    note = "This server rounds large numbers: what was written may have had other digits."
    return {name: note for name, value in fields.items() if _is_large(value.reveal())}


def _is_large(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_is_large, value.values()))
    if isinstance(value, list):
        return any(map(_is_large, value))
    return isinstance(value, (int, float)) and abs(value) >= _TOLD_APART


def _is_finite(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return not isinstance(value, (int, float)) or (-_LARGEST <= value <= _LARGEST)


def _is_exact(value: object) -> bool:
    if isinstance(value, dict):
        return all(map(_is_exact, value.values()))
    if isinstance(value, list):
        return all(map(_is_exact, value))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return True
    try:
        return json_text.dump(value) == as_server_writes(float(value))
    except OverflowError:
        return False


def as_server_writes(number: float) -> str:
    """A float64 as Go's encoding/json has it: shortest digits, an exponent only where it must be."""
    decimal = Decimal(repr(number)).normalize()
    if number == 0 or _SMALL <= abs(number) < _LARGE:
        return format(decimal, "f")
    return format(decimal, "e")
