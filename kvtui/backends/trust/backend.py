"""The contract on a trust service."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from types import MappingProxyType
from typing import Literal

from kvtui.backends.contract import Backend
from kvtui.backends.http.answer import Unanswered
from kvtui.backends.http.client import Body
from kvtui.backends.http.settle import settle
from kvtui.backends.http.transport import Calls, together
from kvtui.backends.not_found import missing_version
from kvtui.backends.recent import Recent
from kvtui.backends.trust import capabilities, encoding
from kvtui.backends.trust.api import Got, TrustApi
from kvtui.backends.trust.intents import Intent, Intents
from kvtui.backends.trust.known import Known
from kvtui.backends.trust.leasing import Leasing
from kvtui.domain import path as paths
from kvtui.domain.capability import BackendInfo, Capability
from kvtui.domain.codec import to_bytes
from kvtui.domain.errors import (
    Conflict,
    InvalidInput,
    InvalidPath,
    Locked,
    NotFound,
    PermissionDenied,
    Unavailable,
    Undisclosed,
)
from kvtui.domain.lease import Lease
from kvtui.domain.metadata import UNSET, Metadata, MetadataPatch, format_duration
from kvtui.domain.secret import Listing, Secret, Version
from kvtui.domain.value import Fields, SecretValue

FIELD = "value"
PROBES = 20
"""Versions looked for at most, as each look is a read that is written down."""
_REMEMBERED = 2000
"""Paths of which the newest version, and when it was made, are remembered."""


class TrustBackend(Leasing, Backend):
    """One token at one service."""

    def __init__(self, api: TrustApi, *, location: str, warning: str = "") -> None:
        self._api = api
        self._intents = Intents()
        self._known: Recent[Known] = Recent(_REMEMBERED)
        self._issued: dict[str, Lease] = {}
        self._closed = False
        self._info = BackendInfo(
            kind="trust",
            location=location,
            capabilities=capabilities.AT_BEST,
            reasons=capabilities.REASONS,
            unlisted=True,
            metadata_fields=capabilities.KEPT,
            probes_versions=True,
            makes_values=True,
            warning=warning,
        )

    def info(self) -> BackendInfo:
        self._check_open()
        return self._info

    def _check_open(self) -> None:
        if self._closed:
            raise Locked("The connection is closed.", hint="Open the profile again.")

    @property
    def clock_skew(self) -> timedelta | None:
        return self._api.clock_skew

    def close(self) -> None:
        self._closed = True
        self._api.close()

    @contextmanager
    def interruptible(self) -> Iterator[Callable[[], None]]:
        calls = Calls()
        with together(calls):
            yield calls.end

    def list(self, folder: str = "") -> Listing:
        self._lacks(Capability.LIST, folder)

    # Reading

    def read(self, path: str, version: int | None = None) -> Secret:
        self._check_open()
        paths.check(path)
        if version is not None and version < 1:
            raise missing_version(path, version)
        got = self._get(path, version)
        # Of an old version the server does not tell the newest. What this connection knows of that is enough: nothing
        # is overwritten here by who knows too little.
        newest = self._newest(path)
        if newest is None or newest < got.number:
            newest = self._get(path).number
        return Secret(path, self._version(path, got.number), {FIELD: got.value}, Metadata(), newest)

    def _get(self, path: str, version: int | None = None) -> Got:
        try:
            got = self._api.get(path, version)
        except NotFound as error:
            if version is None:
                self._known.remember(path, Known(None if isinstance(error, Undisclosed) else 0))
            raise
        known = self._known.get(path) or Known()
        newest = got.number if version is None else known.newest
        self._known.remember(path, known.seen(got.number, newest=newest, lease=got.lease))
        return got

    def _newest(self, path: str) -> int | None:
        """The newest version as far as this connection knows; 0 for none, None where it does not."""
        known = self._known.get(path)
        return None if known is None else known.newest

    def _version(self, path: str, number: int) -> Version:
        known = self._known.get(path)
        return Version(number, created_at=None if known is None else known.made.get(number))

    def versions(self, path: str) -> Sequence[Version]:
        """Found by asking for each number below the newest, the `PROBES` newest at most. Gaps are left out."""
        self._check_open()
        paths.check(path)
        newest = self._get(path).number
        found = [newest]
        for number in range(newest - 1, max(0, newest - PROBES), -1):
            try:
                self._get(path, number)
            except NotFound:  # gone, whichever way the server says so
                continue
            found.append(number)
        return [self._version(path, number) for number in reversed(found)]

    def caveats(self, secret: Secret) -> Mapping[str, str]:
        self._check_open()
        known = self._known.get(secret.path)
        lease = None if known is None else known.leases.get(secret.version.number)
        if lease is None:
            return MappingProxyType({})
        last = format_duration(timedelta(seconds=lease))
        return MappingProxyType({FIELD: f"Leased: the server lets it be used for {last} after it was read."})

    def references(self, path: str, field: str | None = None) -> Sequence[str]:  # noqa: ARG002 - there is one
        self._check_open()
        return (self._api.address_of(path),)

    def caution(self, path: str) -> str:
        self._check_open()
        known = self._known.get(path)
        return capabilities.CAUTION if known is None or known.newest else ""

    # Writing

    def check(self, path: str, fields: Fields, metadata: MetadataPatch = MetadataPatch()) -> None:
        super().check(path, fields, metadata)
        self._api.address_of(path)
        self._body(path, fields, metadata)

    def _body(self, path: str, fields: Fields, metadata: MetadataPatch) -> Body:
        """Raises InvalidInput for what the store does not keep as it is."""
        if list(fields) != [FIELD]:
            raise InvalidInput(
                f"This store keeps one value for each path, as the field {FIELD}.",
                hint=f"Call the field {FIELD}, or give each value a path of its own.",
                path=path,
            )
        told: dict[str, Body] = {}
        if metadata.owner is not UNSET and metadata.owner is not None:
            told["owner"] = _with_bytes(metadata.owner, path)
        if metadata.rotation is not UNSET and metadata.rotation is not None:
            told["rotation"] = format_duration(metadata.rotation)
        value = encoding.to_wire(fields[FIELD], path)
        return {"value_b64": value, **({"metadata": told} if told else {})}

    def write(
        self, path: str, fields: Fields, *, metadata: MetadataPatch = MetadataPatch(), expected: int | None = None
    ) -> Version:
        self._check_open()
        if expected is not None:
            self._lacks(Capability.CHECK_AND_SET, path)
        self.check(path, fields, metadata)
        self._check_name(path)
        body = self._body(path, fields, metadata)
        what = (b"write", path.encode(), to_bytes(fields[FIELD]), repr(metadata).encode("utf-8", "backslashreplace"))
        with self._intents.one(*what) as intent:
            try:
                told = self._api.put(path, body, intent.id)
            except Unanswered as error:
                return self._settled(error, path, fields[FIELD], intent)
            number, at = int(told["version"]), encoding.moment(told.get("created_at"))
            self._answered(path, number, intent)
        known = self._known.get(path) or Known()
        self._known.remember(path, known.wrote(number, at))
        return self._version(path, number)

    def _check_name(self, path: str) -> None:
        """Raise InvalidPath for a new path that looks like another, or hides something; one that is there is written
        whatever it looks like."""
        try:
            paths.check_new(path)
        except InvalidPath as refused:
            if not self._newest(path):
                try:
                    self._get(path)
                except NotFound:
                    raise refused from None

    def _settled(self, error: Unanswered, path: str, value: SecretValue, intent: Intent) -> Version:
        """What became of a write without an answer, as far as a look tells that. Raises as `settle`."""
        before = self._newest(path)

        def look() -> Version | Literal[False] | None:
            if before is None:
                return None
            try:
                newest = self._get(path)
            except Undisclosed:
                return None
            except NotFound:
                return None if before else False
            if newest.number <= before:
                return False
            made = newest if newest.number == before + 1 else self._get(path, before + 1)
            return self._version(path, made.number) if made.value.same_as(value) else None

        try:
            return settle(error, look, path)
        except Unanswered:
            raise
        except Unavailable as unchanged:
            raise Unavailable(
                unchanged.message, hint=f"Try again: it goes out under the same request id, {intent.id}.", path=path
            ) from None

    def _answered(self, path: str, number: int, intent: Intent) -> None:
        """Raise Conflict where what was sent again turns out to be done long since, and another version came after."""
        newest = self._newest(path)
        if intent.is_again and newest is not None and number < newest:
            raise Conflict(
                f"It was done as version {number} when no answer came, and version {newest} came after.",
                expected=number,
                actual=newest,
                hint="Look at the newest one; doing it again then makes another version.",
                path=path,
            )

    def rotate(self, path: str, fields: Fields | None = None) -> Version:
        self._check_open()
        if self.why_not(Capability.ROTATE):
            self._lacks(Capability.ROTATE, path)
        paths.check(path)
        if fields is not None:
            raise InvalidInput("This store makes the new value itself.", hint="Give none.", path=path)
        with self._intents.one(b"rotate", path.encode()) as intent:
            try:
                number = self._api.rotate(path, intent.id)
            except PermissionDenied as error:
                raise self._not_rotated(path, error) from None
            self._answered(path, number, intent)
        known = self._known.get(path) or Known()
        self._known.remember(path, known.wrote(number, None))
        return self._version(path, number)

    def _not_rotated(self, path: str, error: PermissionDenied) -> PermissionDenied:
        """Where something certainly is, the refusal is about the token, and holds for every path."""
        if not self._newest(path):
            return Undisclosed(
                "Only an admin's token may rotate, or nothing is there: the server does not tell which (forbidden).",
                hint=error.hint,
                path=path,
            )
        able, reasons = self._info.capabilities, self._info.reasons
        self._info = self._info._replace(
            capabilities=able - {Capability.ROTATE},
            reasons=MappingProxyType({**reasons, Capability.ROTATE: capabilities.NO_ADMIN}),
        )
        return PermissionDenied(capabilities.NO_ADMIN, hint="Rotate it from here, or ask an admin.", path=path)


def _with_bytes(text: str, path: str) -> str:
    """Raises InvalidInput for half a character."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidInput("The owner holds half a character.", hint="Correct it.", path=path) from None
    return text
