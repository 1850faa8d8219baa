"""The JSON shapes the commands share."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from kvtui.domain.codec import to_json
from kvtui.domain.errors import NotFound
from kvtui.domain.json_text import Json
from kvtui.domain.metadata import Metadata, format_duration
from kvtui.domain.retention import Retention
from kvtui.domain.secret import Entry, Secret, Version, VersionState
from kvtui.domain.value import Fields


def time_json(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC, as `2026-11-21T08:00:00Z`."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def written(version: Version | None) -> str:
    """`version 3`; `written` where its store keeps none, or none was made."""
    return f"version {version.number}" if version is not None and version.numbered else "written"


def metadata_json(metadata: Metadata) -> dict[str, Json]:
    return {
        "type": metadata.type.value,
        "description": metadata.description,
        "tags": list(metadata.tags),
        "owner": metadata.owner,
        "created_by": metadata.created_by,
        "created_at": time_json(metadata.created_at),
        "updated_at": time_json(metadata.updated_at),
        "rotation": format_duration(metadata.rotation) if metadata.rotation else None,
        "custom": dict(metadata.custom),
    }


def retention_json(retention: Retention) -> dict[str, Json]:
    """`max_versions` 0: as the store has it; `delete_after` null: never."""
    return {
        "max_versions": retention.max_versions,
        "cas_required": retention.cas_required,
        "delete_after": format_duration(retention.delete_after) if retention.delete_after else None,
    }


def secret_json(secret: Secret, fields: Fields) -> dict[str, Json]:
    """A secret with the values of these fields in it."""
    return {
        "path": secret.path,
        "version": secret.version.number,
        "state": secret.version.state.value,
        "fields": {name: to_json(value) for name, value in fields.items()},
        "metadata": metadata_json(secret.metadata),
    }


def entry_json(entry: Entry) -> dict[str, Json]:
    found: dict[str, Json] = {"name": entry.name, "path": entry.path, "kind": entry.kind.value}
    if entry.type is not None:
        found["type"] = entry.type.value
    if entry.state not in {None, VersionState.LIVE}:
        found["state"] = str(entry.state)
    return found


def version_json(version: Version) -> dict[str, Json]:
    return {
        "version": version.number,
        "state": version.state.value,
        "created_at": time_json(version.created_at),
        "created_by": version.created_by,
        **({} if version.expires_at is None else {"expires_at": time_json(version.expires_at)}),
    }


def numbers_json(numbers: Iterable[int]) -> list[Json]:
    return list(numbers)


def refuse_dead(secret: Secret) -> None:
    """Raise NotFound when there is no value to show, saying what can be done about it."""
    number = secret.version.number
    match secret.version.state:
        case VersionState.DELETED:
            some = "" if number == secret.current else f" --versions {number}"
            raise NotFound(
                f"Version {number} is deleted.",
                hint=f"Bring it back with kvtui undelete PATH{some}.",
                path=secret.path,
                state="deleted",
                version=number,
            )
        case VersionState.DESTROYED:
            raise NotFound(
                f"Version {number} was destroyed; its values are gone.",
                hint="Look at another version: kvtui versions PATH.",
                path=secret.path,
                state="destroyed",
                version=number,
            )
