"""Who somebody is: tokens, their refreshing by OAuth 2, and userinfo."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from secrets import token_urlsafe
from urllib.parse import parse_qs

from tests.doubles.clock import Clock
from tests.doubles.server import Reply, Seen
from tests.doubles.tailor.state import Login, Role

METADATA = "/.well-known/oauth-authorization-server/oauth2/platform"
TOKEN = "/oauth2/platform/token"
USERINFO = "/auth/platform/userinfo"


class SignIn:
    def __init__(self, clock: Clock, url: str) -> None:
        self.clock = clock
        self.url = url
        self.logins: list[Login] = []
        self.lifetime_s = 3600.0
        self.rotates_refresh_tokens = True
        """A refresh token is good for once; the next one comes with the answer."""
        self.token_endpoint = f"{url}{TOKEN}"
        """What the metadata names."""

    def add(self, email: str, workspaces: Mapping[str, Role] | None) -> Login:
        expires = self.clock.now() + timedelta(seconds=self.lifetime_s)
        known = None if workspaces is None else dict(workspaces)
        self.logins.append(Login(email, token_urlsafe(24), token_urlsafe(24), expires, known))
        return self.logins[-1]

    def who(self, request: Seen) -> Login | None:
        """None for tokens that are missing, unknown or expired."""
        kind, _, text = request.headers.get("authorization", "").partition(" ")
        for login in self.logins:
            if kind.lower() == "bearer" and login.access_token == text and login.expires_at > self.clock.now():
                return login
        return None

    def reply(self, request: Seen) -> Reply | None:
        """None where it is no page of ours."""
        match request.method, request.path:
            case "GET", path if path == METADATA:
                return _json(200, self._metadata())
            case "GET", path if path == USERINFO:
                login = self.who(request)
                return Reply(401) if login is None else _json(200, {"sub": login.email, "email": login.email})
            case "POST", path if path == TOKEN:
                return self._token(request)
            case _:
                return None

    def _metadata(self) -> dict[str, object]:
        return {
            "issuer": f"{self.url}/oauth2/platform",
            "authorization_endpoint": f"{self.url}/oauth2/platform/authorize",
            "token_endpoint": self.token_endpoint,
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "token_endpoint_auth_methods_supported": ["none"],
            "code_challenge_methods_supported": ["S256"],
        }

    def _token(self, request: Seen) -> Reply:
        if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return _json(400, {"error": "invalid_request"})
        form = {name: values[0] for name, values in parse_qs(request.body.decode("utf-8", "replace")).items()}
        if form.get("grant_type") != "refresh_token":
            return _json(400, {"error": "unsupported_grant_type"})
        if not form.get("client_id"):
            return _json(401, {"error": "invalid_client"})
        for login in self.logins:
            if login.refresh_token == form.get("refresh_token"):
                return self._refresh(login)
        return _json(400, {"error": "invalid_grant"})

    def _refresh(self, login: Login) -> Reply:
        login.access_token = token_urlsafe(24)
        login.expires_at = self.clock.now() + timedelta(seconds=self.lifetime_s)
        body = {"access_token": login.access_token, "token_type": "Bearer", "expires_in": int(self.lifetime_s)}
        if self.rotates_refresh_tokens:
            login.refresh_token = token_urlsafe(24)
            body["refresh_token"] = login.refresh_token
        return _json(200, body)


def _json(status: int, body: Mapping[str, object]) -> Reply:
    return Reply(status, json.dumps(body).encode(), {"Cache-Control": "no-store"})
