"""Tokens and the login methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.doubles.vault.call import Call, Token
from tests.doubles.vault.state import DEFAULT_TTL, State
from tests.doubles.vault.wire import (
    SECOND,
    Answer,
    Failed,
    Json,
    clock_time,
    integer,
    one_error,
    seconds_of,
    strings,
    truth,
)

UNSUPPORTED = Failed(405, "unsupported operation")
WEAK_ID = (
    "Supplying a custom ID for the token uses the weaker SHA1 hashing instead of the more secure SHA2-256 HMAC for"
    " token obfuscation. SHA1 hashed tokens on the wire leads to less secure lookups."
)


class Login:
    """Base of the methods. `name` is the mount with its slash."""

    kind = ""
    version: int | None = None

    def __init__(self, state: State, name: str) -> None:
        self.state = state
        self.name = name

    def exists(self, call: Call) -> bool:
        return True

    def is_open(self, call: Call) -> bool:
        """May this be called without a token?"""
        return call.path.startswith("login")

    def handle(self, call: Call) -> Answer:
        raise NotImplementedError

    def grant(self, call: Call, policies: list[str], *, ttl: int = DEFAULT_TTL, **about: Any) -> Answer:
        """A new token, or the demand of a second factor for it."""
        token = self.state.add_token(
            ["default", *policies],
            ttl=ttl,
            namespace=call.namespace,
            renewable=True,
            path=call.full,
            **about,
        )
        return self.state.second_factor(call, token) or Answer(auth=self.state.auth(token))


class Tokens(Login):
    """`auth/token/`."""

    kind = "token"

    def is_open(self, call: Call) -> bool:
        return False

    def handle(self, call: Call) -> Answer:
        match call.operation, call.path:
            case "read", "lookup-self":
                return Answer(self.shown(call.token))
            case "write", "lookup" | "lookup-self":
                return Answer(self.shown(self._named(call)))
            case "write", "renew-self":
                return self._renew(call, call.token)
            case "write", "renew":
                return self._renew(call, self._named(call))
            case "write", "revoke-self":
                self.state.revoke(call.token)
                return Answer()
            case "write", "revoke":
                self.state.revoke(self._named(call))
                return Answer()
            case "write", "create" | "create-orphan":
                return self._create(call)
            case _, "lookup-self" | "renew-self" | "revoke-self" | "create" | "lookup" | "renew" | "revoke":
                raise Failed(405, one_error("unsupported operation"))
            case _:
                raise Failed(404, one_error("unsupported path"))

    def _named(self, call: Call) -> Token:
        given = call.data.get("token")
        token = self.state.token(given) if isinstance(given, str) and given else call.token
        if token is None:
            raise Failed(403, "bad token" if not call.openbao else one_error("bad token"))
        return token

    def _create(self, call: Call) -> Answer:
        data, parent = call.data, call.token
        plain = "policies" not in data and "default" not in parent.policies
        names = strings(data["policies"]) if "policies" in data else parent.policies
        if "root" not in names and not plain and not truth("no_default_policy", data.get("no_default_policy")):
            names = ["default", *names]
        period = seconds_of(data.get("period"))
        ttl = period or seconds_of(data.get("ttl")) or (0 if "root" in names else DEFAULT_TTL)
        about: dict[str, Any] = {"id": data["id"]} if data.get("id") else {}
        orphan = truth("no_parent", data.get("no_parent")) or call.path == "create-orphan"
        display = data.get("display_name")
        token = self.state.add_token(
            names,
            ttl=ttl,
            namespace=call.namespace,
            period=period,
            explicit_max_ttl=seconds_of(data.get("explicit_max_ttl")),
            renewable=truth("renewable", data.get("renewable", True)) and ttl > 0,
            left=integer("num_uses", data.get("num_uses")),
            orphan=orphan,
            parent="" if orphan else parent.id,
            display_name=f"token-{display}" if display else "token",
            meta=data.get("meta"),
            kind=data.get("type") or "service",
            **about,
        )
        return Answer(auth=self.state.auth(token), warnings=[WEAK_ID] if about and call.openbao else None)

    def _renew(self, call: Call, token: Token) -> Answer:
        if not token.renewable:
            raise Failed(400, "lease is not renewable")
        wanted = token.period or seconds_of(call.data.get("increment")) or token.ttl
        most = min(token.max_ttl, token.explicit_max_ttl or token.max_ttl)
        left = max(0, most - (call.now - token.issued) // SECOND)
        ttl = wanted if token.period else min(wanted, left)
        token.expires, token.renewed = call.now + ttl * SECOND, call.now
        told = self.state.auth(token) | {"lease_duration": ttl}
        text = f'TTL of "{wanted}s" exceeded the effective max_ttl of "{left}s"; TTL value is capped accordingly'
        return Answer(auth=told, warnings=[text] if ttl < wanted else None)

    def shown(self, token: Token) -> dict[str, Json]:
        now = self.state.now()
        told: dict[str, Json] = {
            "accessor": token.accessor,
            "creation_time": token.issued // SECOND,
            "creation_ttl": token.ttl,
            "display_name": token.display_name,
            "entity_id": token.entity_id,
            "expire_time": clock_time(token.expires) if token.expires is not None else None,
            "explicit_max_ttl": token.explicit_max_ttl,
            "id": token.id,
            "issue_time": clock_time(token.issued),
            "meta": token.meta,
            "num_uses": max(0, token.left - 1),
            "orphan": token.orphan,
            "path": token.path,
            "policies": token.policies,
            "renewable": token.renewable,
            "ttl": max(0, (token.expires - now) // SECOND) if token.expires is not None else 0,
            "type": token.kind,
        }
        if token.period:
            told["period"] = token.period
        if token.renewed is not None:
            told["last_renewal"] = clock_time(token.renewed)
            told["last_renewal_time"] = token.renewed // SECOND
        if token.namespace.path:
            told["namespace_path"] = token.namespace.path
        return told


METHODS: dict[str, Callable[[State, str], Login]] = {"token": Tokens}
