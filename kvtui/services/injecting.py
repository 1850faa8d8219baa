"""Templates: a text with references in it becomes the same text with the values in their place. All of them, or none.

text: every reference is replaced by the value's bytes as they are; nothing else of the file changes, whatever it holds.
yaml, json: references stand in texts, and `{vault: V, key: K}` maps are references too. What is replaced is written
anew so that it is read as the value it is: quoted and escaped, and where a text is nothing but one reference, or a map
is one, with the value's own type. Everything else, comments and layout too, stays as it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from kvtui.domain import json_text
from kvtui.domain.codec import to_bytes, to_json, to_text
from kvtui.domain.errors import InvalidInput
from kvtui.domain.value import SecretValue, ValueType
from kvtui.services.references import Resolver, Wanted, find, parse_at, parse_map

MAX_DEPTH = 200
"""Levels of a JSON template."""


class TemplateFormat(StrEnum):
    TEXT = "text"
    YAML = "yaml"
    JSON = "json"


_TEMPLATES = re.compile(r"\.(?:in|tpl|tmpl|template)$", re.IGNORECASE)


def format_of(name: str) -> TemplateFormat:
    """By a file's extension, before one that says it is a template; text for any other."""
    extension = _TEMPLATES.sub("", name).rpartition(".")[2].lower()
    return {"yaml": TemplateFormat.YAML, "yml": TemplateFormat.YAML, "json": TemplateFormat.JSON}.get(
        extension, TemplateFormat.TEXT
    )


@dataclass(frozen=True, slots=True)
class Slot:
    """A part of the template that is replaced. `pieces` are what is put together there: texts and references."""

    start: int
    end: int
    pieces: Sequence[str | Wanted]


def inject(template: bytes, format: TemplateFormat, resolver: Resolver) -> bytes:  # noqa: A002 - the word for it
    """Raises InvalidInput with the line for what cannot be read as its format or holds what is no reference, and as
    `Resolver.resolve` does, each error with the reference and its line."""
    text = template.decode("utf-8", "surrogateescape")
    if format is not TemplateFormat.TEXT and any("\udc80" <= ch <= "\udcff" for ch in text):
        raise InvalidInput("The template is not UTF-8 text.", hint="Convert it, or use --format text.")
    slots = _slots(text, format)
    wanted = [piece for slot in slots for piece in slot.pieces if isinstance(piece, Wanted)]
    found = iter(resolver.resolve(wanted))
    write = {TemplateFormat.TEXT: _raw, TemplateFormat.YAML: _yaml, TemplateFormat.JSON: _json}[format]
    out: list[bytes] = []
    at = 0
    for slot in slots:
        out.append(_encode(text[at : slot.start]))
        values = [next(found) if isinstance(piece, Wanted) else piece for piece in slot.pieces]
        first = next(piece for piece in slot.pieces if isinstance(piece, Wanted))
        out.append(write(values, first))
        at = slot.end
    return b"".join([*out, _encode(text[at:])])


def _slots(text: str, format: TemplateFormat) -> list[Slot]:  # noqa: A002
    match format:
        case TemplateFormat.TEXT:
            line = _Lines(text)
            return [Slot(each.start, each.end, [parse_at(each.text, line.at(each.start))]) for each in find(text)]
        case TemplateFormat.JSON:
            return list(_json_slots(text))
        case TemplateFormat.YAML:
            from kvtui.services.injecting_yaml import yaml_slots  # noqa: PLC0415 - loads a YAML parser

            return list(yaml_slots(text))


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


class _Lines:
    """Which line a place is on, asked for in ascending order."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1

    def at(self, index: int) -> str:
        self._line += self._text.count("\n", self._at, index)
        self._at = index
        return f"line {self._line}"


def pieces(text: str, where: str) -> list[str | Wanted]:
    """What a text is made of; without references, itself alone. Empty texts are left out."""
    found: list[str | Wanted] = []
    at = 0
    for mention in find(text):
        found += [text[at : mention.start], parse_at(mention.text, where)]
        at = mention.end
    return [piece for piece in (*found, text[at:]) if piece != ""]


# -- JSON

_STRING = r'"(?:[^"\\]|\\.)*"'
_PAIR = rf"\s*({_STRING})\s*:\s*({_STRING})\s*"
_JSON_PART = re.compile(rf"\{{{_PAIR},{_PAIR}\}}|({_STRING})", re.DOTALL)


def _json_slots(text: str) -> Iterator[Slot]:
    try:
        json_text.parse(text.removeprefix("\ufeff"), max_depth=MAX_DEPTH)
    except InvalidInput as error:
        raise InvalidInput(f"The template is not JSON. {error.message}", hint="Use --format text.") from None
    line = _Lines(text)
    at = 0
    # In text that is JSON, quotes stand around strings and nowhere else.
    while match := _JSON_PART.search(text, at):
        *pairs, string = match.groups()
        at = match.end()
        if string is None:
            names = [json.loads(part) for part in pairs]
            found = dict(zip(names[::2], names[1::2], strict=True))
            if set(found) == {"vault", "key"}:
                yield Slot(match.start(), at, [parse_map(found["vault"], found["key"], line.at(match.start()))])
                continue
            # Not a reference: its strings one by one.
            at = match.start() + 1
            continue
        parts = pieces(json.loads(string), line.at(match.start()))
        if any(isinstance(part, Wanted) for part in parts):
            yield Slot(match.start(), at, parts)


# -- writing

Part = SecretValue | str


def _raw(parts: Sequence[Part], _first: Wanted) -> bytes:
    return b"".join(_encode(part) if isinstance(part, str) else to_bytes(part) for part in parts)


def _structured(parts: Sequence[Part], first: Wanted, escape: Callable[[str], str]) -> bytes:
    """As JSON, which both formats read: the value itself with its type, else all of it as one text."""
    if len(parts) == 1 and isinstance(value := parts[0], SecretValue) and value.type not in _TEXTS:
        return escape(json_text.dump(to_json(value))).encode("ascii")
    try:
        text = "".join(part if isinstance(part, str) else _text(part) for part in parts)
    except UnicodeDecodeError:
        raise InvalidInput(
            f"{first}: it holds bytes that are not text.", hint="Use --format text, or a template in YAML."
        ) from None
    return escape(json_text.dump(text)).encode("ascii")


def _text(value: SecretValue) -> str:
    return to_bytes(value).decode("utf-8") if value.type is ValueType.BYTES else to_text(value)


_TEXTS = frozenset({ValueType.TEXT, ValueType.BYTES})


def _json(parts: Sequence[Part], first: Wanted) -> bytes:
    return _structured(parts, first, lambda text: text)


def _yaml(parts: Sequence[Part], first: Wanted) -> bytes:
    from kvtui.services.injecting_yaml import binary, escaped  # noqa: PLC0415

    if len(parts) == 1 and isinstance(parts[0], SecretValue) and (data := binary(to_bytes(parts[0]))) is not None:
        return data
    return _structured(parts, first, escaped)
