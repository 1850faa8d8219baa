"""The json format: nested maps after the rule in `tree`. Bytes are a map with the single key `base64`.

Canonical layout: two spaces, UTF-8, unsafe characters as \\uXXXX, one newline at the end. Number literals, key order
and lone surrogates come back as they were.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kvtui.domain import json_text
from kvtui.domain.codec import from_json, to_json
from kvtui.domain.errors import InvalidInput
from kvtui.domain.json_text import Json
from kvtui.domain.value import Fields, SecretValue
from kvtui.services.transfer.model import MAX_DOCUMENT_DEPTH, Item, Problem, decode, escape_json
from kvtui.services.transfer.tree import Document, Node, secrets_of, top_map

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
    yield from secrets_of({name: _node(value) for name, value in document.items()}, into)


def _node(value: Json) -> Node:
    if not isinstance(value, dict):
        return SecretValue(value)
    if is_bytes(value):
        return from_json(value)
    return {name: _node(child) for name, child in value.items()}


def is_bytes(value: Json) -> bool:
    """Whether a JSON value stands for bytes, as `codec.from_json` has it."""
    return isinstance(value, dict) and set(value) == {"base64"} and isinstance(value["base64"], str)


def write(secrets: Iterator[tuple[str, Fields]]) -> tuple[bytes, list[Problem]]:
    document = Document(_refuses)
    for path, fields in secrets:
        document.add(path, fields)
    plain = {name: _json(node) for name, node in document.finish().items()}
    return layout(plain), document.problems


def layout(document: Json) -> bytes:
    return (escape_json(json_text.dump(document, indent=2, ascii_only=False)) + "\n").encode("utf-8")


def _json(node: Node) -> Json:
    if isinstance(node, SecretValue):
        return to_json(node)
    return {name: _json(child) for name, child in node.items()}


def _refuses(_path: str, fields: Fields) -> str | None:
    if set(fields) == {"base64"}:
        return "Its only field is named base64, which stands for bytes. Use yaml or kv-json."
    return None
