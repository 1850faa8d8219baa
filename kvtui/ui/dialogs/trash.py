"""Trash: everything deleted and restorable. Undelete from here; to destroy, go there."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from textual.content import Content

from kvtui.domain.secret import Deleted
from kvtui.ui.dialogs.pick import ListDialog
from kvtui.ui.show import show_name
from kvtui.ui.widgets.panes import when
from kvtui.ui.widgets.row_list import Row


class TrashDialog(ListDialog):
    """Returns the path to undelete."""

    def __init__(self, deleted: Sequence[Deleted], now: datetime) -> None:
        super().__init__("Trash", main="Undelete", empty="Nothing is deleted.")
        self.add_class("-wide")
        self._deleted, self._now = {entry.path: entry for entry in deleted}, now

    def narrow(self, query: str) -> None:
        wanted = query.casefold()
        self.show_rows(
            [Row(path, [self._row(entry)]) for path, entry in self._deleted.items() if wanted in path.casefold()]
        )

    def versions(self, path: str) -> tuple[int, ...]:
        """The restorable versions of a path."""
        return self._deleted[path].versions

    def _row(self, entry: Deleted) -> Content:
        numbers = ", ".join(map(str, entry.versions))
        by = Content(" by ") + show_name(entry.deleted_by) if entry.deleted_by else Content("")
        details = f"  version {numbers}  deleted {when(entry.deleted_at, self._now)}"
        return show_name(entry.path).stylize("bold") + Content.styled(details, "$foreground-muted") + by
