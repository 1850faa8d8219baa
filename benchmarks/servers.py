"""Servers to list: a real one where it is found, and the tests' double of Vault, each with the same secrets."""

from __future__ import annotations

import http.client
import json
import multiprocessing
import os
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.doubles.vault import RealServer, VaultDouble, real_server

_WRITERS = 8
_FIELDS = {"user": "admin", "password": "0" * 32}


@dataclass(frozen=True, slots=True)
class Server:
    """`tokens` by what they may do: "list", and "scan" (and list with details) where the server has that."""

    name: str
    port: int
    mount: str
    secrets: int
    tokens: Mapping[str, str]


def folders_of(count: int) -> list[str]:
    """So many folders, one in 25 at the top and the others in them."""
    top = max(1, count // 25)
    found = [f"team{at:02}" for at in range(top)]
    return found + [f"{found[at % top]}/service{at // top:02}" for at in range(count - top)]


def secrets_of(folders: Sequence[str], count: int) -> Iterator[str]:
    """`count` secrets, spread over the folders."""
    for at in range(count):
        yield f"{folders[at % len(folders)]}/secret{at // len(folders):02}"


@contextmanager
def real(secrets: int, folders: int) -> Iterator[Server | None]:
    """A mount of its own on the server of KVTUI_LIVE_ADDR, taken away again, or on one that is started with the binary
    the tests would use; None where neither is found."""
    found = real_server()
    if found is None:
        yield None
        return
    with _on_disk(found.binary) if found.is_ours else _running(found) as (url, token):
        if urlsplit(url).scheme != "http" or (port := urlsplit(url).port) is None:
            raise RuntimeError(f"the proxy speaks plain HTTP: {url}")
        version = str(_call(port, token, "GET", "sys/health")["version"])
        is_openbao = not version.startswith(("0.", "1."))
        mount = f"benchmark{os.getpid()}"
        try:
            tokens = _set_up(port, token, mount, ("scan", "list") if is_openbao else ("list",))
            _fill(port, token, mount, list(secrets_of(folders_of(folders), secrets)))
            yield Server(f"{'OpenBao' if is_openbao else 'Vault'} {version}", port, mount, secrets, tokens)
        finally:
            if not found.is_ours:
                for path in (f"sys/mounts/{mount}", f"sys/policy/{mount}-scan", f"sys/policy/{mount}-list"):
                    _call(port, token, "DELETE", path)


@contextmanager
def _running(server: RealServer) -> Iterator[tuple[str, str]]:
    with server:
        yield server.url, server.token


@contextmanager
def _on_disk(binary: str) -> Iterator[tuple[str, str]]:
    """Address and root token of a server with raft storage, as people run it. Dev mode would mislead: OpenBao's storage
    in memory copies all of its keys for each LIST, 25 ms at 10,000."""
    with tempfile.TemporaryDirectory() as folder:
        port, cluster = _free_ports(2)
        config = Path(folder) / "config.json"
        address, between = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{cluster}"
        listener = {"tcp": {"address": f"127.0.0.1:{port}", "tls_disable": True}}
        storage = {"raft": {"path": folder, "node_id": "benchmark"}}
        settings = {"listener": listener, "storage": storage, "api_addr": address, "cluster_addr": between}
        config.write_text(json.dumps({**settings, "disable_mlock": True}))
        environment = {"PATH": os.environ["PATH"], "HOME": folder}
        command = [binary, "server", f"-config={config}"]
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(command, env=environment, stdin=quiet, stdout=quiet, stderr=quiet)
        try:
            yield address, _unsealed(port)
        finally:
            process.terminate()
            process.wait(20)


def _free_ports(count: int) -> list[int]:
    with ExitStack() as open_until_all_are_known:
        probes = [open_until_all_are_known.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def _unsealed(port: int) -> str:
    """Initialize a new server and wait until it is active; its root token."""
    made = _patiently(lambda: _call(port, "", "POST", "sys/init", {"secret_shares": 1, "secret_threshold": 1}))
    _call(port, "", "POST", "sys/unseal", {"key": made["keys"][0]})
    token = str(made["root_token"])
    _patiently(lambda: _call(port, token, "GET", "sys/health"))  # 429 until it is active
    return token


def _patiently(ask: Callable[[], dict[str, Any]], seconds: float = 30) -> dict[str, Any]:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return ask()
        except (OSError, RuntimeError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)  # a server that starts tells nobody when it listens


def _set_up(port: int, token: str, mount: str, kinds: Sequence[str]) -> dict[str, str]:
    """The mount, and tokens of these kinds."""
    _call(port, token, "POST", f"sys/mounts/{mount}", {"type": "kv", "options": {"version": "2"}})
    tokens = {}
    for kind in kinds:
        rules = {"path": {path: {"capabilities": verbs} for path, verbs in _rules(mount, kind).items()}}
        _call(port, token, "POST", f"sys/policy/{mount}-{kind}", {"policy": json.dumps(rules)})
        made = _call(port, token, "POST", "auth/token/create", {"policies": [f"{mount}-{kind}"], "ttl": "4h"})
        tokens[kind] = str(made["auth"]["client_token"])
    return tokens


def _rules(mount: str, kind: str) -> dict[str, list[str]]:
    rules = {f"{mount}/metadata/*": ["read", "list"], f"{mount}/data/*": ["read"]}
    if kind == "scan":
        rules |= {f"{mount}/metadata/*": ["read", "list", "scan"], f"{mount}/detailed-metadata/*": ["list", "scan"]}
    return rules


def _call(port: int, token: str, method: str, path: str, body: object = None) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)  # removing a mount is slow
    try:
        return _send(connection, token, method, path, body)
    finally:
        connection.close()


def _send(connection: http.client.HTTPConnection, token: str, method: str, path: str, body: object) -> dict[str, Any]:
    """Again for as long as the server prepares a new mount."""
    content = None if body is None else json.dumps(body)
    for _ in range(100):
        connection.request(method, f"/v1/{path}", content, {"X-Vault-Token": token, "X-Vault-Request": "true"})
        answer = connection.getresponse()
        told = answer.read()
        if answer.status < 300:
            return dict(json.loads(told)) if told else {}
        if b"Upgrading from non-versioned" not in told:
            break
        time.sleep(0.1)  # nor when a mount is prepared
    raise RuntimeError(f"{answer.status} for {method} {path}: {told[:200]!r}")


def _fill(port: int, token: str, mount: str, names: Sequence[str]) -> None:
    failed: list[Exception] = []

    def write(mine: Sequence[str]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            for name in mine:
                _send(connection, token, "POST", f"{mount}/data/{name}", {"data": _FIELDS})
        except Exception as error:  # noqa: BLE001 - raised below
            failed.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(names[at::_WRITERS],)) for at in range(_WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


@contextmanager
def double(secrets: int, folders: int) -> Iterator[Server]:
    """The double as Vault, which knows no SCAN, in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_be_vault, args=(secrets, folders, theirs), daemon=True)
    process.start()
    try:
        port, token = ours.recv()
        yield Server("double of Vault", port, "secret", secrets, {"list": token})
    finally:
        ours.close()
        process.join(10)
        process.kill()


def _be_vault(secrets: int, folders: int, pipe: Connection) -> None:
    with VaultDouble(flavour="vault") as server:
        for name in secrets_of(folders_of(folders), secrets):
            server.write("secret", name, {**_FIELDS})
        server.policy("list", _rules("secret", "list"))
        pipe.send((server.port, server.token("list")))
        try:
            pipe.recv()
        except EOFError:
            return
