"""A TCP proxy that makes the way to a server longer, and counts the requests that pass. A process of its own, so that
it takes no time of the program that is measured but what the machine's processors are shared for."""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from collections import deque
from dataclasses import dataclass
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

_REQUEST = b" HTTP/1.1\r\n"
_LISTING = (b"list=true", b"scan=true")


@dataclass(frozen=True, slots=True)
class Passed:
    """What passed since the last reset; `quiet_seconds` is how long no listing, or a part of the answer to one, has."""

    requests: int
    listings: int
    quiet_seconds: float


class Proxy:
    """Use as a context manager; `port` on loopback leads to `upstream`. Connections last as both sides keep them."""

    def __init__(self, upstream: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(upstream, theirs), daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        self._process.start()
        self.port = self._pipe.recv()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pipe.close()
        self._process.join(10)
        self._process.kill()

    def reset(self, latency: float) -> None:
        """Count from 0; from now on a request and its answer take `latency` seconds more, half of it each way."""
        self._pipe.send(latency)
        self._pipe.recv()

    def passed(self) -> Passed:
        self._pipe.send(None)
        found = self._pipe.recv()
        assert isinstance(found, Passed)
        return found


def _run(upstream: int, pipe: Connection) -> None:
    asyncio.run(_serve(upstream, pipe))


async def _serve(upstream: int, pipe: Connection) -> None:
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    way = _Way(upstream)

    def told() -> None:
        try:
            asked = pipe.recv()
        except EOFError:
            over.cancel()
            return
        if asked is None:
            pipe.send(Passed(way.requests, way.listings, time.perf_counter() - way.last))
        else:
            way.delay, way.requests, way.listings = asked / 2, 0, 0
            pipe.send(True)

    server = await loop.create_server(lambda: _Side(way, None), "127.0.0.1", 0, backlog=256)
    loop.add_reader(pipe.fileno(), told)
    pipe.send(server.sockets[0].getsockname()[1])
    try:
        await over
    except asyncio.CancelledError:
        server.close()


class _Way:
    """What all connections share. `delay`: seconds for each direction."""

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        self.delay = 0.0
        self.requests = self.listings = 0
        self.last = time.perf_counter()


class _Side(asyncio.Protocol):
    """One end of a connection; what comes in here goes out at the other. None for that: a client, whose other end is
    made when it comes."""

    def __init__(self, way: _Way, other: _Side | None) -> None:
        self._way = way
        self._is_client = other is None
        self._other = other
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[bytes] = deque()
        self._tail = b""
        self._is_listing = False
        self._making: asyncio.Task[object] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._is_client:
            upstream = self._other = _Side(self._way, self)
            made = asyncio.get_running_loop().create_connection(lambda: upstream, "127.0.0.1", self._way.upstream)
            self._making = asyncio.ensure_future(made)
        elif self._other is not None:
            self._other.flush()

    def data_received(self, data: bytes) -> None:
        way = self._way
        if self._is_client:
            seen = self._tail + data
            way.requests += (count := seen.count(_REQUEST))
            self._tail = seen[1 - len(_REQUEST) :]
            if count:  # clients like ours send a request in one piece
                self._is_listing = any(flag in data for flag in _LISTING)
                way.listings += self._is_listing
        if self._is_listing or (self._other is not None and self._other._is_listing):  # noqa: SLF001
            way.last = time.perf_counter()
        self._waiting.append(data)
        if way.delay:
            asyncio.get_running_loop().call_later(way.delay, self.flush, 1)
        else:
            self.flush()

    def flush(self, most: int | None = None) -> None:
        """Pass on what came in, the first `most` pieces of it."""
        other = self._other
        while self._waiting and other is not None and other._transport is not None and most != 0:  # noqa: SLF001
            other._transport.write(self._waiting.popleft())  # noqa: SLF001
            most = None if most is None else most - 1

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002
        if self._other is not None and self._other._transport is not None:  # noqa: SLF001
            self._other._transport.close()  # noqa: SLF001
