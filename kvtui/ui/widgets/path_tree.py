"""The path tree: any number of rows, of which only the visible ones are ever drawn.

The widget holds rows and a cursor and asks for what it needs by messages; it reads no store. It has no keys of its own:
the table of actions calls its methods.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from rich.segment import Segment
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.reactive import var
from textual.strip import Strip

from kvtui.domain import path as paths
from kvtui.domain.secret import EntryKind, Listing
from kvtui.ui.widgets.line_cursor import LineCursor
from kvtui.ui.widgets.tree_line import ASCII, UNICODE, TreeLine, draw_line, line_prefix
from kvtui.ui.widgets.tree_row import NoteKind, folder_of, is_folder, kind_of, note_row, path_of, row_of
from kvtui.ui.widgets.tree_rows import Matcher, Terms, TreeRows

_DRAWN_LINES = 500
"""How many drawn lines are kept: several screens."""


class Badge(StrEnum):
    """What the rest of the program knows of a row. What a listing tells (deleted) needs no badge."""

    DUE = "due"
    STAGED = "staged"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class TreeState:
    """What to find again after a restart: open folders, parents first, and the row under the cursor."""

    open: tuple[str, ...] = ()
    cursor: tuple[str, EntryKind] | None = None


class PathTree(LineCursor, can_focus=True, inherit_bindings=False):
    """A lazily loaded tree of folders and secrets. The root is not shown; a folder and a secret may share a path."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "path-tree--cursor",
        "path-tree--guide",
        "path-tree--folder",
        "path-tree--secret",
        "path-tree--deleted",
        "path-tree--marked",
        "path-tree--badge",
        "path-tree--warning",
        "path-tree--match",
        "path-tree--escape",
        "path-tree--note",
        "path-tree--error",
    }
    DEFAULT_CSS = """
    PathTree {
        background: $surface;
        color: $foreground;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;

        & > .path-tree--guide { color: $foreground 30%; }
        & > .path-tree--folder { text-style: bold; }
        & > .path-tree--deleted { color: $text-muted; text-style: strike; }
        & > .path-tree--marked { color: $text-accent; text-style: bold; }
        & > .path-tree--badge { color: $text-muted; }
        & > .path-tree--warning { color: $text-warning; }
        & > .path-tree--match { color: $text-accent; text-style: bold underline; }
        & > .path-tree--escape { text-style: dim italic; }
        & > .path-tree--note { color: $text-muted; text-style: italic; }
        & > .path-tree--error { color: $text-error; }
        & > .path-tree--cursor {
            color: $block-cursor-blurred-foreground;
            background: $block-cursor-blurred-background;
            text-style: $block-cursor-blurred-text-style;
        }
        &:focus {
            background-tint: $foreground 5%;
            & > .path-tree--cursor {
                color: $block-cursor-foreground;
                background: $block-cursor-background;
                text-style: $block-cursor-text-style;
            }
        }
    }
    PathTree:ansi {
        color: ansi_default;
        & > .path-tree--guide { color: ansi_default; text-style: dim; }
        &:blur > .path-tree--cursor { text-style: underline; }
        &:nocolor > .path-tree--cursor { text-style: reverse; }
    }
    """

    cursor: var[tuple[str, EntryKind] | None] = var[tuple[str, EntryKind] | None](None, init=False)
    """Path and kind of the row under the cursor; None on a note or in an empty tree. For reading and watching: it is
    moved by the methods."""

    class _TreeMessage(Message):
        tree: PathTree

        @property
        def control(self) -> PathTree:
            return self.tree

    @dataclass
    class NodeOpened(_TreeMessage):
        """The children of a folder are needed: answer with `show_listing` or `show_error`."""

        path: str
        tree: PathTree

    @dataclass
    class SecretSelected(_TreeMessage):
        path: str
        tree: PathTree

    @dataclass
    class CursorMoved(_TreeMessage):
        """Another row is under the cursor; None on a note or in an empty tree."""

        path: str | None
        kind: EntryKind | None
        tree: PathTree

    @dataclass
    class MarksChanged(_TreeMessage):
        tree: PathTree

    def __init__(
        self,
        *,
        ascii: bool = False,  # noqa: A002
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        """`ascii`: signs for terminals that have no others."""
        super().__init__(id=id, classes=classes)
        self._model = TreeRows()
        self._signs = ASCII if ascii else UNICODE
        self._row: str | None = None
        self._badges: dict[Badge, frozenset[str]] = {}
        self._requested: set[str] = set()
        self._wanted: tuple[str, EntryKind | None] | None = None
        self._listed_since: set[str] = set()  # folders listed since a path is wanted
        self._revealed: asyncio.Future[bool] | None = None
        self._strips: dict[tuple[TreeLine, int, bool], Strip] = {}  # lines as drawn: scrolling shows most of them again

    # What it holds

    @property
    def rows(self) -> TreeRows:
        """The rows, for reading."""
        return self._model

    @property
    def cursor_folder(self) -> str:
        """The folder at the cursor: where something new goes. `""` is the root."""
        if self._row is None:
            return ""
        return folder_of(self._row) if kind_of(self._row) is EntryKind.SECRET else path_of(self._row)

    @property
    def marked(self) -> list[tuple[str, EntryKind]]:
        """The marked folders and secrets in display order of their paths."""
        return [(path_of(row), kind) for row in sorted(self._model.marked) if (kind := kind_of(row))]

    @property
    def open_folders(self) -> list[str]:
        return self._model.open_folders()

    def state(self) -> TreeState:
        """Which folders are open and where the cursor is, to hand to `restore` later."""
        return TreeState(tuple(self._model.open_folders()), self.cursor)

    # Loading

    def clear(self) -> None:
        """Show nothing: the store is locked or closed."""
        self._end_reveal(False)
        self.clear_marks()
        self._model.clear()
        self._requested.clear()
        self._badges.clear()
        self._strips.clear()
        self._row_changes()

    def restore(self, state: TreeState | None = None) -> None:
        """Start over and ask for the root; open folders and cursor come back as listings arrive."""
        self.clear()
        for folder in state.open if state else ():
            self._model.open(folder)
        if state and state.cursor:
            self._wanted = state.cursor
            self._listed_since.clear()
        self._open("")

    def reload(self) -> None:
        """Ask again for the root and every open folder. What is shown stays until the answers come."""
        self._model.forget_closed()
        self._requested.clear()  # an answer that was on its way may be older than what is asked for now
        for folder in sorted({"", *self._model.open_folders(), *self._model.loaded_folders()}):
            self._request(folder)
        self._row_changes()

    def show_listing(self, listing: Listing) -> None:
        """A folder's children, asked for or not. The cursor stays on its row, wherever that is now."""
        self._requested.discard(listing.path)
        self._listed_since.add(listing.path)
        waiting = not self._model.is_loaded(listing.path) and self._row == note_row(listing.path)
        marks = len(self._model.marked)
        self._model.set_children(listing.path, listing.entries, listing.complete, listing.note)
        self._row_changes(self._line if waiting else None)
        if len(self._model.marked) != marks:
            self._marks_changed()
        for folder in self._model.awaited(listing.path):
            self._request(folder)
        self._advance()

    def show_listings(self, listings: Iterable[Listing]) -> None:
        """Several at once, which is faster than one by one."""
        folders = []
        for listing in listings:
            self._requested.discard(listing.path)
            self._listed_since.add(listing.path)
            self._model.set_children(listing.path, listing.entries, listing.complete, listing.note, show=False)
            folders.append(listing.path)
        if folders:
            self._model.show_all()
            self._row_changes()
            self._marks_changed()
            for awaited in [each for folder in folders for each in self._model.awaited(folder)]:
                self._request(awaited)
            self._advance()

    def loaded_folders(self) -> Sequence[str]:
        return self._model.loaded_folders()

    def show_error(self, folder: str, message: str, label: str = "denied") -> None:
        """A folder could not be listed: `label: message` stands below it, everything else goes on."""
        self._requested.discard(folder)
        self._model.set_error(folder, message, label)
        self._row_changes()
        self._advance()

    def add(self, path: str, kind: EntryKind) -> None:
        """Something that is there although no listing names it: folders above it may not be listed."""
        for folder in self._model.add(path, kind):
            self._request(folder)
        self._row_changes()

    def set_badge(self, badge: Badge, where: Iterable[str], kind: EntryKind = EntryKind.SECRET) -> None:
        """Put a badge on these paths and take it off all others."""
        self._badges[badge] = frozenset(row_of(path, kind) for path in where)
        self.refresh()

    def _open(self, folder: str) -> None:
        if self._model.open(folder):
            self._model.clear_error(folder)
            self._request(folder)
        self._row_changes()

    def _request(self, folder: str) -> None:
        if folder not in self._requested:
            self._requested.add(folder)
            self.post_message(self.NodeOpened(folder, self))

    # Finding a path

    def select(self, path: str, kind: EntryKind | None = None) -> None:
        """Move the cursor to a path, opening folders as they load; of a shared path to the secret unless told."""
        self._end_reveal(False)
        self._wanted = (path, kind)
        self._listed_since.clear()
        self._advance()

    async def reveal_path(self, path: str, kind: EntryKind | None = None) -> bool:
        """`select`, and wait. False when the path is not there, a folder above it fails, a filter hides it, or the
        cursor was moved meanwhile. Await it in a worker: listings must be able to arrive."""
        self.select(path, kind)
        if self._wanted is None:
            return self.cursor is not None and self.cursor[0] == path and kind in (None, self.cursor[1])
        self._revealed = asyncio.get_running_loop().create_future()
        return await self._revealed

    def _advance(self) -> None:
        """Go on towards the wanted path as far as what is loaded reaches."""
        if self._wanted is None:
            return
        path, kind = self._wanted
        reached, failed = "", False
        for folder in ["", *paths.ancestors(path)]:
            if folder and not self._model.has(folder, EntryKind.FOLDER):
                break
            reached = folder
            if not self._model.is_wanted_open(folder):
                self._open(folder)
            if not self._model.is_loaded(folder):
                note = self._model.note(folder)
                failed = note is not None and note.kind is NoteKind.ERROR
                if not failed:
                    self._request(folder)
                    return
                break
        named = [row_of(path, one) for one in (EntryKind.SECRET, EntryKind.FOLDER) if self._model.has(path, one)]
        rows = [row for row in named if kind in (kind_of(row), None)]
        if not rows and not failed and reached not in self._listed_since:
            self._request(reached)  # what was listed before may be out of date
            return
        lines = [line for row in rows if (line := self._model.find(row)) is not None]
        self._end_reveal(bool(lines))
        if lines:
            self._place(lines[0])
        elif reached:
            self._place(self._model.nearest(f"{reached}/"))

    def _end_reveal(self, found: bool) -> None:
        self._wanted = None
        if self._revealed and not self._revealed.done():
            self._revealed.set_result(found)
        self._revealed = None

    # The cursor

    def unfold(self) -> None:
        """Right: open the folder; of an open one, go to its first child."""
        if self._row is None or not is_folder(self._row):
            return
        self._end_reveal(False)
        if self._model.is_open_at(self._line):
            self.move(1)
        else:
            self._open(path_of(self._row))

    def fold(self) -> None:
        """Left: close the folder; else go to the folder above."""
        if self._row is None:
            return
        if self._model.is_open_at(self._line):
            self._close(path_of(self._row))
        elif (above := self._model.parent_row(self._line)) is not None:
            self._go(above)

    def toggle(self) -> None:
        """Open or close the folder under the cursor."""
        if self._row is None or not is_folder(self._row):
            return
        self._end_reveal(False)
        if self._model.is_open_at(self._line):
            self._close(path_of(self._row))
        else:
            self._open(path_of(self._row))

    def activate(self) -> None:
        """Enter: select the secret, toggle the folder, ask again for what failed."""
        if self._row is None:
            return
        match kind_of(self._row):
            case EntryKind.SECRET:
                self.post_message(self.SecretSelected(self._row, self))
            case EntryKind.FOLDER:
                self.toggle()
            case None:
                folder = path_of(self._row)
                note = self._model.note(folder)
                if note and note.kind in (NoteKind.ERROR, NoteKind.PARTIAL):
                    self._model.clear_error(folder)
                    self._request(folder)
                    self._row_changes()

    def fold_all(self) -> None:
        self._end_reveal(False)
        self._model.close_all()
        self._row_changes()

    def _close(self, folder: str) -> None:
        self._end_reveal(False)
        self._model.close(folder)
        self._row_changes()

    def _go(self, line: int) -> None:
        """A move by the user: it ends the way to a path that is still loading."""
        self._end_reveal(False)
        self._place(line)

    def _place(self, line: int) -> None:
        line = max(min(line, len(self._model) - 1), min(0, len(self._model) - 1))
        if line != self._line:
            for changed in (self._line, line):
                self.refresh_lines(changed)
            self._line = line
        self._announce()
        self._keep_cursor_visible()

    def _announce(self) -> None:
        row = self._model.rows[self._line] if self._line >= 0 else None
        if row == self._row:
            return
        self._row = row
        kind = kind_of(row) if row is not None else None
        target = (path_of(row), kind) if row is not None and kind else None
        if target != self.cursor:
            self.cursor = target
            path, moved_to = target or (None, None)
            self.post_message(self.CursorMoved(path, moved_to, self))

    def _row_changes(self, line: int | None = None) -> None:
        """The rows are others now: same row under the cursor (or `line`), at the same height on the screen."""
        height_on_screen = self._line - self.scroll_offset.y
        rows = len(self._model)
        if self.virtual_size.height != rows:
            self.virtual_size = Size(0, rows)
        if line is not None:
            self._line = min(line, rows - 1)
        else:
            self._line = self._model.nearest(self._row) if self._row is not None else min(0, rows - 1)
        if 0 <= height_on_screen < self._page:
            self.scroll_to(y=self._line - height_on_screen, animate=False, force=True)
        self._announce()
        self._keep_cursor_visible()
        self.refresh()

    # Marks

    def toggle_mark(self) -> None:
        """Mark or unmark the row under the cursor and go to the next one."""
        if self._row is not None and kind_of(self._row):
            self._model.marked ^= {self._row}
            self._marks_changed()
        self.move(1)

    def mark_shown(self) -> None:
        """Mark every shown secret; unmark them if all of them are marked."""
        shown = {row for row in self._model.rows if not row.endswith("/")}  # kind_of() would be felt at a million
        if shown <= self._model.marked:
            self._model.marked -= shown
        else:
            self._model.marked |= shown
        self._marks_changed()

    def clear_marks(self) -> None:
        if self._model.marked:
            self._model.marked.clear()
            self._marks_changed()

    def _marks_changed(self) -> None:
        self.refresh()
        self.post_message(self.MarksChanged(self))

    # Filter

    def filter(self, query: str | Matcher) -> None:
        """Show only loaded rows whose path has every term of the query, and their folders. `""` shows all again."""
        self._end_reveal(False)
        matcher = (Terms(query) if query.strip() else None) if isinstance(query, str) else query
        self._model.set_filter(matcher)
        self._row_changes()

    def move_to_match(self) -> None:
        """Move from a folder that is only shown for what is in it to the first row that matches the filter itself."""
        matches = self._model.matcher.select(self._model.rows) if self._model.matcher is not None else []
        if matches and self._row not in matches and (line := self._model.find(matches[0])) is not None:
            self._go(line)

    # Drawing and the mouse

    def render_line(self, y: int) -> Strip:
        index = y + self.scroll_offset.y
        width = self.scrollable_content_region.width
        if index >= len(self._model):
            if index == 0 and self._model.matcher is not None:
                nothing = Segment("   nothing loaded matches", self.get_component_rich_style("path-tree--note"))
                return Strip([nothing]).adjust_cell_length(width, self.rich_style)
            return Strip.blank(width, self.rich_style)
        row = self._model.rows[index]
        line = TreeLine(
            row=row,
            open=self._model.is_open_at(index),
            entry=self._model.entry(row),
            note=self._model.note(path_of(row)) if row.endswith("/") else None,
            marked=row in self._model.marked,
            badges=tuple(badge.value for badge, rows in self._badges.items() if row in rows),
            matched=tuple(self._model.matcher.positions(path_of(row))) if self._model.matcher else (),
        )
        drawn = (line, width, index == self._line)
        strip = self._strips.get(drawn)
        if strip is None:
            strip = self._draw(line, width, cursor=index == self._line)
            if len(self._strips) >= _DRAWN_LINES:
                self._strips.clear()
            self._strips[drawn] = strip
        return strip

    def _draw(self, line: TreeLine, width: int, *, cursor: bool) -> Strip:
        strip = draw_line(line, width, self._signs, lambda name: self.get_component_rich_style(f"path-tree--{name}"))
        if not cursor:
            return strip
        look = self.get_component_rich_style("path-tree--cursor")
        return Strip(Segment.apply_style(strip, post_style=look), width)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor; on a folder's arrow it toggles; a double click is enter."""
        offset = event.get_content_offset(self)
        if offset is None or event.button != 1:
            return
        line = offset.y + self.scroll_offset.y
        if line >= len(self._model):
            return
        self._go(line)
        row = self._model.rows[line]
        if is_folder(row) and offset.x < line_prefix(row, self.scrollable_content_region.width):
            self.toggle()
        elif event.chain == 2:
            self.activate()
