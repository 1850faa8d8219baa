"""Find everywhere: all paths fuzzily, descriptions and tags literally, as one types. Never values."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from textual import on, work
from textual.content import Content
from textual.message import Message
from textual.timer import Timer

from kvtui.clock import utc_now
from kvtui.services.finding import Finding, Located, Report
from kvtui.services.names import told_age
from kvtui.services.search import Match
from kvtui.services.session import Session
from kvtui.ui.dialogs.survey import SurveyDialog
from kvtui.ui.loop import reading_beside
from kvtui.ui.show import show_name
from kvtui.ui.widgets.row_list import DrawnLine, Row

if TYPE_CHECKING:
    from kvtui.services.kept_names import NameKeys

SHOWN = 200
_PAUSE = 0.2
"""Seconds between two looks at what came."""
_TYPING = 0.25
"""Seconds without a key before the server is asked: it need not answer for every letter of a word."""
_AT_ONCE = 50_000
"""Names that are looked through before a thread would have got its turn: a few milliseconds."""


class FindDialog(SurveyDialog):
    """Returns the key of the chosen row: a path. What was read earlier in this session is found at once."""

    # All of the screen, as nothing behind it has to be drawn for a key then, nor anything laid out anew for its rows.
    DEFAULT_CSS = """
    FindDialog {
        background: $background;
        & > #dialog { width: 100%; max-width: 100%; height: 100%; }
        #dialog-body { height: 1fr; overflow: hidden; }
        #rows { height: 1fr; max-height: 100%; }
    }
    """

    class News(Message):
        """There is more to be found, or to be said. Comes from any thread."""

    def __init__(self, session: Session, keys: NameKeys | None = None) -> None:
        placeholder, empty = "part of a path; type: tag: owner: narrow it", "No path, description or tag is like that."
        super().__init__(session, "Find everywhere", placeholder=placeholder, main="Go", empty=empty)
        self._finding = Finding([session], came=self._came, keys=keys)
        self._all_read = asyncio.Event()
        self._pausing: Timer | None = None
        self._has_news = False
        self._to_ask = self._asked = ""
        """What the server is asked in a moment, and what it was asked last."""
        self._rows: dict[Located, Row] = {}

    @property
    def _report(self) -> Report:
        return self._finding.reports()[0]

    def show_height(self, rows: int, *, most: int = 20, beside: int | None = None) -> None:
        """As high as the screen, whatever is found."""

    # -- reading

    def _came(self) -> None:
        self.post_message(self.News())

    async def look(self) -> None:
        with reading_beside():
            self._finding.read()
            await self._all_read.wait()
        if (error := self._report.error) is not None:
            raise error

    def on_unmount(self) -> None:
        self._finding.close()
        self._rows = {}

    @on(News)
    def _heard(self, event: News) -> None:
        event.stop()
        self._has_news = True
        if not self._finding.is_reading:
            self._all_read.set()
        if self._pausing is None:
            self._show_news()

    def _show_news(self) -> None:
        """Not more often than somebody could read it."""
        self._pausing = None
        if self._has_news:
            self._has_news = False
            self._pausing = self.set_timer(_PAUSE, self._show_news)
            self.tell()
            if not self._is_searching:
                self.update()

    def tell(self) -> None:
        if (left_out := self._report.left_out) is not None:
            self.left_out = left_out
        super().tell()

    def told(self) -> str:
        report = self._report
        kept = f" · {report.note}" if report.note else ""
        return f"{self._told_names(report)}{self._told_server(report)}{kept}"

    def _told_server(self, report: Report) -> str:
        """What the server was asked and found, beside the names that are known here."""
        if not report.asks:
            return " used from here; others may be there" if report.unlisted else ""
        if report.refused:
            return f" · the server: {report.refused}"
        if not self.query_text:
            return " used from here · the server is asked for what you type"
        if report.answered is None or self._asked != self.query_text:
            return " used from here · asking the server…"
        return f" used from here · the server found {report.answered:,}"

    def _told_names(self, report: Report) -> str:
        count = f"{report.count:,} name{'s' * (report.count != 1)}"
        then = "" if report.as_of is None else f" {told_age(report.as_of, utc_now())}"
        if self.is_reading:
            return f"{count}{then}, reading again…" if then else f"{count}, still reading…"
        if self.failed:
            return f"{count}{then}, not read again" if then else f"{count}, not all of them"
        return f"{count}{then}"

    # -- searching

    def update(self) -> None:
        query = self.query_text
        if self._report.count > _AT_ONCE:
            self._search(query)
        else:
            self._show_found(self._found(query), query)

    @property
    def _is_searching(self) -> bool:
        return any(worker.group == "search" and not worker.is_finished for worker in self.workers)

    @work(exclusive=True, exit_on_error=False, group="search", description="search")
    async def _search(self, query: str) -> None:
        self._show_found(await asyncio.to_thread(self._found, query), query)

    def _show_found(self, rows: Sequence[Row], query: str) -> None:
        self.show_rows(rows)
        if query and self._report.asks and self._to_ask != query:
            self._to_ask = query
            self._ask(query)

    @work(exclusive=True, exit_on_error=False, group="ask", description="ask the server")
    async def _ask(self, query: str) -> None:
        """Once nothing was typed for a moment; a later query ends this one with its request."""
        await asyncio.sleep(_TYPING)
        self._asked = query
        self._finding.ask(query, SHOWN)
        self.tell()

    def _found(self, query: str) -> Sequence[Row]:
        """Most of what is found while names come was found before: those rows are the same."""
        matches = self._finding.query(query, SHOWN, at_once=True).matches
        self._rows = {
            found: self._rows.get(found) or Row(found.path, DrawnLine(partial(_row, found.match))) for found in matches
        }
        return list(self._rows.values())


def _row(match: Match) -> Content:
    row = show_name(match.path)
    if len(row.plain) == len(match.path):  # nothing was spelled out, so the positions hold
        for position in match.positions:
            row = row.stylize("$text-accent bold", position, position + 1)
    return row
