"""Requests as bare as they come, for the tests of doubles: no client of ours between test and socket."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.doubles.server import Double


@dataclass(frozen=True)
class Got:
    """An answer as it came; header names are lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    def json(self) -> Any:
        return json.loads(self.body)


def send(
    double: Double, method: str, target: str, body: bytes | str | None = None, headers: Mapping[str, str] | None = None
) -> Got:
    """`target` goes into the request line as it is."""
    connection = http.client.HTTPConnection("127.0.0.1", double.port, timeout=10)
    try:
        connection.putrequest(method, target, skip_accept_encoding=True)
        data = body.encode() if isinstance(body, str) else body
        for name, value in {**(headers or {}), **({} if data is None else {"Content-Length": str(len(data))})}.items():
            connection.putheader(name, value)
        connection.endheaders(data)
        answer = connection.getresponse()
        return Got(answer.status, answer.read(), {name.lower(): value for name, value in answer.getheaders()})
    finally:
        connection.close()
