"""Find everywhere: all paths fuzzily, descriptions and tags literally, as one types. Never values."""

from __future__ import annotations

import asyncio

from textual import work
from textual.content import Content

from kvtui.domain.errors import KvtuiError
from kvtui.services.search import Match, NamesIndex
from kvtui.services.session import Session
from kvtui.ui.dialogs.pick import ListDialog
from kvtui.ui.show import show_name
from kvtui.ui.widgets.row_list import Row

SHOWN = 200


class FindDialog(ListDialog):
    """Returns the chosen path."""

    def __init__(self, session: Session) -> None:
        super().__init__("Find everywhere", placeholder="part of a path; type: tag: owner: narrow it", main="Go")
        self.add_class("-wide")
        self._session = session
        self._index = NamesIndex()
        self._query = ""
        self._reading = True

    def on_mount(self) -> None:
        super().on_mount()
        self._load()

    @work(exclusive=True, exit_on_error=False, description="read the names")
    async def _load(self) -> None:
        try:
            await asyncio.to_thread(self._index.refresh, self._session.backend)
        except KvtuiError as error:
            self.show_error(error)
        self._reading = False
        self.narrow(self._query)

    def narrow(self, query: str) -> None:
        self._query = query
        self._search(query)

    @work(exclusive=True, exit_on_error=False, group="search", description="search")
    async def _search(self, query: str) -> None:
        try:
            found = await asyncio.to_thread(self._index.query, query, SHOWN)
        except KvtuiError as error:
            self.show_error(error)
            return
        self.rows.empty = "Reading the names…" if self._reading else "No path, description or tag is like that."
        self.show_rows([Row(match.path, [_row(match)]) for match in found.matches])


def _row(match: Match) -> Content:
    row = show_name(match.path)
    if len(row.plain) == len(match.path):  # nothing was spelled out, so the positions hold
        for position in match.positions:
            row = row.stylize("$text-accent bold", position, position + 1)
    return row
