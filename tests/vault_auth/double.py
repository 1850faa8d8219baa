"""A server that knows how to sign people in, and nothing else: auth mounts, second factors, tokens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.doubles.server import Double, Reply, Seen

TOKEN = "s.SENTINEL-token"
PASSWORD = "SENTINEL-password"
MFA_REQUEST, MFA_METHOD, PASSCODE = "request-1", "method-1", "123456"


class Server(Double):
    """`second_factor` are the `any` lists of its constraints; `device` the answers to polls."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens: dict[str, dict[str, Any]] = {TOKEN: token()}
        self.second_factor: list[list[dict[str, Any]]] = []
        self.confirms = True
        self.device: list[str] | None = None
        self.nonce = ""
        self.renewal = 3600
        self.auth_url = "http://idp.example/authorize?client_id=kvtui&state=st_1&nonce=n"

    def answer(self, request: Seen) -> Reply:
        path = unquote(request.path).removeprefix("/v1/")
        body = json.loads(request.body) if request.body else {}
        match path.split("/"):
            case ["auth", "userpass" | "ldap" | "radius" | "okta" | "people", "login", user]:
                return self._login(user == "ann" and body.get("password") == PASSWORD, user)
            case ["auth", "approle", "login"]:
                return self._login(body == {"role_id": "role-1", "secret_id": PASSWORD}, "")
            case ["auth", "jwt" | "kubernetes", "login"]:
                return self._login(body == {"role": "app", "jwt": PASSWORD}, "")
            case ["auth", "cert", "login"]:
                return self._login(body == {"name": "web"}, "")
            case ["sys", "mfa", "validate"]:
                return self._validate(body)
            case ["auth", "oidc", "oidc", "auth_url"]:
                return self._auth_url(body)
            case ["auth", "oidc", "oidc", "callback"]:
                query = {key: value[0] for key, value in parse_qs(urlsplit(request.target).query).items()}
                if query != {"state": "st_1", "code": "c0de", "client_nonce": self.nonce}:
                    return refused(400, "Vault login failed. Expired or missing OAuth state.")
                return self._login(True, "")
            case ["auth", "oidc", "oidc", "poll"]:
                return self._poll(body)
        return self._with_token(path, self.tokens.get(request.headers.get("x-vault-token", "")), body)

    def _login(self, good: bool, user: str) -> Reply:
        if not good:
            return refused(400, f"invalid username or password for {user}")
        if self.second_factor:
            constraints = {f"e{number}": {"any": group} for number, group in enumerate(self.second_factor)}
            requirement = {"mfa_request_id": MFA_REQUEST, "mfa_constraints": constraints}
            return enveloped(auth={"client_token": "", "mfa_requirement": requirement})
        return enveloped(auth=granted(user))

    def _validate(self, body: Mapping[str, Any]) -> Reply:
        if body["mfa_request_id"] != MFA_REQUEST:
            return refused(400, "invalid request ID")
        for group in self.second_factor:
            for factor in group:
                given = body["mfa_payload"].get(factor["id"])
                if given is not None and (given == [PASSCODE] if factor["uses_passcode"] else self.confirms):
                    break
            else:
                return refused(403, "failed to satisfy enforcement e0")
        return enveloped(auth=granted("ann"))

    def _auth_url(self, body: Mapping[str, Any]) -> Reply:
        self.nonce = body["client_nonce"]
        if self.device is not None:
            data = {
                "auth_url": "https://idp.example/device",
                "state": "st_1",
                "user_code": "WXYZ",
                "poll_interval": "1",
            }
            return enveloped(data=data)
        if "redirect_uri" not in body:
            return refused(400, "missing redirect_uri")
        return enveloped(data={"auth_url": self.auth_url if body.get("role") == "dev" else ""})

    def _poll(self, body: Mapping[str, Any]) -> Reply:
        assert body == {"state": "st_1", "client_nonce": self.nonce}
        said = self.device.pop(0) if self.device else ""
        return self._login(True, "") if said == "ok" else refused(400, said)

    def _with_token(self, path: str, found: dict[str, Any] | None, body: Mapping[str, Any]) -> Reply:
        if found is None:
            return refused(403, "permission denied")
        match path:
            case "auth/token/lookup-self" if "default" in found["policies"]:
                return enveloped(data=found)
            case "auth/token/renew-self" if "default" in found["policies"]:
                wanted = int(body.get("increment", "3600s").removesuffix("s"))
                return enveloped(auth=granted("ann") | {"lease_duration": min(wanted, self.renewal)})
            case "auth/token/revoke-self" if "default" in found["policies"]:
                del self.tokens[found["id"]]
                return Reply(204)
            case "sys/internal/ui/mounts":
                return enveloped(data={"secret": {}, "auth": {}})
        return refused(403, "1 error occurred:\n\t* permission denied\n\n")


def token(**about: Any) -> dict[str, Any]:
    return {
        "id": TOKEN,
        "accessor": "acc",
        "display_name": "token-ann",
        "policies": ["default", "dev"],
        "identity_policies": ["team"],
        "ttl": 1800,
        "creation_ttl": 3600,
        "expire_time": "2030-01-02T03:04:05.123456789Z",
        "issue_time": "2030-01-02T02:04:05.123456789Z",
        "renewable": True,
        "num_uses": 0,
        "orphan": True,
        "type": "service",
        "path": "auth/token/create",
        **about,
    }


def granted(user: str) -> dict[str, Any]:
    return {
        "client_token": TOKEN,
        "policies": ["default", "dev"],
        "metadata": {"username": user} if user else None,
        "lease_duration": 3600,
        "renewable": True,
        "num_uses": 0,
        "mfa_requirement": None,
    }


def enveloped(**parts: Any) -> Reply:
    return Reply(body=json.dumps({"request_id": "1", "data": None, "auth": None, "warnings": None, **parts}).encode())


def refused(status: int, text: str) -> Reply:
    return Reply(status, json.dumps({"errors": [text]}).encode())
