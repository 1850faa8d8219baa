"""When a store cannot be opened at all: what happened, what to do, and a way to try again."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Button, Static

from kvtui.actions import Scope
from kvtui.domain.errors import KvtuiError, Unavailable
from kvtui.ui.keymap import bindings
from kvtui.ui.show import say, show

AGAIN_SECONDS = 5.0
"""After which it is tried again by itself, where that may help."""
RESCUE = "What can be read of it can be looked at and copied out: on a copy, without changing anything here."


class ProblemScreen(Screen[None]):
    """Nothing was changed; the vault's files are as they were."""

    BINDINGS = bindings(Scope.DIALOG, only=("dialog.apply",))
    DEFAULT_CSS = """
    ProblemScreen {
        align: center middle;
        & > Vertical {
            width: 72; max-width: 96%; height: auto; padding: 1 2;
            border: round $error; border-title-color: $text-error; background: $surface;
        }
        #problem-hint, #problem-rescue { color: $text-muted; margin-top: 1; }
        Horizontal { height: 1; margin-top: 1; }
        Button { width: auto; padding: 0 2; margin-right: 2; }
    }
    """

    class Retry(Message):
        """Try to open it again."""

    class Rescue(Message):
        """Open what can be read of it, and write nothing."""

    def __init__(self, profile: str, error: KvtuiError, *, can_rescue: bool = False) -> None:
        super().__init__()
        self._profile, self._error, self._can_rescue = profile, error, can_rescue

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "This profile cannot be opened"
            yield Static(say("Profile [b]$name[/b]", name=self._profile))
            yield Static(show(self._error.message), id="problem-message", markup=False)
            yield Static(show(self._error.hint), id="problem-hint", markup=False)
            if self._can_rescue:
                yield Static(show(RESCUE), id="problem-rescue", markup=False)
            with Horizontal():
                yield Button("Try again", id="retry", variant="primary", compact=True)
                if self._can_rescue:
                    yield Button("Open read-only", id="rescue", compact=True)
                yield Button("Quit", id="leave", compact=True)

    def on_mount(self) -> None:
        if isinstance(self._error, Unavailable) and self._error.retryable:
            self.set_interval(AGAIN_SECONDS, self._again)  # a sealed server is unsealed, a network comes back

    @on(Button.Pressed, "#retry")
    def _again(self) -> None:
        self.post_message(self.Retry())

    @on(Button.Pressed, "#rescue")
    def _rescue(self) -> None:
        self.post_message(self.Rescue())

    def action_dialog_apply(self) -> None:
        self._again()

    @on(Button.Pressed, "#leave")
    def _leave(self) -> None:
        self.app.exit(1)
