"""The json envelope of `export --all-versions`: every version, deleted ones too, with metadata and times.

    {"kvtui": 1, "secrets": [{"path", "metadata": {…}, "versions": [
        {"version", "state", "created_at", "created_by", "deleted_at", "deleted_by", "fields": {name: value} | null}]}]}

Times are RFC 3339 UTC. A value is JSON, `{"base64": "…"}` for bytes, `{"json": …}` around a map that looks like either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType

from kvtui.domain.codec import from_json, to_json
from kvtui.domain.errors import InvalidInput
from kvtui.domain.json_text import Json
from kvtui.domain.metadata import Metadata, MetadataPatch, SecretType, format_duration, parse_duration
from kvtui.domain.secret import History, StoredVersion, Version, VersionState
from kvtui.domain.value import SecretValue, ValueType
from kvtui.services.transfer.model import Item

VERSION = 1
KEYS = {"kvtui", "secrets"}
_WRAPPERS = ({"base64"}, {"json"})


def is_envelope(document: Mapping[str, Json]) -> bool:
    return set(document) == KEYS and is_mark(document["kvtui"])


def is_mark(number: object) -> bool:
    """Whether this, under `kvtui`, marks an envelope."""
    return isinstance(number, int) and not isinstance(number, bool)


def check_mark(number: object) -> None:
    """Raises InvalidInput for an envelope of another layout."""
    if number != VERSION:
        raise InvalidInput("The file was written by a newer kvtui.", hint="Update kvtui.")


def read(document: Mapping[str, Json], *, into: str = "") -> Iterator[Item]:
    """The secrets of an envelope. Raises InvalidInput naming the secret that is not as described above."""
    check_mark(document["kvtui"])
    rows = document["secrets"]
    if not isinstance(rows, list):
        raise wrong()
    for row in rows:
        yield item(row, into)


def item(row: Json, into: str = "") -> Item:
    """One of `secrets`. Raises InvalidInput."""
    path = row.get("path") if isinstance(row, dict) else None
    if not isinstance(row, dict) or not isinstance(path, str):
        raise wrong()
    try:
        history = _history(f"{into}/{path}" if into else path, row)
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError):
        raise wrong(path) from None
    newest = history.versions[-1]
    live = newest.version.state is VersionState.LIVE
    patch = MetadataPatch.replacing(history.metadata)
    return Item(history.path, newest.fields or {} if live else {}, patch, history)


def wrong(path: str = "") -> InvalidInput:
    hint = "Take a file that kvtui export --all-versions wrote."
    return InvalidInput("A secret of the file is not written as kvtui does.", hint=hint, path=path or None)


def _history(path: str, row: dict[str, Json]) -> History:
    versions = [_stored(one) for one in _list(row["versions"])]
    numbers = [one.version.number for one in versions]
    if not numbers or numbers[0] < 1 or numbers != sorted(set(numbers)):
        raise ValueError
    return History(path, _metadata(_map(row["metadata"])), tuple(versions))


def _stored(value: Json) -> StoredVersion:
    row = _map(value)
    number = row["version"]
    state = VersionState(_text(row["state"]))
    if not isinstance(number, int) or isinstance(number, bool):
        raise TypeError
    fields = row["fields"]
    if (fields is None) != (state is VersionState.DESTROYED):
        raise ValueError
    version = Version(
        number,
        state,
        created_at=_time(row.get("created_at")),
        created_by=_maybe_text(row.get("created_by")),
        deleted_at=_time(row.get("deleted_at")),
        deleted_by=_maybe_text(row.get("deleted_by")),
    )
    return StoredVersion(version, None if fields is None else {name: _value(v) for name, v in _map(fields).items()})


def _metadata(row: dict[str, Json]) -> Metadata:
    rotation = _maybe_text(row.get("rotation"))
    return Metadata(
        type=SecretType(_text(row.get("type", "secret"))),
        description=_text(row.get("description", "")),
        tags=tuple(_text(tag) for tag in _list(row.get("tags", []))),
        owner=_maybe_text(row.get("owner")),
        created_by=_maybe_text(row.get("created_by")),
        created_at=_time(row.get("created_at")),
        updated_at=_time(row.get("updated_at")),
        rotation=parse_duration(rotation) if rotation is not None else None,
        custom=MappingProxyType({key: _text(value) for key, value in _map(row.get("custom", {})).items()}),
    )


def _value(value: Json) -> SecretValue:
    if isinstance(value, dict) and set(value) == {"json"}:
        return SecretValue(value["json"])
    return from_json(value)


def _time(value: Json) -> datetime | None:
    if value is None:
        return None
    time = datetime.fromisoformat(_text(value))
    if time.tzinfo is None:
        raise ValueError
    return time.astimezone(UTC)


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _maybe_text(value: Json) -> str | None:
    return None if value is None else _text(value)


def _list(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise TypeError
    return value


def _map(value: Json) -> dict[str, Json]:
    if not isinstance(value, dict):
        raise TypeError
    return value


def envelope_row(history: History) -> Json:
    """One of `secrets`."""
    return {
        "path": history.path,
        "metadata": _metadata_row(history.metadata),
        "versions": [_version_row(stored) for stored in history.versions],
    }


def _metadata_row(metadata: Metadata) -> Json:
    return {
        "type": metadata.type.value,
        "description": metadata.description,
        "tags": list(metadata.tags),
        "owner": metadata.owner,
        "created_by": metadata.created_by,
        "created_at": _stamp(metadata.created_at),
        "updated_at": _stamp(metadata.updated_at),
        "rotation": format_duration(metadata.rotation) if metadata.rotation else None,
        "custom": dict(metadata.custom),
    }


def _version_row(stored: StoredVersion) -> Json:
    version = stored.version
    fields: Json = None if stored.fields is None else {name: _plain(value) for name, value in stored.fields.items()}
    return {
        "version": version.number,
        "state": version.state.value,
        "created_at": _stamp(version.created_at),
        "created_by": version.created_by,
        "deleted_at": _stamp(version.deleted_at),
        "deleted_by": version.deleted_by,
        "fields": fields,
    }


def _plain(value: SecretValue) -> Json:
    plain = to_json(value)
    if value.type is ValueType.MAP and isinstance(plain, dict) and set(plain) in _WRAPPERS:
        return {"json": plain}
    return plain


def _stamp(time: datetime | None) -> str | None:
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z") if time else None
