"""Locked, where opening asks for nothing: the token is at hand, so only somebody who wants to goes in again."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Button, Static

from kvtui.actions import Scope
from kvtui.ui.keymap import bindings
from kvtui.ui.show import say, show


class LockedScreen(Screen[None]):
    """Nothing is sent anywhere before the button is pressed."""

    BINDINGS = bindings(Scope.DIALOG, only=("dialog.apply",))
    DEFAULT_CSS = """
    LockedScreen {
        align: center middle;
        & > Vertical {
            width: 64; max-width: 96%; height: auto; padding: 1 2;
            border: round $primary; border-title-color: $text-primary; background: $surface;
        }
        Button { width: auto; padding: 0 2; margin-top: 1; }
    }
    """

    class Open(Message):
        """Sign in again."""

    def __init__(self, profile: str, note: str = "") -> None:
        super().__init__()
        self._profile, self._note = profile, note

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "Locked"
            yield Static(say("Profile [b]$name[/b]", name=self._profile))
            yield Static(show(self._note), markup=False)
            yield Button("Sign in", id="open", variant="primary", compact=True)

    @on(Button.Pressed, "#open")
    def _open(self) -> None:
        self.post_message(self.Open())

    def action_dialog_apply(self) -> None:
        self._open()
