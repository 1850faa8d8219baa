"""Dialogs that ask for a path or a name."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from textual import events, on, work
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Checkbox, Input, Label, Select, Static

from kvtui.domain import path as paths
from kvtui.domain.capability import Capability
from kvtui.domain.errors import InvalidInput, KvtuiError, NotFound
from kvtui.domain.secret import Listing
from kvtui.services.completing import Completions
from kvtui.services.session import Session
from kvtui.services.survey import Survey
from kvtui.ui.coming import batches
from kvtui.ui.dialogs.base import Dialog
from kvtui.ui.dialogs.matched import matched
from kvtui.ui.dialogs.rows import RowsDialog
from kvtui.ui.show import say, show_name
from kvtui.ui.widgets.row_list import QueryInput, Row, RowList

OFFERED = 8
"""Completions that are shown."""


class GotoDialog(RowsDialog[str]):
    """Any path, whether or not its folders can be listed. What it may become stands below as it is typed: tab goes on
    as far as there is one way to, the arrows choose one. A folder that nothing is known of is read once its slash is
    typed; a later one ends that."""

    ENTER_FINISHES = True
    BESIDE = 10
    DEFAULT_CSS = """
    GotoDialog #rows.-unchosen > .row-list--cursor-blurred { background: transparent; }
    """

    def __init__(self, start: str, completions: Completions | None = None, session: Session | None = None) -> None:
        """`session` is the store whose folders are read, if any are to be."""
        super().__init__("Go to a path", "Go")
        self._start, self._completions, self._session = start, completions, session
        self._asked: set[str] = set()

    def body(self) -> Iterable[Widget]:
        yield Label("Path", classes="label", markup=False)
        yield QueryInput(id="path", placeholder=self._start or "app/db/password", select_on_focus=False)
        rows = RowList(id="rows", classes="-unchosen")
        rows.can_focus = False
        rows.display = self._completions is not None
        yield rows

    def on_mount(self) -> None:
        super().on_mount()
        self.show_height(OFFERED)

    def on_unmount(self) -> None:
        self._asked.clear()
        self._completions = None

    @property
    def _typed(self) -> Input:
        return self.query_one("#path", Input)

    @on(Input.Changed, "#path")
    def _offer(self, event: Input.Changed) -> None:
        event.stop()
        self.rows.add_class("-unchosen")
        if event.value.endswith("/") and (folder := event.value[:-1]) not in self._asked:
            self._read(folder)
        self._show_offers()

    def _show_offers(self, said: str = "") -> None:
        if self._completions is not None:
            found = self._completions.found(self._typed.value, OFFERED)
            self.rows.empty = said
            self.rows.set_rows([Row(each.path, [matched(each.path, each.positions)]) for each in found])
            if self.rows.has_class("-unchosen"):
                self.rows.move_to_top()

    @work(exclusive=True, group="listing", description="list a folder")
    async def _read(self, folder: str) -> None:
        """One request, which a store that tells where it may list is not asked for in vain."""
        if not folder or self._completions is None or self._session is None or self._completions.knows(folder):
            return
        self._asked.add(folder)
        self._show_offers("Reading…")
        said = ""
        rows: list[str] = []
        try:
            # On a thread, as that may be a request, too.
            if await asyncio.to_thread(self._session.why_not, Capability.LIST, folder):
                self._show_offers()
                return
            with Survey(self._session.backend, lambda backend, _: backend.list_parts(folder)) as survey:
                async for parts in batches(survey):
                    rows += _rows(parts)
                    self._completions.add(folder, rows)
                    self._show_offers()
        except NotFound:
            pass  # no folder, or not yet
        except KvtuiError as error:
            said = str(error)
        except BaseException:
            self._asked.discard(folder)  # something else was typed before it came
            raise
        self._show_offers(said)

    def went_wrong(self, error: KvtuiError) -> None:
        self._show_offers()
        super().went_wrong(error)

    def on_key(self, event: events.Key) -> None:
        if event.key == "tab" and self.focused is self._typed and (longer := self._longer()):
            event.stop()
            event.prevent_default()
            self._typed.value = longer
            self._typed.cursor_position = len(longer)
        elif event.key in self._moves and self.rows.rows and self.rows.has_class("-unchosen"):
            event.stop()
            event.prevent_default()
            self.rows.remove_class("-unchosen")
            self.rows.move_to_top()
        else:
            super().on_key(event)

    def _longer(self) -> str:
        """What tab makes of what is typed, "" for nothing else: it goes to the next field then."""
        typed = self._typed.value
        completed = self._completions.completed(typed) if self._completions is not None and typed else typed
        return completed if completed != typed else ""

    def choose(self) -> None:
        self.rows.remove_class("-unchosen")
        self.finish()

    def is_dirty(self) -> bool:
        return False

    def result(self) -> str:
        chosen = None if self.rows.has_class("-unchosen") else self.rows.key
        path = paths.check_folder(chosen.rstrip("/") if chosen is not None else self._typed.value)
        if not path:
            raise InvalidInput("Type a path.", hint="For example app/db/password.")
        return path


def _rows(parts: Iterable[Listing]) -> Iterable[str]:
    return (entry.path + "/" * entry.is_folder for part in parts for entry in part.entries)


@dataclass(frozen=True, slots=True)
class Target:
    """A path, in a profile by name; "" for the one that is open. there: the server is to do it."""

    path: str
    profile: str = ""
    there: bool = False


class TargetDialog(Dialog[Target]):
    """Where to move or copy: the new path of one secret, or the folder that several go into. `profiles` are the names
    of others it may go to. there: whether the server could do it."""

    def __init__(
        self,
        title: str,
        main: str,
        source: str,
        count: int,
        *,
        folder: bool = False,
        here: str = "",
        profiles: Sequence[str] = (),
        there: bool = False,
    ) -> None:
        super().__init__(title, main)
        self._there = there
        self._source, self._count, self._folder = source, count, folder
        self._here, self._profiles = here, profiles

    def body(self) -> Iterable[Widget]:
        count = f"{self._count} secret{'s' * (self._count != 1)}"
        if self._folder:
            yield Static(say("The folder [b]$path[/b], $count", path=self._source, count=count))
        elif self._source:
            yield Static(say("From [b]$path[/b]", path=self._source))
        else:
            yield Static(say("$count, into the folder (empty: the top)", count=count))
        yield Label("Path", classes="label", markup=False)
        yield Input(self._source, id="path", select_on_focus=False)
        if self._profiles:
            yield Label("Profile", classes="label", markup=False)
            rows = [(show_name(f"{self._here} (this one)"), "")]
            rows += [(show_name(name), name) for name in self._profiles]
            yield Select(rows, value="", allow_blank=False, id="profile", compact=True)
        if self._there:
            yield Checkbox(Content("On the server: the newest values alone"), id="target-there", compact=True)

    def is_dirty(self) -> bool:
        return self.query_one("#path", Input).value != self._source

    def result(self) -> Target:
        chosen = self.query_one("#profile", Select).value if self._profiles else ""
        profile = chosen if isinstance(chosen, str) else ""
        there = any(box.value for box in self.query("#target-there").results(Checkbox))
        if there and profile:
            raise InvalidInput("A server copies only within itself.", hint="Choose this profile, or untick it.")
        return Target(self._path(elsewhere=bool(profile)), profile, there)

    def _path(self, *, elsewhere: bool) -> str:
        typed = self.query_one("#path", Input).value
        path = typed.removesuffix("/")
        if typed.endswith("/") and path and self._source:  # into that folder, under its name
            path = paths.join(path, paths.name(self._source))
        if path == self._source and path and not elsewhere:
            raise InvalidInput("That is where it is.", hint="Type another path.")
        if not path and not self._source:
            return ""
        return paths.check_new(path)


class NameDialog(Dialog[str]):
    """The name of a container."""

    def body(self) -> Iterable[Widget]:
        yield Label("Name", classes="label", markup=False)
        yield Input(id="name")

    def result(self) -> str:
        name = paths.check_new(self.query_one("#name", Input).value)
        if "/" in name:
            raise InvalidInput("A container is a top-level folder.", hint="Leave the slash out.")
        return name
