"""A one-line input for names and notes: what it holds is never altered, and never reaches the terminal raw."""

from __future__ import annotations

from rich.text import Text
from textual import events
from textual.widgets import Input

from kvtui.domain.characters import unsafe


class LineInput(Input):
    """Draws one character for each it holds: control characters as pictures, what cannot be seen as `�`."""

    def __init__(
        self,
        value: str = "",
        *,
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
        placeholder: str = "",
        select_on_focus: bool = True,
    ) -> None:
        super().__init__(
            value, id=id, classes=classes, placeholder=placeholder, select_on_focus=select_on_focus, compact=True
        )
        self.original = value

    @property
    def is_touched(self) -> bool:
        return self.value != self.original

    @property
    def _value(self) -> Text:
        return Text("".join(map(_picture, self.value)), no_wrap=True, overflow="ignore", end="")

    def _on_paste(self, event: events.Paste) -> None:
        """An Input would keep the first of several lines only."""
        if len(event.text.splitlines()) > 1 or not event.text.splitlines():
            event.stop()
            event.prevent_default()
            self.app.notify(
                "What you pasted has several lines; this field takes one.", severity="warning", markup=False
            )


def _picture(ch: str) -> str:
    if not unsafe(ch):
        return ch
    if ch < " ":
        return chr(0x2400 + ord(ch))
    return "\u2421" if ch == "\x7f" else "\ufffd"
