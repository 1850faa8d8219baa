"""The login methods (openbao builtin/credential/)."""

from __future__ import annotations

import base64
import json

from tests.doubles.vault.call import Call
from tests.doubles.vault.login import Login
from tests.doubles.vault.state import State
from tests.doubles.vault.wire import (
    Answer,
    Failed,
    new_id,
)


class Userpass(Login):
    """`add("alice", "policy", secret="password")`."""

    kind = "userpass"
    refusal = "invalid username or password"

    def is_open(self, call: Call) -> bool:
        return call.path.startswith("login/")

    def login(self, call: Call, name: str) -> Answer:
        password = call.data.get("password")
        if not isinstance(password, str) or not password:
            raise self.no_password()
        role = self.roles.get(name.lower())
        if role is None or role.secret != password:
            raise Failed(400, self.refusal)
        return self.grant(call, role, name.lower(), {"username": name.lower()})

    def no_password(self) -> Failed:
        return Failed(500, "missing password")


class Ldap(Userpass):
    kind = "ldap"
    refusal = "ldap operation failed: failed to bind as user"

    def no_password(self) -> Failed:
        return Failed(400, "password cannot be of zero length when passwordless binds are being denied")


class AppRole(Login):
    """`add("app", "policy")`, then `role_id("app")` and `secret_id("app")`."""

    kind = "approle"

    def __init__(self, state: State, name: str) -> None:
        super().__init__(state, name)
        self.secret_ids: dict[str, tuple[str, int]] = {}
        """Secret ids, their roles and how often they may still be used; 0 always."""

    def role_id(self, name: str) -> str:
        return str(self.roles[name].more.setdefault("role_id", new_id()))

    def secret_id(self, name: str, uses: int = 0) -> str:
        made = new_id()
        self.secret_ids[made] = (name, uses)
        return made

    def handle(self, call: Call) -> Answer:
        if call.path == "login" and not call.data.get("role_id"):
            raise Failed(500, "missing role_id")
        return super().handle(call)

    def login(self, call: Call, _: str) -> Answer:
        role_id, secret_id = call.data.get("role_id"), call.data.get("secret_id")
        name = next((name for name in self.roles if self.role_id(name) == role_id), None)
        if name is None:
            raise Failed(400, "invalid role or secret ID")
        if not secret_id:
            raise Failed(400, "missing secret_id")
        owner, uses = self.secret_ids.get(str(secret_id), ("", 0))
        if owner != name:
            raise Failed(400, "invalid role or secret ID")
        if uses == 1:
            del self.secret_ids[str(secret_id)]
        elif uses:
            self.secret_ids[str(secret_id)] = (name, uses - 1)
        return self.grant(call, self.roles[name], "", {"role_name": name})

    def manage(self, call: Call, part: str, name: str) -> Answer:
        role, _, rest = name.partition("/")
        if rest == "role-id":
            return Answer({"role_id": self.role_id(role)})
        if rest == "secret-id" and call.is_write:
            made = {"secret_id": self.secret_id(role), "secret_id_accessor": new_id()}
            return Answer({**made, "secret_id_num_uses": 0, "secret_id_ttl": 0})
        return super().manage(call, part, name)


class Jwt(Login):
    """`add("role", "policy", secret="the.jwt.it-takes")`. Roles made over HTTP take any JWT of their subject."""

    kind = "jwt"

    def login(self, call: Call, _: str) -> Answer:
        if not (self.roles or self.is_configured):
            raise Failed(400, "could not load configuration")
        name = call.data.get("role")
        if not name:
            raise Failed(400, "missing role")
        role = self.roles.get(str(name))
        if role is None:
            raise self.no_role(str(name))
        jwt = call.data.get("jwt")
        if not jwt:
            raise self.no_jwt()
        subject = _subject(str(jwt))
        good = jwt == role.secret if role.secret else subject == role.more.get("bound_subject") is not None
        if not good:
            raise self.refused()
        return self.grant(call, role, subject or str(name), {"role": str(name)})

    def no_role(self, name: str) -> Failed:
        return Failed(400, f'role "{name}" could not be found')

    def no_jwt(self) -> Failed:
        return Failed(400, "missing token")

    def refused(self) -> Failed:
        return Failed(400, "error validating token: error verifying token: failed to verify id token signature")


def _subject(jwt: str) -> str | None:
    """`sub` of a JWT; its signature is not looked at."""
    parts = jwt.split(".")
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=="))
        return str(claims["sub"])
    except (IndexError, KeyError, ValueError):
        return None


class Kubernetes(Jwt):
    kind = "kubernetes"

    def no_role(self, name: str) -> Failed:
        return Failed(400, f'invalid role name "{name}"')

    def no_jwt(self) -> Failed:
        return Failed(400, "missing jwt")

    def refused(self) -> Failed:
        return Failed(403, "permission denied")


class Cert(Login):
    """`add("name", "policy")`; `shown` says whether a client certificate came (the double does not look at TLS)."""

    kind = "cert"
    shown = True

    def login(self, call: Call, _: str) -> Answer:
        if not self.shown:
            raise Failed(400, "invalid certificate or no client certificate supplied")
        wanted = call.data.get("name")
        found = next((name for name in self.roles if not wanted or name == wanted), None)
        if found is None:
            raise Failed(400, "no chain matching all constraints could be found for this login certificate")
        return self.grant(call, self.roles[found], "", {"cert_name": found, "common_name": found})
