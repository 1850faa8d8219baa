"""A conversation whose answers a test wrote down, and the clients it is had with."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kvtui.backends.http import address
from kvtui.backends.http.client import HttpClient
from kvtui.backends.http.tls import Tls
from kvtui.backends.vault.api import is_final
from kvtui.backends.vault.auth.login import LoginApi
from kvtui.domain.errors import AuthenticationRequired
from kvtui.domain.value import SecretValue


class Talk:
    """Answers questions in order; `on_visit` is the person with the browser. Asked for more, it was cancelled."""

    def __init__(self, *answers: str, on_visit: Callable[[str], None] = lambda _: None, cancel: bool = False) -> None:
        self._answers = list(answers)
        self._on_visit = on_visit
        self.cancel = cancel
        self.asked: list[tuple[str, bool]] = []
        self.told: list[str] = []
        self.visited: list[str] = []

    def ask(self, question: str, *, secret: bool) -> SecretValue:
        self.asked.append((question, secret))
        if not self._answers:
            raise AuthenticationRequired("It was cancelled.")
        return SecretValue(self._answers.pop(0))

    def tell(self, message: str) -> None:
        self.told.append(message)

    def visit(self, url: str, message: str) -> None:
        self.visited.append(url)
        self.told.append(message)
        self._on_visit(url)

    def cancelled(self) -> bool:
        return self.cancel


@contextmanager
def connected(
    url: str, *, namespace: str = "", ca_file: Path | None = None, tls: Tls | None = None, timeout: float = 10
) -> Iterator[LoginApi]:
    client = HttpClient(address.parse(url), is_final=is_final, timeout=timeout, tls=tls or Tls(ca_file=ca_file))
    try:
        yield LoginApi(client, namespace=namespace)
    finally:
        client.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
