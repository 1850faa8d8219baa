"""Namespaces and what is mounted in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.doubles.vault.call import Engine
from tests.doubles.vault.policy import DEFAULT, Rules
from tests.doubles.vault.wire import Json, new_id, new_name

FIXED = {"cubbyhole": "per-token private secret storage", "token": "token based credentials"}
PLUGIN = {"openbao": "v2.6.2+builtin.bao", "vault": "v0.25.0+builtin"}


@dataclass
class Mount:
    """`path` ends with a slash. `unauth` shows it to those without a token."""

    path: str
    engine: Engine
    description: str = ""
    options: dict[str, Json] | None = None
    is_auth: bool = False
    unauth: bool = False
    config: dict[str, Json] = field(default_factory=dict)
    accessor: str = ""
    uuid: str = field(default_factory=new_id)

    def __post_init__(self) -> None:
        prefix = f"auth_{self.engine.kind}" if self.is_auth else self.engine.kind
        self.accessor = self.accessor or f"{prefix}_{new_name(8).lower()}"
        self.description = self.description or FIXED.get(self.engine.kind.removeprefix("ns_"), "")

    def shown(self, flavour: str) -> dict[str, Json]:
        config: dict[str, Json] = {"default_lease_ttl": 0, "force_no_cache": False, "max_lease_ttl": 0, **self.config}
        if self.is_auth:
            config["token_type"] = "default" if self.engine.kind == "ns_token" else "default-service"
        if self.unauth:
            config["listing_visibility"] = "unauth"
        kind = self.engine.kind
        fixed = {*FIXED, "system", "identity"}
        supported = {} if kind.removeprefix("ns_") in fixed else {"deprecation_status": "supported"}
        return {
            "accessor": self.accessor,
            "config": config,
            "description": self.description,
            "external_entropy_access": False,
            "local": kind.removeprefix("ns_") == "cubbyhole",
            "options": self.options,
            "plugin_version": "",
            "running_plugin_version": PLUGIN[flavour],
            "running_sha256": "",
            "seal_wrap": False,
            "type": kind,
            "uuid": self.uuid,
            **supported,
        }

    def shown_to_all(self) -> dict[str, Json]:
        return {"type": self.engine.kind, "description": self.description, "options": self.options}


@dataclass
class Enforcement:
    """Logins at the mount with this accessor need these methods. `methods` maps ids to passcodes that are good."""

    name: str
    accessor: str
    methods: dict[str, str]
    kind: str = "totp"


@dataclass
class Namespace:
    """`path` is "" for the root and "a/b/" else."""

    path: str
    parent: Namespace | None = None
    id: str = field(default_factory=lambda: new_name(6))
    custom_metadata: dict[str, str] = field(default_factory=dict)
    mounts: dict[str, Mount] = field(default_factory=dict)
    auths: dict[str, Mount] = field(default_factory=dict)
    policies: dict[str, Rules] = field(default_factory=lambda: {"default": DEFAULT})
    policy_texts: dict[str, str] = field(default_factory=dict)
    enforcements: list[Enforcement] = field(default_factory=list)
    uuid: str = field(default_factory=new_id)

    def is_within(self, other: Namespace) -> bool:
        return self.path.startswith(other.path)

    def match(self, path: str) -> tuple[Mount, str] | None:
        """The mount a path leads into and the rest. Login methods are at `auth/<their path>`."""
        found = [
            (mount, prefix + name)
            for prefix, mounts in (("", self.mounts), ("auth/", self.auths))
            for name, mount in mounts.items()
            if (path + "/").startswith(prefix + name)
        ]
        if not found:
            return None
        mount, prefix = max(found, key=lambda pair: len(pair[1]))
        return mount, path[len(prefix) :]

    def all_mounts(self) -> Iterator[Mount]:
        yield from self.mounts.values()
        yield from self.auths.values()
