"""`auth/token/`: what a token says of itself, new ones, renewing and revoking (openbao vault/token_store.go)."""

from __future__ import annotations

from typing import Any

from tests.doubles.vault.call import Call, Token
from tests.doubles.vault.login import Login
from tests.doubles.vault.state import DEFAULT_TTL
from tests.doubles.vault.wire import (
    SECOND,
    UNSUPPORTED,
    Answer,
    Failed,
    Json,
    clock_time,
    integer,
    one_error,
    seconds_of,
    short_duration,
    strings,
    truth,
)

WEAK_ID = (
    "Supplying a custom ID for the token uses the weaker SHA1 hashing instead of the more secure SHA2-256 HMAC for"
    " token obfuscation. SHA1 hashed tokens on the wire leads to less secure lookups."
)


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
                raise UNSUPPORTED
            case _:
                raise Failed(404, one_error("unsupported path"))

    def _named(self, call: Call) -> Token:
        given = call.data.get("token")
        token = self.state.token(given) if isinstance(given, str) and given else call.token
        if token is None:
            raise Failed(403, "bad token")
        return token

    def _create(self, call: Call) -> Answer:
        data, parent = call.data, call.token
        names = strings(data["policies"]) if "policies" in data else parent.policies
        bare = truth("no_default_policy", data.get("no_default_policy"))
        if "root" not in names and not bare and ("policies" in data or "default" in parent.policies):
            names = ["default", *names]
        period = seconds_of(data.get("period"))
        explicit = seconds_of(data.get("explicit_max_ttl"))
        ttl = period or seconds_of(data.get("ttl")) or (0 if "root" in names else DEFAULT_TTL)
        about: dict[str, Any] = {"id": data["id"]} if data.get("id") else {}
        orphan = truth("no_parent", data.get("no_parent")) or call.path == "create-orphan"
        display = data.get("display_name")
        token = self.state.add_token(
            names,
            ttl=min(ttl, explicit) if explicit else ttl,
            namespace=call.namespace,
            period=period,
            explicit_max_ttl=explicit,
            renewable=truth("renewable", data.get("renewable", True)) and ttl > 0,
            left=integer("num_uses", data.get("num_uses")),
            orphan=orphan,
            parent="" if orphan else parent.id,
            display_name=f"token-{display}" if display else "token",
            meta=data.get("meta"),
            kind=data.get("type") or "service",
            **about,
        )
        known = {*call.namespace.policies, "root"}
        warnings = [f'Policy "{name}" does not exist' for name in names if name not in known and call.openbao]
        if about and call.openbao:
            warnings.insert(0, WEAK_ID)
        return Answer(auth=self.state.auth(token), warnings=warnings or None)

    def _renew(self, call: Call, token: Token) -> Answer:
        if not token.renewable:
            raise Failed(400, "lease is not renewable")
        wanted = token.period or seconds_of(call.data.get("increment")) or token.renews or token.granted or token.ttl
        most = min(token.max_ttl, token.explicit_max_ttl or token.max_ttl)
        left = most if token.period else max(0, most - (call.now - token.issued) // SECOND)
        ttl = min(wanted, left)
        token.expires, token.renewed, token.granted = call.now + ttl * SECOND, call.now, ttl
        told = self.state.auth(token)
        told["lease_duration"] = ttl
        text = f'TTL of "{short_duration(wanted)}" exceeded the effective max_ttl of "{short_duration(left)}"'
        return Answer(auth=told, warnings=[f"{text}; TTL value is capped accordingly"] if ttl < wanted else None)

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
            "num_uses": token.left,
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
