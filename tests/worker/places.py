"""Connections to doubles of the worker, as tests want them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from kvtui.backends.http import address
from kvtui.backends.http.client import HttpClient
from kvtui.backends.worker.api import WorkerApi
from kvtui.backends.worker.backend import WorkerBackend
from kvtui.cli.main import run
from kvtui.domain.value import Fields, SecretValue
from tests.doubles.server import Fault, Reply, Seen
from tests.doubles.worker import WorkerDouble


def one(text: str) -> Fields:
    return {"value": SecretValue(text)}


def value_of(backend: WorkerBackend, path: str) -> str:
    return str(backend.read(path).fields["value"].reveal())


@contextmanager
def opened(
    double: WorkerDouble,
    headers: Mapping[str, str] | None = None,
    *,
    prefix: str = "/v1",
    is_person: bool = False,
    pauses: Sequence[float] = (),
    timeout: float = 5.0,
) -> Iterator[WorkerBackend]:
    given = double.credentials.headers if headers is None else headers
    client = HttpClient(address.parse(double.url), headers=given, timeout=timeout)
    with WorkerBackend(WorkerApi(client, prefix=prefix), is_person=is_person, pauses=pauses) as backend:
        yield backend


def person(double: WorkerDouble, email: str, *args: str) -> dict[str, str]:
    """The headers of somebody, as cloudflared's token is sent."""
    made = double.user(email, *args)  # type: ignore[arg-type]
    return {"cf-access-token": made["Cf-Access-Jwt-Assertion"]}


def changes(request: Seen) -> bool:
    return request.method in {"POST", "PUT", "PATCH", "DELETE"}


def page(status: int, text: str = "<!DOCTYPE html><p>Error</p>", **headers: str) -> Reply:
    return Reply(status, text.encode(), {"Content-Type": "text/html; charset=UTF-8", **headers})


def answering(reply: Reply, times: int = 1) -> Fault:
    return Fault("reply", times=times, reply=reply)


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Cli:
    """Command lines, one after the other, with profiles of their own."""

    config: Path

    def __call__(self, *argv: object, stdin: bytes = b"") -> Ran:
        out, err = BytesIO(), BytesIO()
        code = run(["--config", str(self.config), *map(str, argv)], BytesIO(stdin), out, err, None)
        return Ran(int(code), out.getvalue().decode(), err.getvalue().decode())

    def json(self, *argv: object, stdin: bytes = b"") -> Any:
        ran = self(*argv, "--json", stdin=stdin)
        assert ran.code == 0, ran.err
        return json.loads(ran.out)
