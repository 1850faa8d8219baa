"""Login at an OpenID provider, by browser and, on OpenBao, by device (openbao builtin/credential/jwt/path_oidc.go)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.doubles.vault.auth import Jwt
from tests.doubles.vault.call import Call
from tests.doubles.vault.login import Role
from tests.doubles.vault.wire import Answer, Failed, integer, new_name, strings

CALLBACK = "http://localhost:8250/oidc/callback"
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass
class Pending:
    """A login that has begun. `device` "" is one by browser."""

    role: str
    client_nonce: str
    redirect_uri: str = ""
    device: str = ""


class Oidc(Jwt):
    """`add("role", "policy", allowed_redirect_uris=[…])`, or with `callback_mode="device"` and `poll_interval=1`.

    What the user does at the provider is `VaultDouble.provider.decision`.
    """

    kind = "oidc"

    def is_open(self, call: Call) -> bool:
        return call.path in {"login", "oidc/auth_url", "oidc/callback", "oidc/poll"}

    def _refused(self, text: str) -> Failed:
        return Failed(400, f"{'OpenBao' if self.state.openbao else 'Vault'} login failed. {text}")

    def handle(self, call: Call) -> Answer:
        match call.operation, call.path:
            case "write", "oidc/auth_url":
                return self._auth_url(call)
            case "read", "oidc/callback":
                return self._callback(call)
            case "write", "oidc/poll" if self.state.openbao:
                return self._poll(call)
            case _, "oidc/auth_url" | "oidc/callback" | "oidc/poll":
                raise Failed(405, "unsupported operation")
            case _:
                return super().handle(call)

    def _auth_url(self, call: Call) -> Answer:
        if not (self.roles or self.is_configured):
            raise Failed(400, "could not load configuration")
        name = str(call.data.get("role") or self.default_role).lower()
        nothing = Answer({"auth_url": ""})
        if not name:
            raise Failed(400, "missing role")
        role = self.roles.get(name)
        if role is None:
            if not self.state.openbao:
                return nothing
            raise Failed(400, f'role "{name}" could not be found')
        nonce = str(call.data.get("client_nonce") or "")
        provider, state = self.state.provider, f"st_{new_name(20)}"
        if self.state.openbao and role.more.get("callback_mode") == "device":
            if not nonce:
                raise Failed(400, "missing client_nonce")
            device, user = provider.new_device()
            self.state.pending_oidc[state] = Pending(name, nonce, device=device)
            told = {"auth_url": f"{provider.url}/activate", "user_code": user, "state": state}
            return Answer({**told, "poll_interval": str(integer("", role.more.get("poll_interval")) or 1)})
        where = str(call.data.get("redirect_uri") or "")
        if not where:
            raise Failed(400, "missing redirect_uri")
        if not any(_is_same(where, allowed) for allowed in _allowed(role)):
            return nothing
        self.state.pending_oidc[state] = Pending(name, nonce, where)
        url = provider.authorize_url(redirect_uri=where, state=state, nonce=f"n_{new_name(20)}", scope="openid")
        return Answer({"auth_url": url})

    def _callback(self, call: Call) -> Answer:
        pending = self.state.pending_oidc.pop(str(call.data.get("state") or ""), None)
        if pending is None:
            raise self._refused("Expired or missing OAuth state.")
        error = str(call.data.get("error") or "")
        if error:
            raise self._refused(error)
        if pending.client_nonce and call.data.get("client_nonce") != pending.client_nonce:
            raise Failed(400, "invalid client_nonce")
        code = str(call.data.get("code") or "")
        if not code:
            raise self._refused("No code or id_token received.")
        if self.state.provider.codes.pop(code, None) is None:
            raise self._refused('Error exchanging oidc code: "Provider.Exchange: unable to exchange auth code".')
        return self._granted(call, pending)

    def _poll(self, call: Call) -> Answer:
        state = str(call.data.get("state") or "")
        pending = self.state.pending_oidc.pop(state, None)
        if pending is None:
            raise self._refused("Expired or missing OAuth state.")
        if pending.client_nonce and call.data.get("client_nonce") != pending.client_nonce:
            raise Failed(400, "invalid client_nonce")
        match self.state.provider.devices[pending.device].decision:
            case "wait":
                self.state.pending_oidc[state] = pending
                raise Failed(400, "authorization_pending")
            case "deny":
                raise Failed(400, "authorization failed: access_denied")
            case _:
                return self._granted(call, pending)

    def _granted(self, call: Call, pending: Pending) -> Answer:
        return self.grant(call, self.roles[pending.role], self.state.provider.user, {"role": pending.role})


def _allowed(role: Role) -> list[str]:
    return strings(role.more.get("allowed_redirect_uris")) or [CALLBACK]


def _is_same(uri: str, allowed: str) -> bool:
    """The port does not count on loopback."""
    ours, theirs = urlsplit(uri), urlsplit(allowed)
    if ours.hostname not in LOOPBACK:
        return uri == allowed
    return (ours.scheme, ours.hostname, ours.path) == (theirs.scheme, theirs.hostname, theirs.path)
