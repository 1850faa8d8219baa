"""The nodes of a YAML file as folders, secrets and fields.

A map is a folder. A map with a child that is no map is a secret too, with those children as its fields. Types are those
that YAML 1.1 gives, as PyYAML and the service that owns such files read it, but for what has no JSON: dates and
infinities are the text they are written as. Nodes know where in the text they stand.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from kvtui.domain import json_text
from kvtui.domain.errors import Corrupt, InvalidInput
from kvtui.domain.json_text import Json
from kvtui.domain.value import SecretValue

if TYPE_CHECKING:
    import yaml

MAX_CHARACTERS: Final = 64 << 20
MAX_DEPTH: Final = 1000
MAX_NODES: Final = 500_000
"""Aliases counted as often as they stand for something: a few lines can stand for a billion."""

TAG: Final = "tag:yaml.org,2002:"
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_PLAIN_TAGS = frozenset(TAG + name for name in ("str", "timestamp", "value"))


@dataclass(frozen=True, slots=True)
class Child:
    """One entry of a map. `inherited`: by a merge key (`<<`), so that it stands in another map."""

    name: str
    key: yaml.Node
    node: yaml.Node
    inherited: bool = False


@dataclass(slots=True)
class Folder:
    """A map, its children by name in the order of the file, and what of it cannot be shown."""

    node: yaml.MappingNode | None
    children: dict[str, Child] = field(default_factory=dict)
    folders: dict[str, Folder] = field(default_factory=dict)
    hidden: int = 0

    @property
    def fields(self) -> Mapping[str, Child]:
        return {name: child for name, child in self.children.items() if name not in self.folders}

    @property
    def is_secret(self) -> bool:
        return len(self.folders) < len(self.children)


def compose(text: str, about: str) -> yaml.Node | None:
    """The root node; None for a file without content. Raises Corrupt naming file and line, never the text."""
    import yaml  # noqa: PLC0415

    if len(text) > MAX_CHARACTERS:
        raise Corrupt(f"{about} is larger than {MAX_CHARACTERS >> 20} MiB.", hint="Keep so much in a vault.")
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        _check_depth(text, loader, about)
        return yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        if mark is None:
            raise _unreadable(about) from None
        if "but found another document" in str(error.problem):
            raise _refused(mark, about, "there is a second document") from None
        raise _refused(mark, about, "this is no YAML") from None
    except (yaml.YAMLError, UnicodeError):
        raise _unreadable(about) from None


def _check_depth(text: str, loader: Any, about: str) -> None:
    """Composing recurses in C, where too much ends the process. Only what could be deep is looked at."""
    import yaml  # noqa: PLC0415

    indented = max((len(line) - len(line.lstrip(" -?:\t")) for line in text.split("\n")), default=0)
    if text.count("[") + text.count("{") + indented <= MAX_DEPTH:
        return
    depth = 0
    for event in yaml.parse(text, Loader=loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise _refused(event.start_mark, about, f"it is nested deeper than {MAX_DEPTH} levels")


def folder_of(root: yaml.Node | None, about: str) -> Folder:
    """The whole file. Raises Corrupt."""
    import yaml  # noqa: PLC0415

    if root is None or is_null(root):
        return Folder(None)
    if not isinstance(root, yaml.MappingNode):
        raise _refused(root.start_mark, about, "a map must be at its top")
    top = _Reader(about).folder(root)
    for name, child in top.fields.items():
        if not is_null(child.node):  # a mount without anything yet
            del top.children[name]
            top.hidden += 1
    return top


def is_null(node: yaml.Node) -> bool:
    return bool(node.tag == TAG + "null")


class _Mark(Protocol):
    """A place in the text, of either of PyYAML's parsers; lines count from 0."""

    line: int


class _Reader:
    def __init__(self, about: str) -> None:
        self._about = about
        self._count = 0

    def folder(self, node: yaml.MappingNode) -> Folder:
        import yaml  # noqa: PLC0415

        found = Folder(node)
        for child in self._children(node, found):
            found.children[child.name] = child
            if isinstance(child.node, yaml.MappingNode):
                if _is_segment(child.name):
                    found.folders[child.name] = self.folder(child.node)
                else:
                    del found.children[child.name]
                    found.hidden += 1
        return found

    def _children(self, node: yaml.MappingNode, into: Folder | None = None) -> Iterator[Child]:
        """Own entries first; a merged one only where none of its name is."""
        import yaml  # noqa: PLC0415

        own: dict[str, Child] = {}
        merged: list[yaml.Node] = []
        for key, value in node.value:
            self._take(key)
            if key.tag == TAG + "merge":
                merged += value.value if isinstance(value, yaml.SequenceNode) else [value]
            elif not isinstance(key, yaml.ScalarNode):
                if into is None:
                    raise _refused(key.start_mark, self._about, "a key is a list or a map")
                into.hidden += 1
            elif key.value in own:
                raise _refused(key.start_mark, self._about, "a key is there twice")
            else:
                own[key.value] = Child(key.value, key, value)
        for each in merged:
            if not isinstance(each, yaml.MappingNode):
                raise _refused(each.start_mark, self._about, "only maps can be merged")
            for child in self._children(each):
                own.setdefault(child.name, Child(child.name, child.key, child.node, inherited=True))
        return iter(own.values())

    def _take(self, node: yaml.Node) -> None:
        self._count += 1
        if self._count > MAX_NODES:
            raise _refused(node.start_mark, self._about, "its aliases stand for too much")


def _is_segment(name: str) -> bool:
    return name not in {"", ".", ".."} and "/" not in name


def value_of(node: yaml.Node, about: str) -> SecretValue:
    """The value of a field. Raises Corrupt for one that cannot be read."""
    if node.tag == TAG + "binary":
        try:
            return SecretValue(base64.b64decode("".join(node.value.split()), validate=True))
        except (binascii.Error, ValueError):
            raise _refused(node.start_mark, about, "these bytes are no base64") from None
    try:
        return SecretValue(_json(node, about, _Reader(about)))
    except InvalidInput as error:
        raise _refused(node.start_mark, about, error.message.rstrip(".").lower()) from None


def caveat_of(node: yaml.Node) -> str:
    """Why the value is not all that the file says; "" for nothing."""
    if node.tag.startswith(TAG):
        return ""
    return "The file gives it a tag of its own, which is not shown here, and lost when the value is changed."


def _json(node: yaml.Node, about: str, reader: _Reader) -> Json:
    import yaml  # noqa: PLC0415

    reader._take(node)  # noqa: SLF001 - one count for one value
    if isinstance(node, yaml.SequenceNode):
        return [_json(each, about, reader) for each in node.value]
    if isinstance(node, yaml.MappingNode):
        return {child.name: _json(child.node, about, reader) for child in reader._children(node)}  # noqa: SLF001
    assert isinstance(node, yaml.ScalarNode)  # noqa: S101 - there is no fourth kind
    return scalar(node)


def scalar(node: yaml.ScalarNode) -> Json:
    """Raises InvalidInput for a number that is none."""
    import yaml  # noqa: PLC0415

    text: str = node.value
    kind = node.tag.removeprefix(TAG)
    if node.tag in _PLAIN_TAGS or kind not in {"int", "float", "bool", "null"}:
        return text
    if kind in {"int", "float"} and _NUMBER.fullmatch(text):
        return json_text.parse(text)
    try:
        plain: Json = yaml.SafeLoader("").construct_object(node)
    except (ValueError, yaml.YAMLError, OverflowError):
        raise InvalidInput("This is no number.") from None
    if isinstance(plain, float):
        return plain if plain - plain == 0 else text  # .inf and .nan are no JSON
    return plain


def _refused(mark: _Mark | None, about: str, what: str) -> Corrupt:
    where = "" if mark is None else f" at line {mark.line + 1}"
    return Corrupt(f"{about} cannot be read: {what}{where}.", hint="Correct the file; nothing was changed.")


def _unreadable(about: str) -> Corrupt:
    return Corrupt(
        f"{about} cannot be read: it holds a character that YAML does not allow.", hint="Write it as an escape."
    )
