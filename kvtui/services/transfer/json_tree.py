"""The json format: nested maps after the rule in `tree`. Bytes are a map with the single key `base64`.

Canonical layout: two spaces, UTF-8, unsafe characters as \\uXXXX, one newline at the end. Number literals, key order
and lone surrogates come back as they were.
"""

from __future__ import annotations

from collections.abc import Iterator

from kvtui.domain import json_text
from kvtui.domain.codec import from_json
from kvtui.domain.errors import InvalidInput
from kvtui.domain.json_text import Json
from kvtui.domain.value import Fields, SecretValue
from kvtui.services.transfer.json_stream import Entered, JsonStream, located, not_a_map
from kvtui.services.transfer.model import MAX_DOCUMENT_DEPTH, Item
from kvtui.services.transfer.tree import ONLY_FIELD, secrets_at, secrets_of


def parse(text: str) -> dict[str, Json]:
    """The document as a map. Raises InvalidInput with the line, never with content."""
    try:
        value = json_text.parse(text, max_depth=MAX_DOCUMENT_DEPTH)
    except InvalidInput as error:
        raise located(error, text) from None
    if not isinstance(value, dict):
        raise not_a_map()
    return value


def read(document: dict[str, Json], *, into: str = "", as_path: str | None = None) -> Iterator[Item]:
    """The secrets of a document; all of it as the fields of one with `as_path`."""
    if as_path is not None:
        yield Item(as_path, {name: from_json(value) for name, value in document.items()})
        return
    yield from secrets_of(document, into, leaf)


def leaf(value: Json) -> SecretValue | None:
    """A value that can be a field; None for a map that is a folder or secret."""
    if not isinstance(value, dict):
        return SecretValue(value)
    return from_json(value) if is_bytes(value) else None


def stream(document: JsonStream, first: str | None, into: str) -> Iterator[Item]:
    """The secrets of a document whose top was entered, and its first key read.

    As `read`, but the fields of a map that was entered come when it ends, behind what is below them.
    """
    entered = [_Entered("", into or None)]
    name = first
    while True:
        here = entered[-1]
        if name is None:
            entered.pop()
            if not entered:
                yield from here.secret()
                return
            if here.is_bytes():
                yield from entered[-1].take(here.name, dict(here.fields))
            else:
                entered[-1].is_folder = True
                yield from here.secret()
        elif isinstance(value := document.value(enter="{"), Entered):
            entered.append(_Entered(name, here.below(name)))
        elif isinstance(value, dict) and not is_bytes(value):
            here.is_folder = True
            yield from secrets_at(value, here.below(name), leaf)
        else:
            yield from here.take(name, value)
        name = document.name()


class _Entered:
    """A map that was entered: its name, its path (None at the top), what may be its fields, and whether anything is
    below it."""

    def __init__(self, name: str, path: str | None) -> None:
        self.name = name
        self.path = path
        self.fields: dict[str, Json] = {}
        self.is_folder = False

    def below(self, name: str) -> str:
        return name if self.path is None else f"{self.path}/{name}"

    def take(self, name: str, value: Json) -> Iterator[Item]:
        """A field, or at the top, where there is no path to hold fields, a secret."""
        if self.path is not None:
            self.fields[name] = value
        else:
            yield Item(name, {ONLY_FIELD: from_json(value)})

    def is_bytes(self) -> bool:
        return not self.is_folder and is_bytes(dict(self.fields))

    def secret(self) -> Iterator[Item]:
        """The secret at its path, when the map has ended."""
        if self.path is not None and (self.fields or not self.is_folder):
            yield Item(self.path, {name: from_json(value) for name, value in self.fields.items()})


def is_bytes(value: Json) -> bool:
    """Whether a JSON value stands for bytes, as `codec.from_json` has it."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get("base64"), str)


def refuses(_path: str, fields: Fields) -> str | None:
    """Why a secret cannot be written, None if it can."""
    if set(fields) == {"base64"}:
        return "Its only field is named base64, which stands for bytes. Use yaml or kv-json."
    return None
