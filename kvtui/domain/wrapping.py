"""Sharing once: a secret kept by the server under a token that reads it one time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from kvtui.domain.errors import InvalidInput, NotFound
from kvtui.domain.value import Fields, SecretValue

LONGEST = timedelta(days=32)
"""What a server allows at most where nobody changed that."""


@dataclass(frozen=True, slots=True)
class Wrapped:
    """What is known of a wrapping token without using it up. Whoever has the token can read what it holds, once.

    `accessor`: a name of the token that reads nothing, where the server tells it. `creation_path`: the request whose
    answer it holds; of a share of ours always the server's own path for that. Times are aware UTC.
    """

    token: SecretValue
    accessor: str | None
    created_at: datetime
    expires_at: datetime
    creation_path: str


def used_up() -> NotFound:
    """The error for a wrapping token that opens nothing."""
    return NotFound(
        "This wrapping token was used already, has expired, or never was one.",
        hint="If nobody you know used it, somebody else read it: change what it held.",
    )


def check_shared(fields: Fields, ttl: timedelta) -> None:
    """Raise InvalidInput for a share of nothing, or for no time."""
    if not fields:
        raise InvalidInput("There is nothing to share.", hint="Choose a secret with fields.")
    if not timedelta(seconds=1) <= ttl <= LONGEST:
        raise InvalidInput("Not a time to share for.", hint=f"Choose one from 1s to {LONGEST.days}d.")
