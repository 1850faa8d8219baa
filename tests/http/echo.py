"""A server that answers whatever it is asked, and counts."""

from __future__ import annotations

import ssl

from tests.doubles.server import Double, Fault, Reply, Seen


class Echo(Double):
    """Counts what changes something; answers JSON."""

    def __init__(self, *args: ssl.SSLContext, **settings: float) -> None:
        super().__init__(*args, **settings)
        self.changes = 0

    def answer(self, request: Seen) -> Reply:
        if request.method in {"POST", "DELETE"}:
            self.changes += 1
        return Reply(body=b'{"number": 1.10}')


def reply(status: int, **headers: str) -> Fault:
    return Fault(
        "reply", reply=Reply(status, b"{}", {name.replace("_", "-"): value for name, value in headers.items()})
    )
