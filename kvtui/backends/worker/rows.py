"""What the worker says of a secret, and what has to be said again with each write so that it stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kvtui.domain.errors import InvalidInput
from kvtui.domain.json_text import Json
from kvtui.domain.metadata import UNSET, Metadata, MetadataPatch, SecretType

MAX_METADATA_BYTES = 1_000_000
"""D1 takes rows of 2 MB (developers.cloudflare.com/d1/platform/limits). One that it refuses leaves the new value with
the old row."""
_TYPES = {each.value: each for each in SecretType}


@dataclass(frozen=True, slots=True)
class Row:
    """Type, description and tags are as the server has them, whatever that is: a write sends them back so."""

    type: Json
    description: Json
    tags: Json
    metadata: Metadata

    @property
    def changed_at(self) -> datetime | None:
        return self.metadata.updated_at

    def is_described_as(self, sent: Mapping[str, Json]) -> bool:
        """Whether this is what such a write leaves: no text and no tags are kept as none."""
        return (
            self.type == sent.get("type", SecretType.SECRET.value)
            and (self.description or None) == (sent.get("description") or None)
            and (self.tags or None) == (sent.get("tags") or None)
        )


def row_of(told: Mapping[str, Any]) -> Row:
    description, tags = told.get("description"), told.get("tags")
    known = Metadata(
        type=type_of(told.get("type")) or SecretType.SECRET,
        description=description if isinstance(description, str) else "",
        tags=tuple(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else (),
        created_by=_text(told.get("created_by")),
        created_at=moment(told.get("created_at")),
        updated_at=moment(told.get("updated_at")) or moment(told.get("created_at")),
    )
    return Row(told.get("type"), description, tags, known)


def described(row: Row | None, patch: MetadataPatch) -> dict[str, Json]:
    """What to send with a value: all that is there but for what the patch changes. What is left out would be wiped."""
    sent: dict[str, Json] = {"type": SecretType.SECRET.value}
    if row is not None:
        sent = {"type": row.type, "description": row.description, "tags": row.tags}
    if patch.type is not UNSET:
        sent["type"] = patch.type.value
    if patch.description is not UNSET:
        sent["description"] = patch.description or None
    if patch.tags is not UNSET:
        sent["tags"] = [*patch.tags] or None
    return sent


def check_described(patch: MetadataPatch, path: str) -> None:
    """Raises InvalidInput for what the worker's database does not hold."""
    texts = [patch.description] if patch.description is not UNSET else []
    texts += patch.tags if patch.tags is not UNSET else ()
    check_texts(texts, "Its metadata", path)
    if sum(len(text.encode("utf-8")) for text in texts) > MAX_METADATA_BYTES:
        raise InvalidInput("Its metadata is longer than the worker takes.", hint="Shorten it.", path=path)


def check_texts(texts: list[str], what: str, path: str) -> None:
    """Raises InvalidInput for half a character, which UTF-8 has not, and NUL, which not everything on the way takes."""
    for text in texts:
        if "\x00" in text or any("\ud800" <= ch <= "\udfff" for ch in text):
            raise InvalidInput(
                f"{what} holds NUL or half a character, which a worker does not keep.", hint="Remove it.", path=path
            )


def type_of(told: object) -> SecretType | None:
    """None for a type that is not ours: the worker takes any text."""
    return _TYPES.get(told) if isinstance(told, str) else None


def moment(told: object) -> datetime | None:
    """D1's `YYYY-MM-DD HH:MM:SS`, which is UTC, or ISO 8601 as the documents have it."""
    if not isinstance(told, str) or not told[:4].isdigit():
        return None
    try:
        found = datetime.fromisoformat(told)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _text(told: object) -> str | None:
    return told if isinstance(told, str) and told else None
