"""A real server for tests: one that is running (KVTUI_LIVE_ADDR), or a binary started in dev mode on loopback."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit

STARTUP = 20.0
"""Seconds a server may take until it answers."""


class RealServer:
    """Use as a context manager. `binary` "" is the running server of KVTUI_LIVE_ADDR, which is left alone."""

    def __init__(self, binary: str = "") -> None:
        self.binary = binary
        self.url = os.environ.get("KVTUI_LIVE_ADDR", "").rstrip("/")
        self.token = os.environ.get("KVTUI_LIVE_TOKEN", "")
        self.version = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._home: tempfile.TemporaryDirectory[str] | None = None

    @property
    def is_ours(self) -> bool:
        """Do we start it? One that is not ours is neither emptied nor sealed by tests."""
        return bool(self.binary)

    @property
    def flavour(self) -> Literal["openbao", "vault"]:
        """A guess by the version: OpenBao counts from 2."""
        return "vault" if self.version.startswith(("0.", "1.")) else "openbao"

    def __enter__(self) -> Self:
        try:
            if self.binary:
                self._start()
            self.version = self._wait()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(STARTUP)
        if self._home is not None:
            self._home.cleanup()

    def _start(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.url, self.token = f"http://127.0.0.1:{port}", "root"
        self._home = tempfile.TemporaryDirectory()
        environment = {"PATH": os.environ.get("PATH", ""), "HOME": self._home.name}
        options = [f"-dev-listen-address=127.0.0.1:{port}", f"-dev-root-token-id={self.token}", "-dev-no-store-token"]
        self._process = subprocess.Popen(
            [self.binary, "server", "-dev", *options],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
        )

    def _wait(self) -> str:
        """Until sys/health and the KV engine answer; the version. Raises RuntimeError."""
        until = time.monotonic() + STARTUP
        while time.monotonic() < until:
            if self._process is not None and self._process.poll() is not None:
                raise RuntimeError(f"{self.binary} ended with {self._process.returncode}")
            version = self._version()
            if version:
                return version
            time.sleep(0.05)  # a server that starts tells nobody when it listens
        raise RuntimeError(f"no answer from {self.url} in {STARTUP:.0f} s")

    def _version(self) -> str:
        parts = urlsplit(self.url)
        made = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = made(parts.hostname or "", parts.port, timeout=5)
        try:
            connection.request("GET", "/v1/sys/health?standbyok=true")
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                return ""
            if self.is_ours:
                connection.request("GET", "/v1/secret/metadata/?list=true", headers={"X-Vault-Token": self.token})
                answer = connection.getresponse()
                answer.read()
                if answer.status not in {200, 404}:
                    return ""
            return str(json.loads(body)["version"])
        except (OSError, http.client.HTTPException):
            return ""
        finally:
            connection.close()


def real_server() -> RealServer | None:
    """The server of KVTUI_LIVE_ADDR and KVTUI_LIVE_TOKEN, else one of BAO_BIN, `bao` or `vault`; None without any."""
    if os.environ.get("KVTUI_LIVE_ADDR") and os.environ.get("KVTUI_LIVE_TOKEN"):
        return RealServer()
    candidates = [os.environ.get("BAO_BIN"), "bao", "vault"]
    found = next((path for name in candidates if name and (path := shutil.which(name))), None)
    return RealServer(found) if found else None
