"""Rows of the tables as what the rest of kvtui talks about, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from kvtui.backends.file.columns import from_column, join_tags, split_tags, to_column
from kvtui.backends.file.schema import DELETED, DESTROYED, LIVE, SecretRow, VersionRow
from kvtui.domain import json_text
from kvtui.domain.errors import Corrupt, InvalidInput
from kvtui.domain.metadata import Metadata, SecretType, check_tags, due_from
from kvtui.domain.secret import Deleted, Entry, EntryKind, Indexed, Scheduled, Version, VersionState

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LONGEST = timedelta(days=36500)
_STATES = {LIVE: VersionState.LIVE, DELETED: VersionState.DELETED, DESTROYED: VersionState.DESTROYED}
_TYPES = {each.value: each for each in SecretType}
_CODES = {state: code for code, state in _STATES.items()}


def to_micros(moment: datetime | None) -> int | None:
    """Raises InvalidInput for a time without a zone."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise InvalidInput("A time without a time zone.", hint="Give it in UTC.")
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int | None) -> datetime | None:
    return None if micros is None else _EPOCH + timedelta(microseconds=micros)


def with_metadata(row: SecretRow, metadata: Metadata, written_at: datetime | None) -> SecretRow:
    """The row with this metadata; `written_at` is when its current version was made, from which rotation counts.

    Raises InvalidInput for an empty tag, an interval outside of a second to 36500 days, custom values other than text,
    or of text that JSON would change.
    """
    interval = metadata.rotation
    if interval is not None and not timedelta(0) < interval <= _LONGEST:
        raise InvalidInput("The rotation interval is out of range.", hint="Write it as 90d, up to 36500d.")
    if not all(isinstance(part, str) for pair in metadata.custom.items() for part in pair):
        raise InvalidInput("Custom metadata is text.", hint="Put it in quotes.")
    for part in (part for pair in metadata.custom.items() for part in pair):
        json_text.check_text(part)
    rotation = None if interval is None else interval // _MICROSECOND
    start = to_micros(written_at)
    return row._replace(
        type=SecretType(metadata.type).value,
        description=to_column(metadata.description),
        tags=join_tags(check_tags(tuple(metadata.tags))),
        owner=column(metadata.owner),
        created_by=column(metadata.created_by),
        created_at=to_micros(metadata.created_at),
        updated_at=to_micros(metadata.updated_at),
        rotation=rotation,
        rotate_due=None if rotation is None or start is None else start + rotation,
        custom=json.dumps(dict(metadata.custom)) if metadata.custom else "{}",
    )


def new(identity: int, path: str, version: Version) -> SecretRow:
    """A secret that is not stored yet, made by whoever made this version, which is its current one."""
    # By position: this and the next function are on the way of every write of a bulk.
    at, by, state = to_micros(version.created_at), column(version.created_by), _CODES[version.state]
    return SecretRow(identity, path, "secret", "", "", None, by, at, at, None, None, "{}", version.number, state, 0)


def with_version(row: SecretRow, version: Version) -> SecretRow:
    """The row after this version has become the current one."""
    written_at = to_micros(version.created_at)
    due = None if row.rotation is None or written_at is None else written_at + row.rotation
    state = _CODES[version.state]
    return SecretRow(*row[:8], written_at, row.rotation, due, row.custom, version.number, state, row.max_versions)


def metadata(row: SecretRow) -> Metadata:
    return Metadata(
        type=_type(row.type),
        description=from_column(row.description),
        tags=split_tags(row.tags),
        owner=_text(row.owner),
        created_by=_text(row.created_by),
        created_at=from_micros(row.created_at),
        updated_at=from_micros(row.updated_at),
        rotation=None if row.rotation is None else timedelta(microseconds=row.rotation),
        custom=MappingProxyType(json.loads(row.custom)),
    )


def version(row: VersionRow) -> Version:
    return Version(
        number=row.number,
        state=_STATES[row.state],
        created_at=from_micros(row.created_at),
        created_by=_text(row.created_by),
        deleted_at=from_micros(row.deleted_at),
        deleted_by=_text(row.deleted_by),
    )


def version_row(secret: int, version: Version, sealed: bytes | None) -> VersionRow:
    return VersionRow(
        secret,
        version.number,
        _CODES[version.state],
        to_micros(version.created_at),
        column(version.created_by),
        to_micros(version.deleted_at),
        column(version.deleted_by),
        sealed,
    )


def entry(path: str, kind: str | None, state: int | None, rotation: int | None, due: int | None) -> Entry:
    """One row of a listing; a folder has neither type nor state."""
    if kind is None or state is None:
        return Entry(path, EntryKind.FOLDER)
    if due is None or rotation is None or state != LIVE:
        return Entry(path, EntryKind.SECRET, _type(kind), _STATES[state])
    interval = timedelta(microseconds=rotation)
    return Entry(path, EntryKind.SECRET, _type(kind), _STATES[state], due_from(interval, from_micros(due - rotation)))


def scheduled(row: SecretRow) -> Scheduled:
    """Of a live secret with an interval: its end tells when its newest version was made."""
    made_at = None if row.rotate_due is None or row.rotation is None else from_micros(row.rotate_due - row.rotation)
    return Scheduled(row.path, metadata(row), made_at)


def indexed(row: SecretRow) -> Indexed:
    return Indexed(
        path=row.path,
        type=_type(row.type),
        description=from_column(row.description),
        tags=split_tags(row.tags),
        owner=_text(row.owner),
        state=_STATES[row.state],
    )


def trash(rows: Iterable[tuple[str, int, int | None, str | None]]) -> list[Deleted]:
    """Deleted versions, sorted by path, gathered by secret; who and when is of the latest deletion."""
    found: dict[str, Deleted] = {}
    for path, number, deleted_at, deleted_by in rows:
        one = Deleted(path, (number,), from_micros(deleted_at), _text(deleted_by))
        before = found.get(path)
        if before is not None:
            latest = max(before, one, key=lambda each: each.deleted_at or _EPOCH)
            one = Deleted(path, (*before.versions, number), latest.deleted_at, latest.deleted_by)
        found[path] = one
    return list(found.values())


def column(text: str | None) -> str | None:
    return None if text is None else to_column(text)


def _text(text: str | None) -> str | None:
    return None if text is None else from_column(text)


def _type(text: str) -> SecretType:
    try:
        return _TYPES[text]
    except KeyError:
        raise Corrupt("A stored type is unknown.", hint="Use a newer kvtui, or run kvtui doctor.") from None
