"""A plan: everything that is about to be done, item by item, before anything of it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from kvtui.ui.dialogs.rows import RowsDialog, beside_or_below
from kvtui.ui.show import show, show_name
from kvtui.ui.widgets.row_list import Row, RowList


class PlanDialog(RowsDialog[bool]):
    """items: what, and a remark on it or "". Focus starts on the safe button."""

    SAFE = True

    def __init__(
        self, title: str, question: Content, main: str, items: Sequence[tuple[str, str]], *, danger: bool = False
    ) -> None:
        super().__init__(title, main, danger=danger, wide=True)
        self._question, self._items = question, items

    def body(self) -> Iterable[Widget]:
        yield Static(self._question)
        yield RowList(id="rows")

    def on_resize(self) -> None:
        super().on_resize()
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        width = max(10, self.rows.scrollable_content_region.width - 1)
        rows = [
            Row(str(index), beside_or_below(show_name(what), show(remark).stylize("$text-warning"), width))
            for index, (what, remark) in enumerate(self._items)
        ]
        self.rows.set_rows(rows)
        self.show_height(sum(len(row.lines) for row in rows), beside=10)

    def result(self) -> bool:
        return True
