"""Find everywhere, in this store or in all that open without asking: paths fuzzily, descriptions and tags literally, as
one types. Values only when asked, in a dialog of their own that hides what is typed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from textual import on, work
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Static

from kvtui.clock import utc_now
from kvtui.domain.capability import Capability
from kvtui.domain.errors import KvtuiError, PermissionDenied
from kvtui.domain.metadata import Metadata
from kvtui.services.finding import Finding, Located, Report
from kvtui.services.names import told_age
from kvtui.services.session import Session
from kvtui.ui.dialogs.matched import matched
from kvtui.ui.dialogs.survey import SurveyDialog
from kvtui.ui.loop import reading_beside
from kvtui.ui.show import show, show_name
from kvtui.ui.widgets.panes import when
from kvtui.ui.widgets.row_list import DrawnLine, QueryInput, Row, RowList

if TYPE_CHECKING:
    from kvtui.services.kept_names import NameKeys
    from kvtui.services.profiles import Profile

SHOWN = 200
_PAUSE = 0.2
"""Seconds between two looks at what came."""
_TYPING = 0.25
"""Seconds without a key before the server is asked: it need not answer for every letter of a word."""
_RESTING = 0.05
"""Seconds that the cursor rests on a row before more is read of it."""
_ROOM = 40
"""Lines of a screen that has room for more than rows."""
_AT_ONCE = 50_000
"""Names that are looked through before a thread would have got its turn: a few milliseconds."""
_VALUE = re.compile(r"(?:^|\s)value:", re.IGNORECASE)


class FindInput(QueryInput):
    """`value_asked` is called with what stands before `value:` and behind it, which is a part of a secret: this never
    holds it, and so never shows it."""

    def __init__(self, *, placeholder: str, value_asked: Callable[[str, str], object]) -> None:
        super().__init__(id="query", placeholder=placeholder)
        self._value_asked = value_asked

    def validate_value(self, value: str) -> str:
        if (found := _VALUE.search(value)) is None:
            return value
        names = value[: found.start()].strip()
        self._value_asked(names, value[found.end() :])
        return names


class FindDialog(SurveyDialog):
    """Returns the key of the chosen row, see `where`. What was read earlier in this session is found at once."""

    # All of the screen, as nothing behind it has to be drawn for a key then, nor anything laid out anew for its rows.
    DEFAULT_CSS = """
    FindDialog {
        background: $background;
        & > #dialog { width: 100%; max-width: 100%; height: 100%; }
        #dialog-body { height: 1fr; overflow: hidden; }
        #rows { height: 1fr; max-height: 100%; }
        &.-all #told { height: 3; text-wrap: wrap; }
        #preview { height: 7; border-top: solid $panel; display: none; }
    }
    """

    class News(Message):
        """There is more to be found, or to be said. Comes from any thread."""

    def __init__(self, session: Session, keys: NameKeys | None = None, others: Sequence[Profile] = ()) -> None:
        """`others` can be looked through too: those that open without asking anybody."""
        placeholder = "part of a path; type: tag: owner: narrow it, value: looks inside"
        empty = "No path, description or tag is like that."
        super().__init__(session, "Find everywhere", placeholder=placeholder, main="Go", empty=empty)
        self._keys, self._others = keys, others
        self._finding = self._new_finding()
        self._in_all = False
        self._all_read = asyncio.Event()
        self._pausing: Timer | None = None
        self._has_news = False
        self._to_ask = self._asked = ""
        """What the server is asked in a moment, and what it was asked last."""
        self._rows: dict[Located, Row] = {}
        self._shown = ""
        """How many of what was found the rows are, where they are not all."""
        self._known: dict[str, Sequence[str]] = {}
        """What was read of the secrets of servers, by the key of their rows."""

    def body(self) -> Iterable[Widget]:
        yield from super().body()
        yield Static(id="preview", markup=False)

    def query_input(self) -> QueryInput:
        return FindInput(placeholder=self._placeholder, value_asked=self._find_values)

    def _new_finding(self) -> Finding:
        return Finding([self.session], came=self._came, keys=self._keys)

    @property
    def _report(self) -> Report:
        """Of the store that is open on the screen."""
        return self._finding.reports()[0]

    def where(self, key: str) -> tuple[str, str]:
        """The profile and the path of a row."""
        profile, mark, path = key.partition("\0")
        is_other = mark and any(profile == other.name for other in self._others)
        return (profile, path) if is_other else (self.session.profile.name, key)

    def _find_values(self, names: str, part: str) -> None:
        from kvtui.ui.dialogs.find_values import FindValuesDialog  # noqa: PLC0415 - few look for values

        def decided(found: tuple[str, str] | None) -> None:
            if found is not None:
                self.dismiss(self._key_of(*found))

        self.app.push_screen(FindValuesDialog(self._finding, names, part), decided)

    def _key(self, found: Located) -> str:
        return self._key_of(found.profile, found.path)

    def _key_of(self, profile: str, path: str) -> str:
        return path if profile == self.session.profile.name else f"{profile}\0{path}"

    def action_dialog_scope(self) -> None:
        if not self._others:
            self.show_error("There is no other store. Profiles in the configuration add some.")
            return
        before, self._in_all = self._finding, not self._in_all
        self._finding = self._new_finding()
        asyncio.get_running_loop().run_in_executor(None, before.close)  # whatever becomes of this dialog
        self.query_one("#dialog").border_title = "Find everywhere: all stores" if self._in_all else "Find everywhere"
        self.set_class(self._in_all, "-all")
        self._to_ask, self._rows = "", {}
        self.workers.cancel_group(self, "search")
        self.read()

    def fit(self) -> None:
        """Its body takes what the rest leaves."""

    def show_height(self, rows: int, *, most: int = 20, beside: int | None = None) -> None:
        """As high as the screen, whatever is found."""

    # -- reading

    def _came(self) -> None:
        self.post_message(self.News())

    async def look(self) -> None:
        with reading_beside():
            self._finding.read()
            if self._in_all:
                for profile in self._others:
                    self._finding.open(profile)
            self._all_read.clear()  # news of before this
            await self._all_read.wait()
        if (error := self._report.error) is not None:
            raise error

    async def on_unmount(self) -> None:
        self._rows, self._known = {}, {}
        self._to_ask = self._asked = ""
        self._finding.stop()
        await asyncio.to_thread(self._finding.close)

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
            self._pausing = self.set_timer(_PAUSE, self._show_news)
            self.tell()
            self._has_news = self._is_searching  # which may have begun before there was more
            if not self._has_news:
                self.update()

    def tell(self) -> None:
        if (left_out := self._report.left_out) is not None:
            self.left_out = left_out
        super().tell()

    def told(self) -> str:
        return f"{self._told_names(self._report)}{self._told_server(self._report)}"

    def told_beside(self) -> str:
        kept = f" · {note}" if (note := self._report.note) else ""
        scope = self._told_others() or (" · ctrl+t: all stores" if self._others else "")
        return f"{self._shown}{kept}{scope}"

    def _told_others(self) -> str:
        """How far the other stores are, and which are left out for what."""
        said = ""
        for report in self._finding.reports()[1:]:
            left_out = f", not listed: {report.left_out.counts}" if report.left_out else ""
            reading = ", still reading…" if report.is_reading else ""
            told = f"left out: {error.message}" if (error := report.error) else f"{report.count:,}{left_out}{reading}"
            said += f" · {report.profile}: {told}"
        return said

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
        if sum(report.count for report in self._finding.reports()) > _AT_ONCE:
            self._search(query)
        else:
            self.workers.cancel_group(self, "search")  # its rows would come after these
            self._show_found(*self._found(query), query)

    @property
    def _is_searching(self) -> bool:
        return any(worker.group == "search" and not worker.is_finished for worker in self.workers)

    @work(exclusive=True, group="search", description="search")
    async def _search(self, query: str) -> None:
        self._show_found(*await asyncio.to_thread(self._found, query), query)

    def _show_found(self, rows: dict[Located, Row], has_more: bool, query: str) -> None:
        self._rows = rows
        self.show_rows(list(rows.values()))
        shown = f" · the {'best' if query else 'first'} {len(rows):,} shown" if has_more else ""
        if shown != self._shown:
            self._shown = shown
            self.tell()
        if query and self._report.asks and self._to_ask != query:
            self._to_ask = query
            self._ask(query)

    @work(exclusive=True, group="ask", description="ask the server")
    async def _ask(self, query: str) -> None:
        """Once nothing was typed for a moment; a later query ends this one with its request."""
        await asyncio.sleep(_TYPING)
        self._asked = query
        self._finding.ask(query, SHOWN)
        self.tell()

    def _found(self, query: str) -> tuple[dict[Located, Row], bool]:
        """Most of what is found while names come was found before: those rows are the same. And whether there is more.
        Also on a thread."""
        before, result = self._rows, self._finding.query(query, SHOWN, at_once=True)
        return {
            found: before.get(found) or Row(self._key(found), DrawnLine(partial(self._row, found)))
            for found in result.matches
        }, result.more

    def _row(self, found: Located) -> Content:
        row = matched(found.path, found.match.positions)
        if not self._in_all:
            return row
        return show_name(found.profile).stylize("$foreground-muted") + Content("  ") + row

    # -- what is known of the row under the cursor

    def on_resize(self) -> None:
        super().on_resize()
        preview, has_room = self.query_one("#preview"), self.size.height >= _ROOM
        if preview.display is not has_room:  # to say it again would lay out all of it anew
            preview.display = has_room
        self._preview()

    def show_rows(self, rows: Sequence[Row]) -> None:
        super().show_rows(rows)
        self._preview()

    @on(RowList.CursorMoved)
    def _moved(self, event: RowList.CursorMoved) -> None:
        event.stop()
        self._preview()

    @work(exclusive=True, group="preview", description="read metadata")
    async def _preview(self) -> None:
        """On a server it is a request, of what is known about it and never of a value: only once nothing was typed
        for a moment, and once for each that answers."""
        preview = self.query_one("#preview", Static)
        if not preview.display:
            return
        key = self.rows.key
        if key is None:
            preview.update("", layout=False)
            return
        profile, path = self.where(key)
        session = self._finding.session(profile)
        if (known := self._known.get(key)) is None and session is not None:
            known, stays = await self._read_metadata(session, path)
            if stays and not session.can(Capability.CHANGE_SIGNAL):
                self._known[key] = known
        said = Content("\n").join([show_name(path).stylize("bold"), *map(show, known or ())])
        preview.update(said, layout=False)

    async def _read_metadata(self, session: Session, path: str) -> tuple[Sequence[str], bool]:
        """What is known of it, and whether that stays so: a server that failed may answer the next time."""
        await asyncio.sleep(_RESTING if session.can(Capability.CHANGE_SIGNAL) else _TYPING)
        try:
            return await asyncio.to_thread(_known_of, session, path), True
        except KvtuiError as error:
            return [str(error)], isinstance(error, PermissionDenied)


def _known_of(session: Session, path: str) -> Sequence[str]:
    """On a thread: whether it can be known may be a request, too."""
    if why := session.why_not(Capability.METADATA, path):
        return [f"Not read, as that would read its values too: {why}"]
    return list(_told_metadata(session.backend.metadata(path)))


def _told_metadata(metadata: Metadata) -> Iterator[str]:
    owner = f" · owner {metadata.owner}" if metadata.owner else ""
    updated = f" · updated {when(metadata.updated_at, utc_now())}" if metadata.updated_at else ""
    yield f"{metadata.type.value}{owner}{updated}"
    if metadata.tags:
        yield f"tags {', '.join(metadata.tags)}"
    if metadata.description:
        yield metadata.description
