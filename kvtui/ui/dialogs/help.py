"""Help: every key, out of the table of actions, with the ones for where one is first."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content
from textual.widget import Widget

from kvtui.actions import Keymap, Scope
from kvtui.ui.dialogs.base import Dialog
from kvtui.ui.widgets.row_list import Row, RowList

_GROUPS = {
    "nav": "Moving",
    "pane": "Panes",
    "tree": "Tree",
    "find": "Finding",
    "secret": "Secrets",
    "change": "Changes",
    "trash": "Trash",
    "bookmark": "Bookmarks",
    "profile": "Profiles",
    "container": "Containers",
    "app": "Everywhere",
    "dialog": "In forms and dialogs",
}


class HelpDialog(Dialog[None]):
    """What each key does here."""

    def __init__(self, keys: Keymap) -> None:
        super().__init__("Help", "", cancel="Close", wide=True)
        self.add_class("-tall")
        self._keys = keys

    def body(self) -> Iterable[Widget]:
        yield RowList(id="rows")

    def on_mount(self) -> None:
        rows: list[Row] = []
        group = ""
        for action in self._keys.actions(*Scope):
            scope = action.id.partition(".")[0]
            lines = [self._line(self._keys.shown(action), action.help)]
            if scope != group:
                group = scope
                lines.insert(0, Content.styled(_GROUPS[scope], "bold $text-primary"))
            rows.append(Row(action.id, lines))
        self.query_one("#rows", RowList).set_rows(rows)
        self.query_one("#rows").focus()

    def _line(self, keys: str, text: str) -> Content:
        return Content.assemble("  ", (f"{keys or 'palette':<14}", "$text-accent"), text)

    def key_j(self) -> None:
        self.query_one("#rows", RowList).move(1)

    def key_k(self) -> None:
        self.query_one("#rows", RowList).move(-1)

    key_down, key_up = key_j, key_k

    def key_pagedown(self) -> None:
        self.query_one("#rows", RowList).move_page(1)

    def key_pageup(self) -> None:
        self.query_one("#rows", RowList).move_page(-1)

    def key_q(self) -> None:
        self.dismiss(None)
