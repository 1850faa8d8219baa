"""The yaml format: nested maps after the rule in `tree`, in a small and unambiguous part of YAML.

Read are block and flow collections, all five scalar styles, comments, anchors, and the tags of JSON's types and
`!!binary`. A plain scalar is a number only if it is one in JSON (its literal is kept), `true`, `false` and `null` only
in the spellings of YAML 1.2; so `yes`, `on`, `0123`, `1_000`, `1:20` and dates stay the text that they are. Keys are
text as written. Refused, with the line: other tags, merge keys, a key named twice, several documents, aliases that
multiply.

Written is what any YAML 1.1 or 1.2 reader takes for the same: plain only where nothing else could be meant, blocks for
lines of visible text, else double quotes with unsafe characters escaped. YAML has no way to write a lone surrogate.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from kvtui.domain import json_text
from kvtui.domain import path as paths
from kvtui.domain.characters import unsafe
from kvtui.domain.codec import from_base64, to_text
from kvtui.domain.errors import InvalidInput
from kvtui.domain.json_text import Json
from kvtui.domain.value import Fields, SecretValue, ValueType
from kvtui.services.transfer.json_stream import not_a_map
from kvtui.services.transfer.model import MAX_DOCUMENT_DEPTH, Item
from kvtui.services.transfer.tree import secrets_of
from kvtui.services.transfer.window import Window

if TYPE_CHECKING:
    import yaml

MAX_TEXT = 64 << 20
"""Characters of a document: it is held as a whole, in some twenty times the memory, as an alias may need any of it."""
MAX_ALIASED = 10_000
"""Nodes that all aliases of a document may stand for together."""

_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_WORDS: dict[str, Json] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_TAG = "tag:yaml.org,2002:"
_SCALAR_TAGS = {f"{_TAG}{name}" for name in ("str", "int", "float", "bool", "null", "binary")}


def read(window: Window, *, into: str = "", as_path: str | None = None) -> Iterator[Item]:
    """The secrets of a file; all of it as the fields of one with `as_path`. Raises InvalidInput with the line."""
    from kvtui.services.transfer.foreign.sops import check_decrypted  # noqa: PLC0415 - the screen reads no files

    root = parse(window.whole(MAX_TEXT))
    check_decrypted(root)
    if as_path is not None:
        yield Item(as_path, {name: _value(child) for name, child in root.items()})
        return
    yield from secrets_of(root, into, _leaf)


def _leaf(value: Any) -> SecretValue | None:
    return None if isinstance(value, dict) else _value(value)


def _value(value: Any) -> SecretValue:
    if isinstance(value, (list, dict)) and _holds_bytes(value):
        raise InvalidInput("Bytes can be a field, not a part of one.", hint="Write them as base64 text.")
    return SecretValue(value)


def _holds_bytes(value: Any) -> bool:
    children = value.values() if isinstance(value, dict) else value
    return any(isinstance(c, bytes) or (isinstance(c, (list, dict)) and _holds_bytes(c)) for c in children)


def parse(text: str) -> dict[str, Any]:
    """A document as plain data and bytes. Raises InvalidInput with the line."""
    import yaml  # noqa: PLC0415 - slow to import, needed by few commands

    try:
        root = _Builder().build(yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        # What the parser says may quote the text.
        raise InvalidInput(f"Not YAML{where}.", hint="Check indentation, colons and quotes.") from None
    except (yaml.YAMLError, UnicodeError):
        raise InvalidInput(
            "The YAML holds a character that YAML does not allow.", hint="Write control characters as escapes."
        ) from None
    json_text.check_depth(root, MAX_DOCUMENT_DEPTH)  # aliases may nest what the parser saw apart
    if not isinstance(root, dict | None):
        raise not_a_map()
    return root or {}


class _Builder:
    """Values from parser events, without recursion: an enemy's nesting costs an error and not the stack."""

    def __init__(self) -> None:
        self._open: list[_Collection] = []
        self._root: Any = None
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._aliased = 0
        self._documents = 0

    def build(self, events: Iterator[yaml.Event]) -> Any:
        import yaml  # noqa: PLC0415

        for event in events:
            match event:
                case yaml.DocumentStartEvent():
                    self._documents += 1
                    if self._documents > 1:
                        raise _refusal(event, "there is a second document", "Import one document at a time.")
                case yaml.ScalarEvent():
                    if self._at_key():
                        self._name(event)
                    else:
                        self._finish(_scalar(event), event.anchor, 1)
                case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                    self._begin(event, {} if isinstance(event, yaml.MappingStartEvent) else [])
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    done = self._open.pop()
                    self._finish(done.value, done.anchor, done.size)
                case yaml.AliasEvent():
                    self._alias(event)
        return self._root

    def _at_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1].value, dict) and self._open[-1].key is None

    def _name(self, event: yaml.ScalarEvent) -> None:
        top = self._open[-1]
        name = event.value
        if event.tag not in {None, "!", f"{_TAG}str"}:
            raise _refusal(event, "a key has a tag", "Keys are text.")
        if name == "<<" and event.implicit[0]:
            raise _refusal(event, "merge keys are not read", "Write the merged keys out.")
        if name in top.value:
            raise _refusal(event, "a map names the same key twice", "Keep one of the two.")
        top.key = name

    def _begin(self, event: Any, value: Any) -> None:
        if self._at_key():
            raise _refusal(event, "a key is a list or a map", "Keys are text.")
        if event.tag not in {None, "!", _TAG + ("map" if isinstance(value, dict) else "seq")}:
            raise _refusal(event, "there is an unknown tag", "Only JSON's types and !!binary are read.")
        if len(self._open) >= MAX_DOCUMENT_DEPTH:
            raise _refusal(event, f"it is nested deeper than {MAX_DOCUMENT_DEPTH} levels", "Flatten it.")
        self._open.append(_Collection(value, event.anchor))

    def _alias(self, event: yaml.AliasEvent) -> None:
        if self._at_key() or event.anchor not in self._anchors:
            raise _refusal(event, "an alias stands where none can", "Write out what it stands for.")
        value, size = self._anchors[event.anchor]
        self._aliased += size
        if self._aliased > MAX_ALIASED:
            raise _refusal(event, "its aliases stand for too much", "Write out what they stand for.")
        self._finish(value, None, size)

    def _finish(self, value: Any, anchor: str | None, size: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = (value, size)
        if not self._open:
            self._root = value
            return
        top = self._open[-1]
        top.size += size
        if isinstance(top.value, dict):
            top.value[top.key] = value
            top.key = None
        else:
            top.value.append(value)


class _Collection:
    """A list or map being built: the key whose value comes next, and how many nodes are in it."""

    __slots__ = ("anchor", "key", "size", "value")

    def __init__(self, value: Any, anchor: str | None) -> None:
        self.value = value
        self.anchor = anchor
        self.key: str | None = None
        self.size = 1


def _scalar(event: yaml.ScalarEvent) -> Json | bytes:
    text: str = event.value
    tag = event.tag
    if tag is None or tag == "!":
        return _plain(text, event) if event.implicit[0] and tag is None else text
    if tag not in _SCALAR_TAGS:
        raise _refusal(event, "there is an unknown tag", "Only JSON's types and !!binary are read.")
    kind = tag.removeprefix(_TAG)
    if kind == "str":
        return text
    if kind == "binary":
        plain: bytes = from_base64(text).reveal()
        return plain
    value = _plain(text, event)
    types = {"int": int, "float": (int, float), "bool": bool, "null": type(None)}
    if isinstance(value, types[kind]) and isinstance(value, bool) == (kind == "bool"):  # type: ignore[arg-type]
        return value
    raise _refusal(event, "a value is not what its tag says", "Remove the tag.")


def _plain(text: str, event: yaml.Event) -> Json:
    if text in _WORDS:
        return _WORDS[text]
    if _NUMBER.fullmatch(text):
        try:
            return json_text.parse(text)
        except InvalidInput as error:
            raise _refusal(event, "a number cannot be kept as it is", error.hint) from None
    return text


def _refusal(event: yaml.Event, what: str, hint: str) -> InvalidInput:
    where = f"Line {event.start_mark.line + 1} of the YAML" if event.start_mark else "The YAML"
    return InvalidInput(f"{where} cannot be read: {what}.", hint=hint)


# -- writing

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./@+-]*(?: [A-Za-z0-9_./@+-]+)*")
_MEANT_OTHERWISE = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
"""Plain words, in any case, that some reader takes for something else than text."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_QUOTED = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}
_INDENT = "  "
_LONGEST_SIMPLE_KEY = 1000
"""YAML 1.2, 7.4.2: a key without `?` has at most 1024 characters."""


def fields_text(fields: Fields) -> str:
    """The fields of one secret as a YAML map. Raises InvalidInput for what YAML cannot hold."""
    if reason := refuses("", fields):
        raise InvalidInput(reason, hint="Copy it as JSON.")
    return "".join(field(name, value, 0) for name, value in fields.items()) or "{}\n"


def refuses(path: str, fields: Fields) -> str | None:
    texts = [path, *fields]
    if any(_SURROGATE.search(text) for text in texts):
        return "A name holds half a character (a lone surrogate), which YAML cannot. Use json."
    for name, value in fields.items():
        if value.type is not ValueType.BYTES and _SURROGATE.search(to_text(value)):
            return f"Its field {paths.display(name)} holds a lone surrogate, which YAML cannot. Use json."
    return None


def opening(name: str, level: int) -> str:
    """The line that opens a map."""
    pad = _INDENT * level
    return f"{pad}{_key(name, pad)}\n"


def field(name: str, value: SecretValue | None, level: int) -> str:
    """The line or lines of one value; None for an empty map."""
    pad = _INDENT * level
    return f"{pad}{_key(name, pad)} {'{}' if value is None else _field(value, pad)}\n"


def _key(name: str, pad: str) -> str:
    text = _text(name)
    return f"{text}:" if len(text) <= _LONGEST_SIMPLE_KEY else f"? {text}\n{pad}:"


def _field(value: SecretValue, pad: str) -> str:
    plain = value.reveal()
    if isinstance(plain, bytes):
        return f'!!binary "{to_text(value)}"'
    if isinstance(plain, str):
        return _lines(plain, pad) if "\n" in plain else _text(plain)
    return _flow(plain)


def _lines(text: str, pad: str) -> str:
    """Text of several lines as a block, where that keeps it exactly; else quoted."""
    if text[0] in " \t\n" or any(unsafe(ch) for ch in set(text) - {"\n", "\t"}):
        return _quote(text)
    kept = "" if text.endswith("\n") else "-"
    if text.endswith("\n\n"):
        kept = "+"
    rows = text.removesuffix("\n").split("\n")
    return f"|{kept}\n" + "\n".join(f"{pad}  {row}" if row else "" for row in rows)


def _flow(value: Json) -> str:
    if isinstance(value, str):
        return _quote(value)
    if isinstance(value, list):
        return f"[{', '.join(_flow(item) for item in value)}]"
    if isinstance(value, dict):
        pairs = ((_quote(key), _flow(item)) for key, item in value.items())
        return "{" + ", ".join(f"{'? ' * (len(k) > _LONGEST_SIMPLE_KEY)}{k} : {v}" for k, v in pairs) + "}"
    return json_text.dump(value)


def _text(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and text.lower() not in _MEANT_OTHERWISE else _quote(text)


def _quote(text: str) -> str:
    return '"' + "".join(_QUOTED.get(ch) or (_escape(ch) if unsafe(ch) else ch) for ch in text) + '"'


def _escape(ch: str) -> str:
    code = ord(ch)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
