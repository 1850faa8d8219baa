"""The double of the service and what a test does with it."""

from __future__ import annotations

import select
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from http.server import BaseHTTPRequestHandler
from types import TracebackType
from typing import Any

from tests.doubles.clock import Clock
from tests.doubles.crud.access import SCOPES, Access, Denial, Token
from tests.doubles.crud.audit import Audit, Feed
from tests.doubles.crud.call import Call
from tests.doubles.crud.endpoints import BASE, Endpoints
from tests.doubles.crud.kv2 import Kv2
from tests.doubles.crud.service import Breakage, Service
from tests.doubles.crud.settings import Settings, Shape
from tests.doubles.crud.uri import parse
from tests.doubles.crud.wire import Failed, Invalid, Json, error_reply, no_route
from tests.doubles.server import Reply, Seen
from tests.doubles.stateful import StatefulDouble

EVENTS = f"{BASE}/events"


@dataclass(frozen=True)
class Stream(Reply):
    """An answer that goes on for as long as events are to come."""


class CrudDouble(StatefulDouble):
    """Use as a context manager. `settings` and `shape` may be changed at any time."""

    def __init__(
        self,
        settings: Settings | None = None,
        shape: Shape | None = None,
        *,
        clock: Clock | None = None,
        latency: float = 0.0,
        context: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(clock=clock, latency=latency, context=context)
        self.settings = settings or Settings()
        self.shape = shape or Shape()
        self.piece = 0
        """Bytes of a stream per chunk, so that events come in pieces; 0 sends each whole."""
        self._refusals: list[Failed] = []
        self.access = Access(self.settings, self.clock)
        self.audit = Audit(self.settings, self.shape, self.clock)
        self.service = Service(self.settings, self.shape, self.access, self.audit, self.clock)
        self._routes = Endpoints(self.service).routes

    # What a test sets up.

    def token(
        self,
        name: str,
        *,
        subject: str = "alice",
        scopes: Iterable[str] = SCOPES,
        audience: str | None = "crud.secrets",
        ttl: float | None = None,
        single_use: bool = False,
    ) -> str:
        """A bearer token called `name`; `ttl` in seconds of the clock, None never ends."""
        expires = None if ttl is None else self.clock.now() + timedelta(seconds=ttl)
        self.access.tokens[name] = Token(subject, frozenset(scopes), audience, expires, single_use)
        return name

    def deny(self, purpose: str = "", under: str = "", *, subject: str = "") -> None:
        """The policy server denies what matches all of these from now on; "" matches all."""
        self.access.denials.append(Denial(purpose, under, subject))

    def break_provider(self, action: str = "", provider: str = "", *, after: bool = False, times: int = 1) -> None:
        """Its next matching calls fail with 502; `after`: although they were carried out.

        Actions: read, write, delete, destroy, undelete, destroy_versions, metadata.
        """
        self.service.breakages.append(Breakage(provider, action, after, times))

    def refuse_next(
        self, status: int, code: str = "OVERLOADED", *, retry_after: str | None = None, times: int = 1
    ) -> None:
        """The next requests are turned away, by 429 or 503 or any other error, before anything is done."""
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        self._refusals += [Failed(status, code, "refused", headers)] * times

    def put(self, uri: str, value: Json, *, subject: str = "setup") -> None:
        """The provider writes it: no request, no guard, no record."""
        with self._state_lock:
            self.service.store(parse(uri), value, subject)

    # What a test looks at.

    @property
    def yaml(self) -> dict[str, Json]:
        """The YAML file; a test may change it."""
        return self.service.yaml.root

    def cluster(self, provider: str = "openbao") -> Kv2:
        return self.service.clusters[provider]

    def live(self, uri: str) -> Any:
        """What can be read there now: a map, a key's value, or None."""
        place = parse(uri)
        if place.provider == "yaml":
            if not self.service.yaml.has(place):
                return None
            node: Any = self.yaml
            for segment in place.segments:
                node = node[segment]
        else:
            node = self.cluster(place.provider).live(place.location)
        return node.get(place.fragment) if place.fragment and node is not None else node

    def mutations(self) -> list[Seen]:
        """The recorded requests that would change something."""
        return self.sent("POST", "PUT", "PATCH", "DELETE")

    # Events.

    def wait_for_listeners(self, count: int = 1, seconds: float = 10.0) -> None:
        """Until so many streams are open; the time is the limit of a test that fails."""
        self.audit.wait_for_listeners(count, seconds)

    def emit(self, data: bytes) -> None:
        """Bytes as they are, to all who listen."""
        self.audit.emit(data)

    def end_events(self) -> None:
        """Ends all open streams as a server that goes away in good order."""
        self.audit.emit(None)

    def drop_events(self) -> None:
        """Breaks all open streams off."""
        self.audit.emit(b"")

    # How it answers.

    def reply(self, request: Seen) -> Reply:
        try:
            return self._reply(request)
        except (Failed, Invalid) as error:
            return error_reply(error, self.shape)

    def _reply(self, request: Seen) -> Reply:
        if self._refusals:
            raise self._refusals.pop(0)
        path = request.path.partition("#")[0]
        known = {method for method, route in [*self._routes, ("GET", EVENTS)] if route == path}
        if not known:
            if path.endswith("/") and any(route == path[:-1] for _, route in self._routes):
                return Reply(307, headers={"Location": self.url + path[:-1] + request.target[len(path) :]})
            return no_route()
        if request.method not in known:
            return no_route(405)
        if path in {EVENTS, f"{BASE}/audit"} and not self.settings.is_dev:
            return no_route()
        caller = self.access.caller(request.headers)
        if path == EVENTS:
            return Stream(headers={"Content-Type": "text/event-stream"})
        return self._routes[request.method, path](Call.of(request, caller))

    def _send(self, handler: BaseHTTPRequestHandler, reply: Reply, *, cut: bool = False) -> None:
        if cut or not isinstance(reply, Stream):
            super()._send(handler, reply, cut=cut)
            return
        feed = self.audit.listen()
        try:
            self._stream(handler, feed)
        finally:
            self.audit.forget(feed)

    def _stream(self, handler: BaseHTTPRequestHandler, feed: Feed) -> None:
        """Until the feed ends or the client goes away; what a client sends meanwhile is taken as going away."""
        handler.close_connection = True
        lines = ("HTTP/1.1 200 OK", "Content-Type: text/event-stream; charset=utf-8", "Cache-Control: no-cache")
        handler.wfile.write("\r\n".join([*lines, "Transfer-Encoding: chunked", "", ""]).encode())
        handler.wfile.flush()
        while True:
            ready, _, _ = select.select([handler.connection, feed.wake], [], [])
            if feed.wake not in ready:
                return
            data = feed.take()
            if data is None:
                handler.wfile.write(b"0\r\n\r\n")
                handler.connection.shutdown(socket.SHUT_WR)
                return
            if not data:
                self._reset(handler)
                return
            step = self.piece or len(data)
            for start in range(0, len(data), step):
                part = data[start : start + step]
                handler.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
                handler.wfile.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end_events()
        super().__exit__(kind, error, trace)
