"""What JavaScript makes of values, numbers, paths and percent signs, as far as the worker's answers show it."""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from typing import Any, TypeAlias
from urllib.parse import quote, unquote_to_bytes

Json: TypeAlias = Any


class ScriptError(Exception):
    """An Error thrown inside a handler; the handler's catch puts its message into a 500."""


class UriError(Exception):
    """decodeURIComponent threw. The router runs outside every try."""


def string(value: Json) -> str:
    """`String(value)`: objects lose all they hold."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return number(float(value))
        case str():
            return value
        case list():
            return ",".join("" if item is None else string(item) for item in value)
        case _:
            return "[object Object]"


def number(value: float) -> str:
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "0"
    if 1e-6 <= abs(value) < 1e21:
        text = format(Decimal(repr(value)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    mantissa, _, exponent = repr(value).partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent):+d}"


def truthy(value: Json) -> bool:
    return isinstance(value, dict | list) or bool(value)


def parse_int(text: str, default: str) -> float | None:
    """`parseInt(text || default)`: the number the text begins with; None is NaN."""
    found = re.match(r"\s*([+-]?\d+)", text or default)
    return int(found[1]) if found else None


def parse(body: bytes) -> Json:
    """`await request.json()`. Raises ScriptError."""

    def constant(name: str) -> Json:
        raise ValueError(name)

    if not body:
        raise ScriptError("Unexpected end of JSON input")
    try:
        return _well_formed(json.loads(body.decode("utf-8", "replace"), parse_constant=constant))
    except ValueError:
        raise ScriptError(f"Unexpected token in JSON at position 0 ({len(body)} bytes)") from None


def members(body: Json) -> dict[str, Json]:
    """`const {a, b} = body`: null throws, what is no object has no members. Raises ScriptError."""
    if body is None:
        raise ScriptError("Cannot destructure property 'value' of 'body' as it is null.")
    return body if isinstance(body, dict) else {}


def stringify(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _well_formed(value: Json) -> Json:
    """Lone surrogates become U+FFFD, as they do on their way through UTF-8."""
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case list():
            return [_well_formed(item) for item in value]
        case dict():
            return {_well_formed(key): _well_formed(item) for key, item in value.items()}
        case _:
            return value


def pathname(target: str) -> str:
    """`new URL(request.url).pathname`: `\\` is `/`, and `.` and `..` are resolved, written as %2e too."""
    path = target.partition("#")[0].partition("?")[0].replace("\\", "/")
    kept: list[str] = []
    segments = path.split("/")[1:]
    for place, segment in enumerate(segments):
        plain = segment.lower().replace("%2e", ".")
        if plain == "..":
            kept = kept[:-1]
        if plain in {".", ".."}:
            if place == len(segments) - 1:
                kept.append("")
            continue
        kept.append(segment)
    return quote("/" + "/".join(kept), safe="/%:@!$&'()*+,;=~|^[]{}`\"<>")


def decode(text: str) -> str:
    """`decodeURIComponent`. Raises UriError for a % without two digits and for bytes that are no UTF-8."""
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise UriError(text)
    try:
        return unquote_to_bytes(text).decode("utf-8")
    except UnicodeDecodeError:
        raise UriError(text) from None
