"""The one rule of the nested formats, json and yaml: what is a folder, what is a secret.

A map stands at a path. Its values that are maps lie below that path; all its other values are the fields of the secret
at that path. So a map without maps is a secret (an empty one has no fields), a map of maps is a folder, and a map with
both is a folder and a secret of one name. At the top there is no path to hold fields: there a value that is no map is a
secret of that name with the field `value`, unless `--into` gives the path.

Every document that holds to this comes back from a store as it was. What it cannot say, and export therefore reports:
a field that is a map, a field named like a folder below it, an empty secret that is a folder too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from kvtui.domain.value import SecretValue
from kvtui.services.transfer.model import Item

ONLY_FIELD = "value"

Node: TypeAlias = "SecretValue | dict[str, Node]"
"""A document on its way in: maps of folders and secrets, down to values."""


def secrets_of(root: Mapping[str, Node], into: str = "") -> Iterator[Item]:
    """The secrets of a document, top down."""
    if into:
        yield from secrets_at(root, into)
        return
    for name, node in root.items():
        if isinstance(node, SecretValue):
            yield Item(name, {ONLY_FIELD: node})
        else:
            yield from secrets_at(node, name)


def secrets_at(node: Mapping[str, Node], path: str) -> Iterator[Item]:
    """The secrets at and below a path, whose map this is."""
    fields: dict[str, SecretValue] = {}
    below: list[tuple[str, Mapping[str, Node]]] = []
    for name, child in node.items():
        if isinstance(child, SecretValue):
            fields[name] = child
        else:
            below.append((name, child))
    if fields or not below:
        yield Item(path, fields)
    for name, child in below:
        # Two slashes show what is wrong with an empty name; the write refuses it.
        yield from secrets_at(child, f"{path}/{name}")
