"""What password managers keep, as secrets: where each lies here, under which names, with which type and versions.

Names become segments of a path. What cannot be in one is percent-encoded, as is a `%` that would read as such an
escape, so that percent-decoding a segment gives the name again. Of two with one path the second is `name (2)`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from kvtui.domain import path as paths
from kvtui.domain.characters import unsafe
from kvtui.domain.json_text import Json
from kvtui.domain.metadata import Metadata, MetadataPatch, SecretType
from kvtui.domain.secret import History, StoredVersion, Version, VersionState
from kvtui.domain.value import SecretValue
from kvtui.services.transfer.model import Item
from kvtui.services.transfer.names import Names

UNTITLED = "(untitled)"
_ESCAPE = re.compile("%(?=[0-9A-Fa-f]{2})")
_SSH_KEY = "-----BEGIN OPENSSH PRIVATE KEY-----"


class Values(dict[str, Any]):
    """JSON or bytes by the name of the field. They are plain values: what is read becomes an `Item` at once."""

    def __init__(self) -> None:
        super().__init__()
        self.renamed: dict[str, str] = {}
        """Those that are not called as they are there, by the name they have here."""

    def put(self, name: str, value: Json | bytes) -> None:
        """Under its name, or `name 2` where that is taken."""
        free = name
        count = 1
        while free in self:
            count += 1
            free = f"{name} {count}"
        if free != name:
            self.renamed[free] = name
        self[free] = value

    def put_address(self, address: Json) -> None:
        """As `url`, `url 2` and so on: an entry has as many as it likes."""
        count = 1
        while (name := "url" if count == 1 else f"url {count}") in self:
            count += 1
        self[name] = address

    def __repr__(self) -> str:
        return f"Values of {list(self)}"

    def secret(self) -> dict[str, SecretValue]:
        return {name: SecretValue(value) for name, value in self.items()}


@dataclass(slots=True, repr=False)
class Entry:
    """One secret of another program. Times are aware UTC."""

    folder: Sequence[str]
    """Names as they are there, outermost first."""
    title: str
    values: Values
    type: SecretType | None = None
    """None: what its fields tell."""
    tags: Iterable[str] = ()
    custom: Mapping[str, str] = field(default_factory=dict)
    created_at: datetime | None = None
    changed_at: datetime | None = None
    older: Sequence[tuple[datetime | None, Values]] = ()
    """Earlier versions, the first one first, each with when it was made."""
    is_deleted: bool = False
    deleted_at: datetime | None = None
    notes: Sequence[str] = ()
    """What is different here, in sentences."""
    lost: Sequence[str] = ()
    """What of it cannot be imported, in sentences."""
    trouble: str = ""
    """Why none of it can be."""


class Arrangement:
    """Where the entries of one file go, in its order."""

    def __init__(self, into: str) -> None:
        self._into = into
        self._taken = Names()
        self._next: dict[str, int] = {}

    def items(self, entry: Entry) -> Iterator[Item]:
        """The secret, and one item with its trouble for each part that is lost."""
        names = [*entry.folder, entry.title]
        wanted = paths.join(self._into, "/".join(map(segment, names)))
        path = self._free(wanted)
        notes = [_renamed(name) for name in names if segment(name) != name]
        if path != wanted:
            notes.append(f"It is not the first one of the name {paths.display(paths.name(wanted))}.")
        for here, there in entry.values.renamed.items():
            notes.append(f"Its second field {paths.display(there)} is {paths.display(here)} here.")
        if entry.trouble:
            yield Item(path, {}, trouble=entry.trouble)
            return
        metadata = _metadata(entry)
        yield Item(
            path,
            entry.values.secret() if not entry.is_deleted else {},
            MetadataPatch.replacing(metadata),
            _history(path, entry, metadata),
            note=" ".join([*notes, *entry.notes]),
        )
        for reason in entry.lost:
            yield Item(path, {}, trouble=reason)

    def folder_trouble(self, folder: Sequence[str], reason: str) -> Item:
        """Something about a folder that cannot be imported."""
        return Item(paths.join(self._into, "/".join(map(segment, folder))), {}, trouble=reason)

    def _free(self, path: str) -> str:
        if self._taken.add(path):
            return path
        count = self._next.get(path, 2)
        while not self._taken.add(f"{path} ({count})"):
            count += 1
        self._next[path] = count + 1
        return f"{path} ({count})"


def segment(name: str) -> str:
    """A name as one segment of a path."""
    if not name:
        return UNTITLED
    if name in {".", ".."}:
        return name.replace(".", "%2E")
    composed = unicodedata.is_normalized("NFC", name)
    text = _ESCAPE.sub("%25", name)
    return "".join(_percent(ch) if ch == "/" or unsafe(ch) or not (composed or ch.isascii()) else ch for ch in text)


def _percent(ch: str) -> str:
    return "".join(f"%{byte:02X}" for byte in ch.encode("utf-8", "surrogatepass"))


def _renamed(name: str) -> str:
    if not name:
        return "It has no name there."
    return f"The name {paths.display(name)} cannot be part of a path as it is."


def _metadata(entry: Entry) -> Metadata:
    return Metadata(
        type=entry.type or _type(entry.values),
        tags=tuple(dict.fromkeys(tag for tag in entry.tags if tag.strip())),
        created_at=entry.created_at,
        updated_at=entry.changed_at,
        custom=MappingProxyType(dict(entry.custom)),
    )


def _type(values: Values) -> SecretType:
    if any(_is_ssh_key(value) for value in values.values()):
        return SecretType.SSH_KEY
    if "password" in values:
        return SecretType.PASSWORD
    if "totp" in values:
        return SecretType.TOTP
    return SecretType.NOTE if list(values) == ["notes"] else SecretType.SECRET


def _is_ssh_key(value: Json | bytes) -> bool:
    if isinstance(value, bytes):
        return value.startswith(_SSH_KEY.encode())
    return isinstance(value, str) and value.startswith(_SSH_KEY)


def _history(path: str, entry: Entry, metadata: Metadata) -> History | None:
    """None where all there is to tell are the fields."""
    if not (entry.older or entry.is_deleted or entry.created_at or entry.changed_at):
        return None
    versions = [
        StoredVersion(Version(number, created_at=made), values.secret())
        for number, (made, values) in enumerate(entry.older, 1)
    ]
    newest = Version(
        len(versions) + 1,
        VersionState.DELETED if entry.is_deleted else VersionState.LIVE,
        created_at=entry.changed_at or entry.created_at,
        deleted_at=entry.deleted_at,
    )
    return History(path, metadata, (*versions, StoredVersion(newest, entry.values.secret())))


def older_passwords(
    replaced: Iterable[tuple[datetime | None, Json]], created_at: datetime | None
) -> list[tuple[datetime | None, Values]]:
    """The passwords an entry had, each with when it was replaced, as its older versions. No more is known of them."""
    versions: list[tuple[datetime | None, Values]] = []
    made = created_at
    for until, password in sorted(replaced, key=lambda row: row[0].timestamp() if row[0] else 0.0):
        values = Values()
        values.put("password", password)
        versions.append((made, values))
        made = until
    return versions
