"""What all login methods share: users and roles, an operator's calls for them, and the token they give."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.doubles.vault.call import Call
from tests.doubles.vault.state import DEFAULT_TTL, State
from tests.doubles.vault.wire import (
    UNSUPPORTED,
    Answer,
    Failed,
    Json,
    new_id,
    one_error,
    seconds_of,
    strings,
)

BARE_UNSUPPORTED = Failed(405, "unsupported operation")
"""On paths that need no token it comes without a count of errors."""
TOKEN_SETTINGS: dict[str, Json] = {
    "token_bound_cidrs": [],
    "token_explicit_max_ttl": 0,
    "token_no_default_policy": False,
    "token_num_uses": 0,
    "token_period": 0,
    "token_strictly_bind_ip": False,
    "token_type": "default",
}


@dataclass
class Role:
    """What a user or role gets: `secret` is the password or JWT that opens it. Times in seconds, 0 the default."""

    policies: list[str]
    secret: str = ""
    ttl: int = 0
    max_ttl: int = 0
    more: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, data: dict[str, Json], secret: str = "") -> Role:
        names = strings(data.get("token_policies") or data.get("policies"))
        return cls(names, secret, seconds_of(data.get("token_ttl")), seconds_of(data.get("token_max_ttl")), dict(data))

    def shown(self) -> dict[str, Json]:
        about = {"token_policies": self.policies, "token_ttl": self.ttl, "token_max_ttl": self.max_ttl}
        return {**TOKEN_SETTINGS, **about}


class Login:
    """Base of the methods. `name` is the mount with its slash; `roles` are its users or roles by name."""

    kind = ""
    version: int | None = None

    def __init__(self, state: State, name: str) -> None:
        self.state = state
        self.name = name
        self.roles: dict[str, Role] = {}
        self.is_configured = False
        self.default_role = ""

    def exists(self, call: Call) -> bool:
        return True

    def add(self, name: str, *policies: str, secret: str = "", ttl: int = 0, max_ttl: int = 0, **more: Any) -> Role:
        """A user or role. `secret` is its password, or the JWT it takes."""
        self.roles[name] = Role(list(policies), secret, ttl, max_ttl, more)
        return self.roles[name]

    def is_open(self, call: Call) -> bool:
        """May this be called without a token?"""
        return call.path == "login"

    def handle(self, call: Call) -> Answer:
        part, _, name = call.path.partition("/")
        if part == "login":
            if call.operation != "write":
                raise BARE_UNSUPPORTED
            return self.login(call, name)
        return self.manage(call, part, name)

    def login(self, call: Call, name: str) -> Answer:
        raise NotImplementedError

    def manage(self, call: Call, part: str, name: str) -> Answer:
        """An operator's calls: users and roles over HTTP."""
        if part not in {"users", "role", "certs", "config"}:
            raise Failed(404, one_error("unsupported path"))
        match call.operation:
            case "list":
                return Answer({"keys": sorted(self.roles)})
            case "write" if part == "config":
                self.is_configured = True
                self.default_role = str(call.data.get("default_role") or "")
                return Answer()
            case "write":
                self.roles[name] = Role.of(call.data, str(call.data.get("password", "")))
                return Answer()
            case "delete":
                self.roles.pop(name, None)
                return Answer()
            case "read":
                return Answer(self.roles[name].shown() if name in self.roles else None)
            case _:
                raise UNSUPPORTED

    def accessor(self, call: Call) -> str:
        return call.namespace.auths[self.name].accessor

    def grant(self, call: Call, role: Role, name: str, meta: dict[str, str]) -> Answer:
        """A new token, or the demand of a second factor for it."""
        ttl = role.ttl or DEFAULT_TTL
        token = self.state.add_token(
            ["default", *role.policies],
            ttl=ttl,
            namespace=call.namespace,
            renewable=True,
            renews=ttl,
            max_ttl=role.max_ttl or DEFAULT_TTL,
            path=call.full,
            display_name=f"{self.name.rstrip('/').replace('/', '-')}{'-' + name if name else ''}",
            entity_id=new_id(),
            meta=meta,
            left=int(role.more.get("num_uses", 0)),
        )
        return self.state.second_factor(call, token, self.accessor(call)) or Answer(auth=self.state.auth(token))
