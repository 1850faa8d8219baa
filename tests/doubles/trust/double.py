"""The double of the API and what a test does with it."""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, unquote_to_bytes

from tests.doubles.clock import Clock, utc_text
from tests.doubles.server import Reply, Seen
from tests.doubles.stateful import StatefulDouble
from tests.doubles.trust.encoding import Alphabet, Json, Refused, decode, encode, error_reply, parse
from tests.doubles.trust.limits import Idempotency, RateLimit
from tests.doubles.trust.state import Evidence, Lease, Secret, State, Token

TENANT = "acme"
STRATEGIES = {"immediate"}


@dataclass(frozen=True)
class Call:
    token: Token
    request: Seen
    request_id: str | None
    query: dict[str, str]


class TrustDouble(StatefulDouble):
    """Use as a context manager. Secrets are below `base/segment/`, the rest below `base/`."""

    def __init__(
        self,
        *,
        base: str = "/api/v1/trust/secrets",
        segment: str = "secrets",
        clock: Clock | None = None,
        latency: float = 0.0,
        context: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(clock=clock, latency=latency, context=context)
        self.base = base
        self.segment = segment
        """"" puts secrets right below `base`."""
        self.state = State(self.clock)
        self.rate = RateLimit(self.clock)
        self.idempotency = Idempotency(self.clock)
        self.unknown: Literal["forbidden", "not_found"] = "forbidden"
        """What unknown paths, roles and endpoints get: the API denies by default, its table of errors has both."""
        self.success_status = 200
        """Of a write; the document names none."""
        self.lease_ttl_s: int | Literal["absent"] | None = 3600
        """What reads say where the secret has none of its own."""
        self.alphabet: Alphabet = "standard"
        self.is_padded = True
        """How values are written in answers."""
        self.needs_content_type = True
        """On every call, reads too, as the document's tables have it."""
        self.refuses_get_body = False
        self.is_dependency_down = False
        self.additions: dict[str, Json] = {}
        """Members every successful answer has besides: the API may grow."""
        self.token = self.new_token(admin=True)
        """One that may do everything."""

    # What a test sets up.

    @property
    def base_url(self) -> str:
        return self.url + self.base

    def new_token(
        self,
        *,
        tenant: str = TENANT,
        subject: str = "tester",
        read: Iterable[str] = ("",),
        write: Iterable[str] = ("",),
        roles: Iterable[str] | None = None,
        admin: bool = False,
    ) -> str:
        """`read` and `write` are prefixes of paths, "" all; `roles` of leases, None all."""
        about = {"subject": subject, "tenant": tenant, "is_admin": admin}
        with self._state_lock:
            return self.state.add_token(read=read, write=write, roles=roles, **about).text  # type: ignore[arg-type]

    def revoke(self, token: str) -> None:
        del self.state.tokens[token]

    def role(self, name: str, longest_s: int = 12 * 3600) -> None:
        """Leases of this role can be had from now on, none longer than this."""
        self.state.roles[name] = longest_s

    def put(
        self,
        path: str,
        *values: bytes,
        owner: str = "",
        rotation: str = "",
        lease_ttl_s: int | None = None,
        tenant: str = TENANT,
    ) -> None:
        """A version per value, without a request."""
        metadata = {key: text for key, text in (("owner", owner), ("rotation", rotation)) if text}
        with self._state_lock:
            for value in values:
                self.state.write(tenant, path, value, metadata)
            self.state.secrets[tenant, path].lease_ttl_s = lease_ttl_s

    def forget(self, path: str, version: int, *, tenant: str = TENANT) -> None:
        """This version is gone from now on: reading it is 404."""
        del self.state.secrets[tenant, path].versions[version]

    # What a test looks at.

    def secret(self, path: str, *, tenant: str = TENANT) -> Secret:
        """Raises KeyError."""
        return self.state.secrets[tenant, path]

    def values(self, path: str, *, tenant: str = TENANT) -> list[bytes]:
        """Of all versions, oldest first."""
        secret = self.state.secrets.get((tenant, path))
        return [] if secret is None else [version.value for version in secret.versions.values()]

    @property
    def leases(self) -> list[Lease]:
        return self.state.leases

    @property
    def evidence(self) -> list[Evidence]:
        return self.state.evidence

    @property
    def request_ids(self) -> list[str | None]:
        """The X-Request-Id of every request so far."""
        return [request.headers.get("x-request-id") for request in self.requests]

    def mutations(self) -> list[Seen]:
        return self.sent("POST", "PUT", "PATCH", "DELETE")

    # How it answers.

    def reply(self, request: Seen) -> Reply:
        kind, _, text = request.headers.get("authorization", "").partition(" ")
        token = self.state.tokens.get(text) if kind.lower() == "bearer" else None
        if token is None:
            return error_reply(401)
        too_many = self.rate.take(token.tenant)
        if too_many is not None:
            return error_reply(429, too_many)
        request_id = request.headers.get("x-request-id")
        known = self.idempotency.find(token.tenant, request_id, request) if request_id else None
        if known is not None:
            return known
        try:
            reply = self._route(request, token, request_id)
        except Refused as refused:
            return error_reply(refused.status)
        if request_id:
            self.idempotency.keep(token.tenant, request_id, request, reply)
        return reply

    def _route(self, request: Seen, token: Token, request_id: str | None) -> Reply:
        """Raises Refused."""
        if self.is_dependency_down:
            raise Refused(503)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if self.needs_content_type and kind != "application/json":
            raise Refused(400)
        if request.method == "GET" and request.body and self.refuses_get_body:
            raise Refused(400)
        path, _, query = request.target.partition("?")
        call = Call(token, request, request_id, dict(parse_qsl(query, keep_blank_values=True)))
        inside = path.removeprefix(self.base) if path.startswith(f"{self.base}/") else ""
        secrets = f"/{self.segment}/" if self.segment else "/"
        match request.method:
            case "POST" if inside == "/leases":
                return self._lend(call)
            case "POST" if inside.startswith("/admin/rotate/"):
                return self._rotate(call, _decoded(inside.removeprefix("/admin/rotate/")))
            case "POST" if inside.startswith(secrets) and inside != secrets:
                return self._write(call, _decoded(inside.removeprefix(secrets)))
            case "GET" if inside.startswith(secrets) and inside != secrets:
                return self._read(call, _decoded(inside.removeprefix(secrets)))
            case _:
                raise self._denied()

    def _write(self, call: Call, path: str) -> Reply:
        _check(path, call.token.write)
        sent = parse(call.request.body)
        metadata = {} if sent.get("metadata") is None else sent["metadata"]
        if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
            raise Refused(400)
        made = self.state.write(call.token.tenant, path, decode(sent.get("value_b64")), metadata)
        self._note(call, "write", path, made.number)
        return self._success(self.success_status, version=made.number, created_at=utc_text(made.created_at))

    def _read(self, call: Call, path: str) -> Reply:
        _check(path, call.token.read)
        asked = call.query.get("version")
        if asked is not None and not re.fullmatch(r"[1-9][0-9]*", asked):
            raise Refused(400)
        secret = self.state.secrets.get((call.token.tenant, path))
        if secret is None:
            raise self._denied()
        version = secret.versions.get(secret.latest if asked is None else int(asked))
        if version is None:
            raise Refused(404)
        self._note(call, "read", path, version.number)
        value = encode(version.value, self.alphabet, padded=self.is_padded)
        ttl = self.lease_ttl_s if secret.lease_ttl_s is None else secret.lease_ttl_s
        lease = {} if ttl == "absent" else {"lease_ttl_s": ttl}
        return self._success(200, value_b64=value, version=version.number, **lease)

    def _lend(self, call: Call) -> Reply:
        sent = parse(call.request.body)
        role, ttl = sent.get("role"), sent.get("ttl_s")
        if not isinstance(role, str) or not role or type(ttl) is not int or ttl < 1:
            raise Refused(400)
        if call.token.roles is not None and role not in call.token.roles:
            raise Refused(403)
        if role not in self.state.roles:
            raise self._denied()
        lease = self.state.lend(call.token.tenant, role, ttl)
        self._note(call, "lease", role, None)
        keys = {"access_key": lease.access_key, "secret_key": lease.secret_key}
        return self._success(self.success_status, **keys, expires_at=utc_text(lease.expires_at))

    def _rotate(self, call: Call, path: str) -> Reply:
        if not call.token.is_admin:
            raise Refused(403)
        if parse(call.request.body).get("strategy") not in STRATEGIES:
            raise Refused(400)
        made = self.state.rotate(call.token.tenant, path)
        if made is None:
            raise self._denied()
        self._note(call, "rotate", path, made.number)
        return self._success(self.success_status, path=path, new_version=made.number)

    def _success(self, status: int, /, **members: Json) -> Reply:
        return Reply(status, json.dumps({**members, **self.additions}).encode())

    def _note(self, call: Call, action: str, path: str, version: int | None) -> None:
        self.state.note(call.token, action, path, version, call.request_id)

    def _denied(self) -> Refused:
        return Refused(403 if self.unknown == "forbidden" else 404)


def _check(path: str, prefixes: tuple[str, ...]) -> None:
    """Raises Refused."""
    if not any(path.startswith(prefix) for prefix in prefixes):
        raise Refused(403)


def _decoded(path: str) -> str:
    """Percent-decoded once. Raises Refused for a bad escape and for paths with empty or relative parts."""
    if re.search(r"%(?![0-9A-Fa-f]{2})", path):
        raise Refused(400)
    try:
        text = unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        raise Refused(400) from None
    if {"", ".", ".."} & set(text.split("/")):
        raise Refused(400)
    return text
