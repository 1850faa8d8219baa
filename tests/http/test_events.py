"""Server-sent events: how a stream is read, and how it ends."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvtui.backends.http import address
from kvtui.backends.http.answer import Unreadable
from kvtui.backends.http.client import HttpClient
from kvtui.backends.http.events import Event, EventStream, parse
from kvtui.domain.errors import KvtuiError, Locked, RateLimited, Unavailable
from kvtui.domain.value import SecretValue

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n"
EVENTS = (
    "\ufeffid: 1\nevent: read\ndata: a\ndata:b\n\n: a comment\n\nid\n\ndata: no type\r\n\r\ndata\r\rretry: 5\n\n"
    "event: lost\n\ndata: é:€\nid: 2\nunknown: field\nunknown\n\ndata: cut off"
).encode()
FOUND = [
    ("read", "a\nb", "1"),
    ("message", "no type", ""),
    ("message", "", ""),
    ("message", "é:€", "2"),
]


def told(events: Iterator[Event]) -> list[tuple[str, str, str]]:
    return [(event.type, event.data, event.id) for event in events]


@given(st.lists(st.integers(1, len(EVENTS) - 1)))
def test_events_are_the_same_however_the_body_is_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(EVENTS)]
    parts = [EVENTS[start:end] for start, end in pairwise(edges)]
    assert told(parse(parts)) == FOUND


@given(st.lists(st.binary(max_size=40)))
def test_no_bytes_break_the_reading(parts: list[bytes]) -> None:
    for event in parse(parts):
        assert "\n" not in event.type + event.id


def test_lines_and_events_have_a_greatest_size() -> None:
    endless = (b"data: x" for _ in range(10**9))
    with pytest.raises(Unreadable, match="line"):
        list(parse(endless, max_line=1000))
    endless = (b"data: x\n" for _ in range(10**9))
    with pytest.raises(Unreadable, match="event"):
        list(parse(endless, max_event=1000))
    assert told(parse([b"data: x\n\n"] * 500, max_event=1000)) == [("message", "x", "")] * 500
    assert told(parse([b": still here\n"] * 500, max_event=1000)) == []


class Server:
    """Sends what a test says, to one client."""

    def __init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.request = b""

    def serve(self, *parts: bytes) -> socket.socket:
        accepted, _ = self._listening.accept()
        while b"\r\n\r\n" not in self.request:
            self.request += accepted.recv(4096)
        for part in parts:
            accepted.sendall(part)
        return accepted

    def close(self) -> None:
        self._listening.close()


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


class Reader:
    """A thread that reads a stream until it ends."""

    def __init__(self, client: HttpClient, *, silence: float | None = None) -> None:
        self.events: list[Event] = []
        self.stream: EventStream | None = None
        self.error: Exception | None = None
        self.one = threading.Event()
        self._client, self._silence = client, silence
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            with self._client.stream(
                "/events", headers={"Authorization": SecretValue("Bearer t")}, silence=self._silence
            ) as stream:
                self.stream = stream
                for event in stream:
                    self.events.append(event)
                    self.one.set()
        except KvtuiError as error:
            self.error = error

    def join(self, seconds: float = 60) -> None:
        self._thread.join(seconds)
        assert not self._thread.is_alive()


@contextmanager
def reading(server: Server, *parts: bytes, silence: float | None = None) -> Iterator[tuple[Reader, HttpClient]]:
    """A reader that has got its first event, on a client whose own deadline is short."""
    client = HttpClient(address.parse(server.url), timeout=1.0)
    reader = Reader(client, silence=silence)
    with server.serve(HEAD, b"data: one\n\n", *parts):
        assert reader.one.wait(60)
        yield reader, client
    reader.join()
    client.close()


def test_a_stream_outlives_the_deadline_of_calls_and_ends_with_the_server(server: Server) -> None:
    client = HttpClient(address.parse(server.url), timeout=1.0)
    reader = Reader(client)
    with server.serve(HEAD, b"data: one\n\n") as sending:
        assert reader.one.wait(60)
        reader.one.clear()
        assert not reader.one.wait(1.3)  # longer than a call may take: that nothing happens in it is what is tested
        sending.sendall(b"data: two\n\n")
        assert reader.one.wait(60)
    reader.join()
    assert reader.error is None
    assert told(iter(reader.events)) == [("message", "one", ""), ("message", "two", "")]
    assert b"accept: text/event-stream" in server.request.lower()
    assert b"authorization: bearer t" in server.request.lower()
    client.close()


def test_closing_a_stream_from_another_thread_ends_it_and_nothing_else(server: Server) -> None:
    with reading(server) as (reader, client):
        assert reader.stream is not None
        reader.stream.close()
        reader.join()
        assert reader.error is None
        another = Reader(client)
        server.request = b""
        with server.serve(HEAD, b"data: again\n\n"):
            assert another.one.wait(60)
        another.join()


def test_closing_the_client_ends_a_stream_as_locked(server: Server) -> None:
    with reading(server) as (reader, client):
        client.close()
        reader.join()  # of a stream that does not end by itself
        assert isinstance(reader.error, Locked)
        assert "may be done" not in str(reader.error)


def test_a_stream_that_falls_silent_counts_as_lost(server: Server) -> None:
    with reading(server, silence=0.2) as (reader, _):
        reader.join()
        assert isinstance(reader.error, Unavailable)
        assert reader.error.retryable


def test_a_stream_that_breaks_off_is_told(server: Server) -> None:
    client = HttpClient(address.parse(server.url), timeout=5)
    reader = Reader(client)
    with server.serve(HEAD.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n"), b"b\r\ndata: one\n\n\r\n"):
        assert reader.one.wait(60)
    reader.join()
    assert isinstance(reader.error, Unavailable)
    client.close()


@pytest.mark.parametrize(
    ("head", "body"),
    [(b"302 Found\r\nLocation: https://login.example/x?y", b""), (b"200 OK\r\nContent-Type: text/html", b"<html>"),
     (b"401 No\r\nContent-Type: text/event-stream", b"{}")],
)  # fmt: skip
def test_what_is_no_stream_comes_back_as_an_answer(server: Server, head: bytes, body: bytes) -> None:
    whole = b"HTTP/1.1 " + head + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    sending = threading.Thread(target=lambda: server.serve(whole).close())
    sending.start()
    client = HttpClient(address.parse(server.url), timeout=5)
    with client.stream("/events") as stream:
        assert stream.answer.status == int(head[:3])
        assert stream.answer.body == body
        with pytest.raises(Unreadable, match="no events"):
            list(stream)
    sending.join()
    client.close()


def test_a_limit_on_streams_is_told(server: Server) -> None:
    whole = b"HTTP/1.1 429 No\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"
    sending = threading.Thread(target=lambda: server.serve(whole).close())
    sending.start()
    client = HttpClient(address.parse(server.url), timeout=5)
    with pytest.raises(RateLimited) as caught, client.stream("/events"):
        pass
    assert caught.value.retry_after == 7
    sending.join()
    client.close()


def test_a_compressed_stream_is_refused(server: Server) -> None:
    with pytest.raises(Unreadable, match="compressed"), _open(server, b"\r\nContent-Encoding: gzip\r\n\r\n") as stream:
        list(stream)


def test_a_stream_is_not_opened_on_a_closed_client(server: Server) -> None:
    client = HttpClient(address.parse(server.url))
    client.close()
    with pytest.raises(Locked), client.stream("/events"):
        pass


@contextmanager
def _open(server: Server, end_of_head: bytes) -> Iterator[EventStream]:
    sending = threading.Thread(target=lambda: server.serve(HEAD.replace(b"\r\n\r\n", end_of_head)).close())
    sending.start()
    client = HttpClient(address.parse(server.url), timeout=5)
    try:
        with client.stream("/events") as stream:
            yield stream
    finally:
        sending.join()
        client.close()
