"""What kvtui's recursive listing is held against: a script that asks one request at a time, a bare HTTP client on as
many threads as kvtui uses, and a load generator that shows how fast the server can be asked at all."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import selectors
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any


@dataclass(frozen=True, slots=True)
class Walked:
    """Seconds to the first secret and to the last, and how many there were."""

    seconds: float
    first_seconds: float
    secrets: int


@dataclass(frozen=True, slots=True)
class Target:
    """A KV 2 mount of a server on loopback."""

    port: int
    token: str
    mount: str

    def listing(self, folder: str, flag: str = "list") -> str:
        """The request for a folder ("" or with a slash at its end)."""
        return f"/v1/{self.mount}/metadata/{folder}?{flag}=true"

    @property
    def headers(self) -> dict[str, str]:
        return {"X-Vault-Request": "true", "X-Vault-Token": self.token}


def serial(target: Target) -> Walked:
    """The plain loop of a script: one kept connection, one request at a time."""
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=60)
    start, first, found = time.perf_counter(), 0.0, 0
    folders = [""]
    while folders:
        folder = folders.pop()
        for name in _keys(connection, target, target.listing(folder)):
            if name.endswith("/"):
                folders.append(folder + name)
            else:
                found += 1
                first = first or time.perf_counter() - start
    connection.close()
    return Walked(time.perf_counter() - start, first, found)


def scan(target: Target) -> Walked:
    """OpenBao's one request for all, and nothing made of it."""
    connection = http.client.HTTPConnection("127.0.0.1", target.port, timeout=60)
    start = time.perf_counter()
    found = len(_keys(connection, target, target.listing("", "scan")))
    seconds = time.perf_counter() - start
    connection.close()
    return Walked(seconds, seconds, found)


def _keys(connection: http.client.HTTPConnection, target: Target, path: str) -> list[str]:
    connection.request("GET", path, headers=target.headers)
    answer = connection.getresponse()
    body = json.loads(answer.read())
    if answer.status != 200:
        raise RuntimeError(f"{answer.status} for {path}")
    keys: list[str] = body["data"]["keys"]
    return keys


def bare(target: Target, folders: Sequence[str], width: int) -> Walked:
    """httpx2, which kvtui is built on, without kvtui: the same requests on as many threads, known beforehand."""
    import httpx2

    left = iter(list(folders))
    lock, found, first = threading.Lock(), [0], [0.0]
    limits = httpx2.Limits(max_connections=width, max_keepalive_connections=width)
    with httpx2.Client(
        base_url=f"http://127.0.0.1:{target.port}", limits=limits, timeout=60, trust_env=False
    ) as client:

        def work() -> None:
            while True:
                with lock:
                    folder = next(left, None)
                if folder is None:
                    return
                answer = client.get(target.listing(folder), headers=target.headers)
                keys = [key for key in answer.raise_for_status().json()["data"]["keys"] if not key.endswith("/")]
                with lock:
                    found[0] += len(keys)
                    first[0] = first[0] or time.perf_counter() - start

        start = time.perf_counter()
        threads = [threading.Thread(target=work) for _ in range(width)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return Walked(time.perf_counter() - start, first[0], found[0])


class Generator:
    """Asks for the folders in turn over `connections` kept connections, spread over two processes that do nothing else
    and read nothing but the length of an answer. Use `per_second`, then `close`."""

    PROCESSES = 2

    def __init__(self, target: Target, folders: Sequence[str]) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Connection] = []
        for _ in range(self.PROCESSES):
            ours, theirs = context.Pipe()
            context.Process(target=_generate, args=(target, list(folders), theirs), daemon=True).start()
            self._pipes.append(ours)

    def per_second(self, connections: int, seconds: float) -> float:
        """Answers per second. Not more connections than asked for, but one for each process at least."""
        shares = [connections // self.PROCESSES + (at < connections % self.PROCESSES) for at in range(self.PROCESSES)]
        for pipe, share in zip(self._pipes, shares, strict=True):
            pipe.send((max(1, share), seconds))
        return sum(float(pipe.recv()) for pipe in self._pipes)

    def close(self) -> None:
        for pipe in self._pipes:
            pipe.close()


def _generate(target: Target, folders: list[str], pipe: Connection) -> None:
    lines = "".join(f"{name}: {text}\r\n" for name, text in {"Host": "127.0.0.1", **target.headers}.items())
    requests = [f"GET {target.listing(folder)} HTTP/1.1\r\n{lines}\r\n".encode() for folder in folders]
    while True:
        try:
            connections, seconds = pipe.recv()
        except EOFError:
            return
        pipe.send(_answers_per_second(target.port, requests, connections, seconds))


def _answers_per_second(port: int, requests: list[bytes], connections: int, seconds: float) -> float:
    waiting = selectors.DefaultSelector()
    turns = _in_turn(requests)
    for _ in range(connections):
        made = socket.create_connection(("127.0.0.1", port))
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.sendall(next(turns))
        waiting.register(made, selectors.EVENT_READ, bytearray())
    answers, start = 0, time.perf_counter()
    while (now := time.perf_counter()) - start < seconds:
        for key, _ in waiting.select(1):
            made, so_far = _ready(key)
            so_far += made.recv(65536)
            if _is_whole(so_far):
                answers += 1
                so_far.clear()
                made.sendall(next(turns))
    for key in list(waiting.get_map().values()):
        _ready(key)[0].close()
    waiting.close()
    return answers / (now - start)


def _ready(key: Any) -> tuple[socket.socket, bytearray]:
    return key.fileobj, key.data


def _in_turn(requests: list[bytes]) -> Iterator[bytes]:
    while True:
        yield from requests


def _is_whole(answer: bytearray) -> bool:
    """Whether all of an answer that tells its length is there. Raises RuntimeError for any but a 200."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return False
    if not answer.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(bytes(answer[:100]).decode("latin-1"))
    head = bytes(answer[:end]).lower()
    at = head.find(b"content-length:")
    if at < 0:  # chunked: the last piece is an empty one
        return answer.endswith(b"\r\n0\r\n\r\n")
    return len(answer) - end - 4 >= int(head[at + 15 :].split(b"\r\n", 1)[0])
