"""A real server for these tests: BAO_BIN, else bao, else vault, on a free loopback port, in memory."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kvtui.backends.vault.api import VaultApi
from kvtui.domain.errors import KvtuiError
from kvtui.domain.value import SecretValue
from tests.vault_auth.talk import connected, free_port

ROOT = "root-of-the-test"
BINARY = os.environ.get("BAO_BIN") or shutil.which("bao") or shutil.which("vault")


class Running:
    """A server that runs. `ca_file` where it speaks TLS."""

    def __init__(self, url: str, ca_file: Path | None) -> None:
        self.url = url
        self.ca_file = ca_file

    @contextmanager
    def root(self) -> Iterator[VaultApi]:
        with connected(self.url, ca_file=self.ca_file) as api:
            yield api.signed_in(SecretValue(ROOT))

    def write(self, path: str, **body: Any) -> dict[str, Any]:
        """Configure it; the answer's data."""
        with self.root() as api:
            return dict(api.call("POST", path, body).data)

    def enable(self, method: str, *, at: str = "") -> str:
        """Its accessor."""
        self.write(f"sys/auth/{at or method}", type=method)
        with self.root() as api:
            found = api.call("GET", "sys/auth").data[f"{at or method}/"]["accessor"]
        assert isinstance(found, str)
        return found


@contextmanager
def running(folder: Path, *, tls: bool = False) -> Iterator[Running]:
    assert BINARY is not None
    port = free_port()
    argv = [BINARY, "server", "-dev", f"-dev-root-token-id={ROOT}", f"-dev-listen-address=127.0.0.1:{port}"]
    argv += ["-dev-no-store-token", *(["-dev-tls", f"-dev-tls-cert-dir={folder}"] if tls else [])]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            server = _ready(child, port, folder if tls else None)
            yield server
        finally:
            child.terminate()
            child.wait(20)


def _ready(child: subprocess.Popen[bytes], port: int, certificates: Path | None) -> Running:
    deadline = time.monotonic() + 30
    while True:
        assert child.poll() is None, "the server ended"
        assert time.monotonic() < deadline, "the server does not answer"
        authority = next(certificates.glob("*-ca.pem"), None) if certificates else None
        if certificates is None or authority is not None:
            found = Running(f"{'https' if certificates else 'http'}://127.0.0.1:{port}", authority)
            try:
                with found.root() as api:
                    api.call("GET", "auth/token/lookup-self")
            except KvtuiError:
                pass
            else:
                return found
        time.sleep(0.02)  # a server that starts tells nobody when it listens
