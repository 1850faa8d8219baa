"""Find everywhere: all paths fuzzily, descriptions and tags literally, as one types. Never values."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime

from textual import work
from textual.content import Content

from kvtui.clock import utc_now
from kvtui.domain.capability import Capability
from kvtui.domain.errors import KvtuiError
from kvtui.domain.secret import Indexed
from kvtui.services.search import Match, NamesIndex, names_of, searches_there
from kvtui.services.session import Session
from kvtui.services.survey import Survey
from kvtui.ui.coming import batches
from kvtui.ui.dialogs.survey import SurveyDialog
from kvtui.ui.show import show_name
from kvtui.ui.widgets.row_list import Row

SHOWN = 200
_PAUSE = 0.1
"""Seconds between two looks at what came: each is sorted in and looked through for the query."""


_TYPING = 0.25
"""Seconds without a key before the server is asked: it need not answer for every letter of a word."""


class FindDialog(SurveyDialog):
    """Returns the chosen path. What an earlier dialog read into `index` is found at once."""

    def __init__(self, session: Session, index: NamesIndex) -> None:
        placeholder, empty = "part of a path; type: tag: owner: narrow it", "No path, description or tag is like that."
        super().__init__(session, "Find everywhere", placeholder=placeholder, main="Go", empty=empty)
        self._index = index
        self._at_once = session.can(Capability.CHANGE_SIGNAL)
        """Whether the store is quick to read and says when it has to be read again."""
        self._asks = searches_there(session.backend)
        """Whether the server is asked too, as it finds what nobody can list."""
        self._unlisted = session.info().unlisted
        self._answer: tuple[str, Sequence[Indexed]] | None = None
        """A query and what the server found for it."""
        self._refused = self._asked = ""
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
        index.end(complete=not self.left_out and not self._unlisted, as_of=began)

    def told(self) -> str:
        return f"{self._told_names()}{self._told_server()}"

    def _told_server(self) -> str:
        """What the server was asked and found, beside the names that are known here."""
        if not self._asks:
            return " used from here; others may be there" if self._unlisted else ""
        if self._refused:
            return f" · the server: {self._refused}"
        if not self.query_text:
            return " used from here · the server is asked for what you type"
        if self._answer is None or self._answer[0] != self.query_text:
            return " used from here · asking the server…"
        return f" used from here · the server found {len(self._answer[1]):,}"

    def _told_names(self) -> str:
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
        if self._asks and query and (self._answer is None or self._answer[0] != query) and self._asked != query:
            self._asked = query
            self._ask(query)

    @work(exclusive=True, exit_on_error=False, group="ask", description="ask the server")
    async def _ask(self, query: str) -> None:
        """Once nothing was typed for a moment; a later query ends this one with its request."""
        from kvtui.services.server_search import asked_for  # noqa: PLC0415 - few stores search by themselves

        await asyncio.sleep(_TYPING)
        self._refused = ""
        self.tell()
        found: list[Indexed] = []
        if text := asked_for(query):
            try:
                with Survey(self.session.backend, lambda backend, _: backend.find(text, SHOWN, skipped=_)) as survey:
                    async for some in batches(survey):
                        found += some
            except KvtuiError as error:
                self._refused = str(error)
        self._answer = (query, found)
        self.tell()
        self.update()

    def _found(self, query: str) -> Sequence[Row]:
        """Most of what is found while names come was found before: those rows are the same."""
        matches = self._index.query(query, SHOWN, at_once=True).matches
        if self._answer is not None and self._answer[0] == query:
            from kvtui.services.server_search import join  # noqa: PLC0415

            matches = join(matches, self._answer[1], query)
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
