"""The one rule of the nested formats, json and yaml: what is a folder, what is a secret.

A map stands at a path. Its values that are maps lie below that path; all its other values are the fields of the secret
at that path. So a map without maps is a secret (an empty one has no fields), a map of maps is a folder, and a map with
both is a folder and a secret of one name. At the top there is no path to hold fields: there a value that is no map is a
secret of that name with the field `value`, unless `--into` gives the path.

Every document that holds to this comes back from a store as it was. What it cannot say, and export therefore reports:
a field that is a map, a field named like a folder below it, an empty secret that is a folder too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from kvtui.domain import path as paths
from kvtui.domain.value import Fields, SecretValue, ValueType
from kvtui.services.transfer.model import MAX_DOCUMENT_DEPTH, Item, depth

ONLY_FIELD = "value"

Leaf: TypeAlias = Callable[[Any], SecretValue | None]
"""How a format has the value of a field; None for a map that lies below."""


def secrets_of(root: Mapping[str, Any], into: str, leaf: Leaf) -> Iterator[Item]:
    """The secrets of a document, top down."""
    if into:
        yield from secrets_at(root, into, leaf)
        return
    for name, child in root.items():
        if (value := leaf(child)) is not None:
            yield Item(name, {ONLY_FIELD: value})
        else:
            yield from secrets_at(child, name, leaf)


def secrets_at(node: Mapping[str, Any], path: str, leaf: Leaf) -> Iterator[Item]:
    """The secrets at and below a path where this map stands."""
    fields: dict[str, SecretValue] = {}
    below: list[tuple[str, Mapping[str, Any]]] = []
    for name, child in node.items():
        if type(child) is str:  # most are
            fields[name] = SecretValue(child)
        elif (value := leaf(child)) is not None:
            fields[name] = value
        else:
            below.append((name, child))
    if fields or not below:
        yield Item(path, fields)
    for name, child in below:
        # Two slashes show what is wrong with an empty name; the write refuses it.
        yield from secrets_at(child, f"{path}/{name}", leaf)


def unfit(path: str, fields: Fields) -> str | None:
    """Why no nested document can hold a secret, None if it can."""
    for name, value in fields.items():
        if value.type is ValueType.MAP:
            return f"Its field {paths.display(name)} is a map, which would be read as a folder. Use kv-json."
    deepest = max((depth(v.reveal()) for v in fields.values() if v.type is ValueType.LIST), default=0)
    if path.count("/") + 2 + deepest > MAX_DOCUMENT_DEPTH:
        return "It lies too deep to be nested. Use kv-json."
    return None
