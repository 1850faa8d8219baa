"""What differs between two versions, two secrets, or before and after: data, rendered masked or revealed elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from kvtui.domain.metadata import Metadata, format_duration
from kvtui.domain.value import Fields, SecretValue


class DiffKind(StrEnum):
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class FieldDiff:
    """One field on both sides; None where a side has none. CHANGED covers the type as well as the value."""

    name: str
    kind: DiffKind
    old: SecretValue | None
    new: SecretValue | None


@dataclass(frozen=True, slots=True)
class MetadataDiff:
    """One piece of metadata on both sides, as text; custom pairs are named `custom.KEY`."""

    name: str
    old: str | None
    new: str | None


def compare_fields(old: Fields, new: Fields) -> list[FieldDiff]:
    """Every field of either side: in the order of `new`, then what only `old` has."""
    rows = [_compare(name, old.get(name), value) for name, value in new.items()]
    rows += [FieldDiff(name, DiffKind.REMOVED, value, None) for name, value in old.items() if name not in new]
    return rows


def _compare(name: str, old: SecretValue | None, new: SecretValue) -> FieldDiff:
    if old is None:
        return FieldDiff(name, DiffKind.ADDED, None, new)
    return FieldDiff(name, DiffKind.SAME if old.same_as(new) else DiffKind.CHANGED, old, new)


def differs(rows: Sequence[FieldDiff]) -> bool:
    return any(row.kind is not DiffKind.SAME for row in rows)


def compare_metadata(old: Metadata, new: Metadata) -> list[MetadataDiff]:
    """Only what differs, without the times and the creator, which the store sets."""
    before, after = metadata_rows(old), metadata_rows(new)
    return [
        MetadataDiff(name, before.get(name), after.get(name))
        for name in dict.fromkeys([*before, *after])
        if before.get(name) != after.get(name)
    ]


def metadata_rows(metadata: Metadata) -> dict[str, str]:
    """The metadata people edit, as text by name; what is empty is left out."""
    rows = {
        "type": metadata.type.value,
        "description": metadata.description,
        "tags": ", ".join(metadata.tags),
        "owner": metadata.owner or "",
        "rotation": format_duration(metadata.rotation) if metadata.rotation else "",
        **{f"custom.{key}": value for key, value in metadata.custom.items()},
    }
    return {name: text for name, text in rows.items() if text or name.startswith("custom.")}
