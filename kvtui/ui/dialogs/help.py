"""Help: every key, out of the table of actions, with the ones for where one is first; and what the tree's signs say."""

from __future__ import annotations

import os
from collections.abc import Iterable

from textual.content import Content
from textual.widget import Widget

from kvtui.actions import Keymap, Scope
from kvtui.ui.dialogs.rows import RowsDialog
from kvtui.ui.widgets.row_list import Row, RowList
from kvtui.ui.widgets.tree_line import ASCII, UNICODE
from kvtui.ui.widgets.tree_view import has_few_signs

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
_BADGES = {
    "deleted": "Its newest version is deleted, and can be undeleted",
    "destroyed": "Its newest version is gone for good",
    "due": "To be rotated or about to expire, where the store's listing tells",
    "staged": "It was changed, and the change is not applied yet",
    "denied": "This folder may not be listed",
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
        signs = ASCII if has_few_signs(os.environ) else UNICODE
        heading = [Content.styled("Beside names in the tree", "bold $text-primary")]
        for word, text in _BADGES.items():
            rows.append(Row(word, [*heading, self._line(f"{signs.short.get(word, signs.warning)} {word}", text)]))
            heading = []
        self.query_one("#rows", RowList).set_rows(rows)
        self.query_one("#rows").focus()

    def _line(self, keys: str, text: str) -> Content:
        return Content.assemble("  ", (f"{keys or 'palette':<14}", "$text-accent"), text)

    def key_q(self) -> None:
        self.dismiss(None)

    key_question_mark = key_q
