"""A one-line input for a secret: bullets, no copying out, no completion, nothing kept in history."""

from __future__ import annotations

from textual import events
from textual.widgets import Input


class SecretInput(Input):
    """Refuses to take the first of several pasted lines, which is what an Input would do; refuses to be copied from."""

    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None, placeholder: str = "") -> None:  # noqa: A002
        super().__init__(id=id, placeholder=placeholder, password=True)

    def action_copy(self) -> None:
        self.app.bell()

    def action_cut(self) -> None:
        self.app.bell()

    def _on_paste(self, event: events.Paste) -> None:
        if "\n" in event.text.rstrip("\n"):
            event.stop()
            event.prevent_default()
            self.app.notify(
                "What you pasted has several lines; this field takes one.", severity="warning", markup=False
            )
