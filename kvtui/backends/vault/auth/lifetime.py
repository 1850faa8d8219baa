"""A token that was got by signing in: how long it lasts, and how it is renewed, looked at and ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from kvtui.backends.http.client import header_value
from kvtui.backends.vault.api import VaultApi, moment
from kvtui.domain.errors import InvalidInput, Unavailable, Unsupported
from kvtui.domain.json_text import Json
from kvtui.domain.value import SecretValue

_ROUNDING = 2
"""Seconds by which the server's own arithmetic may be off."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Signed:
    """A token and its lease. `lease_duration` is in seconds from `at` on (aware UTC); 0: it never ends, or the server
    does not tell (`is_known`)."""

    token: SecretValue
    lease_duration: int
    renewable: bool
    policies: tuple[str, ...]
    display: str
    """Whose it is, as the server calls them; untrusted text."""
    entity: str = ""
    """The id of whose it is, which no other has; "" where it is nobody's in particular."""
    at: datetime = field(default_factory=_now)
    span: int = 0
    """Seconds to ask for when it is renewed; 0 leaves it to the server."""
    uses: int = 0
    """Requests it is good for, 0 without a limit. Each request takes one, looking it up and renewing it too."""
    is_final: bool = False
    """Its greatest lifetime is near: renewing no longer moves its end, only signing in again does."""
    is_known: bool = True
    notes: tuple[str, ...] = ()
    """What its owner should know about where it came from."""

    @property
    def expires_at(self) -> datetime | None:
        """None: never, or not known."""
        return self.at + timedelta(seconds=self.lease_duration) if self.lease_duration else None

    @property
    def renew_at(self) -> datetime | None:
        """When two thirds are over; None where renewing does nothing."""
        if not self.renewable or self.is_final or not self.lease_duration:
            return None
        return self.at + timedelta(seconds=self.lease_duration * 2 / 3)


@dataclass(frozen=True, slots=True)
class TokenInfo:
    """What a token's own look-up says. Times are aware UTC, durations seconds. The token itself is left out."""

    display: str
    policies: tuple[str, ...]
    kind: str
    """service or batch."""
    accessor: str
    path: str
    """Where it was made, such as auth/userpass/login/ann."""
    entity: str
    namespace: str
    created_at: datetime | None
    expires_at: datetime | None
    """None: never."""
    ttl: int
    creation_ttl: int
    max_ttl: int
    """Of this token alone; 0 where only the server's holds."""
    period: int
    """Renewing gives it this many seconds for ever; 0 for others."""
    renewable: bool
    uses: int
    """Requests left, 0 without a limit."""
    orphan: bool


def look_up(api: VaultApi) -> TokenInfo:
    """What the server tells of the api's token. Takes one of its uses. Raises PermissionDenied, AuthenticationRequired,
    Unavailable."""
    data = api.look_up_self()
    return TokenInfo(
        display=_text(data, "display_name"),
        policies=(*_texts(data, "policies"), *_texts(data, "identity_policies")),
        kind=_text(data, "type"),
        accessor=_text(data, "accessor"),
        path=_text(data, "path"),
        entity=_text(data, "entity_id"),
        namespace=_text(data, "namespace_path"),
        created_at=moment(data.get("issue_time")),
        expires_at=moment(data.get("expire_time")),
        ttl=_seconds(data, "ttl"),
        creation_ttl=_seconds(data, "creation_ttl"),
        max_ttl=_seconds(data, "explicit_max_ttl"),
        period=_seconds(data, "period"),
        renewable=data.get("renewable") is True,
        uses=_seconds(data, "num_uses"),
        orphan=data.get("orphan") is True,
    )


def renew(api: VaultApi, signed: Signed) -> Signed:
    """The same token with a new lease, as long as its first one where the server still gives that; `is_final` when it
    does not. Sent once. Raises Unsupported for a token that cannot be renewed, PermissionDenied or
    AuthenticationRequired for one that is over or may not, and as `VaultApi.call` does."""
    if not signed.renewable:
        raise Unsupported("This token cannot be renewed.", capability="renew", hint="Sign in again before it ends.")
    asked: Json = {"increment": f"{signed.span}s"} if signed.span else {}
    reply = api.call("POST", "auth/token/renew-self", asked)
    auth = reply.envelope.get("auth")
    if not isinstance(auth, Mapping):
        raise Unavailable("The server does not tell how long the token lasts now.", hint="Sign in again.")
    granted = _seconds(auth, "lease_duration")
    return replace(
        signed,
        lease_duration=granted,
        renewable=auth.get("renewable") is True,
        at=_now(),
        is_final=bool(granted) and granted + _ROUNDING < signed.span,
        is_known=True,
    )


def revoke(api: VaultApi) -> None:
    """End the api's token, and with it what it made: its child tokens and leases. Raises as `call` does."""
    reply = api.change("POST", "auth/token/revoke-self")
    if reply.status not in {HTTPStatus.OK, HTTPStatus.NO_CONTENT}:
        raise Unavailable("The server did not say that the token has ended.", hint="It may still be good.")


def from_login(auth: Mapping[str, Any], display: str) -> Signed:
    """What a login's answer gives. `display` is for where it names nobody. Raises Unavailable for no token."""
    token = auth.get("client_token")
    if not isinstance(token, str) or not token:
        raise Unavailable("The server's answer holds no token.", hint="Check the address.", retryable=False)
    try:
        usable = SecretValue(header_value(token))
    except InvalidInput:
        raise Unavailable(
            "The server's answer holds a token that cannot be one.", hint="Check the address.", retryable=False
        ) from None
    metadata = auth.get("metadata")
    named = _text(metadata, "username") if isinstance(metadata, Mapping) else ""
    lasts = _seconds(auth, "lease_duration")
    return Signed(
        token=usable,
        lease_duration=lasts,
        renewable=auth.get("renewable") is True,
        policies=_texts(auth, "policies"),
        display=named or display,
        entity=_text(auth, "entity_id"),
        span=lasts,
        uses=_seconds(auth, "num_uses"),
    )


def from_look_up(token: SecretValue, info: TokenInfo, notes: tuple[str, ...]) -> Signed:
    """What is known of a token that was there before."""
    return Signed(
        token=token,
        lease_duration=info.ttl,
        renewable=info.renewable,
        policies=info.policies,
        display=info.display,
        entity=info.entity,
        span=info.period or info.creation_ttl,
        uses=info.uses,
        notes=notes,
    )


def _seconds(data: Mapping[str, Any], key: str) -> int:
    found = data.get(key)
    return max(0, found) if type(found) is int else 0


def _text(data: Mapping[str, Any], key: str) -> str:
    found = data.get(key)
    return found if isinstance(found, str) else ""


def _texts(data: Mapping[str, Any], key: str) -> tuple[str, ...]:
    found = data.get(key)
    return tuple(each for each in found if isinstance(each, str)) if isinstance(found, list) else ()
