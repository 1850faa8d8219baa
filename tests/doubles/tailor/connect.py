"""The Connect protocol for unary calls, and proto3 JSON (connectrpc.com/docs/protocol, protobuf.dev)."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any, TypeAlias

from tests.doubles.server import Reply, Seen

Json: TypeAlias = Any

STATUS = {
    "canceled": 499,
    "unknown": 500,
    "invalid_argument": 400,
    "deadline_exceeded": 504,
    "not_found": 404,
    "already_exists": 409,
    "permission_denied": 403,
    "resource_exhausted": 429,
    "failed_precondition": 400,
    "aborted": 409,
    "out_of_range": 400,
    "unimplemented": 501,
    "internal": 500,
    "unavailable": 503,
    "data_loss": 500,
    "unauthenticated": 401,
}
DIRECTIONS = ("PAGE_DIRECTION_UNSPECIFIED", "PAGE_DIRECTION_ASC", "PAGE_DIRECTION_DESC")


class ConnectError(Exception):
    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


def error_reply(code: str, message: str = "", *, status: int = 0, details: list[Json] | None = None) -> Reply:
    """An error as it is sent; for `Fault(reply=…)` too. `status` is for servers that map codes as they used to."""
    body = {"code": code} | ({"message": message} if message else {}) | ({"details": details} if details else {})
    return Reply(status or STATUS[code], json.dumps(body).encode())


def check(request: Seen, *, speaks_json: bool, needs_version: bool) -> Reply | None:
    """What is wrong with a request before its message is looked at."""
    if request.method != "POST":
        return Reply(405, headers={"Allow": "POST"})
    kind, _, parameters = request.headers.get("content-type", "").lower().partition(";")
    charset = parameters.replace(" ", "").replace('"', "")
    if kind.strip() != "application/json" or charset not in {"", "charset=utf-8"} or not speaks_json:
        return Reply(415, headers={"Accept-Post": "application/json" if speaks_json else "application/proto"})
    version = request.headers.get("connect-protocol-version")
    if version is None and needs_version:
        return error_reply("invalid_argument", 'missing required header: set Connect-Protocol-Version to "1"')
    if version not in {None, "1"}:
        return error_reply("invalid_argument", f'Connect-Protocol-Version must be "1": got "{version}"')
    return None


def parse(body: bytes, fields: dict[str, str]) -> dict[str, Json]:
    """A message of these fields (by JSON name: string, uint32, direction, labels), those unset with their defaults.

    Unknown members are dropped, null is unset, and names may be written as in the proto file. Raises ConnectError.
    """
    try:
        found = json.loads(body)
    except ValueError as failed:
        raise ConnectError("invalid_argument", f"unmarshal message: proto: syntax error: {failed}") from None
    if not isinstance(found, dict):
        raise ConnectError("invalid_argument", "unmarshal message: proto: syntax error: unexpected token")
    members = {re.sub(r"_([a-z])", lambda one: one[1].upper(), name): value for name, value in found.items()}
    return {name: _field(kind, name, members.get(name)) for name, kind in fields.items()}


def _field(kind: str, name: str, value: Json) -> Json:
    """Raises ConnectError."""
    match kind:
        case "string" if value is None:
            return ""
        case "string" if isinstance(value, str) and _is_utf8(value):
            return value
        case "uint32" if value is None:
            return 0
        case "uint32" if re.fullmatch(r"\d+(\.0*)?", str(value)) and float(value) < 2**32:
            return int(float(value))
        case "direction" if value is None:
            return DIRECTIONS[0]
        case "direction" if value in DIRECTIONS:
            return value
        case "direction" if type(value) is int and value in range(len(DIRECTIONS)):
            return DIRECTIONS[value]
        case "labels" if value is None:
            return {}
        case "labels" if isinstance(value, dict) and all(isinstance(one, str) for one in value.values()):
            return value
    raise ConnectError("invalid_argument", f"unmarshal message: proto: invalid value for {kind} field {name}")


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= one <= "\udfff" for one in text)


def message(**members: Json) -> dict[str, Json]:
    """Without the members that are empty, as proto3 JSON is written; int64 become strings."""
    shown = {name: value for name, value in members.items() if value not in (None, "", 0, [], {})}
    return {name: str(value) if type(value) is int else value for name, value in shown.items()}


def timestamp(moment: datetime) -> str:
    """RFC 3339 with 0, 3 or 6 digits of a second."""
    text = moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
    if not moment.microsecond:
        return f"{text}Z"
    digits = f"{moment.microsecond:06d}"
    return f"{text}.{digits.removesuffix('000')}Z"
