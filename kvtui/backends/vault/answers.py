"""What KV version 2 says of a secret, in its answers and listings, as ours."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from kvtui.backends.http.answer import Unanswered
from kvtui.backends.not_found import missing_version
from kvtui.backends.vault import durations, labels
from kvtui.backends.vault.api import Reply, moment
from kvtui.backends.vault.engine import Known, Place
from kvtui.domain.errors import InvalidInput, Unavailable
from kvtui.domain.json_text import Json
from kvtui.domain.metadata import Metadata
from kvtui.domain.retention import Retention
from kvtui.domain.secret import Entry, EntryKind, Version, VersionState, due_of


def numbered(known: Known, at: Place, number: int) -> Version:
    for version in known.versions:
        if version.number == number:
            return version
    raise missing_version(at.path, number)


def labels_of(reply: Reply, found: Version) -> Metadata:
    """What a read tells of the metadata: the labels, and when this version was made."""
    about: Any = reply.data.get("metadata")
    return labels.from_labels(labels.texts(about.get("custom_metadata")), updated_at=found.created_at)


def entry_of(path: str, about: Mapping[str, Any]) -> Entry:
    known = known_of(about)
    if known is None:
        return Entry(path, EntryKind.SECRET)
    last = known.versions[-1]
    return Entry(path, EntryKind.SECRET, known.metadata.type, last.state, due_of(known.metadata, last))


def known_of(data: Mapping[str, Any]) -> Known | None:
    """What metadata/P says of a secret; None where nothing was written there yet."""
    known = described_in(data)
    return known if known.versions and known.current >= 1 else None


def described_in(data: Mapping[str, Any]) -> Known:
    """The same, also where there are only settings."""
    listed = data.get("versions")
    told = listed.items() if isinstance(listed, dict) else ()
    numbered = {int(number): one for number, one in told if _is_version(number, one)}
    versions = [version_of(number, numbered[number]) for number in sorted(numbered)]
    current, revision = data.get("current_version"), data.get("current_metadata_version")
    times = {"created_at": moment(data.get("created_time")), "updated_at": moment(data.get("updated_time"))}
    raw = labels.texts(data.get("custom_metadata"))
    return Known(
        current if isinstance(current, int) else 0,
        versions,
        labels.from_labels(raw, **times),
        raw,
        revision if isinstance(revision, int) else None,
        retention_of(data),
    )


def retention_of(data: Mapping[str, Any]) -> Retention:
    most, required = data.get("max_versions"), data.get("cas_required")
    return Retention(
        most if isinstance(most, int) else None,
        required if isinstance(required, bool) else None,
        durations.parse(data.get("delete_version_after")),
    )


def settings_of(change: Retention, path: str) -> dict[str, Json]:
    """The members of metadata/P for a change. Raises InvalidInput."""
    settings: dict[str, Json] = {}
    if change.max_versions is not None:
        if not 0 <= change.max_versions < 2**31:
            raise InvalidInput("That is no number of versions.", hint="0 is the mount's own.", path=path)
        settings["max_versions"] = change.max_versions
    if change.cas_required is not None:
        settings["cas_required"] = change.cas_required
    if change.delete_after is not None:
        settings["delete_version_after"] = durations.written(change.delete_after)
    return settings


def _is_version(number: str, about: object) -> bool:
    return number.isascii() and number.isdigit() and len(number) < 20 and isinstance(about, dict)


def version_of(number: object, about: Mapping[str, Any]) -> Version:
    """One version as the server describes it. A deletion in the future, by delete_version_after, is still to come."""
    if isinstance(number, bool) or not isinstance(number, int):
        raise Unavailable("The server's answer has no version.", hint="Is this KV version 2?", retryable=False)
    created = moment(about.get("created_time"))
    by = about.get("created_by")
    deleted = moment(about.get("deletion_time"))
    if about.get("destroyed") is True:
        return Version(number, VersionState.DESTROYED, created, _actor(by))
    if deleted is not None and deleted <= datetime.now(UTC):
        return Version(number, VersionState.DELETED, created, _actor(by), deleted, _actor(about.get("deleted_by")))
    return Version(number, VersionState.LIVE, created, _actor(by), expires_at=deleted)


def written(reply: Reply) -> Version:
    """The version a write has made. Raises Unanswered where the server took it without saying which."""
    if type(reply.data.get("version")) is not int:
        raise Unanswered(
            "The server took this, but does not say as which version.", hint="Look at it.", may_have_arrived=True
        )
    return version_of(reply.data["version"], reply.data)


def _actor(about: object) -> str | None:
    """Who did it, as Vault 1.21 Enterprise tells."""
    name = about.get("actor") if isinstance(about, Mapping) else about
    return name if isinstance(name, str) and name else None
