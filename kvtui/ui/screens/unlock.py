"""Unlock: the passphrase of a vault that is there and locked."""

from __future__ import annotations

import asyncio

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Button, Input, Label, Static

from kvtui.actions import Scope
from kvtui.domain.credential import Credential
from kvtui.domain.errors import Corrupt, KvtuiError, WrongCredential
from kvtui.domain.value import SecretValue
from kvtui.services.session import Session
from kvtui.ui.keymap import bindings
from kvtui.ui.show import say, show
from kvtui.ui.widgets.secret_input import SecretInput

FIRST_DELAY, LONGEST_DELAY = 1.0, 30.0
"""Seconds to wait after a wrong passphrase: doubling. The KDF is what stops guessing; this stops a stuck key."""


class UnlockScreen(Screen[None]):
    """Asks for the passphrase (or recovery key) until it opens the vault."""

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
        #unlock-error { color: $text-error; height: auto; min-height: 1; }
        Button { width: auto; padding: 0 2; margin-top: 1; }
    }
    """

    class Unlocked(Message):
        """The session is open."""

    class Refused(Message):
        """The key is right, what it opens is not."""

        def __init__(self, error: Corrupt) -> None:
            super().__init__()
            self.error = error

    def __init__(self, session: Session, *, note: str = "") -> None:
        super().__init__()
        self._session, self._note = session, note
        self._delay = 0.0

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "kvtui"
            if self._note:
                yield Static(show(self._note), markup=False)
            what = "Rescue of profile" if self._session.profile.rescue else "Vault of profile"
            yield Static(say(f"{what} [b]$name[/b]", name=self._session.profile.label))
            yield Label("Passphrase", classes="label", markup=False)
            yield SecretInput(id="passphrase")
            yield Static(id="unlock-error", markup=False)
            yield Button("Unlock", id="unlock", variant="primary", compact=True)

    @on(Input.Submitted, "#passphrase")
    @on(Button.Pressed, "#unlock")
    def _submit(self) -> None:
        box = self.query_one("#passphrase", SecretInput)
        if box.disabled:
            return
        if not box.value:
            self._say("Type the passphrase, or the recovery key.")
            return
        credential = Credential(SecretValue(box.value))
        box.clear()
        box.disabled = True
        self._say("Opening…")
        self._unlock(credential)

    def action_dialog_apply(self) -> None:
        self._submit()

    @work(exclusive=True, exit_on_error=False, description="unlock")
    async def _unlock(self, credential: Credential) -> None:
        box = self.query_one("#passphrase", SecretInput)
        try:
            await asyncio.to_thread(self._session.unlock, credential)
        except WrongCredential as error:
            self._delay = min(LONGEST_DELAY, max(FIRST_DELAY, self._delay * 2))
            self._say(f"{error} Next try in {self._delay:.0f} s.")
            await asyncio.sleep(self._delay)
            self._say(str(error))
        except Corrupt as error:
            self.post_message(self.Refused(error))
            return
        except KvtuiError as error:
            self._say(str(error))
        else:
            self.post_message(self.Unlocked())
            return
        box.disabled = False
        box.focus()

    def _say(self, text: str) -> None:
        self.query_one("#unlock-error", Static).update(show(text))
