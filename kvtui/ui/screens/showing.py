"""What is shown: the tree as it is listed, and of the secret under its cursor the detail, masked.

PathTree posts -> a worker reads on a thread -> the panes show.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from rich.console import RenderableType
from textual import events, on
from textual.content import Content
from textual.geometry import Size
from textual.timer import Timer

from kvtui.config import UiConfig
from kvtui.domain import path as paths
from kvtui.domain.capability import Capability
from kvtui.domain.errors import (
    AuthenticationRequired,
    InvalidInput,
    KvtuiError,
    NotFound,
    PermissionDenied,
    Undisclosed,
)
from kvtui.domain.secret import EntryKind, Listing, Outline, Version
from kvtui.services.session import Session
from kvtui.ui.composing import QuickCompositor
from kvtui.ui.screens.workbench import Workbench
from kvtui.ui.widgets.key_bar import KeyBar
from kvtui.ui.widgets.panes import NONE_SELECTED, ActivityPane, Title
from kvtui.ui.widgets.path_tree import PathTree, TreeState
from kvtui.ui.widgets.tab_line import TabLine

SMALLEST = (24, 8)
"""Columns and rows below which the screen says so, and shows nothing."""
TOO_SMALL = Content(f"This terminal is too small. kvtui needs {SMALLEST[0]} columns and {SMALLEST[1]} rows.")
SETTLE_SECONDS = 0.05
"""How long the cursor rests on a secret before it is read."""
NOTHING_YET = "Nothing is here yet. n makes the first secret; kvtui import FILE brings in those you have."


if TYPE_CHECKING:
    from kvtui.ui.screens.activity import Activity


class Place(NamedTuple):
    """Where somebody was, to come back to after a lock: a path to go to, or the whole state of the tree."""

    cursor: str | None = None
    tree: TreeState | None = None
    tab: str = "fields"


class Showing(Workbench):
    """Tree and detail of one open session."""

    def __init__(self, session: Session, ui: UiConfig, place: Place | None = None) -> None:
        super().__init__(session, ui)
        self._compositor = QuickCompositor()
        self.secret: Outline | None = None
        """What the detail shows: no value of it is here before it is revealed."""
        self.versions: Sequence[Version] = ()
        self.marked_versions: set[int] = set()
        self._activity: Activity | None = None
        self._place = place or Place()
        self._ahead: asyncio.Task[Listing | KvtuiError] | None = None
        self._nothing = ""
        """What the detail says while no secret is selected; "" is the usual."""
        self._reveal_timer: Timer | None = None
        self._settle_timer: Timer | None = None
        self._somebody_moves = False

    def on_mount(self) -> None:
        info = self.session.info()
        status = self.status
        status.profile, status.backend, status.read_only = self.session.profile.label, info.kind, info.read_only
        self.show_staged()
        self.path_tree.focus()
        self.query_one("#keys", KeyBar).look()
        if self._ahead is None:
            self.read_ahead()
        elif self._ahead.done() and isinstance(root := self._ahead.result(), Listing):
            self._begin(root)
        self.work(self._first_load, "tree", "read the tree")

    def on_unmount(self) -> None:
        """Nothing of a secret stays in a screen that timers and tasks may keep alive."""
        self._leave_activity()
        self.secret, self.versions = None, ()

    def fit(self, size: Size) -> None:
        """Take the layout for a terminal of this size. Done before the screen is up, its styles are applied once."""
        small = size.width < SMALLEST[0] or size.height < SMALLEST[1]
        if small and not self.has_class("-too-small"):
            self.mask()
        width = max((columns, name) for columns, name in self.HORIZONTAL_BREAKPOINTS if columns <= size.width)[1]
        widths = {name: name == width for _, name in self.HORIZONTAL_BREAKPOINTS}
        self.update_classes(
            {**widths, "-too-small": small, "-short": size.height < 16}, self.is_attached, animate=False
        )

    def on_resize(self, event: events.Resize) -> None:
        self.fit(event.size)

    def render(self) -> Content | RenderableType:
        """What is behind all widgets, which are hidden where there is no room for them."""
        return TOO_SMALL if self.has_class("-too-small") else super().render()

    def on_key(self, event: events.Key) -> None:
        """What failed has been read by the next key. The key of an action that cannot be done here says why."""
        self._somebody_moves = True
        if self.status.failed:
            self.say("")
        action = self._action_of(event.key)
        if action is not None and (reason := self.why_not(action)):
            event.stop()
            self.say(f"{action.title}: {reason}", failed=True)

    def signed_in_again(self) -> None:
        """The session has a new connection: what is shown is read again."""
        self.say("Signed in again.")
        self.work(self.reload, "tree", "read again")

    # -- the tree

    def read_ahead(self) -> None:
        """Read what the tree begins with while the screen is made: where that is fast, the first frame is complete."""
        self._ahead = asyncio.create_task(self.call(self._read_first))

    def _read_first(self) -> Listing | KvtuiError:
        """The root, or why it is not listed; on a thread."""
        try:
            return self.session.backend.list("")
        except KvtuiError as error:
            return error

    def _begin(self, root: Listing | KvtuiError) -> None:
        self._ahead = None
        with self.path_tree.prevent(PathTree.NodeOpened):  # the answer to the first is here already
            self.path_tree.restore(self._place.tree)
        self._listed("", root)

    async def _first_load(self) -> None:
        if self._ahead is not None:
            self._begin(await self._ahead)
        self.show_tab(self._place.tab)
        if self._place.cursor:
            await self.go_to(self._place.cursor)
        elif self._place.tree is not None and self._place.tree.cursor is not None:
            await self._come_back(*self._place.tree.cursor)

    async def _come_back(self, path: str, kind: EntryKind | None) -> None:
        """To where the tree alone does not lead, as it may not be listed; not if somebody went elsewhere meanwhile."""
        if not await self.path_tree.reveal_path(path, kind):
            here = self.at_cursor[0]
            if here is None or paths.is_under(path, here):
                with suppress(NotFound):  # gone meanwhile: the way is shown as far as it leads
                    await self.go_to(path)

    async def load_folder(self, folder: str) -> None:
        """Read one folder and put its children into the tree; an error is shown at that folder."""
        try:
            if self.path_tree.rows.is_loaded(folder):  # what is shown stays until all of it is read anew
                self._listed(folder, await self.call(self.session.backend.list, folder))
            else:
                await self._load_parts(folder)
        except KvtuiError as error:
            self._listed(folder, error)

    @property
    def _is_near(self) -> bool:
        """Whether a folder may be listed before anybody asks for it: of a store on this machine, where nobody counts
        or notes it, and changes by others are noticed. A start reads no more than it shows."""
        return self._somebody_moves and self.session.can(Capability.CHANGE_SIGNAL)

    async def _read_near(self, folder: str) -> None:
        """So that the folder under the cursor is open at once. What fails is told when it is opened."""
        with suppress(KvtuiError):
            part = await self.call(next, self.session.backend.list_parts(folder))
            if part.complete:
                self.path_tree.show_listing(part)

    async def _load_parts(self, folder: str) -> None:
        """The first children of many are shown before the rest is read."""
        parts = self.session.backend.list_parts(folder)
        part: Listing | None
        last = part = await self.call(next, parts)
        if not last.complete:
            from kvtui.services.listing import Growth  # noqa: PLC0415 - few folders are as large

            while part is not None:
                self.path_tree.show_growth([Growth(folder, part.entries, part.note)])
                last, part = part, await self.call(next, parts, None)
            if last.complete:
                self.tell_trouble()
                return
        self._listed(folder, last)

    def _listed(self, folder: str, came: Listing | KvtuiError) -> None:
        if isinstance(came, AuthenticationRequired):
            self.path_tree.show_error(folder, str(came), "not listed")
            self.problem(came)
        elif isinstance(came, KvtuiError):
            self.show_not_listed(folder, came)
        else:
            self.path_tree.show_listing(came)
            if not folder:
                empty = not came.entries and self.session.can(Capability.WRITE)
                self._nothing = NOTHING_YET if empty else ""
        self.tell_trouble()

    def show_not_listed(self, folder: str, error: KvtuiError) -> None:
        self.in_trouble(error)
        if isinstance(error, PermissionDenied):
            said = f"{error} J goes to a path inside that you know."
            self.path_tree.show_error(folder, said, "denied", "J goes inside")
        else:
            self.path_tree.show_error(folder, str(error), "not listed")
        self.tell_trouble()

    def tell_trouble(self) -> None:
        """While no secret is selected, the detail says why the folder at the cursor is not listed: a row of the tree
        has no room for it."""
        said = self.path_tree.trouble or self._nothing
        if (said or NONE_SELECTED) != self.fields.nothing:
            self.fields.nothing = said

    @on(PathTree.NodeOpened)
    def _node_opened(self, event: PathTree.NodeOpened) -> None:
        self.work(partial(self.load_folder, event.path), f"folder {event.path}", "list a folder")

    @on(PathTree.CursorMoved)
    def _cursor_moved(self, event: PathTree.CursorMoved) -> None:
        if self._settle_timer is not None:
            self._settle_timer.stop()
        self._limits = {}
        self.tell_trouble()
        if (path := event.path) is not None:
            self._settle_timer = self.set_timer(SETTLE_SECONDS, lambda: self._settled(path, event.kind))
        if event.path is not None and event.kind is EntryKind.SECRET:
            self.mask()
        elif self.secret is not None or self._activity is not None:
            self.show_secret(None)

    def _settled(self, path: str, kind: EntryKind | None) -> None:
        """The cursor rests on a row."""
        if kind is EntryKind.SECRET:
            self.open_secret(path)
        elif self.tab == "activity":
            self.work(self.fill_tab, "detail", "fill a tab")
        if kind is EntryKind.FOLDER and self._is_near and not self.path_tree.rows.is_loaded(path):
            self.work(partial(self._read_near, path), "near", "read the folder under the cursor")
        if self.session.is_open and self.session.info().varies:
            self.work(partial(self._look_up_limits, path, kind), "limits", "see what may be done")

    @on(PathTree.SecretSelected)
    def _secret_selected(self, event: PathTree.SecretSelected) -> None:
        self.open_secret(event.path)
        self.pane.focus()

    @on(PathTree.MarksChanged)
    def _marks_changed(self) -> None:
        self.status.marked = len(self.path_tree.marked)

    async def go_to(self, path: str) -> None:
        """Put the cursor on a path; the folders above it load as it goes, or may not be listed. Raises NotFound, and
        PermissionDenied where it may not be looked at either."""
        if not await self.path_tree.reveal_path(path) and self.at_cursor[0] != path:
            from kvtui.services.places import kind_of  # noqa: PLC0415 - few paths are not listed anywhere

            kind = await self.call(kind_of, self.session.backend, path)
            self.path_tree.add(path, kind)
            await self.path_tree.reveal_path(path, kind)

    async def reload(self) -> None:
        """Read again whatever is shown; open folders, cursor and marks stay."""
        self.path_tree.reload()
        if (shown := self.secret) is None:
            return
        number = shown.version.number
        try:
            version = None if number == shown.current else number
            secret = await self.call(self.session.backend.outline, shown.path, version)
            if self.secret is not shown:
                return  # somebody went on meanwhile
            if secret != shown:
                self.show_secret(secret)
            await self.fill_tab()  # what is the same stays as it is, revealed or marked
        except Undisclosed:
            raise  # it may be there still
        except NotFound:
            if self.secret is shown:
                self.show_secret(None)
                self.say(f"{shown.path} is not there any more.", failed=True)

    # -- the detail

    def open_secret(self, path: str) -> None:
        if self.secret is None or self.secret.path != path:
            self.work(partial(self._read_at_cursor, path), "detail", "read a secret")

    async def _read_at_cursor(self, path: str) -> None:
        """As `read_secret`, but not where the cursor went elsewhere meanwhile."""
        secret = await self.call(self.session.backend.outline, path)
        if self.at_cursor[0] == path:
            self.show_secret(secret)
            await self.fill_tab()

    async def selected(self) -> Outline:
        """The secret under the cursor, read now where the detail does not show it yet. Raises InvalidInput."""
        path, kind = self.at_cursor
        if path is not None and kind is EntryKind.SECRET and (self.secret is None or self.secret.path != path):
            if self._settle_timer is not None:
                self._settle_timer.stop()
            self.workers.cancel_group(self, "detail")
            await self.read_secret(path)
        if self.secret is None or kind is not EntryKind.SECRET:
            raise InvalidInput("No secret is selected.", hint="Put the cursor on one.")
        return self.secret

    async def read_secret(self, path: str, version: int | None = None) -> None:
        """Read what a secret is made of, without its values where the store can, and show it masked."""
        secret = await self.call(self.session.backend.outline, path, version)
        self.show_secret(secret)
        await self.fill_tab()

    def show_secret(self, secret: Outline | None) -> None:
        if secret is None or self.secret is None or secret.path != self.secret.path:
            self.marked_versions.clear()
            self._leave_activity()
        self.secret, self.versions = secret, ()
        self._stop_reveal_timer()
        self.fields.unreadable = self.session.why_not(Capability.READ) if secret is not None else ""
        self.fields.show_secret(secret)
        self.metadata_pane.show_metadata(
            secret.metadata if secret else None, secret.version if secret else None, self.now
        )
        self.version_list.show_versions((), 0, (), self.now)
        self.activity_pane.show_entries((), self.now)
        self.query_one("#title", Title).show_secret(secret)

    async def fill_tab(self, *, opened: bool = False) -> None:
        """Read what the visible tab needs beyond the secret itself. opened: somebody came to see this tab."""
        if self.tab != "fields":
            from kvtui.ui.screens.tabs import fill  # noqa: PLC0415 - most start with the fields

            await fill(self, opened=opened)

    def activity_of(self, place: str) -> Activity:
        """What is shown of a place where its store tells what is done there, until somebody goes elsewhere."""
        from kvtui.ui.screens.activity import Activity  # noqa: PLC0415 - few stores tell

        if self._activity is None or self._activity.place != place:
            self._leave_activity()
            self._activity = Activity(self, place)
        return self._activity

    def _leave_activity(self) -> None:
        if self._activity is not None:
            self._activity.stop()
            self._activity = None

    @on(ActivityPane.Chosen, "#pane-activity")
    def _activity_chosen(self, event: ActivityPane.Chosen) -> None:
        if self._activity is not None and event.key == "older":
            self.work(self._activity.older, "detail", "read older activity")

    async def fill_activity(self) -> None:
        """What was just done stands in the open Activity tab."""
        if self.tab == "activity":
            await self.fill_tab()

    def show_versions(self) -> None:
        if self.secret is not None:
            self.version_list.show_versions(self.versions, self.secret.current, self.marked_versions, self.now)

    def show_tab(self, name: str) -> None:
        if name == self.tab:
            return
        if name != "fields":
            self.mask()
        if name != "activity":
            self._leave_activity()
        super().show_tab(name)
        self.work(partial(self.fill_tab, opened=True), "detail", "fill a tab")

    @on(TabLine.Chosen, "#tabs")
    def _tab_chosen(self, event: TabLine.Chosen) -> None:
        self.show_tab(event.name)

    @property
    def now(self) -> datetime:
        return self.kvtui.now()

    # -- masking

    def mask(self) -> None:
        """Hide every revealed value now."""
        self._stop_reveal_timer()
        self.fields.mask()

    def start_reveal_timer(self) -> None:
        self._stop_reveal_timer()
        self._reveal_timer = self.set_timer(self.ui.reveal_seconds, self.mask)

    def _stop_reveal_timer(self) -> None:
        if self._reveal_timer is not None:
            self._reveal_timer.stop()
            self._reveal_timer = None

    def on_screen_suspend(self) -> None:
        self.mask()

    # -- coming back

    def place(self) -> Place:
        if not self.query("#tree"):
            return self._place
        return Place(tree=self.path_tree.state(), tab=self.tab)
