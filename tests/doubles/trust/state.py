"""What the server keeps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from secrets import token_bytes, token_hex

from tests.doubles.clock import Clock


@dataclass(frozen=True)
class Version:
    number: int
    value: bytes
    metadata: dict[str, str]
    """owner and rotation, as far as they were given with this version."""
    created_at: datetime


@dataclass
class Secret:
    path: str
    owner: str
    created_at: datetime
    versions: dict[int, Version] = field(default_factory=dict)
    latest: int = 0
    lease_ttl_s: int | None = None
    """None: as the double says."""


@dataclass(frozen=True)
class Token:
    """Rights are prefixes of paths, never wildcards; "" is every path."""

    text: str
    subject: str
    tenant: str
    read: tuple[str, ...]
    write: tuple[str, ...]
    roles: frozenset[str] | None
    """Which leases it may have; None all."""
    is_admin: bool


@dataclass(frozen=True)
class Lease:
    id: str
    role: str
    tenant: str
    access_key: str
    secret_key: str
    expires_at: datetime


@dataclass(frozen=True)
class Evidence:
    """A line of the audit, which has no reading call in this API."""

    subject: str
    tenant: str
    action: str
    path: str
    version: int | None
    request_id: str | None
    at: datetime


class State:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.tokens: dict[str, Token] = {}
        self.secrets: dict[tuple[str, str], Secret] = {}
        """By tenant and path."""
        self.roles: dict[str, int] = {}
        """The longest life (seconds) of a lease by its role."""
        self.leases: list[Lease] = []
        self.evidence: list[Evidence] = []

    def add_token(
        self,
        *,
        subject: str,
        tenant: str,
        read: Iterable[str],
        write: Iterable[str],
        roles: Iterable[str] | None,
        is_admin: bool,
    ) -> Token:
        known = None if roles is None else frozenset(roles)
        token = Token(token_hex(20), subject, tenant, tuple(read), tuple(write), known, is_admin)
        self.tokens[token.text] = token
        return token

    def write(self, tenant: str, path: str, value: bytes, metadata: dict[str, str]) -> Version:
        """A next version of it, or the first."""
        now = self.clock.now()
        secret = self.secrets.setdefault((tenant, path), Secret(path, "", now))
        secret.owner = metadata.get("owner", secret.owner)
        secret.latest += 1
        secret.versions[secret.latest] = Version(secret.latest, value, metadata, now)
        return secret.versions[secret.latest]

    def rotate(self, tenant: str, path: str) -> Version | None:
        """A next version with a value of the server's own and the same metadata; None where there is no such path."""
        secret = self.secrets.get((tenant, path))
        if secret is None:
            return None
        return self.write(tenant, path, token_bytes(24), dict(secret.versions[secret.latest].metadata))

    def lend(self, tenant: str, role: str, ttl_s: int) -> Lease:
        """Shorter than asked where the role allows no more."""
        expires = self.clock.now() + timedelta(seconds=min(ttl_s, self.roles[role]))
        lease = Lease(token_hex(8), role, tenant, f"AK{token_hex(8).upper()}", token_hex(20), expires)
        self.leases.append(lease)
        return lease

    def note(self, token: Token, action: str, path: str, version: int | None, request_id: str | None) -> None:
        line = Evidence(token.subject, token.tenant, action, path, version, request_id, self.clock.now())
        self.evidence.append(line)
