"""The passphrase of a vault, asked for until it opens the vault."""

from __future__ import annotations

import asyncio

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, Label, Static

from kvtui.domain.credential import Credential
from kvtui.domain.errors import Corrupt, KvtuiError, WrongCredential
from kvtui.domain.value import SecretValue
from kvtui.services.session import Session
from kvtui.ui.show import say, show
from kvtui.ui.widgets.secret_input import SecretInput

FIRST_DELAY, LONGEST_DELAY = 1.0, 30.0
"""Seconds to wait after a wrong passphrase: doubling. The KDF is what stops guessing; this stops a stuck key."""


class PassphraseForm(Vertical):
    """Takes a recovery key as well."""

    DEFAULT_CSS = """
    PassphraseForm {
        height: auto;
        #unlock-error { color: $text-error; height: auto; min-height: 1; }
    }
    """

    class Opened(Message):
        """The session is open."""

    class Refused(Message):
        """The key is right, what it opens is not."""

        def __init__(self, error: Corrupt) -> None:
            super().__init__()
            self.error = error

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.delay = 0.0

    def compose(self) -> ComposeResult:
        what = "Rescue of profile" if self._session.profile.rescue else "Vault of profile"
        yield Static(say(f"{what} [b]$name[/b]", name=self._session.profile.label))
        yield Label("Passphrase", classes="label", markup=False)
        yield SecretInput(id="passphrase")
        yield Static(id="unlock-error", markup=False)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.submit()

    def submit(self) -> None:
        """Try what was typed; nothing while the last try is not over."""
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

    @work(exclusive=True, description="unlock")
    async def _unlock(self, credential: Credential) -> None:
        try:
            await asyncio.to_thread(self._session.unlock, credential)
        except WrongCredential as error:
            self.delay = min(LONGEST_DELAY, max(FIRST_DELAY, self.delay * 2))
            self._say(f"{error} Next try in {self.delay:.0f} s.")
            await asyncio.sleep(self.delay)
            self.went_wrong(error)
        except Corrupt as error:
            self.post_message(self.Refused(error))
        except KvtuiError as error:
            self.went_wrong(error)
        else:
            self.post_message(self.Opened())

    def went_wrong(self, error: KvtuiError) -> None:
        self._say(str(error))
        box = self.query_one("#passphrase", SecretInput)
        box.disabled = False
        box.focus()

    def _say(self, text: str) -> None:
        self.query_one("#unlock-error", Static).update(show(text))
