"""A plan: everything that is about to be done, item by item, before anything of it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from kvtui.ui.dialogs.rows import RowsDialog
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
        rows = [Row(str(index), _lines(*item, width)) for index, item in enumerate(self._items)]
        self.rows.set_rows(rows)
        self.show_height(sum(len(row.lines) for row in rows), beside=10)

    def result(self) -> bool:
        return True


def _lines(what: str, remark: str, width: int) -> list[Content]:
    """A remark is never cut: it may say what would be lost. Below the item where there is no room beside it."""
    name, said = show_name(what), show(remark).stylize("$text-warning")
    if name.cell_length + 2 + said.cell_length <= width:
        return [name + Content("  ") + said if remark else name]
    return [name, *(Content("    ") + line for line in said.wrap(width - 4))]
