"""Unlock: the passphrase of a vault that is there and locked."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import Screen
from textual.widgets import Button, Static

from kvtui.actions import Scope
from kvtui.services.session import Session
from kvtui.ui.keymap import bindings
from kvtui.ui.show import show
from kvtui.ui.widgets.passphrase_form import PassphraseForm


class UnlockScreen(Screen[None]):
    """The app hears from the form what became of it."""

    BINDINGS = bindings(Scope.DIALOG, only=("dialog.apply",))
    DEFAULT_CSS = """
    UnlockScreen {
        align: center middle;
        & > Vertical {
            width: 64; max-width: 96%; height: auto; padding: 1 2;
            border: round $primary; border-title-color: $text-primary; background: $surface;
        }
        .label { color: $text-muted; margin-top: 1; }
        Input, Input:focus { border: none; height: 1; padding: 0 1; background: $panel; }
        Input:focus { background: $primary 25%; }
        Button { width: auto; padding: 0 2; margin-top: 1; }
    }
    """

    def __init__(self, session: Session, *, note: str = "") -> None:
        super().__init__()
        self._session, self._note = session, note

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "kvtui"
            if self._note:
                yield Static(show(self._note), markup=False)
            yield PassphraseForm(self._session)
            yield Button("Unlock", id="unlock", variant="primary", compact=True)

    @on(Button.Pressed, "#unlock")
    def action_dialog_apply(self) -> None:
        self.query_one(PassphraseForm).submit()
