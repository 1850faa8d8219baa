"""Help: every key, out of the table of actions, with the ones for where one is first."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content
from textual.widget import Widget

from kvtui.actions import Keymap, Scope
from kvtui.ui.dialogs.rows import RowsDialog
from kvtui.ui.widgets.row_list import Row, RowList

_GROUPS = {
    "nav": "Moving",
    "pane": "Panes",
    "tree": "Tree",
    "find": "Finding",
    "secret": "Secrets",
    "share": "Sharing",
    "lease": "Leases",
    "change": "Changes",
    "trash": "Trash",
    "health": "Health",
    "bookmark": "Bookmarks",
    "profile": "Profiles",
    "container": "Containers",
    "app": "Everywhere",
    "dialog": "In forms and dialogs",
}


class HelpDialog(RowsDialog[None]):
    """What each key does here."""

    DEFAULT_CSS = """
    HelpDialog RowList { height: 1fr; max-height: 100%; margin-top: 0; }
    """

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

    def key_q(self) -> None:
        self.dismiss(None)

    key_question_mark = key_q
