"""KV version 2 (vault's builtin/logical/kv).

One intent is one request that changes something. Where its answer is lost the secret is read back: the next version
with our fields is ours; an unchanged one means that nothing was done so far; another's is a conflict.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar, Literal

from kvtui.backends.contract import missing, missing_version
from kvtui.backends.http.client import Unanswered, Unreadable
from kvtui.backends.vault import durations, labels, numbers, patching
from kvtui.backends.vault.api import CasMismatchError, Reply, moment, path_of, texts
from kvtui.backends.vault.capabilities import KV2
from kvtui.backends.vault.engine import (
    Engine,
    Known,
    Place,
    Right,
    folder_entry,
    named,
    same_values,
    to_fields,
    to_map,
)
from kvtui.backends.vault.settle import settle
from kvtui.domain.capability import Capability
from kvtui.domain.errors import Conflict, InvalidInput, KvtuiError, NotFound, PermissionDenied, Unavailable, Unsupported
from kvtui.domain.json_text import Json
from kvtui.domain.metadata import Metadata, MetadataPatch
from kvtui.domain.retention import Retention
from kvtui.domain.secret import Entry, EntryKind, Outline, Secret, Version, VersionState
from kvtui.domain.value import Fields

_BEHIND = 2.0
"""Seconds to wait for a replica to have what was written through us."""
_REMEMBERED = 200
KEPT = 10
"""Versions of a secret where neither it nor its mount says (path_data.go)."""
_PAGE = 500
"""Entries of a detailed listing; a folder with more is listed by name alone, in one request."""
_TRIES = 5
"""Writes over whatever is there that others keep overtaking."""
_UPDATING = frozenset({"create", "update"})


class Kv2(Engine):
    capabilities: ClassVar[frozenset[Capability]] = KV2
    lacking: ClassVar[str] = "KV version 2 does not do this."

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._written: dict[str, int] = {}
        self._without_details = False
        self._without_outlines = False

    # Listing

    def entries(self, at: Place, noted: dict[str, Known] | None = None) -> Sequence[Entry]:
        found = self._detailed(at, to_the_end=noted is not None)
        if found is None:
            return named(at, self.api.keys(self._path("metadata", at) + "/", about=at.path))
        if noted is not None:
            known = ((at.below(name), _known(about)) for name, about in found.items())
            noted.update((path, each) for path, each in known if each is not None)
        return [
            folder_entry(at.below(name[:-1])) if name.endswith("/") else _entry(at.below(name), about)
            for name, about in found.items()
        ]

    def _detailed(self, at: Place, *, to_the_end: bool) -> Mapping[str, Mapping[str, Any]] | None:
        """OpenBao's listing with what is known of each, page by page; None where there is none, or it is longer than
        one page without `to_the_end`."""
        found: dict[str, Mapping[str, Any]] = {}
        while True:
            page = self._page(at, next(reversed(found), ""))
            if page is None or (len(page) >= _PAGE and not to_the_end):
                return None
            before = len(found)
            found |= page
            if len(page) < _PAGE:
                return found
            if len(found) == before:
                return None  # the same page again: only the plain listing is sure to have all

    def _page(self, at: Place, after: str) -> Mapping[str, Mapping[str, Any]] | None:
        if self._without_details:
            return None
        pairs = [("list", "true"), ("limit", str(_PAGE)), *([("after", after)] if after else [])]
        try:
            reply = self.api.get(self._path("detailed-metadata", at) + "/", pairs=pairs, about=at.path)
        except (PermissionDenied, Unsupported):
            self._without_details = True  # it is allowed for all of a mount or, most often, not at all
            return None
        if reply is None:
            return {} if after else None  # an empty folder, or a server that does not know this: a plain listing tells
        keys, told = reply.data.get("keys"), reply.data.get("key_info")
        if not isinstance(keys, list) or not isinstance(told, dict):
            self._without_details = True
            return None
        return {name: about if isinstance(about := told.get(name), dict) else {} for name in texts(keys)}

    def scan(self, at: Place) -> Sequence[str] | None:
        return self.api.scan(self._path("metadata", at) + "/", about=at.path)

    def known_below(self, at: Place) -> Mapping[str, Known] | None:
        """Everything below a folder by its key relative to it, in one request; None where the server has none."""
        if self._without_details:
            return None
        pairs = [("scan", "true")]
        try:
            reply = self.api.get(self._path("detailed-metadata", at) + "/", pairs=pairs, about=at.path)
        except (PermissionDenied, Unsupported, Unreadable):  # the last, where it is too long
            return None
        told = reply.data.get("key_info") if reply is not None else None
        if not isinstance(told, dict):
            return None
        found = {key: _known(about) for key, about in told.items() if isinstance(about, dict)}
        return {key: known for key, known in found.items() if known is not None}

    @property
    def has_details(self) -> bool:
        """Whether this server tells what is known of many secrets at once, and this token may ask."""
        self._without_details = self._without_details or not self._tells_details()
        return not self._without_details

    def _tells_details(self) -> bool:
        """OpenBao answers an empty listing with no error at all; others say that there is no such path."""
        pairs = [("list", "true"), ("limit", "1")]
        where = path_of(self.mount, "detailed-metadata") + "/"
        try:
            reply = self.api.call("GET", where, pairs=pairs, repeat=True, missing_ok=True)
        except (PermissionDenied, Unsupported, InvalidInput):
            return False
        return isinstance(reply.data.get("key_info"), dict) or reply.envelope == {"errors": []}

    # Reading

    def read(self, at: Place, version: int | None) -> Secret:
        reply, found = self._newest(at, "data", version)
        data = reply.data.get("data")
        fields = to_fields(data) if isinstance(data, dict) and found.state is VersionState.LIVE else {}
        return Secret(at.path, found, fields, _told(reply, found), self._current(at, found, version))

    def outline(self, at: Place, version: int | None) -> Outline:
        """By subkeys (Vault 1.10, OpenBao), which name the fields without their values, where that is allowed."""
        if self._without_outlines:
            return super().outline(at, version)
        try:
            reply, found = self._newest(at, "subkeys", version, [("depth", "1")])
        except (PermissionDenied, Unsupported):
            self._without_outlines = True
            return super().outline(at, version)
        except NotFound:
            return super().outline(at, version)  # nothing there, or an older server
        names = reply.data.get("subkeys")
        known = dict.fromkeys(names) if isinstance(names, dict) and found.state is VersionState.LIVE else {}
        return Outline(at.path, found, known, _told(reply, found), self._current(at, found, version))

    def _newest(
        self, at: Place, kind: str, version: int | None, pairs: Sequence[tuple[str, str]] = ()
    ) -> tuple[Reply, Version]:
        """One version, the current one as new as this connection wrote it. Raises NotFound."""
        pairs = [*pairs, *([] if version is None else [("version", str(version))])]
        deadline = time.monotonic() + _BEHIND
        while True:
            reply = self.api.call("GET", self._path(kind, at), pairs=pairs, about=at.path, repeat=True, missing_ok=True)
            about = reply.data.get("metadata")
            if not isinstance(about, dict):
                raise missing(at.path) if version is None else self._missing_version(at, version)
            found = _version(about.get("version"), about)
            if version is not None or found.number >= self._written.get(at.path, 0):
                return reply, found
            if time.monotonic() > deadline:
                self._written.pop(at.path, None)  # destroyed and made anew by somebody else
                return reply, found
            time.sleep(0.05)  # a standby that does not have our own write yet

    def _missing_version(self, at: Place, version: int) -> NotFound:
        """A secret that is not there, or one without that version."""
        try:
            self.known(at)
        except NotFound as error:
            return error
        except PermissionDenied:
            pass
        return missing_version(at.path, version)

    def _current(self, at: Place, found: Version, asked: int | None) -> int:
        """The newest version's number; without the right to see metadata, the one that was read."""
        if asked is None:
            return found.number
        try:
            return self.known(at).current
        except PermissionDenied:
            return found.number

    def known(self, at: Place) -> Known:
        reply = self.api.get(self._path("metadata", at), about=at.path)
        found = None if reply is None else _known(reply.data)
        if found is None:
            raise missing(at.path)  # metadata alone: nothing was written there yet
        return found

    # Writing

    def write(self, at: Place, fields: Fields, patch: MetadataPatch, expected: int | None) -> Version:
        data = to_map(fields, at.path)
        if patch:
            labels.patched(self._known_or_new(at, patch).labels, patch)  # refused before anything is sent
        version = self._put(at, data, fields, expected)
        if patch:
            try:
                self._describe(at, patch, None)
            except KvtuiError as error:
                unknown = isinstance(error, Unanswered) and error.may_have_arrived
                raise Unavailable(
                    f"Version {version.number} is written, its metadata {'may not be' if unknown else 'is not'}: "
                    + error.message,
                    hint="Edit the metadata again.",
                    path=at.path,
                    retryable=False,
                ) from None
        return version

    def check(self, path: str, fields: Fields, metadata: MetadataPatch) -> None:
        super().check(path, fields, metadata)
        numbers.check_exact(fields, path)
        labels.patched({}, metadata)

    def caveats(self, fields: Fields) -> Mapping[str, str]:
        return numbers.rounded(fields)

    def _put(self, at: Place, data: Mapping[str, Json], fields: Fields, expected: int | None) -> Version:
        if expected is not None:
            return self._put_onto(at, data, fields, expected)
        for _ in range(_TRIES):  # over whatever is there, but still with a version: a lost answer can be told then
            base = self._base(at)
            if base is None:
                return self._send(at, {"data": dict(data)})
            try:
                return self._send_onto(at, data, fields, base)
            except CasMismatchError:
                continue
        raise self._conflict(at, base or 0)

    def patch(self, at: Place, fields: Fields, expected: int | None) -> Version:
        patching.check(fields, at.path)
        base = self._base(at) if expected is None else expected
        if base == 0 or (base is not None and base < 0):
            raise self._conflict(at, base) if expected is not None else missing(at.path)
        try:
            reply = patching.send(self.api, self._path("data", at), at, fields, base)
        except CasMismatchError:
            raise self._conflict(at, base or 0) from None
        except Unanswered as error:
            outline, read = partial(self.outline, at, None), partial(self.read, at)
            number = patching.settled(error, at, fields, base, outline=outline, read=read)
            return self.read(at, number).version
        version = _version(reply.data.get("version"), reply.data)
        self._remember(at, version.number)
        return version

    def _base(self, at: Place) -> int | None:
        """The current version's number, 0 for none; None where this token may only write."""
        try:
            return self.known(at).current
        except NotFound:
            return 0
        except PermissionDenied:
            pass
        try:
            return self.read(at, None).current
        except NotFound:
            return 0
        except PermissionDenied:
            return None

    def _put_onto(self, at: Place, data: Mapping[str, Json], fields: Fields, expected: int) -> Version:
        if expected < 0:
            raise self._conflict(at, expected)
        try:
            return self._send_onto(at, data, fields, expected)
        except CasMismatchError:
            raise self._conflict(at, expected) from None

    def _send_onto(self, at: Place, data: Mapping[str, Json], fields: Fields, expected: int) -> Version:
        """Raises CasMismatchError, by which alone it is certain that another write would be the first one."""
        try:
            return self._send(at, {"data": dict(data), "options": {"cas": expected}})
        except Unanswered as error:
            ours = settle(error, lambda: self._ours(at, fields, expected), at.path)
            self._remember(at, ours.number)
            return ours

    def _send(self, at: Place, body: dict[str, Json]) -> Version:
        reply = self.api.change("POST", self._path("data", at), body, about=at.path)
        version = _version(reply.data.get("version"), reply.data)
        self._remember(at, version.number)
        return version

    def _ours(self, at: Place, fields: Fields, expected: int) -> Version | Literal[False] | None:
        """The version after `expected` if it is ours; others may have written over it already. Raises Conflict where it
        is another's."""
        try:
            secret = self.read(at, expected + 1)
        except NotFound:
            return False if self._base(at) == expected else None
        if secret.version.state is not VersionState.LIVE:
            return None
        if not same_values(secret.fields, fields):
            raise self._conflict(at, expected, secret.current)
        return secret.version

    def _conflict(self, at: Place, expected: int, actual: int | None = None) -> Conflict:
        if actual is None:
            actual = self._base(at) or 0
        return Conflict(
            f"The current version is {actual}, not {expected}." if actual else "There is no such secret (any more).",
            expected=expected,
            actual=actual,
            hint="Read it again and repeat the change.",
            path=at.path,
        )

    def write_metadata(self, at: Place, patch: MetadataPatch, retention: Retention | None) -> Metadata:
        before = self.known(at).metadata
        self._describe(at, patch, retention)
        try:
            return self.known(at).metadata
        except KvtuiError:
            return patch.apply(before)  # it is written, whatever became of the server then

    def retention(self, at: Place) -> Retention:
        reply = self.api.get(self._path("metadata", at), about=at.path)
        if reply is None:
            raise missing(at.path)
        return _retention(reply.data)

    def write_retention(self, at: Place, change: Retention) -> None:
        self._describe(at, MetadataPatch(), change)

    def _describe(self, at: Place, patch: MetadataPatch, retention: Retention | None) -> None:
        """Labels and settings in one request, over what others change meanwhile: as a patch, whose labels the server
        takes only as a whole. OpenBao checks that they are still those it was made of."""
        settings = {} if retention is None else _settings(retention, at.path)
        if not patch and not settings:
            return
        for _ in range(_TRIES):
            known = self._known_or_new(at, patch)
            body: dict[str, Json] = {**settings}
            described = labels.patched(known.labels, patch) if patch else known.labels
            if patch:
                body["custom_metadata"] = {**described}
            if known.revision is not None:
                body["metadata_cas"] = known.revision
            try:
                self.api.change("POST", self._path("metadata", at), body, about=at.path)
            except CasMismatchError:
                continue
            except Unanswered as error:
                settle(error, partial(self._is_described, at, patch, described, retention), at.path)
            return
        raise Conflict(
            "Others keep changing what is known about it.",
            expected=known.current,
            actual=known.current,
            hint="Try again.",
            path=at.path,
        )

    def _is_described(
        self, at: Place, patch: MetadataPatch, described: Mapping[str, str], retention: Retention | None
    ) -> bool:
        now = self._known_or_new(at, patch)
        kept = retention is None or now.retention.changed(retention) == now.retention
        return kept and (not patch or now.labels == described)

    def _known_or_new(self, at: Place, patch: MetadataPatch) -> Known:
        """Also of a path that has no version yet. A token that may not look can only change settings."""
        try:
            reply = self.api.get(self._path("metadata", at), about=at.path)
        except PermissionDenied:
            if patch:
                raise
            reply = None
        return Known(0, (), Metadata()) if reply is None else _told_by(reply.data)

    # Deleting. All of it may be done twice without harm: a lost answer is settled by looking.

    def delete(self, at: Place, versions: Sequence[int]) -> None:
        if not versions and self._base(at) == 0:
            raise missing(at.path)
        if not versions:
            self._flip("DELETE", "data", at, (), VersionState.DELETED)
        elif live := self._chosen(at, versions, VersionState.LIVE):
            self._flip("POST", "delete", at, live, VersionState.DELETED)

    def undelete(self, at: Place, versions: Sequence[int]) -> None:
        known = self.known(at)
        for number in versions or [known.current]:
            if _numbered(known, at, number).state is VersionState.DESTROYED:
                raise NotFound(
                    f"Version {number} is destroyed.",
                    hint="Nothing brings it back.",
                    path=at.path,
                    state=VersionState.DESTROYED.value,
                    version=number,
                )
        if deleted := self._chosen(at, versions, VersionState.DELETED, known):
            self._flip("POST", "undelete", at, deleted, VersionState.LIVE)

    def destroy(self, at: Place, versions: Sequence[int]) -> None:
        known = self.known(at)
        if not versions:
            self._remove(at)
            return
        gone = VersionState.DESTROYED
        left = [number for number in dict.fromkeys(versions) if _numbered(known, at, number).state is not gone]
        if left:
            self._flip("PUT", "destroy", at, left, gone)

    def _remove(self, at: Place) -> None:
        try:
            self.api.change("DELETE", self._path("metadata", at), about=at.path)
        except Unanswered as error:
            settle(error, lambda: self._base(at) == 0, at.path)
        self._written.pop(at.path, None)

    def _flip(self, method: str, kind: str, at: Place, versions: Sequence[int], state: VersionState) -> None:
        """Bring versions (the current one without any) into a state. Where the answer is lost, what is there tells."""
        body: Json = {"versions": [*versions]} if versions else None
        try:
            self.api.change(method, self._path(kind, at), body, about=at.path)
        except Unanswered as error:
            settle(error, lambda: self._all_are(at, versions, state), at.path)

    def _all_are(self, at: Place, versions: Sequence[int], state: VersionState) -> bool:
        known = self.known(at)
        return all(_numbered(known, at, number).state is state for number in versions or [known.current])

    def _chosen(self, at: Place, versions: Sequence[int], state: VersionState, known: Known | None = None) -> list[int]:
        """Those of the versions meant (the current one without any) that are in a state. Raises NotFound."""
        known = known or self.known(at)
        wanted = dict.fromkeys(versions or [known.current])
        return [number for number in wanted if _numbered(known, at, number).state is state]

    # Odds and ends

    def rights(self, at: Place) -> Mapping[Capability, Right]:
        def at_path(kind: str, *verbs: str) -> Right:
            return Right(f"{self.mount}/{kind}/{at.key}", frozenset(verbs))

        metadata = at_path("metadata", "read")
        return MappingProxyType(
            {
                Capability.READ: at_path("data", "read"),
                Capability.WRITE: Right(f"{self.mount}/data/{at.key}", _UPDATING),
                Capability.PATCH: at_path("data", "patch"),
                Capability.METADATA: metadata,
                Capability.VERSIONS: metadata,
                Capability.RETENTION: Right(f"{self.mount}/metadata/{at.key}", _UPDATING),
                Capability.EDIT_METADATA: Right(f"{self.mount}/metadata/{at.key}", _UPDATING),
                Capability.DELETE: at_path("data", "delete"),
                Capability.UNDELETE: Right(f"{self.mount}/undelete/{at.key}", _UPDATING),
                Capability.DESTROY: at_path("metadata", "delete"),
                Capability.LIST: Right(f"{self.mount}/metadata/{at.key}".rstrip("/") + "/", frozenset({"list"})),
            }
        )

    def _remember(self, at: Place, number: int) -> None:
        self._written.pop(at.path, None)
        self._written[at.path] = number
        while len(self._written) > _REMEMBERED:
            del self._written[next(iter(self._written))]

    def _path(self, kind: str, at: Place) -> str:
        return path_of(self.mount, kind, at.key) if at.key else path_of(self.mount, kind)


def _numbered(known: Known, at: Place, number: int) -> Version:
    for version in known.versions:
        if version.number == number:
            return version
    raise missing_version(at.path, number)


def _told(reply: Reply, found: Version) -> Metadata:
    """What a read tells of the metadata: the labels, and when this version was made."""
    about: Any = reply.data.get("metadata")
    return labels.from_labels(labels.texts(about.get("custom_metadata")), updated_at=found.created_at)


def _entry(path: str, about: Mapping[str, Any]) -> Entry:
    known = _known(about)
    if known is None:
        return Entry(path, EntryKind.SECRET)
    return Entry(path, EntryKind.SECRET, known.metadata.type, known.versions[-1].state)


def _known(data: Mapping[str, Any]) -> Known | None:
    """What metadata/P says of a secret; None where nothing was written there yet."""
    known = _told_by(data)
    return known if known.versions and known.current >= 1 else None


def _told_by(data: Mapping[str, Any]) -> Known:
    """The same, also where there are only settings."""
    listed = data.get("versions")
    told = listed.items() if isinstance(listed, dict) else ()
    numbered = {int(number): one for number, one in told if _is_version(number, one)}
    versions = [_version(number, numbered[number]) for number in sorted(numbered)]
    current, revision = data.get("current_version"), data.get("current_metadata_version")
    times = {"created_at": moment(data.get("created_time")), "updated_at": moment(data.get("updated_time"))}
    raw = labels.texts(data.get("custom_metadata"))
    return Known(
        current if isinstance(current, int) else 0,
        versions,
        labels.from_labels(raw, **times),
        raw,
        revision if isinstance(revision, int) else None,
        _retention(data),
    )


def _retention(data: Mapping[str, Any]) -> Retention:
    most, required = data.get("max_versions"), data.get("cas_required")
    return Retention(
        most if isinstance(most, int) else None,
        required if isinstance(required, bool) else None,
        durations.parse(data.get("delete_version_after")),
    )


def _settings(change: Retention, path: str) -> dict[str, Json]:
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


def _version(number: object, about: Mapping[str, Any]) -> Version:
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


def _actor(about: object) -> str | None:
    """Who did it, as Vault 1.21 Enterprise tells."""
    name = about.get("actor") if isinstance(about, Mapping) else about
    return name if isinstance(name, str) and name else None
