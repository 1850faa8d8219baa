"""What opens a store that is locked, and what a store says of the ways to open it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from kvtui.domain.value import SecretValue


class Credential(NamedTuple):
    """A passphrase, a key file, or both together. A recovery key is given as the passphrase: it is told by its form."""

    passphrase: SecretValue | None = None
    key_file: Path | None = None


class SignedIn(NamedTuple):
    """Whom a server takes us for, and until when. `name` is the server's, untrusted text."""

    name: str
    policies: tuple[str, ...] = ()
    expires_at: datetime | None = None
    """Aware UTC; None for never, or not known."""
    renewable: bool = False
    identity: str = ""
    """What tells them from all others there, as a name need not; "" where the server does not say."""


class KeySlot(NamedTuple):
    """One way to open a vault. `type`: passphrase, keyfile, passphrase+keyfile or recovery."""

    id: str
    type: str
    label: str
    created_at: datetime


class Created(NamedTuple):
    """A new store: where it is (safe to show) and its recovery key, shown once, where it has one."""

    location: str
    recovery_key: SecretValue | None
