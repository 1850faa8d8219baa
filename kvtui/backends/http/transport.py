"""Sockets that keep one deadline for a whole call, and let go of it at once when it is ended from outside.

httpx's timeouts are for each read: a server that sends a byte a second keeps a call for ever. Here every name look-up,
connect, read and write gets what is left of the call's deadline.
"""

from __future__ import annotations

import math
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
from urllib.parse import unquote_to_bytes, urlsplit

import httpcore2
import httpx2

from kvtui import courtesy


@dataclass(slots=True, eq=False)
class Call:
    """One call under way. `sent`: whether the server may have seen any of the request. `ended`: see `end`."""

    deadline: float
    """In terms of time.monotonic(); math.inf for none."""
    repeatable: bool = False
    """It changes nothing, so that it does not matter whether the server got it."""
    sent: bool = False
    ended: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _waiting_on: socket.socket | None = None

    def left(self) -> float | None:
        """Seconds, or None without a deadline; raises ReadTimeout when there are none, ReadError when it was ended."""
        if self.ended.is_set():
            raise httpcore2.ReadError("the call was ended")
        if math.isinf(self.deadline):
            return None
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout("the deadline of the call has passed")
        return left

    @contextmanager
    def waiting_on(self, one: socket.socket) -> Iterator[float | None]:
        """As `left`: seconds that may be waited for this socket. `end` cuts it off meanwhile, and only then: afterwards
        it may be another call's."""
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
        call = _current.get()
        with courtesy.waiting(), call.waiting_on(self._socket) as left:
            data = self._inner.read(max_bytes, left)
        if not data:
            call.left()  # it may have been cut off: for a body without a length that looks like its end
        return data

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
    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        return _Stream(_Connecting(_current.get(), host, port, local_address, socket_options).made())


class _Connecting:
    """A name looked up and a connection made, on a thread of its own: neither can be cut off, only left alone."""

    def __init__(
        self,
        call: Call,
        host: str,
        port: int,
        local_address: str | None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None,
    ) -> None:
        self._call = call
        self._where = host, port
        self._how = local_address, socket_options
        self._lock = threading.Lock()
        self._result: httpcore2.NetworkStream | Exception | None = None
        self._left_alone = False
        self._done, self._told = socket.socketpair()

    def made(self) -> httpcore2.NetworkStream:
        """Raises ConnectError, and as `Call.left`."""
        threading.Thread(target=self._run, name="connecting", daemon=True).start()
        try:
            with self._done, self._call.waiting_on(self._done) as left:
                self._done.settimeout(left)
                self._done.recv(1)
            self._call.left()
        except BaseException as error:
            self._leave()
            if isinstance(error, TimeoutError):
                raise httpcore2.ConnectTimeout("the deadline of the call has passed") from None
            raise
        result = self._result
        if isinstance(result, httpcore2.NetworkStream):
            return result
        raise result or httpcore2.ConnectError("no connection was made")

    def _leave(self) -> None:
        """Whatever is made is for nobody."""
        with self._lock:
            self._left_alone = True
            if isinstance(self._result, httpcore2.NetworkStream):
                self._result.close()

    def _run(self) -> None:
        result: httpcore2.NetworkStream | Exception
        try:
            result = self._connected()
        except Exception as error:  # noqa: BLE001 - raised again by who waits for it
            result = error
        with self._told, self._lock:
            self._result = result
            if self._left_alone and isinstance(result, httpcore2.NetworkStream):
                result.close()

    def _connected(self) -> httpcore2.NetworkStream:
        """Each address of a name gets its share of what is left: a first one that is silent is not the end."""
        host, port = self._where
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise httpcore2.ConnectError("no such host") from None
        failed: Exception = httpcore2.ConnectError("no address")
        for position, (*_, where) in enumerate(found):
            left = self._call.left()
            share = None if left is None else left / (len(found) - position)
            try:
                return httpcore2.SyncBackend().connect_tcp(str(where[0]), port, share, *self._how)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failed = error
        raise failed


class _Body(httpx2.SyncByteStream):
    def __init__(self, stream: Iterable[bytes]) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        if hasattr(self._stream, "close"):
            self._stream.close()


def _proxy(url: str) -> httpcore2.Proxy:
    """A user name and password in the address go to the proxy, as Go's clients send them."""
    parts = urlsplit(url)
    where = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    name, password = parts.username, parts.password
    auth = None if name is None else (unquote_to_bytes(name), unquote_to_bytes(password or ""))
    return httpcore2.Proxy(where, auth=auth)


class DeadlineTransport(httpx2.BaseTransport):
    """httpcore's pool on such sockets. Its exceptions come out as they are: httpcore2's."""

    def __init__(self, context: ssl.SSLContext | None, *, connections: int, proxy: str | None) -> None:
        self._pool = httpcore2.ConnectionPool(
            ssl_context=context,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=30,
            network_backend=_Network(),
            proxy=None if proxy is None else _proxy(proxy),
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
