"""One request as the endpoints see it: parameters checked the way FastAPI checks them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import parse_qsl

from tests.doubles.crud.access import Caller
from tests.doubles.crud.wire import Invalid, Json
from tests.doubles.server import Seen

TRUE = {"1", "true", "on", "yes", "t", "y"}
FALSE = {"0", "false", "off", "no", "f", "n"}


@dataclass
class Call:
    """All methods raise Invalid. Of a parameter given twice the last one counts."""

    caller: Caller
    query: dict[str, str]
    body: Json

    @classmethod
    def of(cls, request: Seen, caller: Caller) -> Call:
        """A raw `#` ends the target, and `+` is a space, as everywhere in HTTP."""
        target = request.target.partition("#")[0]
        query = dict(parse_qsl(target.partition("?")[2], keep_blank_values=True, errors="replace"))
        return cls(caller, query, _body(request) if request.method == "POST" else None)

    def asked(self, name: str) -> str:
        """A required parameter of the query."""
        if name not in self.query:
            raise Invalid(("query", name), sent=None)
        return self.query[name]

    def number(self, name: str, default: int, low: int, high: int) -> int:
        text = self.query.get(name)
        if text is None:
            return default
        try:
            value = int(text)
        except ValueError:
            raise Invalid(("query", name), "Input should be a valid integer", "int_parsing", text) from None
        if not low <= value <= high:
            raise Invalid(("query", name), f"Input should be from {low} to {high}", "out_of_range", text)
        return value

    def version(self) -> int | None:
        return self.number("version", 0, 1, 2**31) or None

    def flag(self, name: str) -> bool:
        text = self.query.get(name, "false").lower()
        if text not in TRUE | FALSE:
            raise Invalid(("query", name), "Input should be a valid boolean", "bool_parsing", text)
        return text in TRUE

    def text(self, name: str) -> str:
        """A required text of the body."""
        return text_of(self.body, name)

    def value(self) -> Json:
        if "value" not in self.body:
            raise Invalid(("body", "value"), sent=self.body)
        return self.body["value"]

    def boolean(self, name: str) -> bool:
        value = self.body.get(name, False)
        if not isinstance(value, bool):
            raise Invalid(("body", name), "Input should be a valid boolean", "bool_type", value)
        return value

    def versions(self) -> list[int]:
        return versions_of(self.body, ("body",))

    def operations(self) -> list[dict[str, Json]]:
        """Those of a bulk request; one that is no operation makes all of it invalid."""
        operations = self.body.get("operations")
        if not isinstance(operations, list):
            raise Invalid(("body", "operations"), "Input should be a valid list", "list_type", self.body)
        for index, one in enumerate(operations):
            where = ("body", "operations", index)
            if not isinstance(one, dict):
                raise Invalid(where, "Input should be a valid dictionary", "dict_type", one)
            if one.get("op") not in {"set", "delete", "undelete", "destroy", "rotate"}:
                raise Invalid((*where, "op"), "Input should be a known operation", "literal_error", one)
            text_of(one, "uri", where)
            if "versions" in one:
                versions_of(one, where)
        return operations


def text_of(body: dict[str, Json], name: str, where: tuple[str | int, ...] = ("body",)) -> str:
    value = body.get(name)
    if value is None:
        raise Invalid((*where, name), sent=body)
    if not isinstance(value, str):
        raise Invalid((*where, name), "Input should be a valid string", "string_type", value)
    return value


def versions_of(body: dict[str, Json], where: tuple[str | int, ...]) -> list[int]:
    numbers = body.get("versions")
    if numbers is None:
        raise Invalid((*where, "versions"), sent=body)
    if not isinstance(numbers, list) or any(type(number) is not int for number in numbers):
        raise Invalid((*where, "versions"), "Input should be a list of integers", "list_type", numbers)
    return numbers


def _body(request: Seen) -> dict[str, Json]:
    if "json" not in request.headers.get("content-type", ""):
        sent = request.body.decode("utf-8", "replace")
        raise Invalid(("body",), "Input should be a valid dictionary", "model_attributes_type", sent)
    try:
        body = json.loads(request.body)
    except ValueError:
        raise Invalid(("body", 0), "JSON decode error", "json_invalid", {}) from None
    if not isinstance(body, dict):
        raise Invalid(("body",), "Input should be a valid dictionary", "model_attributes_type", body)
    return body
