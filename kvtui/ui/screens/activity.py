"""What was done at a place: from this machine, as the store wrote it down, and as it happens while one looks. Loaded
where a store tells any of that."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from textual.content import Content
from textual.timer import Timer

from kvtui.domain.capability import Capability
from kvtui.domain.errors import KvtuiError
from kvtui.domain.event import Event
from kvtui.domain.path import is_under
from kvtui.services.journal import JournalEntry
from kvtui.services.survey import Survey
from kvtui.ui.show import show, show_name
from kvtui.ui.widgets.panes import entry_line, when
from kvtui.ui.widgets.row_list import Row

if TYPE_CHECKING:
    from kvtui.ui.screens.showing import Showing

PAGE = 100
"""Entries a store is asked for in one request."""
MOST_LIVE = 1000
"""Events that are kept while somebody looks; the oldest go."""
LOOK_SECONDS = 0.2
"""Between two looks at what happened: soon enough for eyes."""
OLDER = "older"
"""The key of the row that reads more."""
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class Activity:
    """Of one secret, or of a folder with all below it. Ends with `stop`: the store is listened to until then."""

    def __init__(self, screen: Showing, place: str) -> None:
        self.place = place
        self._screen = screen
        self._here: list[JournalEntry] = []
        self._told: list[Event] = []
        self._more = False
        self._live: deque[Event] = deque(maxlen=MOST_LIVE)
        self._survey: Survey[Event] | None = None
        self._timer: Timer | None = None
        self._left = False
        self._troubles: dict[str, str] = {}
        """Why one of the sources tells nothing, or no more."""

    async def fill(self) -> None:
        """Read what was done, as much as was read before, and listen from now on."""
        self._listen()
        self._here = await self._screen.call(self._done_here)
        await self._read(0, max(PAGE, len(self._told)))

    async def older(self) -> None:
        """One page more."""
        await self._read(len(self._told), PAGE)

    def stop(self) -> None:
        """Somebody went elsewhere: nothing more is heard, asked or drawn."""
        self._left = True
        self._end()

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if self._survey is not None:
            self._survey.stop()
            self._survey = None

    # -- the three sources

    def _done_here(self) -> list[JournalEntry]:
        session = self._screen.session
        known = session.activity(self.place) if self.place else []
        if self._screen.secret is not None:
            return known
        return [entry for entry in session.journal.entries(limit=MOST_LIVE) if self._is_here(entry.path)]

    async def _read(self, offset: int, count: int) -> None:
        """The newest `count` of what the store wrote down, or the next ones."""
        session = self._screen.session
        if not self._left and session.can(Capability.AUDIT):
            try:
                page = await self._screen.call(session.backend.audit, self.place, offset=offset, limit=count)
            except KvtuiError as error:
                self._troubles["store"] = str(error)
            else:
                self._told, self._more = [*self._told[:offset], *page.events], page.more
                self._troubles.pop("store", None)
        self.draw()

    def _listen(self) -> None:
        session = self._screen.session
        if not self._left and self._survey is None and session.can(Capability.EVENTS):
            self._troubles.pop("live", None)
            self._survey = Survey(session.backend, lambda backend, _skipped: backend.events())
            self._survey.__enter__()  # left by `stop`
            self._timer = self._screen.set_interval(LOOK_SECONDS, self._take)

    def _take(self) -> None:
        survey = self._survey
        if survey is None:
            return
        try:
            came = survey.take()
            ended = "The store ended it." if survey.is_over and not came else ""
        except KvtuiError as error:
            came, ended = (), str(error)
        if ended:
            self._troubles["live"] = f"{ended} ctrl+r listens again."
            self._end()
        some = [event for event in came if self._is_here(event.path)]
        self._live.extendleft(some)
        if some or ended:
            self.draw()

    def _is_here(self, path: str | None) -> bool:
        return not self.place or path == self.place or is_under(path or "", self.place)

    # -- drawing

    def draw(self) -> None:
        if self._left:
            return
        now = self._screen.now
        lines = [_trouble(source, why) for source, why in self._troubles.items()]
        lines += [self._event("live", event, now) for event in self._live]
        past = [(entry.at, Content("here  ") + entry_line(entry, now)) for entry in self._here]
        past += [(event.at or _LONG_AGO, self._event("store", event, now)) for event in self._told]
        lines += [line for _, line in sorted(past, key=lambda row: row[0], reverse=True)]
        rows = [Row(str(index), [line]) for index, line in enumerate(lines)]
        if self._more:
            rows.append(Row(OLDER, [Content.styled("There are older ones. Enter reads more.", "$text-accent")]))
        self._screen.activity_pane.set_rows(rows)

    def _event(self, source: str, event: Event, now: datetime) -> Content:
        """Every text of it is the store's."""
        parts: list[Content | str | tuple[str, str]] = [
            (f"{source:<6}", "$text-accent" if source == "live" else "$foreground-muted"),
            f"{when(event.at, now):<22}",
            show_name(event.act).pad_right(max(0, 10 - len(event.act))).stylize("bold") + " ",
        ]
        if event.path is not None and event.path != self.place:
            parts += [show_name(event.path), " "]
        if event.detail:
            parts += [show(event.detail), " "]
        if event.by:
            parts.append(Content("by ") + show_name(event.by))
        return Content.assemble(*parts)


def _trouble(source: str, why: str) -> Content:
    return Content.assemble((f"{source:<6}", "$foreground-muted"), show(why).stylize("$text-warning"))
