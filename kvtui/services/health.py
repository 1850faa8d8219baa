"""What is wrong, or soon will be, with the secrets of a store: found here, with no value shown, kept or sent.

Equal values are found by a keyed hash whose key is made for one look and forgotten with it. Strength is an estimate
(`kvtui.services.strength`); certificates and tokens tell themselves when they end.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from warnings import catch_warnings

from kvtui.backends.contract import Backend
from kvtui.domain.capability import Capability
from kvtui.domain.codec import to_bytes, to_text
from kvtui.domain.errors import Unsupported
from kvtui.domain.metadata import SecretType
from kvtui.domain.progress import Progress, silent
from kvtui.domain.secret import EntryKind, Found, Secret, Skip, Skipped, VersionState
from kvtui.domain.value import SecretValue, ValueType
from kvtui.services.rotation import DueState, due
from kvtui.services.session import Session
from kvtui.services.strength import estimate
from kvtui.services.walking import Walk

NOTICE = timedelta(days=30)
"""How long before its end a certificate or token is told of."""
OLD = timedelta(days=365)
"""The age from which a value without an interval is told of."""
_SHORTEST = 6
"""Characters below which equal values say nothing: ports, yes and no, short names."""
_LONGEST_TYPED = 100
"""Characters above which nobody typed a value."""
_RANDOM = 20
_BEGIN = "-----BEGIN "
_BEGIN_CERTIFICATE = "-----BEGIN CERTIFICATE-----"
_JWT = re.compile(r"(?:Bearer )?eyJ[A-Za-z0-9_-]+\.(eyJ[A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*", re.ASCII)
_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^:@/\s]*(?:[:/?#][^@\s]*)?", re.ASCII)
"""An address without a password in it."""
_PUBLIC = re.compile(
    r"(?:.*[_. -])?(?:user|username|user_?id|login|name|email|e-?mail|mail|host|hostname|server|address|addr|url|uri"
    r"|port|database|db|schema|region|bucket|account|tenant|issuer|audience|scope|scopes|role|client_?id|key_?id"
    r"|access_?key_?id|description|comment|note|notes|created|updated|expires|type|kind|format|algorithm|version)",
    re.ASCII | re.IGNORECASE,
)
"""Names of fields that stand beside a secret and are none: there equal and simple values are as they should be."""


class Kind(StrEnum):
    """What is wrong; the first are the worst."""

    EXPIRED = "expired"
    OVERDUE = "overdue"
    WEAK = "weak"
    DUPLICATE = "duplicate"
    EXPIRING = "expiring"
    DUE = "due"
    OLD = "old"


_RANK = {kind: rank for rank, kind in enumerate(Kind)}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about one secret. `at` is when it ends or was to be rotated, `made_at` when its value was written, both
    aware UTC. `group` numbers the values that are found several times, from 1."""

    kind: Kind
    path: str
    field: str | None = None
    detail: str = ""
    at: datetime | None = None
    made_at: datetime | None = None
    group: int | None = None

    @property
    def rank(self) -> tuple[int, int, datetime, str, str]:
        """To sort by: the worst first."""
        return (
            _RANK[self.kind],
            self.group or 0,
            self.at or datetime.max.replace(tzinfo=UTC),
            self.path,
            self.field or "",
        )


def reads_are_noticed(session: Session) -> bool:
    """Whether each value read is a request to a server, which takes its time and may write it down: then values are
    read only when somebody asks for it."""
    return session.profile.factory.signs_in


class Checkup:
    """One look at all secrets at and below a folder; `values`: at what they hold, too. Use once."""

    def __init__(self, now: datetime, *, values: bool = True, old: timedelta = OLD, notice: timedelta = NOTICE) -> None:
        self.count = 0
        """Secrets looked at so far."""
        self.note = ""
        """Why these are not all, once it is over."""
        self._now, self._values, self._old, self._notice = now, values, old, notice
        self._key = os.urandom(32)
        self._seen: dict[bytes, Finding] = {}
        self._groups = 0

    def findings(
        self, backend: Backend, folder: str = "", *, skipped: Skip | None = None, progress: Progress = silent
    ) -> Iterator[Finding]:
        """As they are found. Raises what listing raises, and without `skipped` what reading does."""
        if not (self._values and backend.can(Capability.READ)):
            yield from self._scheduled(backend, folder, skipped)
            return
        walk = Walk(backend, folder, skipped=skipped)
        paths = (entry.path for entry in walk.entries if entry.state in {None, VersionState.LIVE})
        for found in backend.read_many(paths):
            self.count += 1
            progress(self.count, None)
            if found.error is not None:
                _leave_out(found, skipped)
            elif found.secret is not None and found.secret.version.state is VersionState.LIVE:
                yield from self._of(found.secret)
        self.note = walk.note

    def _scheduled(self, backend: Backend, folder: str, skipped: Skip | None) -> Iterator[Finding]:
        """What is known without any value."""
        if not backend.can(Capability.METADATA):
            self.note = "Nothing is known of a secret here without its value."
            return
        try:
            for path, metadata, made_at in backend.scheduled(folder, skipped=skipped):
                self.count += 1
                when = due(metadata, self._now, rotated_at=made_at)
                if when is not None and when.state is not DueState.FRESH:
                    yield Finding(Kind(when.state.value), path, None, "", when.at, made_at or metadata.updated_at)
        except Unsupported as error:  # a store that cannot list
            self.note = error.message

    def _of(self, secret: Secret) -> Iterator[Finding]:
        made_at = secret.version.created_at or secret.metadata.updated_at
        when = due(secret.metadata, self._now, rotated_at=secret.version.created_at)
        if when is not None and when.state is not DueState.FRESH:
            yield Finding(Kind(when.state.value), secret.path, None, "", when.at, made_at)
        elif when is None and made_at is not None and self._now - made_at >= self._old:
            yield Finding(Kind.OLD, secret.path, made_at=made_at)
        for name, value in secret.fields.items():
            for finding in self._of_value(secret, name, value):
                yield replace(finding, made_at=finding.made_at or made_at)

    def _of_value(self, secret: Secret, name: str, value: SecretValue) -> Iterator[Finding]:
        if value.type not in {ValueType.TEXT, ValueType.BYTES}:
            return
        ends = _end(value)
        if ends is not None:
            what, at = ends
            if at - self._now <= self._notice:
                kind = Kind.EXPIRED if at <= self._now else Kind.EXPIRING
                yield Finding(kind, secret.path, name, what, at)
        if not _is_secret(secret, name, value):
            return
        if len(to_bytes(value)) >= _SHORTEST:
            yield from self._again(Finding(Kind.DUPLICATE, secret.path, name), value)
        if ends is None and (said := _weakness(secret, value)):
            yield Finding(Kind.WEAK, secret.path, name, said)

    def _again(self, here: Finding, value: SecretValue) -> Iterator[Finding]:
        """Where the same value was before: the first place is told with the second."""
        digest = value.digest(self._key)
        first = self._seen.setdefault(digest, here)
        if first is here:
            return
        if first.group is None:
            self._groups += 1
            first = self._seen[digest] = replace(first, group=self._groups)
            yield first
        yield replace(here, group=first.group)


def _leave_out(found: Found, skipped: Skip | None) -> None:
    if found.error is None:
        return
    if skipped is None:
        raise found.error
    skipped(Skipped(found.path, found.error, EntryKind.SECRET))


def _is_secret(secret: Secret, name: str, value: SecretValue) -> bool:
    """Whether it is one that others may not know, rather than what stands beside it."""
    if _PUBLIC.fullmatch(name) or secret.metadata.type is SecretType.NOTE or not to_bytes(value):
        return False
    return value.type is ValueType.BYTES or not _URL.fullmatch(to_text(value))


def _weakness(secret: Secret, value: SecretValue) -> str:
    """How easy it is to guess, in words; empty where it is not, or was not typed by anybody."""
    if value.type is not ValueType.TEXT or secret.metadata.type in {SecretType.CERTIFICATE, SecretType.SSH_KEY}:
        return ""
    text = to_text(value)
    if len(text) > _LONGEST_TYPED or "\n" in text.strip() or text.startswith((_BEGIN, "ssh-")):
        return ""
    if _looks_random(text):
        return ""
    strength = estimate(text)
    return str(strength) if strength.label in {"very weak", "weak"} else ""


def _looks_random(text: str) -> bool:
    """Whether its kinds of characters change as often as in what a generator makes: most values are such, and judging
    each would take most of the time. Nobody types that: long, and a capital or digit at every third character."""
    if len(text) < _RANDOM:
        return False
    kinds = ["d" if ch.isdigit() else "u" if ch.isupper() else "l" if ch.islower() else "o" for ch in text]
    changes = sum(one != other for one, other in pairwise(kinds))
    return {"d", "u", "l"} <= set(kinds) and 3 * changes >= len(text) and len(set(text)) >= len(text) / 2


def _end(value: SecretValue) -> tuple[str, datetime] | None:
    """What it is, and when it ends: of several certificates the first that does."""
    if value.type is ValueType.BYTES:
        return _certificates(to_bytes(value))
    text = to_text(value)
    if _BEGIN_CERTIFICATE in text:
        return _certificates(text.encode("utf-8", "surrogatepass"))
    return _token(text)


def _certificates(data: bytes) -> tuple[str, datetime] | None:
    is_pem = _BEGIN_CERTIFICATE.encode() in data
    if not is_pem and not data.startswith(b"\x30\x82"):  # DER: a long sequence
        return None
    from cryptography import x509  # noqa: PLC0415 - slow to load, and few secrets are certificates

    try:
        with catch_warnings(action="ignore"):  # of odd certificates, on the terminal
            found = x509.load_pem_x509_certificates(data) if is_pem else [x509.load_der_x509_certificate(data)]
            ends = [certificate.not_valid_after_utc for certificate in found]
    except (ValueError, x509.InvalidVersion):
        return None  # a key, or something else that begins so
    return ("certificate", min(ends)) if ends else None


def _token(text: str) -> tuple[str, datetime] | None:
    """A JSON Web Token's `exp` (RFC 7519, 4.1.4), seconds since 1970. Its signature has no say in this."""
    match = _JWT.fullmatch(text.strip())
    if match is None:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(match[1] + "=" * (-len(match[1]) % 4)))
        return "JWT", datetime.fromtimestamp(claims["exp"], UTC)
    except (binascii.Error, KeyError, TypeError, ValueError, OverflowError, OSError, RecursionError):
        return None
