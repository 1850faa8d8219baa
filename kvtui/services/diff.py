"""What differs between two versions, two secrets, or before and after: data, rendered masked or revealed elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from kvtui.domain.metadata import Metadata, format_duration
from kvtui.domain.value import Fields, SecretValue

if TYPE_CHECKING:
    from kvtui.domain.retention import Retention


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


def compare_fields(old: Fields, new: Fields, *, ordered: bool = True) -> list[FieldDiff]:
    """Every field of either side: in the order of `new`, then what only `old` has. Not `ordered`: for a store that
    keeps no order, the keys of a map in another one are the same map."""
    rows = [_compare(name, old.get(name), value, ordered) for name, value in new.items()]
    rows += [FieldDiff(name, DiffKind.REMOVED, value, None) for name, value in old.items() if name not in new]
    return rows


def _compare(name: str, old: SecretValue | None, new: SecretValue, ordered: bool) -> FieldDiff:
    if old is None:
        return FieldDiff(name, DiffKind.ADDED, None, new)
    is_same = old.same_as(new) if ordered else old.like(new)
    return FieldDiff(name, DiffKind.SAME if is_same else DiffKind.CHANGED, old, new)


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


def compare_retention(old: Retention, change: Retention) -> list[MetadataDiff]:
    """Only what a change of settings makes another."""
    before, after = retention_rows(old), retention_rows(old.changed(change))
    return [MetadataDiff(name, before.get(name), text) for name, text in after.items() if before.get(name) != text]


def retention_rows(retention: Retention) -> dict[str, str]:
    """The settings as text by name, as far as they are known."""
    rows: dict[str, str] = {}
    if retention.max_versions is not None:
        rows["max versions"] = str(retention.max_versions) if retention.max_versions else "as the store has it"
    if retention.cas_required is not None:
        rows["CAS required"] = "yes" if retention.cas_required else "no"
    if retention.delete_after is not None:
        rows["delete after"] = format_duration(retention.delete_after) if retention.delete_after else "never"
    return rows


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
