"""What the service says, as ours: the documents leave the shape of most answers open, so each is read in all it has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from kvtui.backends.crud import failures
from kvtui.backends.crud.failures import Operation, Told
from kvtui.backends.http.answer import Unreadable
from kvtui.domain.canonical_uri import CanonicalUri, InvalidUri
from kvtui.domain.errors import KvtuiError, Unavailable
from kvtui.domain.event import Event
from kvtui.domain.json_text import Json
from kvtui.domain.metadata import Metadata
from kvtui.domain.secret import Version, VersionState

_LISTS: Final = ("items", "results", "events", "keys", "records", "entries", "data")
_DONE: Final = frozenset({"ok", "success", "succeeded", "done", "deleted", "undeleted", "destroyed", "rotated"})
_FAILED: Final = frozenset({"error", "failed", "failure"})
_OURS: Final = frozenset({"owner", "created_by", "created_at"})
"""What the service writes into a provider's custom metadata."""


@dataclass(frozen=True, slots=True, repr=False)
class Page:
    """A part of a list; `total` is how many there are in all, None where that is not told."""

    items: Sequence[Json]
    total: int | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Result:
    """What became of one change of a bulk: `done` None where that is not told."""

    done: bool | None = None
    version: int | None = None
    said: Told | None = None

    def error(self, what: Operation, path: str | None) -> KvtuiError:
        """Why it was not done."""
        error = None if self.said is None else failures.error_for(self.said, what, path)
        if isinstance(error, KvtuiError):
            return error
        return Unavailable("The service did not do this.", hint="See its log.", path=path, retryable=False)


Results = Sequence[Result]


@dataclass(frozen=True, slots=True)
class Known:
    """What a provider tells of a secret besides its values. `versions` ascend."""

    current: int
    versions: Sequence[Version]
    metadata: Metadata

    def version(self, number: int) -> Version | None:
        return next((version for version in self.versions if version.number == number), None)


def page_of(answer: Json) -> Page:
    """Raises Unreadable for what holds no list."""
    if isinstance(answer, list):
        return Page(answer)
    if isinstance(answer, dict):
        for name in _LISTS:
            if isinstance(found := answer.get(name), list):
                return Page(found, _count(answer.get("total")))
    raise _unreadable()


def map_of(answer: Json) -> Mapping[str, Json]:
    """The map of a secret. A provider that keeps a single value has it under `value`."""
    return answer if isinstance(answer, dict) else {"value": answer}


def names_of(answer: Json) -> Sequence[str]:
    """Raises Unreadable."""
    return [name for name in page_of(answer).items if isinstance(name, str)]


def key_of(item: Json) -> tuple[CanonicalUri, str] | None:
    """The map and the key of one entry of a listing or search; the key is "" for a whole secret. None for what no URI
    can name."""
    told = item if isinstance(item, dict) else {}
    text = told.get("uri") if told else item
    if not isinstance(text, str):
        return None
    before, _, fragment = text.partition("#")  # not by the parser: a key of the file may hold what no fragment may
    key = told.get("key")
    try:
        return CanonicalUri.parse(before), key if isinstance(key, str) else fragment
    except InvalidUri:
        return None


def is_folder(item: Json) -> bool:
    """Whether an entry of a search is what lies above others: such a name ends in a slash."""
    text = item.get("uri") if isinstance(item, dict) else item
    return isinstance(text, str) and text.endswith("/")


def known_of(detail: Json) -> Known | None:
    """What `/metadata/detail` or `/versions` says; None where there is no version."""
    about = _inner(detail)
    versions = sorted(_versions(about), key=lambda version: version.number)
    if not versions:
        return None
    told = about if isinstance(about, dict) else {}
    current = _count(told.get("current_version")) or versions[-1].number
    return Known(current, versions, _metadata(told))


def version_in(answer: Mapping[str, Json]) -> int | None:
    """The number of the version that a write has made, where it is told."""
    for name in ("new_version", "version"):
        if number := _count(answer.get(name)):
            return number
    return None


def results_of(answer: Mapping[str, Json], count: int) -> Results:
    """One for each change of a bulk, in order. Those that are not in the answer were not told of."""
    results = [Result()] * count
    listed = next((found for name in _LISTS if isinstance(found := answer.get(name), list)), [])
    for place, one in enumerate(listed):
        if isinstance(one, dict):
            index = _index(one.get("index"), place)
            if index < count:
                results[index] = _result(one)
    return results


def event_of(record: Json, kind: str = "") -> tuple[CanonicalUri | None, Event] | None:
    """A record of what was done, and the URI it is about where it tells one; None for what is none.

    Only named members are taken: nothing else of it is shown, whatever it holds.
    """
    if not isinstance(record, dict):
        return None
    reference = _text(record, "resource_ref") or _text(record, "uri")
    try:
        uri = CanonicalUri.parse(reference)
    except InvalidUri:
        uri = None
    version = _count(record.get("kv_version"))
    decision = _text(record, "decision_id")
    details = [
        _text(record, "effect"),
        "" if uri is None or uri.fragment is None else f"#{uri.fragment}",
        "" if version is None else f"version {version}",
        decision,
        reference if uri is None else "",
    ]
    act = _text(record, "purpose") or kind or _text(record, "event") or _text(record, "action")
    at = moment(record.get("ts") or record.get("timestamp") or record.get("at"))
    return uri, Event(at, act, None, _subject(record.get("subject")), ", ".join(filter(None, details)))


def moment(text: Json) -> datetime | None:
    """RFC 3339, as UTC; None for none. What has no offset is in UTC, as the documents say."""
    if not isinstance(text, str) or not text or text.startswith("0001-"):
        return None
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _inner(detail: Json) -> Json:
    """A provider's metadata out of what the service puts around it."""
    for _ in range(3):
        if not isinstance(detail, dict) or "versions" in detail:
            return detail
        detail = next((found for name in ("metadata", "data", "detail") if (found := detail.get(name))), None)
    return detail


def _versions(about: Json) -> list[Version]:
    listed = about.get("versions") if isinstance(about, dict) else about
    if isinstance(listed, dict):
        pairs = [(_number(number), one) for number, one in listed.items()]
    elif isinstance(listed, list):
        pairs = [(_count(one.get("version")), one) for one in listed if isinstance(one, dict)]
    else:
        return []
    return [_version(number, one) for number, one in pairs if number and isinstance(one, dict)]


def _version(number: int, about: Mapping[str, Json]) -> Version:
    """A deletion in the future is still to come."""
    created, deleted = moment(about.get("created_time")), moment(about.get("deletion_time"))
    if about.get("destroyed") is True:
        return Version(number, VersionState.DESTROYED, created)
    if deleted is not None and deleted <= datetime.now(UTC):
        return Version(number, VersionState.DELETED, created, deleted_at=deleted)
    return Version(number, VersionState.LIVE, created, expires_at=deleted)


def _metadata(about: Mapping[str, Json]) -> Metadata:
    custom = about.get("custom_metadata")
    texts = {name: text for name, text in custom.items() if isinstance(text, str)} if isinstance(custom, dict) else {}
    return Metadata(
        owner=texts.get("owner") or None,
        created_by=texts.get("created_by") or None,
        created_at=moment(texts.get("created_at")) or moment(about.get("created_time")),
        updated_at=moment(about.get("updated_time")),
        custom=MappingProxyType({name: text for name, text in texts.items() if name not in _OURS}),
    )


def _result(one: Mapping[str, Json]) -> Result:
    error, status = one.get("error"), one.get("status")
    code = _count(status)
    if error or one.get("ok") is False or one.get("success") is False or (code or 0) >= 400 or status in _FAILED:
        inner = error if isinstance(error, dict) else {}
        status = _count(inner.get("status")) or code
        body: Json = error if isinstance(error, (dict, str)) else {**one}
        return Result(done=False, said=None if status is None else failures.told_by(status, body))
    number = version_in(one)
    is_told = one.get("ok") is True or one.get("success") is True or status in _DONE or code is not None
    return Result(done=True if is_told or number else None, version=number)


def _subject(subject: Json) -> str | None:
    if isinstance(subject, dict):
        acting = subject.get("act")
        name, other = subject.get("sub"), acting.get("sub") if isinstance(acting, dict) else acting
        names = [text for text in (name, other) if isinstance(text, str) and text]
        return " for ".join(reversed(names)) or None
    return subject if isinstance(subject, str) and subject else None


def _text(record: Mapping[str, Json], name: str) -> str:
    found = record.get(name)
    return found if isinstance(found, str) else ""


def _count(value: Json) -> int | None:
    return value if type(value) is int and 0 <= value < 2**63 else None


def _index(value: Json, place: int) -> int:
    found = _count(value)
    return place if found is None else found


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def _unreadable() -> Unreadable:
    return Unreadable("The service's answer is none that its documents have.", hint="Is it another version?")
