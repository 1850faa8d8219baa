"""Cloudflare Access in front of the worker, and what the worker itself thinks of who comes."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias
from urllib.parse import quote

from tests.doubles.clock import Clock
from tests.doubles.server import Reply, Seen
from tests.doubles.worker.answers import Refused, page

Role: TypeAlias = Literal["reader", "admin", "superadmin"]


@dataclass(frozen=True)
class Credentials:
    """A service token of Cloudflare Access."""

    client_id: str
    client_secret: str

    @property
    def headers(self) -> dict[str, str]:
        return {"CF-Access-Client-Id": self.client_id, "CF-Access-Client-Secret": self.client_secret}


@dataclass
class ServiceToken:
    credentials: Credentials
    scopes: tuple[str, ...]
    """None of them: read only."""
    is_suspended: bool = False


@dataclass
class User:
    email: str
    role: Role
    id: str


@dataclass(frozen=True)
class Actor:
    id: str
    kind: Literal["service_token", "user"]
    role: Role = "reader"
    user_id: str | None = None
    """Of a user known to the worker: the <id> of users/<id>/…"""

    @property
    def sees_all(self) -> bool:
        return self.kind == "service_token" or self.role == "superadmin"


class Access:
    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.team = "example"
        self.login_url = f"https://{self.team}.cloudflareaccess.com/cdn-cgi/access/login/127.0.0.1"
        """Where those are sent who show no good credentials."""
        self.refusal: Literal["login", "forbidden"] = "login"
        self.is_on = True
        """False: the worker is reached past the edge."""
        self.service_tokens: dict[str, ServiceToken] = {}
        self.users: dict[str, User] = {}
        self.issued: set[str] = set()
        """Assertions the edge has signed."""

    @property
    def issuer(self) -> str:
        return f"https://{self.team}.cloudflareaccess.com"

    def add_service_token(self, scopes: tuple[str, ...]) -> ServiceToken:
        credentials = Credentials(f"{secrets.token_hex(16)}.access", secrets.token_hex(32))
        self.service_tokens[credentials.client_id] = ServiceToken(credentials, scopes)
        return self.service_tokens[credentials.client_id]

    def assertion(self, *, lifetime: float = 60.0, **claims: Any) -> str:
        """A JWT as the edge makes them. The worker checks issuer and expiry, never the signature."""
        now = int(self.clock.seconds())
        payload = {"iss": self.issuer, "iat": now, "exp": int(now + lifetime), "type": "app", **claims}
        parts = [json.dumps(part).encode() for part in ({"alg": "RS256", "typ": "JWT"}, payload)]
        made = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (*parts, b"signature"))
        self.issued.add(made)
        return made

    def at_the_edge(self, request: Seen) -> Mapping[str, str] | Reply:
        """The headers the worker gets, or the edge's own page."""
        headers = request.headers
        if not self.is_on or "cf-access-jwt-assertion" in headers:
            return headers
        token = headers.get("cf-access-token")  # of somebody, from cloudflared
        if token in self.issued:
            return {**headers, "cf-access-jwt-assertion": token}
        known = self.service_tokens.get(headers.get("cf-access-client-id", ""))
        if known is not None and known.credentials.client_secret == headers.get("cf-access-client-secret"):
            assertion = self.assertion(common_name=known.credentials.client_id, sub="")
            return {**headers, "cf-access-jwt-assertion": assertion}
        if self.refusal == "forbidden":
            return page(403, "Forbidden", "<p>You don't have permission to view this.</p>")
        where = f"{self.login_url}?redirect_url={quote(request.target, safe='')}"
        text = f'<p>Sign in with <a href="{where}">Cloudflare Access</a></p>'
        return page(302, "Sign in", text, Location=where, **{"Set-Cookie": "CF_AppSession=none; HttpOnly; Secure"})

    def at_the_worker(self, method: str, headers: Mapping[str, str]) -> Actor:
        """Raises Refused."""
        payload = self._payload(headers.get("cf-access-jwt-assertion", ""))
        name = payload.get("email") or payload.get("common_name") or payload.get("sub") or "unknown"
        if payload.get("email"):
            user = self.users.get(name)
            actor = Actor(name, "user", user.role if user else "reader", user.id if user else None)
            if actor.role == "reader" and method != "GET":
                text = f"User {name} has READ ONLY access. Admin role required for {method}."
                raise Refused(text, 403, "FORBIDDEN")
            return actor
        token = self.service_tokens.get(name)
        if token is not None and token.is_suspended:
            raise Refused("Application is suspended or revoked", 403, "FORBIDDEN")
        if method != "GET" and not (token and token.scopes):
            text = f"Service tokens without scopes have READ ONLY access. Method {method} not allowed."
            raise Refused(f"{text} Link token to an application for write access.", 403, "FORBIDDEN")
        return Actor(name, "service_token")

    def _payload(self, assertion: str) -> dict[str, Any]:
        if not assertion:
            raise Refused("Missing Cf-Access-Jwt-Assertion header", 401, "UNAUTHORIZED")
        parts = assertion.split(".")
        if len(parts) != 3:
            raise Refused("Invalid JWT format", 401, "UNAUTHORIZED")
        try:
            payload = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
        except ValueError:
            raise Refused("JWT validation error: Unexpected token in JSON", 401, "UNAUTHORIZED") from None
        if payload.get("iss") != self.issuer:
            raise Refused(f"Invalid issuer: {payload.get('iss')}", 401, "UNAUTHORIZED")
        if payload.get("exp") and payload["exp"] < int(self.clock.seconds()):
            raise Refused("Token expired", 401, "UNAUTHORIZED")
        return dict(payload)
