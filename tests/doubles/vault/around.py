"""Around the engines, under `sys/`: health, mounts, capabilities, wrapping, leases (vault/logical_system.go)."""

from __future__ import annotations

from collections.abc import Callable

from tests.doubles.vault.call import Call, Token
from tests.doubles.vault.mfa import Mfa
from tests.doubles.vault.policy import Acl
from tests.doubles.vault.state import DEFAULT_TTL, State
from tests.doubles.vault.wire import SECOND, Answer, Failed, Json, clock_time, one_error, seconds_of, strings, truth

NO_WRAPPING = "wrapping token is not valid or does not exist"
UNCHECKED = frozenset({"sys/mfa/validate", "sys/seal-status", "sys/leader", "sys/init"})
"""Paths that need no token."""
SELF_CHECKED = ("sys/internal/ui/mounts", "sys/internal/ui/namespaces", "sys/wrapping/lookup", "sys/wrapping/unwrap")
"""Paths that look at the token themselves."""


class Around:
    def __init__(self, state: State, mfa: Mfa) -> None:
        self.state = state
        self.mfa = mfa
        self.exact: dict[tuple[str, str], Callable[[Call], Answer]] = {
            ("read", "sys/internal/ui/mounts"): self._mounts,
            ("read", "sys/internal/ui/namespaces"): self._ui_namespaces,
            ("write", "sys/capabilities-self"): self._capabilities,
            ("write", "sys/wrapping/lookup"): self._wrapping_lookup,
            ("read", "sys/wrapping/lookup"): self._wrapping_lookup,
            ("write", "sys/wrapping/unwrap"): self._unwrap,
            ("write", "sys/wrapping/wrap"): self._wrap,
            ("write", "sys/wrapping/rewrap"): self._rewrap,
            ("write", "sys/leases/lookup"): self._lease_lookup,
            ("write", "sys/leases/renew"): self._lease_renew,
            ("write", "sys/leases/revoke"): self._lease_revoke,
            ("read", "sys/leader"): lambda _: Answer(whole='{"ha_enabled":false}\n'),
        }

    def find(self, call: Call) -> Callable[[Call], Answer] | None:
        """None where this is no path of ours."""
        path = call.path.rstrip("/")
        if path == "sys/mfa/validate":
            return self.mfa.validate
        if call.operation == "read" and path.startswith("sys/internal/ui/mounts/"):
            return self._preflight
        if call.operation == "list" and (path + "/").startswith("sys/leases/lookup/"):
            return self._lease_list
        return self.exact.get((call.operation, path))

    def _acl(self, call: Call) -> tuple[Token, Acl]:
        if call.known_token is None:
            raise self.state.denied()
        return call.known_token, self.state.acl(call.known_token)

    def _mounts(self, call: Call) -> Answer:
        state, space = self.state, call.namespace
        if call.known_token is None and not call.has_token:
            return Answer(
                {
                    "secret": {name: mount.shown_to_all() for name, mount in space.mounts.items() if mount.unauth},
                    "auth": {name: mount.shown_to_all() for name, mount in space.auths.items() if mount.unauth},
                }
            )
        _, acl = self._acl(call)
        shown: dict[str, dict[str, Json]] = {"secret": {}, "auth": {}}
        for mount in space.all_mounts():
            prefix = space.path + ("auth/" if mount.is_auth else "")
            if mount.unauth or acl.reaches_into(prefix + mount.path):
                shown["auth" if mount.is_auth else "secret"][mount.path] = mount.shown(state.flavour)
        built_in = state.built_in(space).items()
        shown["secret"] |= {name: entry for name, entry in built_in if acl.reaches_into(space.path + name)}
        return Answer(shown)

    def _preflight(self, call: Call) -> Answer:
        _, acl = self._acl(call)
        path = call.path.removeprefix("sys/internal/ui/mounts/").strip("/") + "/"
        refused = Failed(
            403,
            f'preflight capability check returned 403, please ensure client\'s policies grant access to path "{path}"',
        )
        resolved = self.state.resolve(call.namespace.path, path)
        assert resolved is not None
        space, inside = resolved
        found = space.match(inside.rstrip("/"))
        if found is None:
            raise refused
        mount = found[0]
        whole = ("auth/" if mount.is_auth else "") + mount.path
        if not acl.reaches_into(space.path + whole):
            raise refused
        shown = mount.path if space is call.namespace else space.path.removeprefix(call.namespace.path) + whole
        return Answer(mount.shown(self.state.flavour) | {"path": shown})

    def _ui_namespaces(self, call: Call) -> Answer:
        if call.known_token is None:
            raise Failed(500, "client token empty")
        _, acl = self._acl(call)
        here = call.namespace.path
        names = [name[len(here) :] for name in self.state.namespaces if name.startswith(here) and name != here]
        names = [name for name in names if name.count("/") == 1 and acl.reaches_into(here + name)]
        return Answer({"keys": sorted(names)} if names else {})

    def _capabilities(self, call: Call) -> Answer:
        paths = strings(call.data.get("paths") or call.data.get("path"))
        if not paths:
            raise Failed(400, "paths must be supplied")
        _, acl = self._acl(call)
        found: dict[str, Json] = {path: acl.names(call.namespace.path + path) for path in paths}
        if len(paths) == 1:
            found["capabilities"] = found[paths[0]]
        return Answer(found, injected=True)

    def _wrapping(self, call: Call) -> Token:
        """The token a wrapping call is about: that of the body, else the one it came with."""
        given = call.data.get("token")
        if given == "":
            raise Failed(403, "error validating wrapping token: empty token in request body")
        if given is None and not call.has_token:
            raise Failed(403, "error validating wrapping token: token is empty")
        token = self.state.token(given) if isinstance(given, str) and given else call.known_token
        if token is None or not token.wraps:
            raise Failed(400, NO_WRAPPING)
        return token

    def _wrapping_lookup(self, call: Call) -> Answer:
        token = self._wrapping(call)
        told = {"creation_path": token.wrapped_path, "creation_time": clock_time(token.issued)}
        return Answer(told | {"creation_ttl": token.ttl})

    def _unwrap(self, call: Call) -> Answer:
        token = self._wrapping(call)
        if token is not call.known_token:
            _, acl = self._acl(call)
            if not acl.allows("update", call.namespace.path + call.path):
                raise Failed(403, one_error("permission denied"))
        self.state.revoke(token)
        if token is call.known_token and call.data.get("token"):
            text = "error decrementing wrapping token's use-count: invalid token entry provided for use count"
            raise Failed(500, one_error(f"{text} decrementing"))
        return Answer(whole=token.wraps, status=token.wrapped_status)

    def _wrap(self, call: Call) -> Answer:
        if not seconds_of(call.headers.get("x-vault-wrap-ttl")):
            raise Failed(400, "endpoint requires response wrapping to be used")
        return Answer(call.data)

    def _rewrap(self, call: Call) -> Answer:
        token = self._wrapping(call)
        self.state.revoke(token)
        info = self.state.wrap_text(token.wraps, token.ttl, token.wrapped_path, call.namespace)
        return Answer(wrap_info=info)

    def _lease_id(self, call: Call) -> str:
        given = call.data.get("lease_id")
        if not isinstance(given, str) or not given:
            raise Failed(400, "lease_id must be specified")
        return given

    def _lease_lookup(self, call: Call) -> Answer:
        lease = self.state.lease(self._lease_id(call))
        if lease is None:
            raise Failed(400, "invalid lease")
        told = {
            "id": lease.id,
            "path": lease.path,
            "issue_time": clock_time(lease.issued),
            "expire_time": clock_time(lease.expires),
            "last_renewal": clock_time(lease.renewed) if lease.renewed is not None else None,
            "renewable": lease.renewable,
            "ttl": (lease.expires - call.now) // SECOND,
        }
        return Answer(told if self.state.openbao else {name: told[name] for name in told if name != "path"})

    def _lease_renew(self, call: Call) -> Answer:
        lease = self.state.lease(self._lease_id(call))
        if lease is None:
            raise Failed(400, "lease not found")
        if not lease.renewable:
            raise Failed(400, "lease is not renewable")
        wanted = seconds_of(call.data.get("increment")) or lease.ttl
        most = max(0, (lease.issued - call.now) // SECOND + lease.max_ttl)
        ttl = min(wanted, most)
        lease.renewed, lease.expires = call.now, call.now + ttl * SECOND
        text = f'TTL of "{wanted}s" exceeded the effective max_ttl of "{most}s"; TTL value is capped accordingly'
        return Answer(lease_id=lease.id, renewable=True, lease_duration=ttl, warnings=[text] if ttl < wanted else None)

    def _lease_revoke(self, call: Call) -> Answer:
        lease = self.state.lease(self._lease_id(call))
        if lease is not None:
            self.state.end(lease)
        is_sync = truth("sync", call.data.get("sync", self.state.openbao))
        return Answer() if is_sync else Answer(status=202, empty=True)

    def _lease_list(self, call: Call) -> Answer:
        folder = call.path.removeprefix("sys/leases/lookup/")
        return Answer({"keys": self.state.leases.listing(folder)})


class Database:
    """`database/creds/<role>`: every read makes a user and a lease; `roles` maps names to lifetimes in seconds."""

    kind = "database"
    version: int | None = None

    def __init__(self, state: State) -> None:
        self.state = state
        self.roles: dict[str, tuple[int, int]] = {}
        self.users: dict[str, str] = {}
        """The users that exist now, and their passwords."""
        self.made = 0

    def exists(self, call: Call) -> bool:
        return True

    def add_role(self, name: str, *, ttl: int = 3600, max_ttl: int = DEFAULT_TTL) -> None:
        self.roles[name] = (ttl, max_ttl)

    def handle(self, call: Call) -> Answer:
        part, _, role = call.path.partition("/")
        match call.operation, part:
            case "list", "roles" if not role:
                return Answer({"keys": sorted(self.roles)})
            case "read", "roles" if role in self.roles:
                ttl, most = self.roles[role]
                return Answer({"db_name": "fake", "default_ttl": ttl, "max_ttl": most, "creation_statements": []})
            case "read", "roles":
                return Answer()
            case "read", "creds":
                return self._issue(call, role)
            case _, "roles" | "creds":
                raise Failed(405, one_error("unsupported operation"))
            case _:
                raise Failed(404, one_error("unsupported path"))

    def _issue(self, call: Call, role: str) -> Answer:
        if role not in self.roles:
            raise Failed(400, f"unknown role: {role}")
        ttl, most = self.roles[role]
        self.made += 1
        user = f"v-token-{role}-{self.made:06d}"
        self.users[user] = f"made-{self.made}-for-{role}"
        lease = self.state.add_lease(
            call.full,
            call.namespace,
            ttl,
            True,
            max_ttl=most,
            token=call.token.id,
            ended=lambda: self.users.pop(user, None) and None,
        )
        data = {"username": user, "password": self.users[user]}
        return Answer(data, lease_id=lease.id, renewable=True, lease_duration=ttl)
