"""The YAML file of the development provider: nested maps, where the last map's keys are fragments."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.doubles.crud.uri import Uri
from tests.doubles.crud.wire import Json, not_found


@dataclass
class YamlTree:
    """All methods raise Failed. The first segment of a URI is a key of `root`."""

    root: dict[str, Json] = field(default_factory=dict)

    def node(self, uri: Uri) -> dict[str, Json]:
        """The map at a URI's path."""
        node: Json = self.root
        for segment in uri.segments:
            if not isinstance(node, dict) or segment not in node:
                raise not_found("path not found")
            node = node[segment]
        if not isinstance(node, dict):
            raise not_found("path is not a map")
        return node

    def has(self, uri: Uri) -> bool:
        node: Json = self.root
        for segment in [*uri.segments, *([uri.fragment] if uri.fragment else [])]:
            if not isinstance(node, dict) or segment not in node:
                return False
            node = node[segment]
        return True

    def write(self, uri: Uri, value: Json) -> None:
        """One key with a fragment, else the whole map with all that lies below it."""
        *above, last = [*uri.segments, *([uri.fragment] if uri.fragment else [])]
        node = self.root
        for segment in above:
            if not isinstance(node.get(segment), dict):
                node[segment] = {}
            node = node[segment]
        node[last] = value

    def delete(self, uri: Uri) -> None:
        if uri.fragment:
            node = self.node(uri)
            if uri.fragment not in node:
                raise not_found("fragment not found")
            del node[uri.fragment]
            return
        self.node(uri)
        *above, last = uri.segments
        node = self.root
        for segment in above:
            node = node[segment]
        del node[last]

    def leaves(self, segments: list[str]) -> Iterator[tuple[str, str]]:
        """(location, key) of every value below, in the file's order."""
        node: Json = self.root
        for segment in segments:
            node = node.get(segment) if isinstance(node, dict) else None
        yield from _leaves(node, segments)


def _leaves(node: Json, above: list[str]) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for name, value in node.items():
            if isinstance(value, dict):
                yield from _leaves(value, [*above, name])
            else:
                yield "/".join(above), name
