"""Who may do what: tokens, scopes, the audience, and the decisions of the policy server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tests.doubles.clock import Clock
from tests.doubles.crud.settings import Settings
from tests.doubles.crud.wire import Failed

SCOPES = frozenset(
    f"secrets.{verb}" for verb in ("read", "write", "delete", "destroy", "rotate", "read_metadata", "set_owner")
)


@dataclass
class Token:
    subject: str
    scopes: frozenset[str]
    audience: str | None
    expires: datetime | None
    single_use: bool
    """Its `jti` is remembered: a second use is a replay."""
    used: bool = False


@dataclass
class Caller:
    """The bearer of a request; without a token one without a name or scopes."""

    subject: str
    scopes: frozenset[str]
    enforced: bool

    def need(self, *scopes: str) -> None:
        """Raises Failed(403)."""
        if self.enforced and (missing := sorted(set(scopes) - self.scopes)):
            raise Failed(403, "INSUFFICIENT_SCOPE", f"Missing required scope: {', '.join(missing)}")


@dataclass
class Denial:
    """The policy server denies this: all it names must match, "" matches all."""

    purpose: str
    under: str
    subject: str

    def covers(self, subject: str, purpose: str, uri: str) -> bool:
        return self.purpose in {"", purpose} and self.subject in {"", subject} and uri.startswith(self.under)


@dataclass
class Access:
    settings: Settings
    clock: Clock
    tokens: dict[str, Token] = field(default_factory=dict)
    denials: list[Denial] = field(default_factory=list)

    def caller(self, headers: Mapping[str, str]) -> Caller:
        """Raises Failed(401) or, for a token meant for others or used again, Failed(403)."""
        kind, _, name = headers.get("authorization", "").partition(" ")
        token = self.tokens.get(name) if kind.lower() == "bearer" else None
        if token is not None and token.expires is not None and token.expires <= self.clock.now():
            token = None
        if token is None:
            if self.settings.require_auth:
                raise Failed(401, "UNAUTHORIZED", "Not authenticated", {"WWW-Authenticate": "Bearer"})
            return Caller("anonymous", frozenset(), self.settings.enforce_scopes)
        if token.audience is not None and token.audience != self.settings.audience:
            raise Failed(403, "SECRET_AUTHZ_FAILED", "audience mismatch")
        if token.single_use and token.used:
            raise Failed(403, "SECRET_AUTHZ_FAILED", "token replayed")
        token.used = True
        return Caller(token.subject, token.scopes, self.settings.enforce_scopes)

    def permits(self, subject: str, purpose: str, uri: str) -> bool:
        return not any(denial.covers(subject, purpose, uri) for denial in self.denials)
