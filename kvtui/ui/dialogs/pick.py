"""Choosing one of a list by typing a part of it; and a list that only reports."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Input

from kvtui.domain.errors import InvalidInput
from kvtui.ui.dialogs.rows import RowsDialog
from kvtui.ui.show import show, show_name
from kvtui.ui.widgets.row_list import QueryInput, Row, RowList


class ListDialog(RowsDialog[str]):
    """An input over a list: typing narrows it, arrows move in it, enter chooses. Returns the chosen row's key."""

    ENTER_FINISHES = True

    def __init__(
        self, title: str, *, placeholder: str = "type to narrow", main: str = "Choose", empty: str = ""
    ) -> None:
        super().__init__(title, main)
        self._placeholder, self._empty = placeholder, empty

    def body(self) -> Iterable[Widget]:
        yield QueryInput(id="query", placeholder=self._placeholder)
        yield RowList(id="rows", empty=self._empty or "Nothing like that.")

    def on_mount(self) -> None:
        super().on_mount()
        self.narrow("")

    def narrow(self, query: str) -> None:
        """Show what matches the query."""

    def show_rows(self, rows: Sequence[Row]) -> None:
        self.rows.set_rows(rows)
        self.show_height(self.rows.virtual_size.height)

    @on(Input.Changed, "#query")
    def _changed(self, event: Input.Changed) -> None:
        self.narrow(event.value)

    def on_resize(self) -> None:
        super().on_resize()
        self.show_height(self.rows.virtual_size.height)

    def choose(self) -> None:
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


class ReportDialog(RowsDialog[None]):
    """What became of each item: a path and a sentence."""

    def __init__(self, title: str, rows: Sequence[tuple[str, str]]) -> None:
        super().__init__(title, "", cancel="Close", wide=True)
        self._report = rows

    def body(self) -> Iterable[Widget]:
        yield RowList(id="rows")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#cancel").focus()

    def on_resize(self) -> None:
        super().on_resize()
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        width = max(10, self.rows.scrollable_content_region.width - 2)
        rows = [
            Row(
                str(index),
                [show_name(path).stylize("bold"), *(Content("  ") + line for line in show(text).wrap(width))],
            )
            for index, (path, text) in enumerate(self._report)
        ]
        self.rows.set_rows(rows)
        self.show_height(sum(len(row.lines) for row in rows), beside=7)
