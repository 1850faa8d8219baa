"""The passphrase of another profile's vault, asked for in between."""

from __future__ import annotations

from collections.abc import Iterable

from textual import on
from textual.widget import Widget

from kvtui.services.session import Session
from kvtui.ui.dialogs.base import Dialog
from kvtui.ui.widgets.passphrase_form import PassphraseForm


class UnlockDialog(Dialog[bool]):
    """True when the session is open."""

    def __init__(self, session: Session) -> None:
        super().__init__("Unlock", "Unlock")
        self._session = session

    def body(self) -> Iterable[Widget]:
        yield PassphraseForm(self._session)

    def is_dirty(self) -> bool:
        return False

    def finish(self) -> None:
        self.query_one(PassphraseForm).submit()

    @on(PassphraseForm.Opened)
    def _opened(self, event: PassphraseForm.Opened) -> None:
        event.stop()
        self.dismiss(True)

    @on(PassphraseForm.Refused)
    def _refused(self, event: PassphraseForm.Refused) -> None:
        event.stop()
        self.show_error(event.error)
