"""Short-lived credentials and sharing once for the reference backend, kept as plainly as the secrets there."""

from __future__ import annotations

import secrets
from abc import abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from kvtui.backends.contract import Backend
from kvtui.domain import codec
from kvtui.domain.capability import Capability
from kvtui.domain.codec import decode_fields, encode_fields
from kvtui.domain.errors import InvalidInput, NotFound
from kvtui.domain.lease import Issued, Lease
from kvtui.domain.value import Fields, SecretValue
from kvtui.domain.wrapping import Wrapped, check_shared, used_up

WRAPPING_PATH = "memory/wrap"
"""Where a share comes from, as `look_into` tells it."""


@dataclass(frozen=True, slots=True)
class Role:
    """What credentials may be issued for: how long they last, at most how long, and whether that may change."""

    ttl: timedelta = timedelta(hours=1)
    max_ttl: timedelta = timedelta(days=1)
    renewable: bool = True


@dataclass(slots=True)
class Lent:
    """What a store issued and shared. `users` are the credentials that work now."""

    roles: dict[str, Role] = field(default_factory=dict)
    leases: dict[str, tuple[Lease, datetime]] = field(default_factory=dict)
    """With the time after which each cannot last."""
    users: dict[str, str] = field(default_factory=dict)
    shared: dict[str, tuple[Wrapped, bytes]] = field(default_factory=dict)


class Lending(Backend):
    """The part of a backend in memory that lends."""

    _clock: Callable[[], datetime]
    _issued: dict[str, None]
    """Ids of what was issued through this connection, in that order."""

    @abstractmethod
    def _lending(self, capability: Capability) -> AbstractContextManager[Lent]:
        """What is lent, with nobody else at it. Raises Locked, Unsupported."""

    # Leases

    def roles(self) -> Sequence[str]:
        with self._lending(Capability.LEASES) as lent:
            return sorted(lent.roles)

    def issue(self, role: str, ttl: timedelta | None = None) -> Issued:
        with self._lending(Capability.LEASES) as lent:
            known = lent.roles.get(role)
            if known is None:
                raise NotFound("There is no such role.", hint="See which there are: kvtui lease issue.", path=role)
            now = self._clock()
            lasts = min(ttl or known.ttl, known.max_ttl)
            lease = Lease(f"{role}/{secrets.token_hex(8)}", role, role, now, now + lasts, known.renewable)
            lent.leases[lease.id] = lease, now + known.max_ttl
            user, password = f"user-{secrets.token_hex(4)}", secrets.token_urlsafe(18)
            lent.users[lease.id] = user
            self._issued[lease.id] = None
            return Issued(lease, {"username": SecretValue(user), "password": SecretValue(password)})

    def leases(self, known: Sequence[Lease] = ()) -> Sequence[Lease]:
        with self._lending(Capability.LEASES) as lent:
            wanted = dict.fromkeys([*self._issued, *(lease.id for lease in known)])
            found = (self._live(lent, lease_id) for lease_id in wanted)
            return [each[0] for each in found if each is not None]

    def look_up_lease(self, lease_id: str) -> Lease:
        with self._lending(Capability.RENEW_LEASES) as lent:
            return self._found(lent, lease_id)[0]

    def renew(self, lease_id: str, increment: timedelta | None = None) -> Lease:
        with self._lending(Capability.RENEW_LEASES) as lent:
            lease, latest = self._found(lent, lease_id)
            if not lease.renewable:
                raise InvalidInput("This lease cannot be renewed.", hint="Issue new credentials.", path=lease.role)
            renewed = replace(lease, expires_at=min(self._clock() + (increment or lent.roles[lease.role].ttl), latest))
            lent.leases[lease_id] = renewed, latest
            return renewed

    def revoke(self, lease_id: str) -> None:
        with self._lending(Capability.RENEW_LEASES) as lent:
            self._end(lent, lease_id)

    def _found(self, lent: Lent, lease_id: str) -> tuple[Lease, datetime]:
        found = self._live(lent, lease_id)
        if found is None:
            raise NotFound("This lease has ended.", hint="Issue new credentials.")
        return found

    def _live(self, lent: Lent, lease_id: str) -> tuple[Lease, datetime] | None:
        found = lent.leases.get(lease_id)
        if found is not None and found[0].expires_at is not None and found[0].expires_at <= self._clock():
            self._end(lent, lease_id)
            return None
        return found

    def _end(self, lent: Lent, lease_id: str) -> None:
        lent.leases.pop(lease_id, None)
        lent.users.pop(lease_id, None)
        self._issued.pop(lease_id, None)

    # Sharing once

    def share(self, fields: Fields, ttl: timedelta) -> Wrapped:
        with self._lending(Capability.SHARE) as lent:
            check_shared(fields, ttl)
            data = encode_fields(fields)
            now, token = self._clock(), secrets.token_urlsafe(24)
            wrapped = Wrapped(SecretValue(token), secrets.token_hex(8), now, now + ttl, WRAPPING_PATH)
            lent.shared[token] = wrapped, data
            return wrapped

    def look_into(self, token: SecretValue) -> Wrapped:
        with self._lending(Capability.SHARE) as lent:
            return self._held(lent, token)[0]

    def unwrap(self, token: SecretValue) -> Fields:
        with self._lending(Capability.SHARE) as lent:
            _, data = self._held(lent, token)
            del lent.shared[codec.to_text(token)]
            return decode_fields(data)

    def _held(self, lent: Lent, token: SecretValue) -> tuple[Wrapped, bytes]:
        found = lent.shared.get(codec.to_text(token))
        if found is None or found[0].expires_at <= self._clock():
            raise used_up()
        return found
