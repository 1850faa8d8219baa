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
from typing import TypeAlias, cast

from kvtui.domain import path as paths
from kvtui.domain.errors import InvalidInput
from kvtui.domain.json_text import Json
from kvtui.domain.value import Fields, SecretValue, ValueType
from kvtui.services.transfer.model import MAX_DOCUMENT_DEPTH, Item, Problem, depth

ONLY_FIELD = "value"

Node: TypeAlias = "SecretValue | dict[str, Node]"
"""A document on its way in or out: maps of folders and secrets, down to values."""


def secrets_of(root: Mapping[str, Node], into: str = "") -> Iterator[Item]:
    """The secrets of a document, top down."""
    if into:
        yield from _secrets(root, into)
        return
    for name, node in root.items():
        if isinstance(node, SecretValue):
            yield Item(name, {ONLY_FIELD: node})
        else:
            yield from _secrets(node, name)


def _secrets(node: Mapping[str, Node], path: str) -> Iterator[Item]:
    fields = {name: child for name, child in node.items() if isinstance(child, SecretValue)}
    if fields or not node:
        yield Item(path, fields)
    for name, child in node.items():
        if not isinstance(child, SecretValue):
            # Two slashes show what is wrong with an empty name; the write refuses it.
            yield from _secrets(child, f"{path}/{name}")


class Document:
    """Builds the nested document of an export. `refuses` says why a format cannot hold a secret, or None."""

    def __init__(self, refuses: Callable[[str, Fields], str | None]) -> None:
        self.root: dict[str, Node] = {}
        self.problems: list[Problem] = []
        self._refuses = refuses
        self._secrets: dict[str, Fields] = {}

    def add(self, path: str, fields: Fields) -> None:
        """Take a secret, or report why not."""
        if reason := _unfit(path, fields) or self._refuses(path, fields):
            self.problems.append(Problem(path, reason))
        else:
            self._secrets[path] = fields

    def finish(self) -> dict[str, Node]:
        """The document of all secrets taken, without those that clash with a folder."""
        folders: dict[str, set[str]] = {}
        for path in self._secrets:
            for folder in paths.ancestors(path):
                child = paths.relative(path, folder).partition("/")[0]
                folders.setdefault(folder, set()).add(child)
        for path, fields in self._secrets.items():
            below = folders.get(path)
            if below is not None and (not fields or not below.isdisjoint(fields)):
                what = "its fields and the names below it clash" if fields else "it is empty"
                self.problems.append(Problem(path, f"It is a secret and a folder, and {what}. Use kv-json."))
            else:
                self._place(path, fields)
        return self.root

    def _place(self, path: str, fields: Fields) -> None:
        node = self.root
        for segment in path.split("/"):
            # Never a value: what clashes was left out.
            node = cast("dict[str, Node]", node.setdefault(segment, {}))
        node.update(fields)


def _unfit(path: str, fields: Fields) -> str | None:
    for name, value in fields.items():
        if value.type is ValueType.MAP:
            return f"Its field {paths.display(name)} is a map, which would be read as a folder. Use kv-json."
    deepest = max((depth(v.reveal()) for v in fields.values() if v.type is ValueType.LIST), default=0)
    if path.count("/") + 2 + deepest > MAX_DOCUMENT_DEPTH:
        return "It lies too deep to be nested. Use kv-json."
    return None


def top_map(value: Json) -> dict[str, Json]:
    """The document as a map. Raises InvalidInput."""
    if not isinstance(value, dict):
        raise InvalidInput("The top of the file is not a map.", hint="Write {name: …}, or pipe one value to kvtui set.")
    return value
