"""The double of the worker and what a test does with it."""

from __future__ import annotations

import ssl
from dataclasses import replace
from types import TracebackType

from tests.doubles.clock import Clock, utc_text
from tests.doubles.server import Reply, Seen
from tests.doubles.stateful import StatefulDouble
from tests.doubles.worker.access import Access, Credentials, Role, User
from tests.doubles.worker.answers import CORS, Refused, error, success, thrown
from tests.doubles.worker.bindings import Bindings
from tests.doubles.worker.database import Database, TimeFormat
from tests.doubles.worker.kv import UPSERT, Secrets, cf_key
from tests.doubles.worker.legacy import DEPRECATED, Connection, Connections, Uncaught
from tests.doubles.worker.routes import Call, Route
from tests.doubles.worker.script import Json, ScriptError, UriError, pathname, stringify

SERVICE = "vault-infra"


class WorkerDouble(StatefulDouble):
    """Use as a context manager. `prefix` stands before `/secret/…` only: documents say /v1, the stored router ""."""

    def __init__(
        self,
        *,
        prefix: str = "/v1",
        clock: Clock | None = None,
        time_format: TimeFormat = "d1",
        latency: float = 0.0,
        context: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(clock=clock, latency=latency, context=context)
        self.prefix = prefix
        self.access = Access(self.clock)
        self.database = Database(self.clock)
        self.database.time_format = time_format
        self.bindings = Bindings()
        self.is_healthy = True
        self.credentials = self.service_token()
        """A service token that may write."""
        self._secrets = Secrets(self.database, self.bindings)
        self._connections = Connections(self.database, self.bindings)

    # What a test sets up.

    def service_token(self, *scopes: str, read_only: bool = False) -> Credentials:
        """A new one; only tokens of an application have scopes and so may write."""
        given = () if read_only else (scopes or ("secret:write",))
        return self.access.add_service_token(given).credentials

    def suspend(self, credentials: Credentials) -> None:
        """Suspends the application this service token belongs to."""
        self.access.service_tokens[credentials.client_id].is_suspended = True

    def user(self, email: str, role: Role = "reader", user_id: str = "", *, lifetime: float = 3600.0) -> dict[str, str]:
        """The headers of a signed-in person. With `user_id` the worker knows them: `users/<user_id>/…` is theirs."""
        if user_id:
            self.access.users[email] = User(email, role, user_id)
        return {"Cf-Access-Jwt-Assertion": self.access.assertion(email=email, lifetime=lifetime)}

    def put(
        self,
        path: str,
        value: str,
        *,
        kind: str = "secret",
        description: str | None = None,
        tags: list[str] | None = None,
        created_by: str = "setup@example.com",
    ) -> None:
        """A secret that is there, rolled out, without a request."""
        now = self.database.now()
        tags_json = stringify(tags) if tags else None
        with self._state_lock:
            self.bindings.stored[cf_key(path)] = value
            self.database.all(UPSERT, path, cf_key(path), kind, description, tags_json, created_by, now, now)

    def connection(self, name: str, secrets: dict[str, str], *, kind: str = "", owner: str | None = None) -> None:
        """A legacy connection such as conn_infra with values by NAME; `kind="user_settings"` is its owner's alone."""
        kind = kind or name.removeprefix("conn_")
        with self._state_lock:
            self._connections.add(Connection(name, kind, kind, owner=owner))
            for secret, value in secrets.items():
                _, key = self._connections.add_ref(name, secret)
                self.bindings.stored[key] = value

    # What a test looks at.

    @property
    def paths(self) -> list[str]:
        with self._state_lock:
            return [row["path"] for row in self.database.all("SELECT path FROM sys_secret ORDER BY path")]

    def value(self, path: str) -> str | None:
        """What Cloudflare keeps for this path, rolled out or not, even where its row is gone."""
        return self.bindings.stored.get(cf_key(path))

    def row(self, path: str) -> dict[str, Json] | None:
        """As it stands in the database: path, cf_key, type, description, tags_json, created_by, …"""
        with self._state_lock:
            return self.database.first("SELECT * FROM sys_secret WHERE path = ?", path)

    def audit(self) -> list[dict[str, Json]]:
        with self._state_lock:
            return self.database.all("SELECT * FROM sys_audit_log ORDER BY id")

    def mutations(self) -> list[Seen]:
        return self.sent("POST", "PUT", "PATCH", "DELETE")

    # How it answers.

    def reply(self, request: Seen) -> Reply:
        path = pathname(request.target)
        headers = request.headers if path == "/health" else self.access.at_the_edge(request)
        if isinstance(headers, Reply):
            return headers
        if request.method == "OPTIONS":
            return Reply(204, headers=CORS)
        if (request.method, path) == ("GET", "/health"):
            return self._health()
        try:
            found = self._find(request.method, path)
        except UriError:
            return thrown()
        if found is None:
            return error("Not found", 404, "NOT_FOUND")
        route, names = found
        try:
            actor = self.access.at_the_worker(request.method, headers)
        except Refused as refused:
            return error(refused.text, refused.status, refused.code)
        try:
            reply = self._handle(route, Call(actor, names, request.body, request.target.partition("?")[2]))
        except Uncaught as failed:
            return error(f"Internal error: {failed}", 500)
        return replace(reply, headers={**reply.headers, **DEPRECATED}) if route.is_deprecated else reply

    def _find(self, method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
        """Raises UriError."""
        for route in (*self._secrets.routes(self.prefix), *self._connections.routes()):
            names = route.match(method, path)
            if names is not None:
                return route, names
        return None

    @staticmethod
    def _handle(route: Route, call: Call) -> Reply:
        """Raises Uncaught."""
        try:
            return route.handler(call)
        except Refused as refused:
            return error(refused.text, refused.status, refused.code)
        except ScriptError as failed:
            return error(f"Failed to {route.task}: {failed}", 500)

    def _health(self) -> Reply:
        if not self.is_healthy:
            return error("Database unavailable", 503)
        stats = {
            "connections": len(self.database.all("SELECT id FROM connection")),
            "secrets": len(self.database.all("SELECT id FROM sys_secret_ref")),
        }
        return success(status="healthy", service=SERVICE, stats=stats, timestamp=utc_text(self.clock.now()))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            super().__exit__(kind, error, trace)
        finally:
            self.database.close()
