"""The passphrase of another profile's vault, asked for in between."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from textual import work
from textual.widget import Widget
from textual.widgets import Input, Label, Static

from kvtui.domain.credential import Credential
from kvtui.domain.errors import InvalidInput, KvtuiError
from kvtui.domain.value import SecretValue
from kvtui.services.session import Session
from kvtui.ui.dialogs.base import Dialog
from kvtui.ui.show import say
from kvtui.ui.widgets.secret_input import SecretInput

FIRST_DELAY, LONGEST_DELAY = 1.0, 30.0


class UnlockDialog(Dialog[bool]):
    """True when the session is open."""

    def __init__(self, session: Session) -> None:
        super().__init__("Unlock", "Unlock")
        self._session = session
        self._delay = 0.0

    def body(self) -> Iterable[Widget]:
        yield Static(say("Vault of profile [b]$name[/b]", name=self._session.profile.label))
        yield Label("Passphrase", classes="label", markup=False)
        yield SecretInput(id="passphrase")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        event.prevent_default()
        self.finish()

    def is_dirty(self) -> bool:
        return False

    def finish(self) -> None:
        box = self.query_one("#passphrase", SecretInput)
        if box.disabled:
            return
        if not box.value:
            self.show_error(InvalidInput("The passphrase is empty.", hint="Type it, or the recovery key."))
            return
        credential = Credential(SecretValue(box.value))
        box.clear()
        box.disabled = True
        self._unlock(credential)

    @work(exclusive=True, exit_on_error=False, description="unlock")
    async def _unlock(self, credential: Credential) -> None:
        box = self.query_one("#passphrase", SecretInput)
        try:
            await asyncio.to_thread(self._session.unlock, credential)
        except KvtuiError as error:
            self._delay = min(LONGEST_DELAY, max(FIRST_DELAY, self._delay * 2))
            self.show_error(error)
            await asyncio.sleep(self._delay)
            box.disabled = False
            box.focus()
        else:
            self.dismiss(True)
