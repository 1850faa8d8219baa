"""Changing a YAML file where it has to change, and nowhere else: all other bytes stay as they are.

Changes of one write become edits of the text, at the places the nodes tell. What comes out is read again and compared
with what it should be; see `Document.changed`, which tries plainer ways and in the end refuses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from kvtui.backends.yaml import nodes
from kvtui.backends.yaml.nodes import TAG, Child, Folder
from kvtui.domain.errors import Corrupt
from kvtui.domain.json_text import Number
from kvtui.domain.value import SecretValue

if TYPE_CHECKING:
    import yaml

_COLON = re.compile(r"\s*:")
_LINE_END = re.compile(r"[^\n]*\n?")
_LONG_KEY = 1000
_NOTHING = re.compile(r"(?m)^(?:null|~)[ \t]*\r?\n?$")
_BLOCK_STYLES = frozenset({"|", ">"})


class Removed:
    """The entry is to go."""


@dataclass(slots=True)
class Below:
    """What is to change in a map, by name; one that is not there is made. `kept`: also where nothing is left in it."""

    entries: dict[str, SecretValue | Removed | Below] = field(default_factory=dict)
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Edit:
    start: int
    end: int
    text: str
    column: int = 0
    """Of new lines: of several in one place, those of the inner map stand first."""


class UneditableError(Exception):
    """This part of the file cannot be changed in place. The text says why, in words for people."""


@dataclass(frozen=True, slots=True)
class Way:
    """How to write, from the nicest to the plainest."""

    blocks: bool = True
    """Several lines of text as a block."""
    at_end: bool = False
    """New entries after all that belongs to the last one, comments too."""


def edited(text: str, folder: Folder, change: Below, way: Way) -> str:
    """The text with the change. Raises UneditableError."""
    writer = _Writer(text, way)
    edits = sorted(writer.edits(folder, change), key=lambda edit: (edit.start, edit.end, -edit.column), reverse=True)
    for edit in edits:
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def empties(folder: Folder, change: Below) -> bool:
    """Whether nothing is left of a map, so that it goes too."""
    if change.kept or folder.hidden:
        return False
    left = dict.fromkeys(folder.children)
    for name, each in change.entries.items():
        gone = isinstance(each, Removed) or (
            isinstance(each, Below) and name in folder.folders and empties(folder.folders[name], each)
        )
        if gone:
            left.pop(name, None)
        else:
            left[name] = None
    return not left


class _Writer:
    def __init__(self, text: str, way: Way) -> None:
        self._text = text
        self._way = way
        self._newline = "\r\n" if "\r\n" in text else "\n"

    def edits(self, folder: Folder, change: Below) -> Iterator[Edit]:
        """Those of one map that stays."""
        node = folder.node
        if node is None:
            yield self._first(change)
            return
        if node.flow_style and self._loses_entries(folder, change):
            yield self._rewritten(node, folder, change)
            return
        new: dict[str, SecretValue | Below] = {}
        gone: list[Child] = []
        for name, each in change.entries.items():
            child = folder.children.get(name)
            below = folder.folders.get(name)
            if isinstance(each, Removed):
                if child is not None:
                    gone.append(child)
            elif isinstance(each, Below) and below is not None:
                if empties(below, each):
                    gone.append(folder.children[name])
                elif each.entries:
                    yield from self._inside(folder.children[name], below, each)
            elif child is None or child.inherited:
                new[name] = each
            elif isinstance(each, SecretValue):
                yield self._replaced(child, each)
            else:
                yield self._replaced_by_map(child, each)
        if any(child.inherited for child in gone):
            raise UneditableError("it is merged in from another part of the file")
        yield from self._entries_changed(node, gone, new)

    @staticmethod
    def _loses_entries(folder: Folder, change: Below) -> bool:
        return any(
            isinstance(each, Removed) or (isinstance(each, Below) and empties(folder.folders[name], each))
            for name, each in change.entries.items()
            if isinstance(each, Removed) or name in folder.folders
        )

    def _rewritten(self, node: yaml.MappingNode, folder: Folder, change: Below) -> Edit:
        """A map in braces without some of its entries; those that stay as they are written."""
        parts: list[str] = []
        new = dict(change.entries)
        for child in folder.children.values():
            each = new.pop(child.name, None)
            below = folder.folders.get(child.name)
            if child.inherited or (isinstance(each, Below) and below is not None and not empties(below, each)):
                raise UneditableError("it is written in one line with others")
            if each is None:
                parts.append(self._text[child.key.start_mark.index : self._end_of(child.node)])
            elif isinstance(each, SecretValue):
                parts.append(f"{_key(child.name)}: {_flow(each.reveal())}")
        parts += [f"{_key(name)}: {_flow(_plain(each))}" for name, each in new.items() if not isinstance(each, Removed)]
        start = self._text.index("{", node.start_mark.index)
        return Edit(start, self._end_of(node), "{" + ", ".join(parts) + "}")

    def _inside(self, child: Child, below: Folder, change: Below) -> Iterator[Edit]:
        if child.inherited or _is_alias(child):
            raise UneditableError("it is shared with another part of the file")
        yield from self.edits(below, change)

    def _entries_changed(
        self, node: yaml.MappingNode, gone: list[Child], new: Mapping[str, SecretValue | Below]
    ) -> Iterator[Edit]:
        if node.flow_style:
            if new:
                inner = ", ".join(f"{_key(name)}: {_flow(_plain(each))}" for name, each in new.items())
                comma = ", " if node.value else ""
                end = self._end_of(node) - 1
                yield Edit(len(self._text[:end].rstrip()), end, comma + inner)
            return
        yield from (self._removed(child) for child in gone)
        if new:
            column = node.value[0][0].start_mark.column
            yield self._inserted(node, column, new)

    def _first(self, change: Below) -> Edit:
        """Into a file without content, behind its comments."""
        lines = self._lines({name: each for name, each in change.entries.items() if not isinstance(each, Removed)}, 0)
        text = self._text
        nothing = _NOTHING.search(text)
        start, end = nothing.span() if nothing else (len(text), len(text))
        missing = self._newline if text[:start] and not text[:start].endswith("\n") else ""
        return Edit(start, end, missing + lines)

    def _inserted(self, node: yaml.MappingNode, column: int, new: Mapping[str, SecretValue | Below]) -> Edit:
        last = node.value[-1][1]
        key = node.value[-1][0]
        end = node.end_mark.index if self._way.at_end else max(self._end_of(last), key.end_mark.index)
        end = len(self._text) if end >= len(self._text) else self._line_end(end)
        missing = "" if self._text[:end].endswith("\n") else self._newline
        return Edit(end, end, missing + self._lines(new, column), column)

    def _line_end(self, at: int) -> int:
        """Behind the line a place is in; the place itself where a line begins there."""
        if at and self._text[at - 1] == "\n":
            return at
        found = _LINE_END.match(self._text, at)
        return found.end() if found else at

    def _removed(self, child: Child) -> Edit:
        start = self._text.rfind("\n", 0, child.key.start_mark.index) + 1
        if self._text[start : child.key.start_mark.index].strip() not in {"", "?"}:
            raise UneditableError("it begins in the middle of a line")
        end = max(self._end_of(child.node), self._behind_colon(child))
        return Edit(start, self._line_end(end), "")

    def _replaced(self, child: Child, value: SecretValue) -> Edit:
        column = child.key.start_mark.column
        start = self._behind_colon(child)
        end = self._end_of(child.node)
        if _is_alias(child):
            found = re.compile(r"\s*\*[^\s,\]}]+").match(self._text, start)
            if found is None:
                raise UneditableError("it is shared with another part of the file")
            end = found.end()
        return Edit(start, max(start, end), " " + self._value(value, column))

    def _replaced_by_map(self, child: Child, change: Below) -> Edit:
        """A null at the top of the file, such as a mount without anything, becomes a map."""
        start, end = self._behind_colon(child), self._end_of(child.node)
        column = child.key.start_mark.column
        entries = {name: each for name, each in change.entries.items() if not isinstance(each, Removed)}
        if not entries:
            return Edit(start, max(start, end), " {}")
        lines = self._lines(entries, column + 2)
        rest = self._text[max(start, end) : self._line_end(max(start, end))].rstrip("\r\n")
        return Edit(start, self._line_end(max(start, end)), rest + self._newline + lines)

    def _behind_colon(self, child: Child) -> int:
        found = _COLON.match(self._text, child.key.end_mark.index)
        if found is None:
            raise UneditableError("its key is written in an unusual way")
        return found.end()

    def _end_of(self, node: yaml.Node) -> int:
        """Where a node ends, without the comments behind it that its mark takes in."""
        import yaml  # noqa: PLC0415

        if isinstance(node, yaml.ScalarNode):
            end: int = node.end_mark.index
            if node.style in _BLOCK_STYLES and not self._way.at_end:
                end = len(self._text[:end].rstrip())
            return end
        assert isinstance(node, yaml.CollectionNode)  # noqa: S101 - there is no third kind
        if node.flow_style or not node.value:
            return int(node.end_mark.index)
        last = node.value[-1]
        if isinstance(last, tuple):
            return max(self._end_of(last[1]), int(last[0].end_mark.index) + 1)
        return self._end_of(last)

    def _lines(self, entries: Mapping[str, SecretValue | Below | Removed], column: int) -> str:
        lines = ""
        for name, each in entries.items():
            start = self._start(name, column)
            if isinstance(each, Below):
                kept = {key: one for key, one in each.entries.items() if not isinstance(one, Removed)}
                lines += start + (self._newline + self._lines(kept, column + 2) if kept else " {}" + self._newline)
            elif isinstance(each, SecretValue):
                text = self._value(each, column)
                lines += f"{start} {text}" + ("" if text.endswith("\n") else self._newline)
        return lines

    def _start(self, name: str, column: int) -> str:
        """A key as far as its colon. YAML reads no more than 1024 characters for one without a question mark."""
        pad, key = " " * column, _key(name)
        return f"{pad}{key}:" if len(key) < _LONG_KEY else f"{pad}? {key}{self._newline}{pad}:"

    def _value(self, value: SecretValue, column: int) -> str:
        plain = value.reveal()
        if self._way.blocks and isinstance(plain, str) and _fits_block(plain):
            pad = " " * (column + 2)
            body = self._newline.join(pad + line if line else "" for line in plain.rstrip("\n").split("\n"))
            return ("|" if plain.endswith("\n") else "|-") + self._newline + body
        return _flow(plain)


def is_exact(value: SecretValue) -> bool:
    """Whether YAML reads what would be written for a value as the same."""
    try:
        text = _flow(value.reveal())
        text.encode("utf-8")
        node = nodes.compose(text, "")
        return node is not None and nodes.value_of(node, "").same_as(value)
    except (Corrupt, UnicodeEncodeError):
        return False


def _is_alias(child: Child) -> bool:
    """Whether the node stands somewhere before its key: what stands here is only `*name`."""
    return bool(child.node.start_mark.index < child.key.start_mark.index)


def _fits_block(text: str) -> bool:
    """Whether a block of lines says exactly this, in whatever editor."""
    lines = text.removesuffix("\n").split("\n")
    return (
        len(lines) > 1
        and not text.endswith("\n\n")
        and not lines[0].startswith((" ", "\t"))
        and lines[0] != ""
        and all(line.isprintable() and line == line.rstrip() for line in lines)
    )


def _key(name: str) -> str:
    return _flow(name)


def _plain(each: SecretValue | Below | Removed) -> Any:
    if isinstance(each, Below):
        return {name: _plain(one) for name, one in each.entries.items() if not isinstance(one, Removed)}
    return each.reveal() if isinstance(each, SecretValue) else None


def _flow(value: Any) -> str:
    """In one line, so that any reader of YAML 1.1 or 1.2 takes it for the same."""
    import base64  # noqa: PLC0415

    import yaml  # noqa: PLC0415

    if isinstance(value, bytes):
        return f'!!binary "{base64.b64encode(value).decode("ascii")}"'
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(name)}: {_flow(each)}" for name, each in value.items()) + "}"
    if isinstance(value, Number):
        return value.literal
    if isinstance(value, str):
        return _text(value)
    dumped: str = yaml.safe_dump(value, width=2**31, default_flow_style=True)
    return dumped.removesuffix("\n").removesuffix("\n...").removesuffix("...\n").strip()


_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./+@-]*", re.ASCII)


def _is_text(text: str) -> bool:
    """Whether YAML 1.1 reads a plain word as text, and not as yes, 012, a date."""
    import yaml  # noqa: PLC0415

    node = yaml.compose(text, Loader=yaml.SafeLoader)
    return node is not None and node.tag == TAG + "str"


def _text(text: str) -> str:
    import yaml  # noqa: PLC0415

    if _PLAIN.fullmatch(text) and _is_text(text):
        return text
    if text.isprintable() and "'" not in text and text == text.strip():
        return f"'{text}'" if '"' in text or "\\" in text else f'"{text}"'
    dumped: str = yaml.safe_dump(text, default_style='"', width=2**31, allow_unicode=False)
    return dumped.removesuffix("\n")
