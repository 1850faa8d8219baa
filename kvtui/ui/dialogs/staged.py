"""Staged changes: what is prepared and not written yet."""

from __future__ import annotations

from collections.abc import Iterable

from textual import on
from textual.widget import Widget
from textual.widgets import Button, Static

from kvtui.domain.errors import InvalidInput
from kvtui.services.session import Session
from kvtui.ui.dialogs.base import Dialog
from kvtui.ui.show import say, show_name
from kvtui.ui.widgets.row_list import Row, RowList


class StagedDialog(Dialog[bool]):
    """Apply all of them, or drop some. Returns True to apply."""

    DEFAULT_CSS = """
    StagedDialog RowList { height: auto; min-height: 3; max-height: 16; margin-top: 1; }
    """

    def __init__(self, session: Session) -> None:
        super().__init__("Staged changes", "Apply", wide=True)
        self._session = session

    def body(self) -> Iterable[Widget]:
        yield Static(say("Nothing of this is written yet. What fails stays staged."))
        yield RowList(id="rows", empty="Nothing is staged. Review an edit and press Stage.")

    def more_buttons(self) -> Iterable[Button]:
        yield Button("Drop", id="drop")

    def on_mount(self) -> None:
        super().on_mount()
        self._draw()
        self.query_one("#rows").focus()

    def _draw(self) -> None:
        rows = [Row(change.path, [show_name(change.describe())]) for change in self._session.staged]
        listed = self.query_one("#rows", RowList)
        listed.set_rows(rows)
        listed.styles.height = max(3, min(16, len(rows)))

    @on(Button.Pressed, "#drop")
    def _drop(self, event: Button.Pressed) -> None:
        event.stop()
        if (path := self.query_one("#rows", RowList).key) is not None:
            self._session.staged.unstage(path)
            self._draw()

    def key_down(self) -> None:
        self.query_one("#rows", RowList).move(1)

    def key_up(self) -> None:
        self.query_one("#rows", RowList).move(-1)

    def result(self) -> bool:
        if not len(self._session.staged):
            raise InvalidInput("Nothing is staged.", hint="Review an edit and press Stage.")
        return True
