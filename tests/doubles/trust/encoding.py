"""Base64 in both alphabets, JSON, and the errors of the API."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, Literal, TypeAlias

from tests.doubles.server import Reply

Json: TypeAlias = Any
Alphabet: TypeAlias = Literal["standard", "urlsafe"]

ERRORS = {
    400: "invalid_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    429: "rate_limited",
    500: "internal_error",
    503: "dependency_down",
}


class Refused(Exception):  # noqa: N818
    """Ends the handling of a request with this status."""

    def __init__(self, status: int) -> None:
        super().__init__(ERRORS[status])
        self.status = status


def error_reply(status: int, headers: dict[str, str] | None = None) -> Reply:
    """One of the errors the API knows; for `Fault(reply=…)` too."""
    return Reply(status, json.dumps({"error": ERRORS[status]}).encode(), headers or {})


def encode(value: bytes, alphabet: Alphabet, *, padded: bool) -> str:
    text = (base64.b64encode if alphabet == "standard" else base64.urlsafe_b64encode)(value).decode()
    return text if padded else text.rstrip("=")


def decode(text: Json) -> bytes:
    """Either alphabet, padded or not. Raises Refused."""
    if not isinstance(text, str):
        raise Refused(400)
    bare = text.rstrip("=").replace("-", "+").replace("_", "/")
    if len(text) - len(bare) > 2:
        raise Refused(400)
    try:
        return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise Refused(400) from None


def parse(body: bytes) -> dict[str, Json]:
    """Raises Refused."""
    try:
        found = json.loads(body)
    except ValueError:
        raise Refused(400) from None
    if not isinstance(found, dict):
        raise Refused(400)
    return found
