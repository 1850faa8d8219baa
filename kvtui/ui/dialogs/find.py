"""Find everywhere: all paths fuzzily, descriptions and tags literally, as one types. Never values."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from textual import work
from textual.content import Content

from kvtui.clock import utc_now
from kvtui.domain.capability import Capability
from kvtui.services.search import Match, NamesIndex, names_of
from kvtui.services.session import Session
from kvtui.services.survey import Survey
from kvtui.ui.coming import batches
from kvtui.ui.dialogs.survey import SurveyDialog
from kvtui.ui.show import show_name
from kvtui.ui.widgets.row_list import Row

SHOWN = 200
_PAUSE = 0.1
"""Seconds between two looks at what came: each is sorted in and looked through for the query."""


class FindDialog(SurveyDialog):
    """Returns the chosen path. What an earlier dialog read into `index` is found at once."""

    def __init__(self, session: Session, index: NamesIndex) -> None:
        placeholder, empty = "part of a path; type: tag: owner: narrow it", "No path, description or tag is like that."
        super().__init__(session, "Find everywhere", placeholder=placeholder, main="Go", empty=empty)
        self._index = index
        self._at_once = session.can(Capability.CHANGE_SIGNAL)
        """Whether the store is quick to read and says when it has to be read again."""
        self._rows: dict[Match, Row] = {}

    async def look(self) -> None:
        if self._at_once:
            await asyncio.to_thread(self._index.refresh, self.session.backend, skipped=self.left_out)
            return
        index, began = self._index, utc_now()
        await asyncio.to_thread(index.begin)
        try:
            with Survey(self.session.backend, names_of) as survey:
                self.left_out = survey.left_out
                async for names in batches(survey, pause=_PAUSE):
                    await asyncio.to_thread(index.add, names)
                    self.tell()
                    if not self._is_searching:
                        self.update()
        except BaseException:
            index.abandon()
            raise
        index.end(complete=not self.left_out, as_of=began)

    def told(self) -> str:
        count, as_of = f"{len(self._index):,} name{'s' * (len(self._index) != 1)}", self._index.as_of
        then = "" if as_of is None else f" as of {_clock(as_of)}"
        if self.is_reading:
            return f"{count}{then}, reading again…" if then else f"{count}, still reading…"
        if self.failed:
            return f"{count}{then}, not read again" if then else f"{count}, not all of them"
        return f"{count}{then}"

    def update(self) -> None:
        if not (self._at_once and self.is_reading):
            self._search(self.query_text)

    @property
    def _is_searching(self) -> bool:
        return any(worker.group == "search" and not worker.is_finished for worker in self.workers)

    @work(exclusive=True, exit_on_error=False, group="search", description="search")
    async def _search(self, query: str) -> None:
        self.show_rows(await asyncio.to_thread(self._found, query))

    def _found(self, query: str) -> Sequence[Row]:
        """Most of what is found while names come was found before: those rows are the same."""
        matches = self._index.query(query, SHOWN).matches
        self._rows = {match: self._rows.get(match) or Row(match.path, [_row(match)]) for match in matches}
        return list(self._rows.values())


def _clock(moment: datetime) -> str:
    """A time of today, or a day, where the user is."""
    local = moment.astimezone()
    return f"{local:%H:%M}" if local.date() == utc_now().astimezone().date() else f"{local:%Y-%m-%d %H:%M}"


def _row(match: Match) -> Content:
    row = show_name(match.path)
    if len(row.plain) == len(match.path):  # nothing was spelled out, so the positions hold
        for position in match.positions:
            row = row.stylize("$text-accent bold", position, position + 1)
    return row
