"""Health: what is overdue, ends soon, is weak or used twice. Enter goes there; no value is shown."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from textual import on
from textual.content import Content
from textual.widgets import Button

from kvtui.domain.capability import Capability
from kvtui.services.health import Checkup, Finding, Kind, reads_are_noticed
from kvtui.services.journal import Act
from kvtui.services.session import Session
from kvtui.services.survey import Survey
from kvtui.ui.coming import batches
from kvtui.ui.dialogs.rows import beside_or_below
from kvtui.ui.dialogs.survey import SurveyDialog
from kvtui.ui.show import show, show_name
from kvtui.ui.widgets.panes import ago
from kvtui.ui.widgets.row_list import Row

SHOWN = 500
"""Rows at most: what was typed narrows them."""
_STYLES = {Kind.EXPIRED: "$text-error", Kind.OVERDUE: "$text-error", Kind.OLD: "$foreground-muted"}


class HealthDialog(SurveyDialog):
    """Returns the path to go to. On a server values are read when the button for that is pressed, not before."""

    def __init__(self, session: Session, now: datetime) -> None:
        super().__init__(
            session, "Health", placeholder="type to narrow", main="Go there", empty="Nothing is wrong with these."
        )
        self._now = now
        self._can_read = session.can(Capability.READ)
        self._values = self._can_read and not reads_are_noticed(session)
        self._checkup = Checkup(now, values=self._values)
        self._found: list[Finding] = []

    def more_buttons(self) -> Iterable[Button]:
        if self._can_read and not self._values:
            yield Button(Content("Read values"), id="health-values")

    @on(Button.Pressed, "#health-values")
    async def _read_values(self, event: Button.Pressed) -> None:
        event.stop()
        self._values = True
        self.rows.focus()
        await event.button.remove()
        self.read()

    async def look(self) -> None:
        self._found = []
        checkup = self._checkup = Checkup(self._now, values=self._values)
        if self._values:
            await asyncio.to_thread(self.session.journal.record, Act.READ, "")
        with Survey(self.session.backend, lambda store, skipped: checkup.findings(store, skipped=skipped)) as survey:
            self.left_out = survey.left_out
            async for found in batches(survey):
                self._found = sorted([*self._found, *found], key=lambda one: one.rank)
                self.tell()
                self.update()

    def told(self) -> str:
        kinds = Counter(one.kind for one in self._found)
        counted = ", ".join(f"{kinds[kind]:,} {kind.value}" for kind in Kind if kinds[kind]) or "nothing so far"
        if not (self.is_reading or kinds):
            counted = "nothing"
        said = f"{counted} in {self._checkup.count:,} secrets{', still reading…' * self.is_reading}"
        if not self._values and self._can_read:
            said += " · only dates: each value is one request, which the server may write down"
        elif not self._can_read:
            said += " · only dates: this store gives no value back"
        return f"{said} · {self._checkup.note}" if self._checkup.note else said

    def update(self) -> None:
        if self.is_reading and not self._found:
            return
        words = self.query_text.casefold().split()
        width = max(10, self.rows.scrollable_content_region.width - 1)
        rows: list[Row] = []
        for one in self._found:
            if len(rows) == SHOWN:
                break
            if all(word in f"{one.kind.value} {one.path}#{one.field}".casefold() for word in words):
                rows.append(Row(_key(one), beside_or_below(self._where(one), self._said(one), width)))
        self.show_rows(rows)

    def on_resize(self) -> None:
        super().on_resize()
        self.call_after_refresh(self.update)

    def result(self) -> str:
        return super().result().partition("\n")[2]

    def _where(self, one: Finding) -> Content:
        kind = Content.styled(f"{one.kind.value:9} ", _STYLES.get(one.kind, "$text-warning"))
        field = Content("#") + show_name(one.field) if one.field is not None else Content("")
        return kind + show_name(one.path).stylize("bold") + field

    def _said(self, one: Finding) -> Content:
        said = [one.detail, f"same as group {one.group}" if one.group else ""]
        if one.at is not None:
            said.append(f"{one.at:%Y-%m-%d}")
        if one.made_at is not None and (age := ago(self._now - one.made_at)):
            said.append(f"written {age}")
        return show("  ".join(filter(None, said))).stylize("$foreground-muted")


def _key(one: Finding) -> str:
    """Ends with its path; a line feed in the field is spelled out before it."""
    return f"{one.kind.value} {one.field!r}\n{one.path}"
