"""Leases: what was issued from here and how long it lasts; issue, renew, revoke. And what to issue."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from kvtui.domain.errors import InvalidInput
from kvtui.domain.lease import Lease
from kvtui.domain.metadata import parse_duration
from kvtui.ui.dialogs.rows import RowsDialog
from kvtui.ui.show import say, show, show_name
from kvtui.ui.widgets.field_form import FormRow
from kvtui.ui.widgets.line_input import LineInput
from kvtui.ui.widgets.row_list import Row, RowList

Verb = Literal["issue", "renew", "revoke"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be done, and to which lease; None to issue a new one."""

    verb: Verb
    lease: Lease | None = None


class LeasesDialog(RowsDialog[Wanted]):
    """`refused`: why nothing can be changed here; then this only shows. `fixed`: why none can be renewed or revoked."""

    def __init__(
        self, leases: Sequence[Lease], now: Callable[[], datetime], refused: str = "", fixed: str = ""
    ) -> None:
        super().__init__("Leases", "" if refused else "Issue", cancel="Close", wide=True)
        self._fixed = fixed
        self._leases = {lease.id: lease for lease in leases}
        self._now, self._refused = now, refused

    def body(self) -> Iterable[Widget]:
        yield Static(show(self._refused or "Credentials issued from this machine. None of them is kept here."))
        if self._fixed and not self._refused:
            yield Static(show(f"None can be renewed or revoked: {self._fixed}"), classes="lease-fixed")
        yield RowList(id="rows", empty="Nothing is issued, or nothing of it lasts.")

    def more_buttons(self) -> Iterable[Button]:
        if not self._refused:
            yield Button(Content("Renew"), id="lease-renew", disabled=bool(self._fixed))
            yield Button(Content("Revoke"), id="lease-revoke", disabled=bool(self._fixed))

    def on_mount(self) -> None:
        super().on_mount()
        self._draw()
        self.rows.focus()
        self.set_interval(1.0, self._draw)

    def on_resize(self) -> None:
        super().on_resize()
        self.show_height(2 * len(self._leases))

    def result(self) -> Wanted:
        return Wanted("issue")

    @on(Button.Pressed, "#lease-renew")
    def _renew(self, event: Button.Pressed) -> None:
        event.stop()
        if (lease := self._chosen()) is not None:
            if lease.renewable:
                self.dismiss(Wanted("renew", lease))
            else:
                self.show_error("This lease cannot be renewed. Issue new credentials.")

    @on(Button.Pressed, "#lease-revoke")
    def _revoke(self, event: Button.Pressed) -> None:
        event.stop()
        if (lease := self._chosen()) is not None:
            self.dismiss(Wanted("revoke", lease))

    def _chosen(self) -> Lease | None:
        if (key := self.rows.key) is None:
            self.show_error("There is no lease.")
            return None
        return self._leases[key]

    def _draw(self) -> None:
        now = self._now()
        self.rows.set_rows([Row(lease.id, _lines(lease, now)) for lease in self._leases.values()])
        self.show_height(2 * len(self._leases))


def _lines(lease: Lease, now: datetime) -> Sequence[Content]:
    if lease.expires_at is None:
        lasts = Content.styled("until it is revoked", "$foreground-muted")
    elif lease.expires_at <= now:
        lasts = Content.styled("ended", "$text-warning")
    else:
        lasts = Content.styled(f"ends in {left(lease.expires_at - now)}", "$text-accent")
    fixed = Content("") if lease.renewable else Content.styled("  not renewable", "$foreground-muted")
    return [
        show_name(lease.role).stylize("bold") + Content("  ") + lasts + fixed,
        Content("  ") + show_name(lease.id).stylize("$foreground-muted"),
    ]


def left(time: timedelta) -> str:
    """How long something lasts, in its two largest units: `1h 05min`, `4min 09s`."""
    seconds = max(0, int(time.total_seconds()))
    days, hours, minutes = seconds // 86400, seconds // 3600 % 24, seconds // 60 % 60
    if days:
        return f"{days}d {hours}h"
    if hours:
        return f"{hours}h {minutes:02}min"
    return f"{minutes}min {seconds % 60:02}s" if minutes else f"{seconds}s"


@dataclass(frozen=True, slots=True)
class Asked:
    """What to issue; `ttl` None is as the role says."""

    role: str
    ttl: timedelta | None


class IssueDialog(RowsDialog[Asked]):
    """A role out of those that are known, or a typed one, and how long it shall last."""

    def __init__(self, roles: Sequence[str]) -> None:
        super().__init__("Issue credentials", "Issue", wide=True)
        self._roles = roles

    def body(self) -> Iterable[Widget]:
        yield Static(
            say("The server makes new credentials, which end by themselves. They are shown once. Enter takes a role.")
        )
        yield Input(id="lease-role", placeholder="Role, such as database/creds/readonly")
        yield RowList(id="rows", empty="No role like that is listed; a typed one is taken as it is.")
        yield FormRow("Lasts", LineInput(id="lease-ttl", placeholder="as the role says; or 15m, 1h, 1d"))

    def on_mount(self) -> None:
        super().on_mount()
        self._narrow("")

    def on_resize(self) -> None:
        super().on_resize()
        self.show_height(len(self.rows.rows), beside=12)

    def is_dirty(self) -> bool:
        return False

    def choose(self) -> None:
        """Take the row under the cursor; where none is like what is typed, that stays."""
        if (role := self.rows.key) is not None:
            self._typed.value = role
        self.query_one("#lease-ttl").focus()

    def result(self) -> Asked:
        role = self._typed.value.strip() or self.rows.key
        if not role:
            raise InvalidInput("No role is named.", hint="Type one, such as database/creds/readonly.")
        ttl = self.query_one("#lease-ttl", LineInput).value.strip()
        return Asked(role, parse_duration(ttl) if ttl else None)

    @property
    def _typed(self) -> Input:
        return self.query_one("#lease-role", Input)

    @on(Input.Changed, "#lease-role")
    def _changed(self, event: Input.Changed) -> None:
        self._narrow(event.value)

    @on(Input.Submitted, "#lease-role")
    def _taken(self, event: Input.Submitted) -> None:
        event.stop()
        event.prevent_default()
        self.choose()

    @on(Input.Submitted, "#lease-ttl")
    def _to_main(self, event: Input.Submitted) -> None:
        event.stop()
        event.prevent_default()
        self.query_one("#main").focus()

    def _narrow(self, query: str) -> None:
        wanted = query.casefold().split()
        found = [role for role in self._roles if all(word in role.casefold() for word in wanted)]
        self.rows.set_rows([Row(role, [show_name(role)]) for role in found])
        self.show_height(len(found), beside=12)
