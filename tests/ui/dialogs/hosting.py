"""A small app that shows one dialog and keeps what it returned; no store, no main screen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from textual.pilot import Pilot
from textual.widgets import Button, Static

from kvtui.domain.capability import BackendInfo, Capability
from kvtui.domain.metadata import Metadata
from kvtui.domain.secret import Secret, Version
from kvtui.domain.value import SecretValue
from kvtui.ui.dialogs.base import Dialog
from kvtui.ui.safety import SafeApp
from tests.support.screens import screen_text, wait_for_idle

UNANSWERED = object()
EVERYTHING = BackendInfo("memory", "here", frozenset(Capability))
ONE_TEXT = BackendInfo("worker", "there", frozenset({Capability.READ, Capability.WRITE}))


class Host(SafeApp[None]):
    """Pushes the dialog it is given."""

    def __init__(self, dialog: Dialog[Any]) -> None:
        super().__init__()
        self.dialog = dialog
        self.answer: Any = UNANSWERED
        self.notices: list[str] = []

    def compose(self) -> Any:
        yield Button("behind")

    def on_mount(self) -> None:
        self.push_screen(self.dialog, self._answered)

    def _answered(self, answer: Any) -> None:
        self.answer = answer

    def notify(self, message: str, **kwargs: Any) -> None:
        self.notices.append(message)
        super().notify(message, **kwargs)


@dataclass
class Shown:
    """A dialog on the screen and the keys to drive it."""

    app: Host
    pilot: Pilot[None]

    @property
    def answer(self) -> Any:
        return self.app.answer

    @property
    def screen(self) -> str:
        return "\n".join(screen_text(self.app))

    @property
    def error(self) -> str:
        """The line above the buttons, whatever part of it has room."""
        return str(self.app.screen.query_one("#dialog-error", Static).render())

    @property
    def focused(self) -> Any:
        return self.app.screen.focused

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await wait_for_idle(self.pilot)

    async def type(self, text: str) -> None:
        await self.press(*text)

    async def paste(self, text: str) -> None:
        from textual import events

        self.app.post_message(events.Paste(text))
        await wait_for_idle(self.pilot)

    async def rest(self) -> None:
        await wait_for_idle(self.pilot)


@asynccontextmanager
async def showing(dialog: Dialog[Any], size: tuple[int, int] = (80, 24)) -> AsyncIterator[Shown]:
    app = Host(dialog)
    async with app.run_test(size=size) as pilot:
        await wait_for_idle(pilot)
        yield Shown(app, pilot)


def secret(
    fields: Mapping[str, Any], *, path: str = "app/db", version: int = 3, metadata: Metadata | None = None
) -> Secret:
    values = {name: SecretValue(value) for name, value in fields.items()}
    return Secret(path, Version(version), values, metadata or Metadata(), version)


def plain(fields: Mapping[str, SecretValue]) -> dict[str, Any]:
    return {name: value.reveal() for name, value in fields.items()}
