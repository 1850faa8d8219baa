"""What the server knows: namespaces, tokens, leases and its clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from tests.doubles.vault.call import Call, Token
from tests.doubles.vault.policy import Acl
from tests.doubles.vault.tree import Mount, Namespace
from tests.doubles.vault.wire import (
    SECOND,
    Answer,
    Failed,
    Json,
    clock_time,
    dumps,
    new_id,
    new_name,
    one_error,
    several,
)

DEFAULT_TTL = 768 * 3600
"""Seconds: the lifetime of a token nobody gave one, and the longest one."""

Flavour: TypeAlias = Literal["openbao", "vault"]


@dataclass
class Lease:
    id: str
    path: str
    namespace: Namespace
    issued: int
    ttl: int
    expires: int
    renewable: bool
    max_ttl: int = DEFAULT_TTL
    renewed: int | None = None
    token: str = ""
    ended: Callable[[], None] = field(default=lambda: None, repr=False)
    """Called once when it is revoked or has expired."""


@dataclass
class BuiltIn:
    kind: str
    version: int | None = None

    def exists(self, call: Call) -> bool:
        return True

    def handle(self, call: Call) -> Answer:
        raise Failed(404, one_error("unsupported path"))


class State:
    def __init__(self, flavour: Flavour) -> None:
        self.flavour: Flavour = flavour
        self.version = "2.6.2" if flavour == "openbao" else "1.21.1"
        self.root = Namespace("", id="root")
        self.namespaces: dict[str, Namespace] = {"": self.root}
        self.tokens: dict[str, Token] = {}
        self.leases: dict[str, Lease] = {}
        self.pending_mfa: dict[str, tuple[Token, list[str]]] = {}
        self.cluster = new_id()
        self.url = ""
        self._built_in: dict[tuple[str, str], Mount] = {}
        self.skew = 0
        """Nanoseconds our clock is ahead of the real one."""

    @property
    def openbao(self) -> bool:
        return self.flavour == "openbao"

    def now(self) -> int:
        return time.time_ns() + self.skew

    def denied(self) -> Failed:
        """Of a missing, unknown or expired token."""
        vault = several(["permission denied", "invalid token"])
        return Failed(403, "permission denied" if self.openbao else vault)

    def resolve(self, header: str, path: str) -> tuple[Namespace, str] | None:
        """The namespace of a request and the path inside it; the header's part must exist, the path's may."""
        prefix = header.strip("/") + "/" if header.strip("/") else ""
        namespace = self.namespaces.get(prefix)
        if namespace is None:
            return None
        whole = prefix + path
        inside = max((name for name in self.namespaces if whole.startswith(name)), key=len)
        return self.namespaces[inside], whole[len(inside) :]

    def add_namespace(self, path: str, custom_metadata: dict[str, str] | None = None) -> Namespace:
        whole = path.strip("/") + "/"
        parent = self.namespaces[whole.rstrip("/").rpartition("/")[0] + "/" if whole.count("/") > 1 else ""]
        self.namespaces[whole] = Namespace(whole, parent, custom_metadata=custom_metadata or {})
        return self.namespaces[whole]

    def built_in(self, namespace: Namespace, name: str) -> Mount:
        """The entry of `sys/` or `identity/`, which are shown but are no engines of ours."""
        key = (namespace.path, name)
        if key not in self._built_in:
            kind = ("ns_" if namespace.path and self.openbao else "") + {"sys": "system"}.get(name, name)
            self._built_in[key] = Mount(f"{name}/", BuiltIn(kind))
        return self._built_in[key]

    def acl(self, token: Token) -> Acl:
        if "root" in token.policies:
            return Acl({}, is_root=True)
        home = token.namespace
        known = [(home.path, home.policies[name]) for name in token.policies if name in home.policies]
        return Acl.of(known)

    def add_token(self, policies: Iterable[str], *, ttl: int = DEFAULT_TTL, **about: Any) -> Token:
        """`ttl` in seconds, 0 never ends. `about` are fields of Token."""
        now = self.now()
        home = about.setdefault("namespace", self.root)
        suffix = f".{home.id}" if home.path else ""
        about.setdefault("id", ("s." if self.openbao else "hvs.") + new_name() + suffix)
        token = Token(
            policies=sorted(set(policies)), issued=now, ttl=ttl, expires=now + ttl * SECOND if ttl else None, **about
        )
        self.tokens[token.id] = token
        return token

    def token(self, name: str) -> Token | None:
        """None also for an expired one, whose leases and cubbyhole are gone then."""
        token = self.tokens.get(name)
        if token is not None and token.expires is not None and token.expires <= self.now():
            self.revoke(token)
            return None
        return token

    def revoke(self, token: Token) -> None:
        """With all it made."""
        self.tokens.pop(token.id, None)
        for lease in [lease for lease in self.leases.values() if lease.token == token.id]:
            self.end(lease)
        for child in [child for child in self.tokens.values() if child.parent == token.id]:
            self.revoke(child)

    def spend(self, token: Token) -> None:
        """One use of a token with a limited number of them."""
        if token.left:
            token.left -= 1
            if token.left == 0:
                self.revoke(token)

    def add_lease(self, path: str, namespace: Namespace, ttl: int, renewable: bool, **about: Any) -> Lease:
        now = self.now()
        suffix = f".{namespace.id}" if namespace.path else ""
        name = f"{path}/{new_name()}{suffix}"
        self.leases[name] = Lease(name, path, namespace, now, ttl, now + ttl * SECOND, renewable, **about)
        return self.leases[name]

    def lease(self, name: str) -> Lease | None:
        lease = self.leases.get(name)
        if lease is not None and lease.expires <= self.now():
            self.end(lease)
            return None
        return lease

    def end(self, lease: Lease) -> None:
        if self.leases.pop(lease.id, None) is not None:
            lease.ended()

    def wrap(self, body: dict[str, Json], ttl: int, path: str, namespace: Namespace) -> dict[str, Json]:
        """`wrap_info` of a new wrapping token that holds this body."""
        token = self.add_token(
            ["response-wrapping"],
            ttl=ttl,
            namespace=namespace,
            left=1,
            wraps=dumps(body, sort=False),
            wrapped_path=path,
            path=path,
        )
        info = {
            "token": token.id,
            "accessor": token.accessor,
            "ttl": ttl,
            "creation_time": clock_time(token.issued),
            "creation_path": path,
        }
        auth = body.get("auth")
        return info | ({"wrapped_accessor": auth["accessor"]} if auth and auth.get("accessor") else {})

    def second_factor(self, call: Call, token: Token) -> Answer | None:
        """What a login is answered where its mount wants MFA; the token is given out after that."""
        return None

    def auth(self, token: Token) -> dict[str, Json]:
        """The `auth` block of a login or a new token."""
        return {
            "client_token": token.id,
            "accessor": token.accessor,
            "policies": token.policies,
            "token_policies": token.policies,
            "metadata": token.meta,
            "lease_duration": token.ttl,
            "renewable": token.renewable,
            "entity_id": token.entity_id,
            "token_type": token.kind,
            "orphan": token.orphan,
            "mfa_requirement": None,
            "num_uses": token.left,
        }


def envelope(state: State, answer: Answer, mount_type: str = "") -> dict[str, Json]:
    """The body of a success, in the order the server writes it."""
    body: dict[str, Json] = {
        "request_id": new_id(),
        "lease_id": answer.lease_id,
        "renewable": answer.renewable,
        "lease_duration": answer.lease_duration,
        "data": answer.data,
        "wrap_info": answer.wrap_info,
        "warnings": answer.warnings,
        "auth": answer.auth,
    }
    return body if state.openbao else body | {"mount_type": mount_type}
