"""The few calls of RabbitMQ's management API that a secrets server makes: so a real one issues real leases."""

from __future__ import annotations

from urllib.parse import unquote

from tests.doubles.server import Double, Reply, Seen


class RabbitMq(Double):
    """Use as a context manager. `users` are those there are now."""

    def __init__(self) -> None:
        super().__init__()
        self.users: set[str] = set()

    def answer(self, request: Seen) -> Reply:
        *_, kind, name = unquote(request.path).split("/")
        if request.method == "PUT" and kind == "users":
            self.users.add(name)
        elif request.method == "DELETE" and kind == "users":
            self.users.discard(name)
        return Reply(204)
