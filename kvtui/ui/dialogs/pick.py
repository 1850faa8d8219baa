"""Choosing one of a list by typing a part of it; and a list that only reports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input

from kvtui.domain.errors import InvalidInput
from kvtui.ui.dialogs.base import Dialog
from kvtui.ui.show import show, show_name
from kvtui.ui.widgets.row_list import Row, RowList


class ListDialog(Dialog[str]):
    """An input over a list: typing narrows it, arrows move in it, enter chooses. Returns the chosen row's key."""

    DEFAULT_CSS = """
    ListDialog RowList { height: auto; max-height: 20; min-height: 3; margin-top: 1; }
    """

    def __init__(
        self, title: str, *, placeholder: str = "type to narrow", main: str = "Choose", empty: str = ""
    ) -> None:
        super().__init__(title, main)
        self._placeholder, self._empty = placeholder, empty

    def body(self) -> Iterable[Widget]:
        yield Input(id="query", placeholder=self._placeholder)
        yield RowList(id="rows", empty=self._empty or "Nothing like that.")

    def on_mount(self) -> None:
        super().on_mount()
        self.narrow("")

    @property
    def rows(self) -> RowList:
        return self.query_one("#rows", RowList)

    def narrow(self, query: str) -> None:
        """Show what matches the query."""

    def show_rows(self, rows: Sequence[Row]) -> None:
        self.rows.set_rows(rows)
        self.rows.styles.height = max(3, min(20, len(rows), self.app.size.height - 9))

    @on(Input.Changed, "#query")
    def _changed(self, event: Input.Changed) -> None:
        self.narrow(event.value)

    @on(Input.Submitted, "#query")
    def _enter(self, event: Input.Submitted) -> None:
        event.stop()
        event.prevent_default()
        self.finish()

    @on(RowList.Chosen)
    def _chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self.finish()

    def key_down(self) -> None:
        self.rows.move(1)

    def key_up(self) -> None:
        self.rows.move(-1)

    def key_pagedown(self) -> None:
        self.rows.move_page(1)

    def key_pageup(self) -> None:
        self.rows.move_page(-1)

    def key_enter(self) -> None:
        if self.focused is self.rows:
            self.finish()

    def is_dirty(self) -> bool:
        return False

    def result(self) -> str:
        if (key := self.rows.key) is None:
            raise InvalidInput("There is nothing to choose.", hint="Type something else, or press esc.")
        return key


class PickDialog(ListDialog):
    """One of some rows, each a key and a text."""

    def __init__(self, title: str, rows: Sequence[tuple[str, str]], *, empty: str = "") -> None:
        super().__init__(title, empty=empty)
        self._all = rows

    def narrow(self, query: str) -> None:
        wanted = query.casefold().split()
        self.show_rows(
            [Row(key, [show_name(text)]) for key, text in self._all if all(word in text.casefold() for word in wanted)]
        )


class ReportDialog(Dialog[None]):
    """What did not happen, item by item."""

    def __init__(self, title: str, rows: Sequence[tuple[str, str]]) -> None:
        super().__init__(title, "", cancel="Close")
        self._report = rows

    def body(self) -> Iterable[Widget]:
        rows = RowList(id="rows")
        rows.styles.height = min(20, 2 * len(self._report))
        yield rows

    def on_mount(self) -> None:
        self.query_one("#rows", RowList).set_rows(
            [
                Row(str(index), [show_name(path).stylize("bold"), Content("  ") + show(text)])
                for index, (path, text) in enumerate(self._report)
            ]
        )
        super().on_mount()
