"""Values to bytes and back: the one serialisation of fields, and the bytes a value stands for outside."""

from __future__ import annotations

import base64
import binascii

from kvtui.domain import json_text
from kvtui.domain.errors import Corrupt, InvalidInput
from kvtui.domain.json_text import Json
from kvtui.domain.value import Fields, SecretValue


def encode_fields(fields: Fields) -> bytes:
    """Fields as ASCII JSON `[[name, kind, value], …]`, kind `j` (JSON) or `b` (base64 of bytes), in order.

    Raises InvalidInput for what would not be read back the same.
    """
    rows: list[str] = []
    for name, value in fields.items():
        json_text.check_text(name)
        plain = value.reveal()
        if isinstance(plain, bytes):
            kind, text = "b", f'"{base64.b64encode(plain).decode("ascii")}"'
        else:
            json_text.check(plain)
            kind, text = "j", json_text.dump(plain)
        rows.append(f'[{json_text.dump(name)}, "{kind}", {text}]')
    return f"[{', '.join(rows)}]".encode("ascii")


def decode_fields(data: bytes) -> dict[str, SecretValue]:
    """The reverse of encode_fields. Raises Corrupt on anything else, without quoting it."""
    try:
        rows = json_text.parse(data.decode("ascii"), max_depth=json_text.MAX_DEPTH + 2)
        if not isinstance(rows, list):
            raise TypeError
        return dict(map(_decode_row, rows))
    except (InvalidInput, ValueError, TypeError):
        raise Corrupt("A stored value cannot be read.", hint="Run kvtui doctor.") from None


def _decode_row(row: Json) -> tuple[str, SecretValue]:
    match row:
        case [str(name), "j", value]:
            return name, SecretValue(value)
        case [str(name), "b", str(data)]:
            return name, SecretValue(base64.b64decode(data, validate=True))
    raise ValueError


def to_bytes(value: SecretValue) -> bytes:
    """The bytes a value stands for outside (pipe, clipboard, file): text as UTF-8, bytes as they are, else JSON.

    A lone surrogate has no UTF-8 form: it is written as WTF-8 does.
    """
    plain = value.reveal()
    if isinstance(plain, bytes):
        return plain
    return to_text(value).encode("utf-8", "surrogatepass")


def to_text(value: SecretValue) -> str:
    """A value as text: text itself, JSON for other types, bytes as base64."""
    plain = value.reveal()
    if isinstance(plain, str):
        return plain
    if isinstance(plain, bytes):
        return base64.b64encode(plain).decode("ascii")
    return json_text.dump(plain, ascii_only=False)


def to_json(value: SecretValue) -> Json:
    """A value as JSON; bytes as {"base64": "…"}."""
    plain = value.reveal()
    if isinstance(plain, bytes):
        return {"base64": base64.b64encode(plain).decode("ascii")}
    result: Json = plain
    return result


def from_json(value: Json) -> SecretValue:
    """The reverse of to_json: a map with the single key `base64` is bytes."""
    if isinstance(value, dict) and len(value) == 1 and isinstance(text := value.get("base64"), str):
        return from_base64(text)
    return SecretValue(value)


def from_base64(text: str) -> SecretValue:
    """Standard base64 (RFC 4648 section 4, white space ignored) as bytes. Raises InvalidInput."""
    try:
        return SecretValue(base64.b64decode("".join(text.split()), validate=True))
    except (binascii.Error, ValueError):
        raise InvalidInput("Not base64.", hint="Use A-Z a-z 0-9 + / with = at the end.") from None
