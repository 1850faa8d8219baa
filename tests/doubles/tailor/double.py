"""The double of the platform and what a test does with it."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from uuid import uuid4

from tests.doubles.clock import Clock
from tests.doubles.server import Fault, Reply, Seen
from tests.doubles.stateful import StatefulDouble
from tests.doubles.tailor.connect import ConnectError, Json, check, error_reply, parse
from tests.doubles.tailor.operator_service import FIELDS, OperatorService, has_side_effects
from tests.doubles.tailor.sign_in import SignIn
from tests.doubles.tailor.state import Login, Role, Vault, Workspace

SERVICE = "/tailor.v1.OperatorService/"


class TailorDouble(StatefulDouble):
    """Use as a context manager. It has one workspace, and somebody who may do everything in it."""

    def __init__(
        self, *, clock: Clock | None = None, latency: float = 0.0, context: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(clock=clock, latency=latency, context=context)
        self.service = OperatorService(self.clock)
        self.pages = self.service.pages
        self.sign_in = SignIn(self.clock, self.url)
        self.speaks_json = True
        """Is the JSON codec on? Otherwise 415."""
        self.needs_version = True
        """Must requests name the version of the protocol?"""
        self.main = self.workspace("main")
        self.login = self.new_login("me@example.com")

    # What a test sets up.

    def workspace(self, name: str, id: str = "") -> Workspace:  # noqa: A002
        with self._state_lock:
            return self.service.add_workspace(name, id or str(uuid4()))

    def new_login(self, email: str, workspaces: Mapping[str, Role] | None = None) -> Login:
        """Tokens of somebody new; `workspaces` maps ids to viewer or editor, None is an editor of all."""
        return self.sign_in.add(email, workspaces)

    def vault(self, name: str, secrets: Mapping[str, str] | None = None, *, managed_by: str = "") -> Vault:
        """One in the main workspace, without a request; `managed_by` labels it as made from a configuration."""
        with self._state_lock:
            made = self.service.add_vault(self.main, name)
            for secret, value in (secrets or {}).items():
                self.service.add_secret(made, secret, value)
            if managed_by:
                made.labels["sdk-name"] = managed_by
            return made

    def fail(self, method: str, code: str, text: str = "", *, times: int = 1, after: bool = False) -> None:
        """The next calls of this method end with this code; `after` they were carried out."""
        fault = Fault(
            "reply_after" if after else "reply",
            when=lambda seen: seen.path == SERVICE + method,
            times=times,
            reply=error_reply(code, text),
        )
        self.break_next(fault)

    # What a test looks at.

    def value(self, vault: str, secret: str) -> str | None:
        """What is kept in the main workspace; no call of the API shows it."""
        found = self.main.vaults.get(vault)
        return found.secrets[secret].value if found and secret in found.secrets else None

    def calls(self, method: str = "") -> list[tuple[str, dict[str, Json]]]:
        """Methods and messages of the calls so far, as they were sent."""
        named = [(one.path.removeprefix(SERVICE), one) for one in self.requests if one.path.startswith(SERVICE)]
        return [(name, json.loads(one.body)) for name, one in named if method in {"", name}]

    def mutations(self) -> list[Seen]:
        """The calls that change something; refreshing a token is none."""
        inside = [one for one in self.requests if one.path.startswith(SERVICE)]
        return [one for one in inside if has_side_effects(one.path.removeprefix(SERVICE))]

    # How it answers.

    def reply(self, request: Seen) -> Reply:
        page = self.sign_in.reply(request)
        if page is not None:
            return page
        method = request.path.removeprefix(SERVICE)
        if not request.path.startswith(SERVICE) or method not in FIELDS:
            return Reply(404, b"404 page not found\n", {"Content-Type": "text/plain; charset=utf-8"})
        wrong = check(request, speaks_json=self.speaks_json, needs_version=self.needs_version)
        if wrong is not None:
            return wrong
        login = self.sign_in.who(request)
        if login is None:
            return error_reply("unauthenticated", "invalid token")
        try:
            answer = self.service.call(method, login, parse(request.body, FIELDS[method]))
        except ConnectError as failed:
            return error_reply(failed.code, failed.message)
        return Reply(200, json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode())
