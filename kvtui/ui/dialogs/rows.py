"""Dialogs around a list of rows: the keys that move in it, whatever has the focus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import ClassVar

from textual import events, on
from textual.content import Content
from textual.widgets import Input

from kvtui.ui.dialogs.base import Dialog, Result
from kvtui.ui.widgets.row_list import RowList


def beside_or_below(name: Content, said: Content, width: int) -> list[Content]:
    """A name and what is said of it on lines of this width, nothing of either cut."""
    if not said:
        return list(name.wrap(width)) if name.cell_length > width else [name]
    if name.cell_length + 2 + said.cell_length <= width:
        return [name + Content("  ") + said]
    lines = list(name.wrap(width)) if name.cell_length > width else [name]
    return [*lines, *(Content("    ") + line for line in said.wrap(width - 4))]


class RowsDialog(Dialog[Result]):
    """Subclasses yield a RowList with the id `rows` in their body, and say what enter does to a row."""

    BESIDE: ClassVar[int] = 9
    """Lines of the screen that everything else takes."""
    DEFAULT_CSS = """
    RowsDialog RowList { height: auto; max-height: 20; min-height: 3; margin-top: 1; }
    """

    @property
    def rows(self) -> RowList:
        return self.query_one("#rows", RowList)

    def choose(self) -> None:
        """Enter on a row, or a double click."""

    def on_key(self, event: events.Key) -> None:
        """Arrows always move in the list; letters only where nothing is being typed."""
        move = self._moves.get(event.key)
        if move is None and not isinstance(self.focused, Input):
            move = self._letters.get(event.key)
        if move is None and event.key == "enter" and self.focused is self.rows:
            move = self.choose
        if move is not None:
            event.stop()
            event.prevent_default()
            move()

    @property
    def _moves(self) -> Mapping[str, Callable[[], None]]:
        rows = self.rows
        return {
            "down": partial(rows.move, 1),
            "up": partial(rows.move, -1),
            "pagedown": partial(rows.move_page, 1),
            "pageup": partial(rows.move_page, -1),
        }

    @property
    def _letters(self) -> Mapping[str, Callable[[], None]]:
        rows = self.rows
        return {
            "j": partial(rows.move, 1),
            "k": partial(rows.move, -1),
            "g": rows.move_to_top,
            "home": rows.move_to_top,
            "G": rows.move_to_bottom,
            "end": rows.move_to_bottom,
            "ctrl+d": partial(rows.move_half_page, 1),
            "ctrl+u": partial(rows.move_half_page, -1),
        }

    def show_height(self, rows: int, *, most: int = 20, beside: int | None = None) -> None:
        """As many lines as there are rows, as far as the screen has room `beside` everything else."""
        self.rows.styles.height = max(
            1, min(most, max(3, rows), self.app.size.height - (self.BESIDE if beside is None else beside))
        )

    @on(RowList.Chosen)
    def _row_chosen(self, event: RowList.Chosen) -> None:
        event.stop()
        self.choose()
