"""The main screen's ground: its layout, what can be done where the cursor is, and how work is done off the event loop.
Errors end in one place, `problem`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ParamSpec, TypeAlias, TypeVar, cast

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.css.query import NoMatches
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Static
from textual.worker import Worker

from kvtui.actions import BY_ID, Action, Scope
from kvtui.config import UiConfig
from kvtui.domain.capability import Capability
from kvtui.domain.errors import AuthenticationRequired, KvtuiError
from kvtui.domain.secret import Entry, EntryKind
from kvtui.services.session import Session
from kvtui.ui.show import show, show_name
from kvtui.ui.widgets.key_bar import KeyBar
from kvtui.ui.widgets.panes import ActivityPane, FieldsPane, MetadataPane, Title, VersionsPane
from kvtui.ui.widgets.path_tree import PathTree
from kvtui.ui.widgets.row_list import RowList
from kvtui.ui.widgets.status import StatusLine
from kvtui.ui.widgets.tab_line import TabLine
from kvtui.ui.widgets.tree_view import Badge, has_few_signs

if TYPE_CHECKING:
    from kvtui.ui.app import KvtuiApp

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
Job: TypeAlias = Callable[[], Coroutine[Any, Any, None]]

TABS = ("fields", "metadata", "versions", "activity")
MESSAGE_SECONDS = 30
"""How long the status line keeps saying what happened last."""
MOST_ASKED = 100
"""Places of which is asked in one request what may be done there."""


class Workbench(Screen[None]):
    """The widgets for one open session, and what runs beside them."""

    AUTO_FOCUS = "#tree"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (70, "-normal"), (120, "-wide")]  # noqa: RUF012 - as Textual declares it

    def __init__(self, session: Session, ui: UiConfig) -> None:
        super().__init__()
        self.session, self.ui = session, ui
        self._warning = session.info().warning  # by the time this is composed it may be locked again
        self._message_timer: Timer | None = None
        self._limits: Mapping[Capability, str] = {}
        """What cannot be done at the cursor, with a reason, as far as its store was asked."""
        self._actions: dict[tuple[str, type], Action | None] = {}
        self.bulk_running = self.bulk_stopped = False
        self.fields = FieldsPane(id="pane-fields")
        self.metadata_pane = MetadataPane(id="pane-metadata")
        self.version_list = VersionsPane(id="pane-versions")
        self.activity_pane = ActivityPane(id="pane-activity")
        panes = (self.fields, self.metadata_pane, self.version_list, self.activity_pane)
        self._panes: Mapping[str, RowList] = dict(zip(TABS, panes, strict=True))
        """By tab. Those that nobody has looked at yet are no part of the screen."""

    # -- layout

    def compose(self) -> ComposeResult:
        profile = self.session.profile
        words = [text for text in (profile.banner, self._warning) if text]
        if words:
            banner = Static(show_name("  ".join(words)), id="banner", markup=False)
            if profile.colour:
                banner.styles.background = profile.colour
            yield banner
        with Horizontal(id="workbench"):
            with Vertical(id="tree-side"):
                yield PathTree(ascii=has_few_signs(os.environ), now=self.kvtui.now, id="tree")
            with Vertical(id="detail"):
                yield Title(id="title")
                yield TabLine(TABS, id="tabs")
                yield self.fields
        yield KeyBar(id="keys")
        yield StatusLine(id="status")

    @property
    def kvtui(self) -> KvtuiApp:
        """The app, by its own type."""
        return cast("KvtuiApp", self.app)

    @property
    def path_tree(self) -> PathTree:
        return self.query_one("#tree", PathTree)

    @property
    def at_cursor(self) -> tuple[str | None, EntryKind | None]:
        """Path and kind of the row under the tree's cursor."""
        return self.path_tree.cursor or (None, None)

    @property
    def status(self) -> StatusLine:
        return self.query_one("#status", StatusLine)

    @property
    def tab(self) -> str:
        return self.query_one("#tabs", TabLine).active

    @property
    def pane(self) -> RowList:
        """The visible pane of the detail."""
        return self._panes[self.tab]

    def show_tab(self, name: str) -> None:
        had_focus = isinstance(self.focused, RowList)
        self.pane.display = False
        self.query_one("#tabs", TabLine).active = name
        if self.pane.is_attached:
            self.pane.display = True
        else:
            self.query_one("#detail").mount(self.pane)
        if had_focus:
            self.pane.focus()

    # -- what can be done

    def _action_of(self, key: str) -> Action | None:
        """What a key stands for where the focus is. Asking for all bindings would be felt at every key."""
        where = key, type(self.focused)
        if where not in self._actions:
            active = self.active_bindings.get(key)
            self._actions[where] = BY_ID.get(active.binding.id or "") if active is not None else None
        return self._actions[where]

    def why_not(self, action: Action) -> str:
        """Why an action is greyed here; empty when it can be done."""
        if action.id.startswith("tree.forget"):
            return "" if self.session.remembers else "Nothing is remembered: this store lists."
        if action.reads and (reason := self._lacking(Capability.READ, action)):
            return reason
        if action.needs is None or not (reason := self._lacking(action.needs, action)):
            return ""
        if action.needs is Capability.EDIT_METADATA and self.session.can(Capability.METADATA_WITH_VALUE):
            return "This store takes metadata only together with a new value: e has both."
        return reason

    def _lacking(self, capability: Capability, action: Action) -> str:
        return self.session.why_not(capability) or ("" if action.anywhere else self._limits.get(capability, ""))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        known = BY_ID.get(action.replace("_", ".", 1))
        if known is not None and known.scope is Scope.MAIN and self.why_not(known):
            return None
        return super().check_action(action, parameters)

    async def _look_up_limits(self, path: str, kind: EntryKind | None) -> None:
        """What cannot be done at the cursor, for all keys in one request."""
        place = f"{path}/" if kind is EntryKind.FOLDER else path
        (limits,) = await self.call(self.session.backend.limits, [place])
        if self.at_cursor[0] == path and limits != self._limits:
            self._limits = limits
            self.refresh_bindings()

    async def what_lacks(self, *places: str) -> Mapping[Capability, str]:
        """What cannot be done at all of these places, with a reason; what a server does not tell is left out."""
        lacking = {one: self.session.why_not(one) for one in Capability if not self.session.can(one)}
        if self.session.info().varies:
            with suppress(KvtuiError):
                for found in await self.call(self.session.backend.limits, places[:MOST_ASKED]):
                    lacking |= found
        return lacking

    # -- work off the event loop

    async def call(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run something blocking on a thread."""
        return await asyncio.to_thread(function, *args, **kwargs)

    async def all_below(self, folder: str) -> Sequence[Entry]:
        """Every secret below a folder, for what changes or carries away: raises PermissionDenied or Unavailable where
        not all can be listed. Its requests end when whoever waits for it is cancelled."""
        from kvtui.services.survey import Survey  # noqa: PLC0415 - loaded by the first look at many folders
        from kvtui.ui.coming import batches  # noqa: PLC0415

        with Survey(self.session.backend, lambda backend, skipped: backend.walk(folder, skipped=skipped)) as survey:
            found = [entry async for some in batches(survey) for entry in some]
        if survey.left_out:
            raise survey.left_out.refusal()
        return found

    async def each(self, steps: Iterator[T], planned: int) -> list[T]:
        """Do the steps on a thread, one after the other, with progress. Esc ends it after the one that is under way."""
        done: list[T] = []
        self.bulk_running, self.bulk_stopped = True, False
        try:
            while not self.bulk_stopped and (step := await self.call(next, steps, None)) is not None:
                done.append(step)
                self.status.busy = f"{len(done)}/{planned}"
        finally:
            self.bulk_running, self.status.busy = False, ""
        return done

    def work(self, job: Job, group: str, what: str, *, exclusive: bool = True) -> None:
        """Run a job beside the screen. Exclusive: a later one in its group takes its place (reads only)."""

        async def guarded() -> None:
            try:
                await job()
            except KvtuiError as error:
                self.problem(error)
            except NoMatches:
                if self.query("#status") and not self._pruning:
                    raise
                # What was read came back to a screen that is on its way out.

        _: Worker[None] = self.run_worker(guarded, what, group, what, exclusive=exclusive)

    def in_trouble(self, error: KvtuiError) -> None:
        """Something failed that may be over in a while."""

    @property
    def is_opening(self) -> bool:
        """Whether a form or dialog is about to come up."""
        return any(worker.group == "form" and not worker.is_finished for worker in self.workers)

    def problem(self, error: KvtuiError) -> None:
        """Say what happened and what to do; over a dialog that hides the status line too."""
        if isinstance(error, AuthenticationRequired) and self.session.profile.factory.signs_in:
            self.kvtui.sign_in_again(error)
            return
        self.in_trouble(error)
        self.say(str(error), failed=True)
        if self.app.screen is not self:
            self.app.notify(show(str(error)).plain[:500], severity="error", markup=False, timeout=8)

    def show_staged(self) -> None:
        """How many changes are staged, and which rows they are about."""
        self.status.staged = len(self.session.staged)
        self.path_tree.set_badge(Badge.STAGED, list(self.session.staged.paths))

    def say(self, message: str, *, failed: bool = False) -> None:
        """The last thing that happened, in the status line."""
        if self._message_timer is not None:
            self._message_timer.stop()
        self._message_timer = self.set_timer(MESSAGE_SECONDS, self._forget_message) if message else None
        self.status.failed = failed
        self.status.message = message

    def _forget_message(self) -> None:
        self.say("")
