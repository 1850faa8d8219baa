"""Staged changes: what is prepared and not written yet."""

from __future__ import annotations

from collections.abc import Iterable

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Static

from kvtui.domain.errors import InvalidInput
from kvtui.services.changes import Change
from kvtui.services.session import Session
from kvtui.ui.dialogs.rows import RowsDialog
from kvtui.ui.show import say, show_name
from kvtui.ui.widgets.row_list import Row, RowList


class StagedDialog(RowsDialog[list[Change]]):
    """Returns the changes to apply: all of them; or the one to look at again, see `reviewing`."""

    def __init__(self, session: Session) -> None:
        super().__init__("Staged changes", "Apply", wide=True)
        self._session = session
        self.reviewing = False
        """Whether the one change that is returned is to be reviewed, not applied."""

    def body(self) -> Iterable[Widget]:
        yield Static(say("Nothing of this is written yet. What fails stays staged. Enter reviews a change."))
        yield RowList(id="rows", empty="Nothing is staged.")

    def more_buttons(self) -> Iterable[Button]:
        yield Button(Content("Review"), id="staged-review")
        yield Button(Content("Drop"), id="staged-drop")

    def on_mount(self) -> None:
        super().on_mount()
        self._draw()
        self.rows.focus()

    def on_resize(self) -> None:
        super().on_resize()
        self.show_height(len(self.rows.rows))

    def _draw(self) -> None:
        rows = [Row(change.path, [show_name(change.describe())]) for change in self._session.staged]
        self.rows.set_rows(rows)
        self.show_height(len(rows))

    def choose(self) -> None:
        if (path := self.rows.key) is not None:
            self.reviewing = True
            self.dismiss([self._session.staged.paths[path]])

    @on(Button.Pressed, "#staged-review")
    def _review(self, event: Button.Pressed) -> None:
        event.stop()
        self.choose()

    @on(Button.Pressed, "#staged-drop")
    def _drop(self, event: Button.Pressed) -> None:
        event.stop()
        if (path := self.rows.key) is not None:
            self._session.staged.unstage(path)
            self._draw()

    def result(self) -> list[Change]:
        if not len(self._session.staged):
            raise InvalidInput("Nothing is staged.", hint="Review an edit and press Stage.")
        return list(self._session.staged)
