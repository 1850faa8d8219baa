"""Short-lived credentials: what a store issues for a role, and how long they last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kvtui.domain.value import Fields


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to use credentials until they end. It holds none of them.

    `role` is the name to issue it by, as `Backend.roles` gives it; `path` where in the store it was issued. Times are
    aware UTC by this machine's clock; `expires_at` None: it does not end by itself.
    """

    id: str
    role: str
    path: str
    issued_at: datetime | None
    expires_at: datetime | None
    renewable: bool


@dataclass(frozen=True, slots=True)
class Issued:
    """New credentials: told this once and kept nowhere by the store."""

    lease: Lease
    fields: Fields
