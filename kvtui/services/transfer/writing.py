"""Documents written secret by secret: what is held of them is the path of the last one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from itertools import chain
from typing import TypeAlias, TypeVar

from kvtui.domain import json_text
from kvtui.domain.codec import to_json
from kvtui.domain.json_text import Json
from kvtui.domain.secret import History
from kvtui.domain.value import Fields, SecretValue
from kvtui.services.transfer import all_versions, yaml_tree
from kvtui.services.transfer.model import escape_json

_Row = TypeVar("_Row")

Sink: TypeAlias = Callable[[str], object]
"""Takes the text of a file, piece by piece."""


class NestedWriter(ABC):
    """Secrets as nested maps. They come in the order of the tree, each right before what is below it."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._open: list[str] = []
        """The names of the maps that are open below the top."""

    def write(self, secrets: Iterator[tuple[str, Fields]]) -> None:
        started = _started(secrets)
        self._begin()
        for path, fields in started:
            self._sink("".join(self._secret(path.split("/"), fields)))
        self._sink("".join([*self._leave(0), self._end()]))

    def _secret(self, names: list[str], fields: Fields) -> Iterator[str]:
        shared = 0
        for one, other in zip(self._open, names, strict=False):
            if one != other:
                break
            shared += 1
        yield from self._leave(shared)
        for name in names[shared:-1]:
            yield self._enter(name)
        if not fields:
            yield self._field(names[-1], None)
            return
        if shared < len(names):
            yield self._enter(names[-1])
        for name, value in fields.items():
            yield self._field(name, value)

    def _leave(self, depth: int) -> Iterator[str]:
        while len(self._open) > depth:
            self._open.pop()
            yield self._close()

    def _enter(self, name: str) -> str:
        text = self._opening(name)
        self._open.append(name)
        return text

    @abstractmethod
    def _begin(self) -> None: ...

    @abstractmethod
    def _opening(self, name: str) -> str: ...

    @abstractmethod
    def _field(self, name: str, value: SecretValue | None) -> str:
        """One value; None for an empty map."""

    @abstractmethod
    def _close(self) -> str:
        """The end of the map that was open until now."""

    @abstractmethod
    def _end(self) -> str: ...


class YamlWriter(NestedWriter):
    """Blocks, two spaces a level."""

    _is_empty = True

    def _begin(self) -> None:
        pass

    def _opening(self, name: str) -> str:
        return yaml_tree.opening(name, len(self._open))

    def _field(self, name: str, value: SecretValue | None) -> str:
        self._is_empty = False
        return yaml_tree.field(name, value, len(self._open))

    def _close(self) -> str:
        return ""

    def _end(self) -> str:
        return "{}\n" if self._is_empty else ""


class JsonWriter(NestedWriter):
    """The canonical layout of `json_tree`."""

    _is_fresh = True
    """Whether the map that is open last has no member yet."""

    def _begin(self) -> None:
        self._sink("{")

    def _opening(self, name: str) -> str:
        text = self._member(name) + "{"
        self._is_fresh = True
        return text

    def _field(self, name: str, value: SecretValue | None) -> str:
        return self._member(name) + _json({} if value is None else to_json(value), len(self._open) + 1)

    def _close(self) -> str:
        self._is_fresh = False
        return f"\n{'  ' * (len(self._open) + 1)}}}"

    def _end(self) -> str:
        return "}\n" if self._is_fresh else "\n}\n"

    def _member(self, name: str) -> str:
        text = f"{'' if self._is_fresh else ','}\n{'  ' * (len(self._open) + 1)}{_json(name, 0)}: "
        self._is_fresh = False
        return text


def write_flat(secrets: Iterator[tuple[str, Fields]], sink: Sink) -> None:
    """The kv-json format."""
    started = _started(secrets)
    sink("{")
    between = "\n"
    for path, fields in started:
        plain: Json = {name: to_json(value) for name, value in fields.items()}
        sink(f"{between}  {_json(path, 0)}: {_json(plain, 1)}")
        between = ",\n"
    sink("}\n" if between == "\n" else "\n}\n")


def write_envelope(histories: Iterator[History], sink: Sink) -> None:
    """The envelope of all versions."""
    started = _started(histories)
    sink(f'{{\n  "kvtui": {all_versions.VERSION},\n  "secrets": [')
    between = "\n"
    for history in started:
        sink(f"{between}    {_json(all_versions.envelope_row(history), 2)}")
        between = ",\n"
    sink("]\n}\n" if between == "\n" else "\n  ]\n}\n")


def _started(rows: Iterator[_Row]) -> Iterator[_Row]:
    """The same, after the first one was taken: what cannot be read at all leaves no half document."""
    for first in rows:
        return chain([first], rows)
    return rows


def _json(value: Json, level: int) -> str:
    return escape_json(json_text.dump(value, indent=2, ascii_only=False, level=level))
