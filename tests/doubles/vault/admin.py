"""What an operator does under `sys/`: mounts, login methods, policies, namespaces."""

from __future__ import annotations

from collections.abc import Callable

from tests.doubles.vault.call import Call
from tests.doubles.vault.methods import METHODS
from tests.doubles.vault.policy import parse
from tests.doubles.vault.state import State
from tests.doubles.vault.tree import Mount, Namespace
from tests.doubles.vault.wire import Answer, Failed, Json, clock_time, strings

SUDO = ("sys/auth/", "sys/leases/lookup/", "sys/leases/revoke-prefix/", "sys/audit")
"""Paths that need the capability sudo on top."""


class Admin:
    def __init__(self, state: State, mount: Callable[[Namespace, str, str, dict[str, Json]], Mount]) -> None:
        self.state = state
        self.mount = mount

    def find(self, call: Call) -> Callable[[Call], Answer] | None:
        """None where this is no path of ours."""
        path = call.path.rstrip("/")
        match path.split("/")[1:]:
            case ["mounts"] | ["auth"] if call.operation == "read":
                return self._tables
            case ["mounts" | "auth", *rest] if rest:
                return self._one_mount
            case ["policies", "acl", *_]:
                return self._policy
            case ["namespaces", *_]:
                return self._namespace
            case ["audit"] if call.operation == "read":
                return lambda _: Answer({}, injected=True)
            case ["capabilities"] if call.operation == "write":
                return self._capabilities
            case _:
                return None

    def _tables(self, call: Call) -> Answer:
        is_auth = call.path.rstrip("/") == "sys/auth"
        mounts = call.namespace.auths if is_auth else call.namespace.mounts
        shown = {name: mount.shown(self.state.flavour) for name, mount in mounts.items()}
        return Answer(shown if is_auth else shown | self.state.built_in(call.namespace), injected=True)

    def _one_mount(self, call: Call) -> Answer:
        is_auth = call.path.startswith("sys/auth/")
        mounts = call.namespace.auths if is_auth else call.namespace.mounts
        name = call.path.split("/", 2)[2].strip("/") + "/"
        if call.operation == "delete":
            mounts.pop(name, None)
            return Answer()
        if name.endswith("/tune/"):
            return self._tune(call, mounts, name.removesuffix("tune/"))
        if call.operation == "read":
            if name not in mounts:
                kind = "auth method at " if is_auth else "secret engine mount at "
                raise Failed(400, f"No {kind}{name}")
            return Answer(mounts[name].shown(self.state.flavour), injected=True)
        taken = next((known for known in mounts if known.startswith(name) or name.startswith(known)), None)
        if taken is not None:
            raise Failed(400, f"path is already in use at {taken}")
        if is_auth:
            kind = str(call.data.get("type"))
            if kind not in METHODS:
                raise Failed(400, f"plugin not found in the catalog: {kind}")
            mounts[name] = Mount(name, METHODS[kind](self.state, name), is_auth=True, options={})
        else:
            self.mount(call.namespace, name, str(call.data.get("type")), call.data.get("options") or {})
        mounts[name].description = str(call.data.get("description") or "")
        mounts[name].unauth = (call.data.get("config") or {}).get("listing_visibility") == "unauth"
        return Answer()

    @staticmethod
    def _tune(call: Call, mounts: dict[str, Mount], name: str) -> Answer:
        if name not in mounts:
            raise Failed(400, f"tune of path {name!r} failed: no mount entry found")
        if "listing_visibility" in call.data:
            mounts[name].unauth = call.data["listing_visibility"] == "unauth"
        return Answer()

    def _policy(self, call: Call) -> Answer:
        policies, name = call.namespace.policies, call.path.removeprefix("sys/policies/acl").strip("/")
        if call.operation == "list":
            return Answer({"keys": sorted({*policies, *(["root"] if not call.namespace.path else [])})})
        if call.operation == "delete":
            policies.pop(name, None)
            return Answer()
        if call.operation == "write":
            text = call.data.get("policy")
            if not isinstance(text, str) or not text:
                raise Failed(400, "'policy' parameter not supplied or empty")
            policies[name] = parse(text)
            call.namespace.policy_texts[name] = text
            return Answer()
        if name not in policies:
            return Answer()
        text = call.namespace.policy_texts.get(name, "")
        if not call.openbao:
            return Answer({"name": name, "policy": text})
        templates = {"allow_slashes_in_identity_templates": False, "allow_wildcards_in_identity_templates": False}
        about = {"cas_required": False, "modified": clock_time(call.now), "version": 1}
        return Answer({"name": name, "policy": text, **templates, **about})

    def _capabilities(self, call: Call) -> Answer:
        token = self.state.token(str(call.data.get("token")))
        if token is None:
            raise Failed(400, "invalid token")
        acl, paths = self.state.acl(token), strings(call.data.get("paths") or call.data.get("path"))
        found: dict[str, Json] = {path: acl.names(call.namespace.path + path) for path in paths}
        if len(paths) == 1:
            found["capabilities"] = found[paths[0]]
        return Answer(found, injected=True)

    def _namespace(self, call: Call) -> Answer:
        here, name = call.namespace.path, call.path.removeprefix("sys/namespaces").strip("/")
        spaces = self.state.namespaces
        if call.operation == "list":
            inside = {key[len(here) :]: space for key, space in spaces.items() if key.startswith(here) and key != here}
            direct = {key: self._shown(space) for key, space in inside.items() if key.count("/") == 1}
            return Answer({"keys": sorted(direct), "key_info": direct} if direct else {})
        whole = f"{here}{name}/"
        if call.operation == "read":
            return Answer(self._shown(spaces[whole]) if whole in spaces else None)
        if call.operation == "delete":
            for key in [key for key in spaces if key.startswith(whole)]:
                del spaces[key]
            return Answer({"status": "in-progress"})
        if " " in name:
            raise Failed(400, f'"{name}" contains space characters that cannot be used in a namespace name')
        return Answer(self._shown(self.state.add_namespace(whole, call.data.get("custom_metadata"))))

    def _shown(self, space: Namespace) -> dict[str, Json]:
        told = {"custom_metadata": space.custom_metadata, "id": space.id, "path": space.path}
        more = {"locked": False, "tainted": False, "uuid": space.uuid} if self.state.openbao else {}
        return {**told, **more}
