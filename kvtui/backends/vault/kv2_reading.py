"""The half of KV version 2 that changes nothing: listing, reading, what may be done."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, ClassVar

from kvtui.backends.http.answer import Unreadable
from kvtui.backends.not_found import missing, missing_version
from kvtui.backends.recent import Recent
from kvtui.backends.vault.answers import (
    entry_of,
    known_of,
    labels_of,
    version_of,
)
from kvtui.backends.vault.api import Reply, path_of, texts
from kvtui.backends.vault.capabilities import KV2
from kvtui.backends.vault.engine import (
    Known,
    Place,
    Right,
    Versioned,
    folder_entry,
    named,
    to_fields,
)
from kvtui.domain.capability import Capability
from kvtui.domain.errors import InvalidInput, NotFound, PermissionDenied, Unsupported
from kvtui.domain.secret import Entry, Outline, Secret, Version, VersionState

_BEHIND = 2.0
"""Seconds to wait for a replica to have what was written through us."""
_BEHIND_PAUSE = 0.05
_REMEMBERED = 200
_PAGE = 500
"""Entries of a detailed listing; a folder with more is listed by name alone, in one request."""
_UPDATING = frozenset({"create", "update"})


class Kv2Reading(Versioned):
    capabilities: ClassVar[frozenset[Capability]] = KV2
    lacking: ClassVar[str] = "KV version 2 does not do this."

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._written: Recent[int] = Recent(_REMEMBERED)
        self._without_details = self._had_details = False
        self._without_outlines = self._had_outlines = False

    # Listing

    def entries(self, at: Place, noted: dict[str, Known] | None = None) -> Sequence[Entry]:
        found = self._detailed(at, to_the_end=noted is not None)
        if found is None:
            return named(at, self.api.keys(self.where("metadata", at) + "/", about=at.path))
        if noted is not None:
            known = ((at.below(name), known_of(about)) for name, about in found.items())
            noted.update((path, each) for path, each in known if each is not None)
        return [
            folder_entry(at.below(name[:-1])) if name.endswith("/") else entry_of(at.below(name), about)
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
            reply = self.api.get(self.where("detailed-metadata", at) + "/", pairs=pairs, about=at.path)
        except (PermissionDenied, Unsupported):
            # Most often it is allowed for all of a mount or for nothing of it.
            self._without_details = not self._had_details
            return None
        if reply is None:
            return {} if after else None  # an empty folder, or a server that does not know this: a plain listing tells
        keys, told = reply.data.get("keys"), reply.data.get("key_info")
        if not isinstance(keys, list) or not isinstance(told, dict):
            self._without_details = True
            return None
        self._had_details = True
        return {name: about if isinstance(about := told.get(name), dict) else {} for name in texts(keys)}

    def scan(self, at: Place) -> Sequence[str] | None:
        return self.api.scan(self.where("metadata", at) + "/", about=at.path)

    def known_below(self, at: Place) -> Mapping[str, Known] | None:
        """Everything below a folder by its key relative to it, in one request; None where the server has none."""
        if self._without_details:
            return None
        pairs = [("scan", "true")]
        try:
            reply = self.api.get(self.where("detailed-metadata", at) + "/", pairs=pairs, about=at.path)
        except (PermissionDenied, Unsupported, Unreadable):  # the last, where it is too long
            return None
        told = reply.data.get("key_info") if reply is not None else None
        if not isinstance(told, dict):
            return None
        found = {key: known_of(about) for key, about in told.items() if isinstance(about, dict)}
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
        return Secret(at.path, found, fields, labels_of(reply, found), self._current(at, found, version))

    def outline(self, at: Place, version: int | None) -> Outline:
        """By subkeys (Vault 1.10, OpenBao), which name the fields without their values, where that is allowed."""
        if self._without_outlines:
            return super().outline(at, version)
        try:
            reply, found = self._newest(at, "subkeys", version, [("depth", "1")])
        except (PermissionDenied, Unsupported):
            # Most often it is allowed for all of a mount or for nothing of it.
            self._without_outlines = not self._had_outlines
            return super().outline(at, version)
        except NotFound:
            return super().outline(at, version)  # nothing there, or an older server
        self._had_outlines = True
        names = reply.data.get("subkeys")
        known = dict.fromkeys(names) if isinstance(names, dict) and found.state is VersionState.LIVE else {}
        return Outline(at.path, found, known, labels_of(reply, found), self._current(at, found, version))

    def _newest(
        self, at: Place, kind: str, version: int | None, pairs: Sequence[tuple[str, str]] = ()
    ) -> tuple[Reply, Version]:
        """One version, the current one as new as this connection wrote it. Raises NotFound."""
        pairs = [*pairs, *([] if version is None else [("version", str(version))])]
        deadline = time.monotonic() + _BEHIND
        while True:
            reply = self.api.call("GET", self.where(kind, at), pairs=pairs, about=at.path, repeat=True, missing_ok=True)
            about = reply.data.get("metadata")
            if not isinstance(about, dict) and reply.status == HTTPStatus.NOT_FOUND:
                raise missing(at.path) if version is None else self._missing_version(at, version)
            about = about if isinstance(about, dict) else {}
            found = version_of(about.get("version"), about)
            if version is not None or found.number >= (self._written.get(at.path) or 0):
                return reply, found
            if time.monotonic() > deadline:
                self._written.forget(at.path)  # destroyed and made anew by somebody else
                return reply, found
            # A standby that does not have our own write yet: OpenBao (2.6) has no index of it to ask for, so asking
            # again is all there is.
            self.api.pause(_BEHIND_PAUSE)

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
        reply = self.api.get(self.where("metadata", at), about=at.path)
        found = None if reply is None else known_of(reply.data)
        if found is None:
            raise missing(at.path)  # metadata alone: nothing was written there yet
        return found

    # Rights and places

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

    def where(self, kind: str, at: Place) -> str:
        return path_of(self.mount, kind, at.key) if at.key else path_of(self.mount, kind)
