"""What import and export pass around, and the text and nesting rules all formats share."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from kvtui.domain.characters import unsafe
from kvtui.domain.errors import InvalidInput
from kvtui.domain.json_text import MAX_DEPTH, Json
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.secret import History
from kvtui.domain.value import Fields

MAX_DOCUMENT_DEPTH = MAX_DEPTH + 50
"""Nesting of a whole document: the deepest value below the path it lies at."""


class Format(StrEnum):
    JSON = "json"
    YAML = "yaml"
    DOTENV = "dotenv"
    KV_JSON = "kv-json"
    LEGACY_CONNECTIONS = "legacy-connections"
    """Of workers, before they had paths. It is only read, as all below."""
    KEEPASS_XML = "keepass-xml"
    KEEPASS_CSV = "keepass-csv"
    PASS = "pass"  # noqa: S105
    GOPASS = "gopass"
    BITWARDEN = "bitwarden"
    ONE_PASSWORD = "1password"  # noqa: S105
    SOPS = "sops"

    @classmethod
    def written(cls) -> Sequence[Format]:
        """Those that export writes."""
        return [cls.JSON, cls.YAML, cls.DOTENV, cls.KV_JSON]

    @property
    def is_foreign(self) -> bool:
        """Whether it is a file of a program that has entries rather than paths."""
        return self in {Format.KEEPASS_XML, Format.KEEPASS_CSV, Format.BITWARDEN, Format.ONE_PASSWORD}

    @property
    def is_store(self) -> bool:
        """Whether it is no file, but a store that is read through its own program."""
        return self in {Format.PASS, Format.GOPASS}

    @classmethod
    def parse(cls, text: str) -> Format:
        try:
            return cls(text)
        except ValueError:
            raise InvalidInput("Unknown format.", hint=f"Use one of: {', '.join(cls)}.") from None

    @classmethod
    def of_file(cls, name: str) -> Format:
        """The format a file's name stands for: `.json`, `.yaml`, `.yml`, `.env`, `prod.env`, `.env.local`, `.xml`,
        `.csv`, `.1pux`."""
        base = name.rpartition("/")[2].lower()
        if base.endswith(".json"):
            return cls.JSON
        if base.endswith((".yaml", ".yml")):
            return cls.YAML
        if base.endswith(".env") or base.startswith(".env."):
            return cls.DOTENV
        for ending, form in ((".xml", cls.KEEPASS_XML), (".csv", cls.KEEPASS_CSV), (".1pux", cls.ONE_PASSWORD)):
            if base.endswith(ending):
                return form
        raise InvalidInput("The name of the file does not tell its format.", hint="Give --format.")


class Item(NamedTuple):
    """One secret as a file has it. `history` is set where the file holds all versions; `fields` are the newest then,
    empty unless it is live. `trouble` is why it cannot be imported, in a sentence; "" where it can. `note` is what is
    different from where it comes from, in sentences."""

    path: str
    fields: Fields
    metadata: MetadataPatch = MetadataPatch()
    history: History | None = None
    trouble: str = ""
    note: str = ""


class Problem(NamedTuple):
    """Something about one secret (path "" for all) that a file cannot carry. `reason` is a sentence, never a value."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """What an export could not do: `problems` were left out, `notes` are in the file but will not come back quite the
    same, or may surprise."""

    problems: Sequence[Problem] = ()
    notes: Sequence[Problem] = ()


@dataclass(frozen=True, slots=True)
class Exported(Report):
    """A whole export in memory."""

    data: bytes = field(default=b"", repr=False)


_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def encoding_of(head: bytes) -> tuple[bytes, str]:
    """The byte order mark a file begins with ("" for none) and its encoding. Four bytes tell."""
    return next(((bom, name) for bom, name in _BOMS if head.startswith(bom)), (b"", "utf-8"))


def depth(value: Json) -> int:
    """How many lists and maps lie in each other at most; 0 for a scalar. At most MAX_DEPTH in what a store holds."""
    deepest, rest = 0, [(value, 1)]
    while rest:
        item, level = rest.pop()
        if isinstance(item, (list, dict)):
            deepest = max(deepest, level)
            rest += [(child, level + 1) for child in (item.values() if isinstance(item, dict) else item)]
    return deepest


_SUSPECT = re.compile("[\x7f-\U0010ffff]")


def escape_json(text: str) -> str:
    """JSON text with every unsafe character inside its strings as \\uXXXX; letters of all scripts stay readable."""
    return _SUSPECT.sub(lambda match: _json_escape(match[0]) if unsafe(match[0]) else match[0], text)


def _json_escape(ch: str) -> str:
    units = ch.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at] << 8 | units[at + 1]:04x}" for at in range(0, len(units), 2))
