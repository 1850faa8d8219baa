"""Sockets that keep one deadline for a whole call, and let go of it at once when it is ended from outside.

httpx's timeouts are for each read: a server that sends a byte a second keeps a call for ever. Here every connect, read
and write gets what is left of the call's deadline, name look-up aside, which the system bounds.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, cast

import httpcore2
import httpx2


@dataclass(slots=True, eq=False)
class Call:
    """One call under way. `sent`: whether the server may have seen any of the request. `ended`: see `end`."""

    deadline: float
    """In terms of time.monotonic()."""
    sent: bool = False
    ended: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _waiting_on: socket.socket | None = None

    def left(self) -> float:
        """Seconds; raises ReadTimeout when there are none, ReadError when it was ended."""
        if self.ended.is_set():
            raise httpcore2.ReadError("the call was ended")
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout("the deadline of the call has passed")
        return left

    @contextmanager
    def waiting_on(self, one: socket.socket) -> Iterator[float]:
        """Seconds that may be waited for this socket. `end` cuts it off meanwhile, and only then: afterwards it may be
        another call's."""
        with self._lock:
            self._waiting_on = one
        try:
            yield self.left()
        finally:
            with self._lock:
                self._waiting_on = None

    def end(self) -> None:
        """From any thread: it fails at once, whatever it waits for. Closing a socket would not wake who reads it."""
        self.ended.set()
        with self._lock, suppress(OSError):
            if self._waiting_on is not None:
                socket.socket.shutdown(self._waiting_on, socket.SHUT_RDWR)  # below TLS, whose state is its reader's


class Calls:
    """Calls that are ended together; one that begins after that is ended already. Those `within` others end with
    them."""

    def __init__(self, within: Calls | None = None) -> None:
        self._change = threading.Condition()
        self._under_way: set[Call] = set()
        self._inside: weakref.WeakSet[Calls] = weakref.WeakSet()
        self._over = False
        if within is not None:
            within.hold(self)

    def hold(self, calls: Calls) -> None:
        """End these too."""
        with self._change:
            self._inside.add(calls)
            over = self._over
        if over:
            calls.end()

    @property
    def over(self) -> bool:
        return self._over

    @contextmanager
    def one(self, call: Call) -> Iterator[None]:
        with self._change:
            self._under_way.add(call)
            if self._over:
                call.end()
        try:
            yield
        finally:
            with self._change:
                self._under_way.discard(call)
                self._change.notify_all()

    def end(self, wait: float = 0.0) -> None:
        """`wait`: seconds for those under way to be over."""
        with self._change:
            self._over = True
            inside = list(self._inside)
            for call in self._under_way:
                call.ended.set()  # all of them before any lets go of a connection that another waits for
            for call in self._under_way:
                call.end()
        for calls in inside:
            calls.end()
        with self._change:
            self._change.wait_for(lambda: not self._under_way, wait)


_CHUNK = 16 * 1024
_current: ContextVar[Call] = ContextVar("call")
_company: ContextVar[Calls | None] = ContextVar("company", default=None)


@contextmanager
def calling(call: Call) -> Iterator[None]:
    """What is done on sockets in here, on this thread, belongs to a call."""
    token = _current.set(call)
    company = _company.get()
    try:
        if company is None:
            yield
        else:
            with company.one(call):
                yield
    finally:
        _current.reset(token)


def company() -> Calls | None:
    """What the calls of this thread are ended with."""
    return _company.get()


@contextmanager
def together(calls: Calls) -> Iterator[None]:
    """Calls made in here, on this thread, are ended with these."""
    token = _company.set(calls)
    try:
        yield
    finally:
        _company.reset(token)


class _Stream(httpcore2.NetworkStream):
    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    @property
    def _socket(self) -> socket.socket:
        return cast("socket.socket", self._inner.get_extra_info("socket"))

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the call's own holds
        with _current.get().waiting_on(self._socket) as left:
            return self._inner.read(max_bytes, left)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        call = _current.get()
        for start in range(0, len(buffer), _CHUNK):  # what is below takes its timeout anew for each part sent
            with call.waiting_on(self._socket) as left:
                call.sent = True
                self._inner.write(buffer[start : start + _CHUNK], left)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore2.NetworkStream:
        call = _current.get()
        call.sent = False  # a proxy was asked so far, not the server
        with self._socket.dup() as same, call.waiting_on(same) as left:  # the socket itself is taken over by TLS
            return _Stream(self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Network(httpcore2.NetworkBackend):
    def __init__(self) -> None:
        self._inner = httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Each address of a name is tried with what is left, not with the whole time as the system's own loop does."""
        call = _current.get()
        call.left()
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise httpcore2.ConnectError("no such host") from None
        failed = httpcore2.ConnectError("no address")
        for *_, where in found:
            try:
                made = self._inner.connect_tcp(str(where[0]), port, call.left(), local_address, socket_options)
            except httpcore2.ConnectError as error:
                failed = error
            else:
                return _Stream(made)
        raise failed


class _Body(httpx2.SyncByteStream):
    def __init__(self, stream: Iterable[bytes]) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        if hasattr(self._stream, "close"):
            self._stream.close()


class DeadlineTransport(httpx2.BaseTransport):
    """httpcore's pool on such sockets. Its exceptions come out as they are: httpcore2's."""

    def __init__(self, context: ssl.SSLContext | None, *, connections: int, proxy: str | None) -> None:
        self._pool = httpcore2.ConnectionPool(
            ssl_context=context,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=30,
            network_backend=_Network(),
            proxy=None if proxy is None else httpcore2.Proxy(proxy),
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = self._pool.handle_request(
            httpcore2.Request(
                method=request.method,
                url=httpcore2.URL(
                    scheme=request.url.raw_scheme,
                    host=request.url.raw_host,
                    port=request.url.port,
                    target=request.url.raw_path,
                ),
                headers=request.headers.raw,
                content=cast("Iterable[bytes]", request.stream),
                extensions=request.extensions,
            )
        )
        stream = cast("Iterable[bytes]", answer.stream)
        return httpx2.Response(
            answer.status, headers=answer.headers, stream=_Body(stream), extensions=answer.extensions
        )

    def close(self) -> None:
        self._pool.close()
