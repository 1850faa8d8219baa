"""A real HTTP/1.1 server on loopback for doubles of remote stores, with faults on request.

A double answers by `Reply`s; a test scripts faults in front of it. Every request is recorded with its raw target.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self


@dataclass(frozen=True)
class Seen:
    """One request as it arrived. `target` is what stood in the request line; header names are lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request. `when` picks the requests it waits for; it happens `times` times."""

    kind: str
    """reset_before (not handled), reset_after (handled, then reset), close_early, drip_head, drip_body, hang (not
    handled, then reset), late (handled after a while, then reset), reply, reply_after (handled, then that reply)."""
    when: Callable[[Seen], bool] = lambda _: True
    times: int = 1
    reply: Reply = Reply()
    seconds: float = 0.0
    """Between the bytes of a drip; before the answer or the reset otherwise."""


class Double:
    """Base of the doubles: override `answer`. Use as a context manager; `url` is where it is."""

    scheme = "http"

    def __init__(self, context: ssl.SSLContext | None = None, *, latency: float = 0.0) -> None:
        self.requests: list[Seen] = []
        self.latency = latency
        self._faults: list[list[object]] = []
        self._lock = threading.Lock()
        self._came = threading.Condition(self._lock)
        self._done = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def __getattr__(self, name: str) -> Callable[[], None]:
                if name.startswith("do_"):
                    return self._handle
                raise AttributeError(name)

            def _handle(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                body = self.rfile.read(length)
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer._serve(self, Seen(self.command, self.path, headers, body))

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, request: object, client_address: object) -> None:
                pass  # clients that went away

        self._server = Server(("127.0.0.1", 0), Handler)
        if context is not None:
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
            self.scheme = "https"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def answer(self, request: Seen) -> Reply:
        raise NotImplementedError

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def break_next(self, *faults: Fault) -> None:
        """These happen, in this order, each to the first request it is for."""
        with self._lock:
            self._faults.extend([fault, fault.times] for fault in faults)

    def sent(self, *methods: str) -> list[Seen]:
        """The requests of these methods so far."""
        return [one for one in self.requests if one.method in methods]

    def until(self, condition: Callable[[], bool], seconds: float = 60.0) -> None:
        """Wait for something that is so once a request has come. `condition` must not wait for the double itself."""
        with self._came:
            assert self._came.wait_for(condition, seconds), "what was waited for did not come"

    def _fault(self, request: Seen) -> Fault | None:
        with self._came:
            self._came.notify_all()
            for entry in self._faults:
                fault, left = entry
                assert isinstance(fault, Fault)
                assert isinstance(left, int)
                if fault.when(request):  # which may be what is waited for: those who wait look when this lock is free
                    entry[1] = left - 1
                    if left == 1:
                        self._faults.remove(entry)
                    return fault
        return None

    def _serve(self, handler: BaseHTTPRequestHandler, request: Seen) -> None:
        with self._came:
            self.requests.append(request)
            self._came.notify_all()
        if self.latency:
            time.sleep(self.latency)  # the way to a server that is further away
        fault = self._fault(request)
        if fault is None:
            self._send(handler, self.answer(request))
            return
        match fault.kind:
            case "reply":
                self._done.wait(fault.seconds)
                self._send(handler, fault.reply)
            case "reply_after":
                self.answer(request)
                self._send(handler, fault.reply)
            case "reset_before":
                self._reset(handler)
            case "reset_after":
                self.answer(request)
                self._done.wait(fault.seconds)
                self._reset(handler)
            case "late":
                self._done.wait(fault.seconds)
                self.answer(request)
                self._reset(handler)
            case "hang":
                self._done.wait(fault.seconds)
                self._reset(handler)
            case "close_early":
                self._send(handler, self.answer(request), cut=True)
            case "drip_head":
                self._drip(handler, _head(self.answer(request)), fault.seconds)
            case "drip_body":
                reply = self.answer(request)
                handler.wfile.write(_head(reply))
                self._drip(handler, reply.body, fault.seconds)
            case _:
                raise ValueError(fault.kind)

    def _send(self, handler: BaseHTTPRequestHandler, reply: Reply, *, cut: bool = False) -> None:
        """With `cut` it ends within the body, or within the head where there is no body."""
        head = _head(reply)
        whole = head + reply.body
        end = (len(head) + len(whole) if reply.body else len(head)) // 2 if cut else len(whole)
        handler.wfile.write(whole[:end])
        handler.wfile.flush()
        if cut:
            handler.close_connection = True
            handler.connection.shutdown(socket.SHUT_WR)

    def _drip(self, handler: BaseHTTPRequestHandler, data: bytes, seconds: float) -> None:
        for byte in data:
            handler.wfile.write(bytes([byte]))
            handler.wfile.flush()
            if self._done.wait(seconds):
                return

    def _reset(self, handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _head(reply: Reply) -> bytes:
    reason = reply.reason if reply.reason is not None else "Because"
    headers = {"Content-Type": "application/json", "Content-Length": str(len(reply.body)), **reply.headers}
    lines = [f"HTTP/1.1 {reply.status} {reason}", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1")
