"""Short-lived credentials for a role."""

from __future__ import annotations

import math
import uuid
from abc import abstractmethod
from collections.abc import Sequence
from datetime import timedelta

from kvtui.backends.contract import Backend
from kvtui.backends.trust import encoding
from kvtui.backends.trust.api import TrustApi
from kvtui.backends.trust.intents import Intents
from kvtui.clock import utc_now
from kvtui.domain.errors import InvalidInput, NotFound, PermissionDenied
from kvtui.domain.lease import Issued, Lease
from kvtui.domain.value import SecretValue

USUAL = timedelta(hours=1)
"""The API wants a time; this is its own example."""
_LONGEST = timedelta(days=36500)
WHERE = "leases"


class Leasing(Backend):
    """The part of a backend that issues credentials. The server gives no id for a lease: it gets one here."""

    _api: TrustApi
    _intents: Intents
    _issued: dict[str, Lease]
    """Those of this connection, by id."""

    @abstractmethod
    def _check_open(self) -> None:
        """Raises Locked."""

    def roles(self) -> Sequence[str]:
        """None: the API does not tell them."""
        self._check_open()
        return ()

    def issue(self, role: str, ttl: timedelta | None = None) -> Issued:
        self._check_open()
        if not role.strip():
            raise InvalidInput("The role is empty.", hint="Name one, such as etl-reader.")
        wanted = USUAL if ttl is None else ttl
        if not timedelta() < wanted <= _LONGEST:
            raise InvalidInput("Credentials cannot be had for this time.", hint="Ask for an hour, or some days.")
        seconds = math.ceil(wanted.total_seconds())
        with self._intents.one(b"issue", role.encode("utf-8", "surrogatepass"), str(seconds).encode()) as intent:
            try:
                told = self._api.lend(role, seconds, intent.id)
            except PermissionDenied:
                raise PermissionDenied(
                    "The token may not have credentials for this role, or there is no such role (forbidden).",
                    hint="Check its name, and which roles the token is for.",
                    path=role,
                ) from None
            except NotFound:
                raise NotFound("The server knows no such role.", hint="Check its name.", path=role) from None
        fields = {
            name: SecretValue(text) for name, text in told.items() if isinstance(text, str) and name != "expires_at"
        }
        ends = encoding.moment(told.get("expires_at"))
        lease = Lease(f"{role}/{uuid.uuid4()}", role, WHERE, utc_now(), ends, renewable=False)
        self._issued[lease.id] = lease
        return Issued(lease, fields)

    def leases(self, known: Sequence[Lease] = ()) -> Sequence[Lease]:
        self._check_open()
        now = utc_now()
        every = {lease.id: lease for lease in (*known, *self._issued.values())}
        return [lease for lease in every.values() if lease.expires_at is None or lease.expires_at > now]
