"""What Go puts on the wire: its JSON, its times and durations, and the answers and errors of Vault and OpenBao."""

from __future__ import annotations

import json
import math
import re
import secrets
import string
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import uuid4

Json: TypeAlias = Any

SECOND = 10**9
"""Nanoseconds; all instants of the double are nanoseconds since 1970."""

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
_ESCAPED = re.compile('["\\\\<>&\u2028\u2029\ud800-\udfff\x00-\x1f]')
_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND}


@dataclass(frozen=True)
class Number:
    """A number as it was written (Go's json.Number)."""

    literal: str

    def float(self) -> float:
        return float(self.literal)


@dataclass
class Failed(Exception):  # noqa: N818
    """Ends the handling of a request with this status and these `errors`."""

    status: int
    message: str | None = None
    data: Json = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Answer:
    """What a handler answers. Without data it becomes 404 for a read or list and 204 else.

    `status` other than 0 sends the envelope with exactly that status; `empty` sends a bare status.
    """

    data: dict[str, Json] | None = None
    warnings: list[str] | None = None
    auth: dict[str, Json] | None = None
    wrap_info: dict[str, Json] | None = None
    lease_id: str = ""
    renewable: bool = False
    lease_duration: int = 0
    status: int = 0
    empty: bool = False
    injected: bool = False
    whole: str = ""
    """A body that is not in the envelope (sys/leader)."""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def is_something(self) -> bool:
        return self.data is not None or bool(self.auth or self.wrap_info or self.warnings or self.lease_id)


class Struct(dict[str, Json]):
    """A JSON object whose members stay in their order; all others are written sorted."""


def one_error(text: str) -> str:
    """How Go's multierror prints a single error."""
    return f"1 error occurred:\n\t* {text}\n\n"


def several(errors: list[str]) -> str:
    if len(errors) == 1:
        return one_error(errors[0])
    return f"{len(errors)} errors occurred:\n\t" + "\n\t".join(f"* {text}" for text in errors) + "\n\n"


UNSUPPORTED = Failed(405, one_error("unsupported operation"))


def loads(body: bytes) -> Json:
    """Raises ValueError, and Failed for a number no float64 can hold."""

    def constant(name: str) -> Json:
        raise ValueError(name)

    def number(literal: str) -> Number:
        if math.isinf(float(literal)):
            text = f"json: cannot unmarshal number {literal} into Go value of type float64"
            raise Failed(400, f"failed to decode JSON input: {text}")
        return Number(literal)

    text = body.decode("utf-8", "replace")
    return json.loads(text, parse_int=number, parse_float=number, parse_constant=constant)


def _float(value: float) -> str:
    size = abs(value)
    if size != 0 and (size < 1e-6 or size >= 1e21):
        digits, _, exponent = repr(value).partition("e")
        if not exponent:
            digits, _, exponent = f"{Decimal(repr(value)):e}".lower().partition("e")
        return f"{digits.removesuffix('.0')}e{exponent[0]}{exponent[1:].lstrip('0')}"
    text = f"{Decimal(repr(value)):f}"
    return text.rstrip("0").removesuffix(".") if "." in text else text


def _string(text: str) -> str:
    def escape(match: re.Match[str]) -> str:
        char = match[0]
        if "\ud800" <= char <= "\udfff":
            return "\ufffd"
        return _ESCAPES.get(char) or f"\\u{ord(char):04x}"

    return f'"{_ESCAPED.sub(escape, text)}"'


def dumps(value: Json) -> str:
    """As Go's encoder writes it: keys of maps sorted, `<>&` escaped, floats in its own format."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case Number():
            return value.literal
        case int():
            return str(value)
        case float():
            return _float(value)
        case str():
            return _string(value)
        case dict():
            items = value.items() if isinstance(value, Struct) else sorted(value.items())
            return "{" + ",".join(f"{_string(key)}:{dumps(item)}" for key, item in items) + "}"
        case _:
            return "[" + ",".join(dumps(item) for item in value) + "]"


def go_quote(text: str) -> str:
    """Go's %q."""
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    known = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f", "\a": "\\a", "\v": "\\v"}

    def shown(char: str) -> str:
        if char.isprintable():
            return char
        return known.get(char) or (f"\\x{ord(char):02x}" if ord(char) < 0x80 else f"\\u{ord(char):04x}")

    return '"' + "".join(shown(char) for char in quoted) + '"'


def through_float(value: Json) -> Json:
    """What is left of stored JSON after Go decoded it into float64s."""
    match value:
        case Number():
            return value.float()
        case dict():
            return {key: through_float(item) for key, item in value.items()}
        case list():
            return [through_float(item) for item in value]
        case _:
            return value


def clock_time(instant: int | None) -> str:
    """RFC 3339 with nanoseconds, trailing zeros cut, as Go's RFC3339Nano."""
    if instant is None:
        return ""
    whole, nanos = divmod(instant, SECOND)
    text = datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return text + (f".{nanos:09d}".rstrip("0") if nanos else "") + "Z"


def go_duration(seconds: int) -> str:
    sign, seconds = ("-", -seconds) if seconds < 0 else ("", seconds)
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    text = f"{hours}h{minutes}m{rest}s" if hours else f"{minutes}m{rest}s" if minutes else f"{rest}s"
    return sign + text


def short_duration(seconds: int) -> str:
    """As in warnings: "5h", not "5h0m0s"."""
    text = go_duration(seconds)
    for ending in ("m0s", "h0m"):
        text = text.removesuffix(ending[1:]) if text.endswith(ending) else text
    return text


def mapping(name: str, value: Json) -> dict[str, Json] | None:
    """A field of type map; a list of maps is taken as one. Raises Failed(400)."""
    if value is None or isinstance(value, dict):
        return value
    where, odd = "", value
    if isinstance(value, list):
        found = next(((index, item) for index, item in enumerate(value) if not isinstance(item, dict)), None)
        if found is None:
            return {key: item for part in value for key, item in part.items()}
        where, odd = f"[{found[0]}]", found[1]
    kind = {str: "string", bool: "bool", list: "[]interface {}", Number: "json.Number"}.get(type(odd), "nil")
    text = f"'{where}' expected type 'map[string]interface {{}}', got unconvertible type '{kind}'"
    raise Failed(400, f'error converting input for field "{name}": {text}')


def seconds_of(value: Json) -> int:
    """Seconds of what Vault takes for a duration: 30, "30", "30s", "1h30m", "2d". Raises ValueError."""
    text = value.literal if isinstance(value, Number) else value
    if text is None or text == "":
        return 0
    if not isinstance(text, str):
        raise ValueError(value)  # noqa: TRY004
    if re.fullmatch(r"-?\d+", text):
        return int(text)
    if re.fullmatch(r"-?\d+d", text):
        return int(text[:-1]) * 86400
    sign, rest = (-1, text[1:]) if text.startswith("-") else (1, text)
    if not re.fullmatch(r"(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+", rest):
        raise ValueError(text)
    parts = re.findall(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)", rest)
    return int(sign * sum(Decimal(number) * _UNITS[unit] for number, unit in parts) // SECOND)


def integer(name: str, value: Json) -> int:
    """A field of type int. Raises Failed(400)."""
    text = value.literal if isinstance(value, Number) else value
    if text is None or text == "":
        return 0
    if isinstance(text, bool):
        return int(text)
    if isinstance(text, str) and re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    problem = "cannot parse value as 'int': strconv.ParseInt: invalid syntax"
    raise Failed(400, f"error converting input for field \"{name}\": '' {problem}")


def truth(name: str, value: Json) -> bool:
    """A field of type bool. Raises Failed(400)."""
    if isinstance(value, bool):
        return value
    if value is None or value == "":
        return False
    if isinstance(value, Number):
        return value.float() != 0
    if isinstance(value, str) and value in {"1", "t", "T", "true", "TRUE", "True"}:
        return True
    if isinstance(value, str) and value in {"0", "f", "F", "false", "FALSE", "False"}:
        return False
    problem = "cannot parse value as 'bool': strconv.ParseBool: invalid syntax"
    raise Failed(400, f"error converting input for field \"{name}\": '' {problem}")


def strings(value: Json) -> list[str]:
    """A field of type comma-separated string slice."""
    if value is None or value == "":
        return []
    if isinstance(value, Number):
        return [value.literal]
    if isinstance(value, str):
        return [part.strip() for part in value.split(",")]
    return [part.literal if isinstance(part, Number) else str(part) for part in value]


def is_deleted(deletion: int | None, now: int) -> bool:
    return deletion is not None and deletion < now


def new_id() -> str:
    return str(uuid4())


def new_name(length: int = 24) -> str:
    """Random letters and digits, as in tokens, accessors and leases."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(length))
