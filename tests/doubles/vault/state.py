"""What the server knows: namespaces, tokens, leases and its clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from tests.doubles.vault.call import Call, Token
from tests.doubles.vault.names import Names
from tests.doubles.vault.policy import WRAPPING, Acl
from tests.doubles.vault.provider import Provider
from tests.doubles.vault.tree import Mount, Namespace
from tests.doubles.vault.wire import (
    SECOND,
    Answer,
    Failed,
    Json,
    Struct,
    clock_time,
    dumps,
    new_id,
    new_name,
    one_error,
    several,
)

DEFAULT_TTL = 768 * 3600
"""Seconds: the lifetime of a token nobody gave one, and the longest one."""

BUILT_IN: dict[str, tuple[str, str, dict[str, Json]]] = {
    "identity/": ("identity", "identity store", {"passthrough_request_headers": ["Authorization"]}),
    "sys/": (
        "system",
        "system endpoints used for control, policy and debugging",
        {"passthrough_request_headers": ["Accept"]},
    ),
}

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
class Nothing:
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
        self.leases: Names[Lease] = Names()
        self.provider = Provider()
        self.pending_oidc: dict[str, Any] = {}
        """Logins at the provider that have begun, by `state`."""
        self.second_factor: Callable[[Call, Token, str], Answer | None] = lambda *_: None
        """What a login at the mount of this accessor is answered where it needs MFA."""
        self.cluster = new_id()
        self.fill: Callable[[Namespace], None] = lambda _: None
        """Puts into a new namespace what every one has."""
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
        made = Namespace(whole, parent, custom_metadata=custom_metadata or {})
        self.namespaces[whole] = made
        self.fill(made)
        return made

    def built_in(self, namespace: Namespace) -> dict[str, dict[str, Json]]:
        """How `sys/` and `identity/` are shown, which are no engines of ours."""
        shown: dict[str, dict[str, Json]] = {}
        for name, (kind, description, config) in BUILT_IN.items():
            prefix = "ns_" if namespace.path and self.openbao else ""
            mount = Mount(name, Nothing(prefix + kind), description, config=config)
            kept = self._built_in.setdefault((namespace.path, name), mount)
            shown[name] = kept.shown(self.flavour) | {"seal_wrap": name == "sys/"}
        return shown

    def acl(self, token: Token) -> Acl:
        if "root" in token.policies:
            return Acl({}, is_root=True)
        home = token.namespace
        policies = {**home.policies, "response-wrapping": WRAPPING}
        known = [(home.path, policies[name]) for name in token.policies if name in policies]
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
        if token.left > 0:
            token.left -= 1
            if token.left == 0:
                token.left = -1
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

    def wrap(
        self, body: dict[str, Json], ttl: int, path: str, namespace: Namespace, status: int = 200
    ) -> dict[str, Json]:
        """`wrap_info` of a new wrapping token that holds this body."""
        info = self.wrap_text(dumps(body), ttl, path, namespace, status)
        accessor = (body["auth"] or {}).get("accessor") or (body["data"] or {}).get("secret_id_accessor")
        if accessor:
            info["wrapped_accessor"] = accessor
        return info

    def wrap_text(self, text: str, ttl: int, path: str, namespace: Namespace, status: int = 200) -> dict[str, Json]:
        token = self.add_token(
            ["response-wrapping"],
            ttl=ttl,
            namespace=namespace,
            left=1,
            wraps=text,
            wrapped_path=path,
            wrapped_status=status,
            path=path,
        )
        return Struct(
            token=token.id,
            accessor=token.accessor,
            ttl=ttl,
            creation_time=clock_time(token.issued),
            creation_path=path,
        )

    def auth(self, token: Token) -> dict[str, Json]:
        """The `auth` block of a login or a new token."""
        return Struct(
            client_token=token.id,
            accessor=token.accessor,
            policies=token.policies,
            token_policies=token.policies,
            metadata=token.meta,
            lease_duration=token.ttl,
            renewable=token.renewable,
            entity_id=token.entity_id,
            token_type=token.kind,
            orphan=token.orphan,
            mfa_requirement=None,
            num_uses=token.left,
        )


def envelope(state: State, answer: Answer, mount_type: str = "") -> dict[str, Json]:
    """The body of a success, in the order the server writes it."""
    body = Struct(
        request_id="" if answer.wrap_info else new_id(),
        lease_id=answer.lease_id,
        renewable=answer.renewable,
        lease_duration=answer.lease_duration,
        data=answer.data,
        wrap_info=answer.wrap_info,
        warnings=answer.warnings,
        auth=answer.auth,
    )
    if not state.openbao:
        body["mount_type"] = mount_type
    return body
