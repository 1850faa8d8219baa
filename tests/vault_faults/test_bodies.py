"""Bodies that are too slow, too large, too deep or not whole: an error by the deadline, in bounded memory."""

from __future__ import annotations

import gzip
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

DEADLINE = 1.0
"""Seconds, in place of 15."""
MOST = 300
"""MiB of resident memory."""

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
Talk = Callable[[socket.socket], None]


def sized(body: bytes, *headers: bytes) -> bytes:
    return HEAD + b"".join(line + b"\r\n" for line in headers) + b"Content-Length: %d\r\n\r\n" % len(body) + body


def whole(answer: bytes) -> Talk:
    return lambda connection: connection.sendall(answer)


def endless(head: bytes, part: bytes, most: int) -> Talk:
    def talk(connection: socket.socket) -> None:
        connection.sendall(head)
        for _ in range(most // len(part)):
            connection.sendall(part)

    return talk


def dripping(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.3)  # what a slow server does


GIB = 1 << 30
MIB = b"0" * (1 << 20)
BODIES: dict[str, tuple[Callable[[], Talk], str]] = {
    "one byte each 300 ms": (lambda: dripping, "in time"),
    "gzip bomb": (lambda: whole(sized(gzip.compress(b"0" * 50_000_000), b"Content-Encoding: gzip")), "compressed"),
    "1 GiB": (lambda: endless(HEAD + b"Content-Length: %d\r\n\r\n" % GIB, MIB, GIB), "longer than 64 MiB"),
    "1 GiB in chunks": (
        lambda: endless(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"%x\r\n%s\r\n" % (len(MIB), MIB), GIB),
        "longer than 64 MiB",
    ),
    "1 GiB without a length": (lambda: endless(HEAD + b"\r\n", MIB, GIB), "longer than 64 MiB"),
    "a text of 60 MiB": (lambda: whole(sized(b'{"data":{"a":"' + b"x" * (60 << 20) + b'"}}')), ""),
    "JSON of depth 100,000": (
        lambda: whole(sized(b'{"data":' + b"[" * 100_000 + b"]" * 100_000 + b"}")),
        "else than JSON",
    ),
    "maps of depth 100,000": (lambda: whole(sized(b'{"a":' * 100_000)), "else than JSON"),
    "60 MiB of empty maps": (lambda: whole(sized(b'{"a":[' + b"{}," * (20 << 20) + b"0]}")), "million parts"),
    "60 MiB of numbers": (lambda: whole(sized(b'{"a":[' + b"1," * (30 << 20) + b"0]}")), "million parts"),
    "two million small maps": (lambda: whole(sized(b'{"a":[' + b'{"a":{}},' * 660_000 + b"0]}")), ""),
    "a login page": (lambda: whole(sized(b"<html>").replace(b"application/json", b"text/html")), "else than JSON"),
    "an early close": (lambda: whole(HEAD + b"Content-Length: 1000\r\n\r\n{"), "broke off"),
    "an endless head": (lambda: endless(HEAD, b"X-Header: " + b"y" * 1000 + b"\r\n", GIB), "broke off"),
    "no HTTP": (lambda: whole(b"SSH-2.0-OpenSSH_9.6\r\n"), "does not speak HTTP"),
}


LONG = {"two million small maps", "60 MiB of numbers", "1 GiB in chunks"}


@contextmanager
def server(talk: Talk) -> Iterator[str]:
    """Reads a request, talks, and closes; for each connection."""

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                connection.settimeout(10)
                connection.recv(65536)
                talk(connection)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(10)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name in LONG else name for name in BODIES]
)
def test_a_bad_body_is_an_error_by_the_deadline_in_bounded_memory(name: str) -> None:
    make, words = BODIES[name]
    talk = make()
    timeout = DEADLINE if "drip" in talk.__name__ else 15.0
    with server(talk) as url:
        command = [sys.executable, "-m", "tests.vault_faults.reader", url, str(timeout)]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    print(f"{name}: {found['mib']} MiB (of {found['before']}), {found['seconds']:.2f} s, {found['told']!r}")
    assert words in found["told"]
    assert bool(found["told"]) == bool(words)
    assert found["mib"] < MOST
    assert found["seconds"] < timeout + 1
