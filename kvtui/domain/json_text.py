"""JSON that comes out as it went in: key order, number literals, lone surrogates.

`json` turns `1.10` into `1.1` and `1e400` into infinity. A store of secrets may not: what was not edited stays as is.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Any, Self, TypeAlias

from kvtui.domain.errors import InvalidInput

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"

MAX_DEPTH = 200
"""Nesting beyond this is refused: no secret needs it and Python's own recursion ends soon after."""
_MAX_BITS = 14_000
"""Below the 4300 digits Python reads."""
_SPLIT_PAIR = "[\ud800-\udbff][\udc00-\udfff]"


class Number(float):
    """A number whose literal is not what Python would write for it. Compares as a float, prints as it was read."""

    __slots__ = ("literal",)
    literal: str

    def __new__(cls, literal: str) -> Self:
        number = super().__new__(cls, literal)
        number.literal = literal
        return number

    def __reduce__(self) -> tuple[type[Number], tuple[str]]:
        return (Number, (self.literal,))


def _parse_float(literal: str) -> float:
    value = float(literal)
    return value if repr(value) == literal else Number(literal)


def _parse_int(literal: str) -> int | float:
    if literal == "-0":
        return Number(literal)
    try:
        return int(literal)
    except ValueError:  # Python refuses integers of more than 4300 digits
        raise InvalidInput("A number has too many digits.", hint="Store it as text.") from None


def _refuse_constant(name: str) -> float:
    raise InvalidInput(f"{name} is not JSON.", hint="Use a number, or text in quotes.")


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise InvalidInput("A map names the same key twice.", hint="Keep one of the two.")
    return result


_DECODER = json.JSONDecoder(
    parse_float=_parse_float, parse_int=_parse_int, parse_constant=_refuse_constant, object_pairs_hook=_object
)


def parse(text: str, *, max_depth: int = MAX_DEPTH) -> Json:
    """Parse one JSON value. Raises InvalidInput with line and column, never with the text itself."""
    try:
        value: Json = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise refusal(error.msg, error.lineno, error.colno) from None
    except RecursionError:
        raise too_deep(max_depth) from None
    if openings(text) > max_depth:
        check_depth(value, max_depth)
    return value


def parse_at(text: str, at: int) -> tuple[Json, int]:
    """The JSON value that begins at an index, and the index behind it; its depth is not checked.

    Raises json.JSONDecodeError, RecursionError, and InvalidInput for what JSON has but a store cannot.
    """
    return _DECODER.raw_decode(text, at)


def openings(text: str, at: int = 0, end: int | None = None) -> int:
    """How many lists and maps at most a piece of JSON text has: it cannot be nested deeper. Much faster to tell."""
    return text.count("{", at, end) + text.count("[", at, end)


def string_at(text: str, at: int) -> tuple[str, int]:
    """As parse_at, for text in quotes that begins at an index, such as a key."""
    found: tuple[str, int] = _DECODER.parse_string(text, at + 1, True)  # type: ignore[attr-defined]
    return found


def refusal(what: str, line: int, column: int) -> InvalidInput:
    """The error for text that is no JSON; line and column count from 1."""
    return InvalidInput(f"Not JSON: {what} at line {line}, column {column}.", hint="Check quotes, commas and brackets.")


def too_deep(max_depth: int) -> InvalidInput:
    return InvalidInput(f"JSON is nested deeper than {max_depth} levels.", hint="Flatten it.")


def check(value: Any) -> None:
    """Raise InvalidInput unless `parse(dump(value))` gives the value again, literal for literal."""
    if isinstance(value, str):
        check_text(value)
        return
    check_depth(value)
    rest: list[Any] = [value]
    while rest:
        item = rest.pop()
        if isinstance(item, str):
            check_text(item)
        elif isinstance(item, dict):
            rest += [*item.keys(), *item.values()]
            if not all(isinstance(key, str) for key in item):
                raise InvalidInput("The keys of a map are text.", hint="Quote them.")
        elif isinstance(item, list):
            rest += item
        elif isinstance(item, float):
            if not (isinstance(item, Number) or math.isfinite(item)):
                raise InvalidInput("A number is infinite or none at all.", hint="Store it as text.")
        elif isinstance(item, int):
            if item.bit_length() > _MAX_BITS:
                raise InvalidInput("A number has too many digits.", hint="Store it as text.")
        elif item is not None:
            raise InvalidInput(f"A value cannot hold a {type(item).__name__}.", hint="Use JSON values.")


def check_text(text: str) -> None:
    """Raise InvalidInput for text that JSON would change: a pair of surrogates that is not one character."""
    if not text.isascii() and re.search(_SPLIT_PAIR, text):
        raise InvalidInput("A text holds a character in two halves.", hint="Decode it as UTF-16 first.")


def check_depth(value: Json, max_depth: int = MAX_DEPTH) -> None:
    """Raise InvalidInput when lists and maps are nested deeper than `max_depth`."""
    layer: list[Any] = [value]
    for _ in range(max_depth + 1):
        layer = [
            child
            for item in layer
            if isinstance(item, (list, dict))
            for child in (item.values() if isinstance(item, dict) else item)
            if isinstance(child, (list, dict))
        ]
        if not layer:
            return
    raise too_deep(max_depth)


def dump(value: Json, *, indent: int | None = None, ascii_only: bool = True, level: int = 0) -> str:
    """Write one JSON value. ASCII keeps lone surrogates and is safe on any terminal.

    `level`: how many maps and lists of an indented document it stands in.
    """
    quote = encode_basestring_ascii if ascii_only else encode_basestring
    return _write(value, quote, indent, level)


def _write(value: Json, quote: Callable[[str], str], indent: int | None, level: int) -> str:
    if isinstance(value, str):
        return quote(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Number):
        return value.literal
    if isinstance(value, (int, float)):
        return repr(value)
    if not value:
        return "{}" if isinstance(value, dict) else "[]"
    if isinstance(value, dict):
        items = [f"{quote(key)}: {_write(item, quote, indent, level + 1)}" for key, item in value.items()]
        opening, closing = "{", "}"
    else:
        items = [_write(item, quote, indent, level + 1) for item in value]
        opening, closing = "[", "]"
    if indent is None:
        return f"{opening}{', '.join(items)}{closing}"
    pad = "\n" + " " * indent * (level + 1)
    end = "\n" + " " * indent * level
    return f"{opening}{pad}{(',' + pad).join(items)}{end}{closing}"


def same(one: Json, other: Json) -> bool:
    """Equal in type, literal and key order: 1, 1.0 and true are three different values."""
    return dump(one) == dump(other)
