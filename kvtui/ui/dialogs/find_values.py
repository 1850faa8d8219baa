"""Find by value: what is typed is a part of a secret, so it is never shown, and kept only while it is looked for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial

from textual import on, work
from textual.content import Content
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Button, Input, Label, Static

from kvtui.domain.value import SecretValue
from kvtui.services.finding import Finding
from kvtui.services.value_finding import Holding, Place, ValueFinding, places_of
from kvtui.services.value_search import Asked, caution
from kvtui.ui.dialogs.rows import RowsDialog
from kvtui.ui.loop import reading_beside
from kvtui.ui.show import MASK, say, show, show_name
from kvtui.ui.widgets.row_list import DrawnLine, Row, RowList
from kvtui.ui.widgets.secret_input import SecretInput

MOST = 1000
"""Secrets that are shown; more hold what nearly everything does."""
_PAUSE = 0.1
"""Seconds between two looks at what came."""


class FindValuesDialog(RowsDialog[tuple[str, str]]):
    """Returns the profile and the path of the chosen row.

    Enter begins to look in stores on this machine; on servers it tells how many secrets that reads, and enter again
    reads them. Enter on what was found goes there.
    """

    ENTER_FINISHES = True
    BESIDE = 12
    DEFAULT_CSS = """
    FindValuesDialog {
        #told { height: auto; max-height: 4; color: $text-muted; margin-top: 1; }
        #told.-asks { color: $text-warning; }
        #rows { height: 12; }
    }
    """

    def __init__(self, finding: Finding, names: str, part: str) -> None:
        """`names` is the query that narrows what is read; `part` what of the value was typed so far."""
        super().__init__("Find by value", "Look", wide=True)
        self._finding, self._names = finding, names
        self._part = part
        self._field = SecretInput(id="part")
        self._planned: Sequence[Place] | None = None
        """What was told to be read, so that enter reads it."""
        self._looking: ValueFinding | None = None
        self._drawing: Timer | None = None
        self._shown: list[Row] = []

    def body(self) -> Iterable[Widget]:
        where = "in all secrets" if not self._names else "in secrets found by [b]$names[/b]"
        yield Label(say(f"Part of a value, {where}", names=show(self._names)), classes="label", markup=False)
        yield self._field
        yield Static(id="told", markup=False)
        yield RowList(id="rows")

    def on_mount(self) -> None:
        super().on_mount()
        self._field.value, self._part = self._part, ""
        self._field.cursor_position = len(self._field.value)
        self._tell("Enter reads values one by one, compares them on this machine, and forgets them.")

    async def on_unmount(self) -> None:
        self._stop()
        self._field.set_reactive(Input.value, "")

    def is_dirty(self) -> bool:
        return False

    # -- what enter and esc do

    def finish(self) -> None:
        if self._planned is not None:
            self._begin(self._planned)
        elif self._field.value:
            self._plan()
        elif self.rows.key is None:
            self.show_error("There is no value to look for. Type a part of it, or press esc.")
        else:
            super().finish()

    def choose(self) -> None:
        super().finish()

    def result(self) -> tuple[str, str]:
        profile, _, path = (self.rows.key or "").partition("\0")
        return profile, path

    def action_dialog_cancel(self) -> None:
        if self._looking is None:
            self.dismiss(None)
        else:
            self._stop()

    @on(Input.Changed, "#part")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._planned = None
        self.query_one("#main", Button).label = Content("Look" if event.value or not self._shown else "Go")
        self._tell_asks(asks=False)

    # -- what is going to be read

    @work(exclusive=True, group="values", description="look through values")
    async def _plan(self) -> None:
        places = await asyncio.to_thread(places_of, self._finding, self._names)
        remote = [place for place in places if place.paths is not None and not place.refused]
        if not remote:
            self._begin(places)
            return
        self._planned = places
        self._tell_asks(asks=True)
        counts = ", ".join(f"{len(place.paths or ()):,} of {place.profile}" for place in remote)
        total = sum(len(place.paths or ()) for place in remote)
        told = counts if len(remote) == 1 else f"{total:,}: {counts}"
        reading = " Its names are still being read: these are known by now." if self._finding.is_reading else ""
        self._tell(f"{caution(remote[0].session)} That would be {told}.{reading} Enter reads them.")
        self.query_one("#main", Button).label = Content(f"Read {total:,}")

    def _tell_asks(self, *, asks: bool) -> None:
        self.query_one("#told").set_class(asks, "-asks")

    # -- looking

    def _begin(self, places: Sequence[Place]) -> None:
        self._stop()
        self._shown = []
        asked = Asked(self._names, (SecretValue(self._field.value),))
        self._looking = looking = ValueFinding(places, asked, most=MOST)
        self._planned = None
        self._field.clear()
        self._field.placeholder = MASK
        self._tell_asks(asks=False)
        self.query_one("#dialog-error").remove_class("-shown")
        self._drawing = self.set_interval(_PAUSE, self._draw)
        self._draw()
        self._look(looking)

    @work(exclusive=True, group="values", description="look through values")
    async def _look(self, looking: ValueFinding) -> None:
        try:
            with reading_beside():
                await asyncio.to_thread(looking.run)
        finally:
            looking.stop()
            if self._looking is looking:
                self._end("")

    def _stop(self) -> None:
        if (looking := self._looking) is not None:
            looking.stop()
            self._end("Cancelled. ")

    def _end(self, how: str) -> None:
        looking, self._looking = self._looking, None
        if self._drawing is not None:
            self._drawing.stop()
        if looking is None or not self.is_attached:
            return
        self._field.placeholder = ""
        self._show(looking)
        self._tell(how + _told(looking, is_over=True) + self._told_closed())
        if looking.failed:
            self.show_error(" ".join(f"{profile}: {error}" for profile, error in looking.failed))

    def _draw(self) -> None:
        if (looking := self._looking) is not None:
            self._show(looking)
            self._tell(_told(looking, is_over=False) + " esc ends it.")

    def _told_closed(self) -> str:
        """Which of the stores that were to be looked through are not open."""
        names = [report.profile for report in self._finding.reports() if self._finding.session(report.profile) is None]
        return f" Not open: {', '.join(names)}." if names else ""

    def _show(self, looking: ValueFinding) -> None:
        held = looking.found[len(self._shown) :]
        self._shown += [Row(f"{each.profile}\0{each.path}", DrawnLine(partial(self._row, each))) for each in held]
        self.rows.empty = "" if looking is self._looking else "No value has that in it."
        if held or not self._shown:
            self.rows.set_rows(list(self._shown))
        if held and not self._field.value:
            self.query_one("#main", Button).label = Content("Go")

    def _row(self, held: Holding) -> Content:
        fields = Content("  ") + show(", ".join(held.fields)).stylize("$foreground-muted")
        row = show_name(held.path) + fields
        if len(self._finding.reports()) < 2:
            return row
        return show_name(held.profile).stylize("$foreground-muted") + Content("  ") + row

    def _tell(self, text: str) -> None:
        self.query_one("#told", Static).update(show(text))


def _told(looking: ValueFinding, *, is_over: bool) -> str:
    """How far it is, and what was left out."""
    found = f"{len(looking.found):,}{' or more' if looking.has_more else ''} found"
    if is_over:
        read = f"{looking.read:,} secret{'s' * (looking.read != 1)} read"
    else:
        of_all = "" if looking.total is None else f" of {looking.total:,}"
        read = f"{looking.read:,}{of_all} secrets read"
    not_read = ", ".join(left_out.counts for left_out in looking.left_out if left_out)
    return f"{read}, {found}{', ' + not_read if not_read else ''}."
