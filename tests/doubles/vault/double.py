"""The double of a Vault or OpenBao server and what a test does with it."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from tests.doubles.server import Double, Reply, Seen
from tests.doubles.vault.admin import Admin
from tests.doubles.vault.around import Around, Database
from tests.doubles.vault.call import Call, Engine
from tests.doubles.vault.kv1 import Cubbyhole, Kv1
from tests.doubles.vault.kv2 import Kv2
from tests.doubles.vault.methods import METHODS
from tests.doubles.vault.mfa import Mfa
from tests.doubles.vault.policy import Rules
from tests.doubles.vault.serving import Serving
from tests.doubles.vault.state import DEFAULT_TTL, Flavour, State
from tests.doubles.vault.tokens import Tokens
from tests.doubles.vault.tree import Enforcement, Mount, Namespace
from tests.doubles.vault.wire import SECOND, Failed, Json, Struct, dumps, loads, new_id

Standby: TypeAlias = Literal["", "standby", "performance", "secondary", "cut off", "removed"]
STANDBY = {"standby": 429, "performance": 473, "secondary": 472, "cut off": 474, "removed": 530}

HARMLESS = ("auth/token/lookup", "auth/token/renew", "sys/capabilities", "sys/wrapping/lookup", "sys/leases/lookup")
"""Writes that change nothing a user would call a secret, besides logins."""


@dataclass
class Quota:
    """So many requests per interval (seconds) below a path."""

    path: str
    requests: int
    interval: float
    headers: bool
    start: float = 0.0
    used: int = 0


class VaultDouble(Double):
    """Use as a context manager. `mounts` maps paths to the version of the KV engine there."""

    def __init__(
        self,
        *,
        flavour: Flavour = "openbao",
        mounts: Mapping[str, int] | None = None,
        latency: float = 0.0,
        context: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(context, latency=latency)
        self.state = State(flavour)
        self.provider = self.state.provider
        self.provider.url = f"{self.url}/provider"
        self.mfa = Mfa(self.state)
        self.state.second_factor = self.mfa.demand
        self.sealed = False
        self.initialized = True
        self.standby: Standby = ""
        self.active_url = ""
        """Where a standby sends all but sys/health, with 307; "" answers them itself, as if it had forwarded them."""
        self._quota: Quota | None = None
        self._state_lock = threading.RLock()
        self.broken: list[Exception] = []
        """Errors of the double itself, each answered with 500."""
        self.state.fill = self._fill
        self._fill(self.state.root)
        for path, version in ({"secret": 2} if mounts is None else mounts).items():
            self.mount(path, version=version)
        self.root_token = "root"
        self.state.add_token(["root"], ttl=0, id=self.root_token)
        self._serving = Serving(self, self.state, Around(self.state, self.mfa), Admin(self.state, self._mount))

    # What a test sets up.

    @property
    def flavour(self) -> Flavour:
        return self.state.flavour

    def namespace(self, path: str, custom_metadata: dict[str, str] | None = None) -> Namespace:
        """Makes it; its parent must exist."""
        with self._state_lock:
            return self.state.add_namespace(path, custom_metadata)

    def mount(self, path: str, *, version: int = 2, kind: str = "kv", namespace: str = "", **options: Json) -> Any:
        """A KV engine, or `kind="database"` (then call `add_role` on what is returned)."""
        known = {"version": str(version)} if kind == "kv" else {}
        with self._state_lock:
            return self._mount(self._space(namespace), path.strip("/") + "/", kind, {**known, **options}).engine

    def policy(self, name: str, rules: Rules, *, namespace: str = "") -> None:
        """`rules` maps path globs to capabilities: {"secret/data/+/x*": ["read"], "secret/*": ["deny"]}."""
        self._space(namespace).policies[name] = rules

    def token(self, *policies: str, ttl: int = DEFAULT_TTL, namespace: str = "", **about: Any) -> str:
        """A new token under these policies and `default`. `about`: renewable, left (uses), period, max_ttl, id, …"""
        with self._state_lock:
            about.setdefault("renewable", ttl > 0)
            names = policies if "root" in policies else ("default", *policies)
            return self.state.add_token(names, ttl=ttl, namespace=self._space(namespace), **about).id

    def login_method(self, kind: str, path: str = "", *, namespace: str = "") -> Any:
        """Enables one (userpass, ldap, approle, jwt, kubernetes, cert, oidc); returns it for its users and roles."""
        name = (path or kind).strip("/") + "/"
        method = METHODS[kind](self.state, name)
        self._space(namespace).auths[name] = Mount(name, method, is_auth=True, options={})
        return method

    def require_mfa(
        self, login: str, passcode: str, *, kind: str = "totp", name: str = "second", namespace: str = ""
    ) -> str:
        """Logins at this mount need this passcode from now on (`kind="duo"`: none, just a confirmation); its id."""
        space = self._space(namespace)
        method = new_id()
        accessor = space.auths[login.strip("/") + "/"].accessor
        space.enforcements.append(Enforcement(name, accessor, {method: passcode}, kind))
        return method

    def advance(self, seconds: float) -> None:
        """Lets this much time go by."""
        self.state.skew += int(seconds * SECOND)

    def limit_rate(self, requests: int, interval: float, path: str = "", *, headers: bool = True) -> None:
        """From now on so many requests per interval (seconds, real time) below `path`, 429 to the others.

        `headers` False is how servers come: no Retry-After unless the operator wants it.
        """
        self._quota = Quota(path, requests, interval, headers)

    def write(self, mount: str, name: str, data: dict[str, Json], *, namespace: str = "") -> None:
        """Puts a secret (a next version of it) there without a request."""
        space = self._space(namespace)
        with self._state_lock:
            engine = space.mounts[mount.strip("/") + "/"].engine
            body = {"data": data} if engine.version == 2 else data
            path = f"data/{name}" if engine.version == 2 else name
            engine.handle(Call("write", path, loads(dumps(body).encode()), {}, space, self.state.now(), True))

    # What a test looks at.

    def secrets_of(self, mount: str, *, namespace: str = "") -> dict[str, Any]:
        """The state of a KV mount by name: `kv2.Secret`s, or for KV v1 what was written."""
        engine = self._space(namespace).mounts[mount.strip("/") + "/"].engine
        assert isinstance(engine, Kv1 | Kv2)
        return engine.secrets

    def mutations(self) -> list[Seen]:
        """The recorded requests that change something: writes and deletes other than logins and lookups."""
        return [request for request in self.sent("POST", "PUT", "PATCH", "DELETE") if not self._is_harmless(request)]

    def _is_harmless(self, request: Seen) -> bool:
        path = request.path.removeprefix("/v1/")
        resolved = self.state.resolve(request.headers.get("x-vault-namespace", ""), path)
        path = resolved[1] if resolved is not None else path
        login = path.startswith("auth/") and {"login", "oidc"} & set(path.split("/"))
        return bool(login) or path.startswith(HARMLESS) or path == "sys/mfa/validate"

    # How it answers.

    def answer(self, request: Seen) -> Reply:
        path = request.path
        if self.standby and self.active_url and path.startswith("/v1/") and path != "/v1/sys/health":
            return Reply(307, headers={"Location": self.active_url + request.target})
        with self._state_lock:
            reply = self._serving.reply(request)
        return replace(reply, body=b"") if request.method == "HEAD" else reply

    def outside(self, request: Seen) -> Reply | None:
        """Pages that are not the server's API: those of the login provider."""
        return self.provider.reply(request) if request.path.startswith("/provider/") else None

    def health(self, query: Mapping[str, str]) -> Reply:
        status = 200
        if self.standby:
            stands_in = self.standby in {"standby", "performance"} and "standbyok" in query
            status = 200 if stands_in else int(query.get("standbycode", STANDBY[self.standby]))
        if self.sealed:
            status = int(query.get("sealedcode", 503))
        if not self.initialized:
            status = int(query.get("uninitcode", 501))
        is_enterprise = not self.state.openbao and len(self.state.namespaces) > 1
        mode = "unknown" if self.sealed or not self.initialized else "disabled"
        body = Struct()
        body |= {
            "initialized": self.initialized,
            "sealed": self.sealed or not self.initialized,
            "standby": bool(self.standby) or self.sealed or not self.initialized,
            **({} if self.state.openbao else {"performance_standby": self.standby == "performance"}),
            "replication_performance_mode": mode,
            "replication_dr_mode": "secondary" if self.standby == "secondary" else mode,
            "server_time_utc": self.state.now() // SECOND,
            "version": self.state.version + ("+ent" if is_enterprise else ""),
        }
        if not self.state.openbao:
            body |= {"enterprise": is_enterprise, "echo_duration_ms": 0, "clock_skew_ms": 0}
        if not self.sealed and self.initialized:
            body |= {"cluster_name": "vault-cluster-double", "cluster_id": self.state.cluster}
        return Reply(status, (dumps(body) + "\n").encode(), {"Cache-Control": "no-store"})

    def seal_status(self) -> Reply:
        body = Struct()
        body |= {
            "type": "shamir",
            "initialized": self.initialized,
            "sealed": self.sealed,
            "t": 1,
            "n": 1,
            "progress": 0,
            "nonce": "",
            "recovery_seal": False,
            "version": self.state.version,
            "commit_date": "",
            "migration": False,
        }
        if not self.sealed:
            body |= {"cluster_name": "vault-cluster-double", "cluster_id": self.state.cluster}
        body["storage_type"] = "inmem"
        return Reply(body=(dumps(body) + "\n").encode())

    def check_quota(self, path: str) -> dict[str, str]:
        """The headers a quota adds. Raises Failed."""
        if self._quota is None or not path.startswith(self._quota.path):
            return {}
        quota, now = self._quota, time.monotonic()
        if now - quota.start >= quota.interval:
            quota.start, quota.used = now, 0
        quota.used += 1
        rest = str(int(quota.start + quota.interval - now))
        headers = {"X-Ratelimit-Limit": str(quota.requests), "X-Ratelimit-Reset": rest}
        headers["X-Ratelimit-Remaining"] = str(max(0, quota.requests - quota.used))
        if quota.used > quota.requests:
            told = {"Retry-After": rest, **headers} if quota.headers else {}
            raise Failed(429, f'request path "{path}": rate limit quota exceeded', headers=told)
        return headers if quota.headers else {}

    def _space(self, path: str) -> Namespace:
        return self.state.namespaces[path.strip("/") + "/" if path.strip("/") else ""]

    def _fill(self, namespace: Namespace) -> None:
        prefix = "ns_" if namespace.path and self.state.openbao else ""
        namespace.mounts["cubbyhole/"] = Mount("cubbyhole/", Cubbyhole(self.state, prefix))
        tokens = Tokens(self.state, "token/")
        tokens.kind = f"{prefix}token"
        namespace.auths["token/"] = Mount("token/", tokens, is_auth=True)

    def _mount(self, namespace: Namespace, path: str, kind: str, options: dict[str, Json]) -> Mount:
        if kind == "kv-v2":
            kind, options = "kv", {**options, "version": "2"}
        if kind not in {"kv", "generic", "database"}:
            raise Failed(400, f"plugin not found in the catalog: {kind}")
        if kind == "database":
            namespace.mounts[path] = Mount(path, Database(self.state), options={})
        else:
            engine: Engine = Kv2() if options.get("version") == "2" else Kv1(self.state, options)
            description = "key/value secret storage" if path == "secret/" else ""
            namespace.mounts[path] = Mount(path, engine, description, options)
        return namespace.mounts[path]
