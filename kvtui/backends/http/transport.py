"""Sockets that keep one deadline for a whole call.

httpx's timeouts are for each read: a server that sends a byte a second keeps a call for ever. Here every connect, read
and write gets what is left of the call's deadline, name look-up aside, which the system bounds.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, cast

import httpcore2
import httpx2


@dataclass(slots=True)
class Call:
    """One call under way. `sent`: whether the server may have seen any of the request."""

    deadline: float
    """In terms of time.monotonic()."""
    sent: bool = False

    def left(self) -> float:
        """Seconds; raises ReadTimeout when there are none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout("the deadline of the call has passed")
        return left


_current: ContextVar[Call] = ContextVar("call")


@contextmanager
def calling(call: Call) -> Iterator[None]:
    """What is done on sockets in here, on this thread, belongs to a call."""
    token = _current.set(call)
    try:
        yield
    finally:
        _current.reset(token)


class _Stream(httpcore2.NetworkStream):
    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - the call's own holds
        return self._inner.read(max_bytes, _current.get().left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        call = _current.get()
        left = call.left()
        call.sent = True
        self._inner.write(buffer, left)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore2.NetworkStream:
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, _current.get().left()))

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
        left = _current.get().left()
        return _Stream(self._inner.connect_tcp(host, port, left, local_address, socket_options))


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
