"""Trash: everything deleted and restorable. Undelete from here; to destroy, go there."""

from __future__ import annotations

from datetime import datetime

from textual.content import Content

from kvtui.domain.secret import Deleted
from kvtui.services.session import Session
from kvtui.services.survey import Survey
from kvtui.ui.coming import batches
from kvtui.ui.dialogs.rows import beside_or_below
from kvtui.ui.dialogs.survey import SurveyDialog
from kvtui.ui.show import show_name
from kvtui.ui.widgets.panes import when
from kvtui.ui.widgets.row_list import Row


class TrashDialog(SurveyDialog):
    """Returns the path to undelete."""

    def __init__(self, session: Session, now: datetime) -> None:
        empty = "Nothing is deleted."
        super().__init__(session, "Trash", placeholder="type to narrow", main="Undelete", empty=empty)
        self._deleted: dict[str, Deleted] = {}
        self._now = now

    async def look(self) -> None:
        with Survey(self.session.backend, lambda backend, skipped: backend.trash(skipped=skipped)) as survey:
            self.left_out = survey.left_out
            async for found in batches(survey):
                self._deleted |= {entry.path: entry for entry in found}
                self.tell()
                self.update()

    def told(self) -> str:
        return f"{len(self._deleted):,} deleted{', still reading…' * self.is_reading}"

    def update(self) -> None:
        if self.is_reading and not self._deleted:
            return
        wanted = self.query_text.casefold()
        width = max(10, self.rows.scrollable_content_region.width - 1)
        self.show_rows(
            [
                Row(path, beside_or_below(show_name(path).stylize("bold"), self._said(entry), width))
                for path, entry in self._deleted.items()
                if wanted in path.casefold()
            ]
        )

    def on_resize(self) -> None:
        super().on_resize()
        self.call_after_refresh(self.update)

    def versions(self, path: str) -> tuple[int, ...]:
        """The restorable versions of a path."""
        return self._deleted[path].versions

    def _said(self, entry: Deleted) -> Content:
        numbers = ", ".join(map(str, entry.versions))
        by = Content(" by ") + show_name(entry.deleted_by) if entry.deleted_by else Content("")
        details = f"version {numbers}  deleted {when(entry.deleted_at, self._now)}"
        return Content.styled(details, "$foreground-muted") + by
