"""Errors and JSON as FastAPI and the service write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, TypeAlias

from tests.doubles.crud.settings import Shape
from tests.doubles.server import Reply

Json: TypeAlias = Any


@dataclass
class Failed(Exception):  # noqa: N818
    """Ends the handling of a request, or of one operation of many."""

    status: int
    code: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Invalid(Exception):  # noqa: N818
    """FastAPI's 422. Like pydantic it repeats in `input` what was sent, secrets too."""

    where: tuple[str | int, ...]
    message: str = "Field required"
    kind: str = "missing"
    sent: Json = None


def not_found(message: str) -> Failed:
    return Failed(404, "NOT_FOUND", message)


def unsupported(message: str) -> Failed:
    return Failed(501, "PROVIDER_UNSUPPORTED", message)


def dumps(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def json_reply(value: Json, status: int = 200) -> Reply:
    return Reply(status, dumps(value), reason=HTTPStatus(status).phrase)


def error_reply(error: Failed | Invalid, shape: Shape) -> Reply:
    if isinstance(error, Invalid):
        found = {"type": error.kind, "loc": list(error.where), "msg": error.message, "input": error.sent}
        return json_reply({"detail": [found]}, 422)
    phrase = HTTPStatus(error.status).phrase
    body: Json = {"error": phrase, "code": error.code, "message": error.message}
    if shape.errors == "text":
        body = {"detail": error.message}
    elif shape.errors == "nested":
        body = {"detail": {"code": error.code, "message": error.message}}
    return Reply(error.status, dumps(body), error.headers, phrase)


def no_route(status: int = 404) -> Reply:
    """Starlette's own answer, the same in every shape."""
    return json_reply({"detail": HTTPStatus(status).phrase}, status)


def kept(value: Json, *, rounds: bool = False) -> Json:
    """What a provider stores of JSON it is given: no lone surrogates, and with `rounds` no number float64 has not."""
    match value:
        case str():
            return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in value)
        case bool():
            return value
        case int() if rounds and abs(value) < 2**1000:
            return int(float(value))
        case dict():
            return {kept(name): kept(item, rounds=rounds) for name, item in value.items()}
        case list():
            return [kept(item, rounds=rounds) for item in value]
        case _:
            return value
