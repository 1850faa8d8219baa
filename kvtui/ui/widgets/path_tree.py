"""The path tree: any number of rows, of which only the visible ones are ever drawn.

The widget holds rows and a cursor and asks for what it needs by messages; it reads no store. It has no keys of its own:
the table of actions calls its methods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from textual import events
from textual.message import Message
from textual.reactive import var

from kvtui.clock import utc_now
from kvtui.domain.secret import EntryKind, Listing
from kvtui.ui.widgets.tree_line import line_prefix
from kvtui.ui.widgets.tree_row import NoteKind, folder_of, is_folder, kind_of, note_row, path_of, row_of
from kvtui.ui.widgets.tree_rows import TreeRows
from kvtui.ui.widgets.tree_view import Badge, TreeView

if TYPE_CHECKING:
    from kvtui.services.listing import Growth
    from kvtui.ui.widgets.tree_filter import Filtering, Matcher
    from kvtui.ui.widgets.tree_quest import Quest


class TreeState(NamedTuple):
    """What to find again after a restart: open folders, parents first, and the row under the cursor."""

    open: tuple[str, ...] = ()
    cursor: tuple[str, EntryKind] | None = None


class PathTree(TreeView, can_focus=True, inherit_bindings=False):
    """A lazily loaded tree of folders and secrets. The root is not shown; a folder and a secret may share a path."""

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
        now: Callable[[], datetime] = utc_now,
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        """`ascii`: signs for terminals that have no others. `now` decides what is due."""
        super().__init__(ascii=ascii, now=now, id=id, classes=classes)
        self._row: str | None = None
        self._requested: set[str] = set()
        self._quest: Quest | None = None
        self._filtering: Filtering | None = None

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
    def trouble(self) -> str:
        """Why the folder at the cursor is not listed, or not all of it; "" on a secret and where all is well."""
        if self._row is None or kind_of(self._row) is EntryKind.SECRET:
            return ""
        note = self._model.note(path_of(self._row))
        if note is None or note.kind not in (NoteKind.ERROR, NoteKind.PARTIAL):
            return ""
        return f"{note.label or 'not complete'}: {note.text}" if note.text else ""

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
        self._end_quest()
        self.clear_marks()
        self._model.clear()
        self._requested.clear()
        self._badges.clear()
        self.forget_drawn()
        self._row_changes()

    def restore(self, state: TreeState | None = None) -> None:
        """Start over and ask for the root; open folders and cursor come back as listings arrive."""
        self.clear()
        for folder in state.open if state else ():
            self._model.open(folder)
        if state and state.cursor:
            self._seek(*state.cursor)
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
        self._show([listing])

    def show_growth(self, came: Iterable[Listing | Growth]) -> None:
        """What a walk over all folders brings: whole folders, and more of others. Where it has names alone, what a
        folder's own listing told of them stays."""
        self._show([self._as_known(each) if isinstance(each, Listing) else each for each in came])

    def _as_known(self, listing: Listing) -> Listing:
        if not (known := self._model.special(listing.path)):
            return listing
        rows = listing.entries
        kept = [row if row.is_folder or any(row[2:]) else known.get(row.path, row) for row in rows]
        return listing._replace(entries=kept)

    def _show(self, came: Sequence[Listing | Growth]) -> None:
        if not came:
            return
        marks = len(self._model.marked)
        waiting = len(came) == 1 and not self._model.is_loaded(came[0].path) and self._row == note_row(came[0].path)
        line = self._line if waiting else None  # where it said that it loads, its first child is now
        whole = {folder.path for folder in came if isinstance(folder, Listing) or not folder.note}
        self._requested -= whole
        for folder in came:
            if isinstance(folder, Listing):
                self._model.set_children(folder.path, folder.entries, folder.complete, folder.note)
            else:
                self._model.extend(folder.path, folder.entries, folder.note)
        self._rows_came(line)
        if len(self._model.marked) != marks:
            self._marks_changed()
        for folder in came:
            for awaited in self._model.awaited(folder.path):
                self._request(awaited)
        if self._quest is not None:
            self._quest.listed |= whole
            self._advance()

    def loaded_folders(self) -> Sequence[str]:
        return self._model.loaded_folders()

    def show_error(self, folder: str, message: str, label: str = "denied", short: str = "") -> None:
        """A folder could not be listed: `label: message` stands below it, or `short` for a message there is no room
        for; everything else goes on."""
        self._requested.discard(folder)
        if self._quest is not None:
            self._quest.listed.add(folder)  # as far as it is
        self._model.set_error(folder, message, label, short)
        self._rows_came()
        self._advance()

    def add(self, path: str, kind: EntryKind) -> None:
        """Something that is there although no listing names it: folders above it may not be listed."""
        for folder in self._model.add(path, kind):
            self._request(folder)
        self._row_changes()

    def set_badge(self, badge: Badge, where: Iterable[str], kind: EntryKind = EntryKind.SECRET) -> None:
        """Put a badge on these paths and take it off all others."""
        self._badges[badge] = frozenset(row_of(path, kind) for path in where)
        self.redraw()

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
        self._seek(path, kind)
        self._advance()

    async def reveal_path(self, path: str, kind: EntryKind | None = None) -> bool:
        """`select`, and wait. False when the path is not there, a folder above it fails, a filter hides it, or the
        cursor was moved meanwhile. Await it in a worker: listings must be able to arrive."""
        self.select(path, kind)
        if self._quest is None:
            return self.cursor is not None and self.cursor[0] == path and kind in (None, self.cursor[1])
        return await self._quest.ended()

    def _seek(self, path: str, kind: EntryKind | None) -> None:
        from kvtui.ui.widgets.tree_quest import Quest  # noqa: PLC0415 - most starts go to no path

        self._end_quest()
        self._quest = Quest(path, kind)

    def _advance(self) -> None:
        """Go on towards the wanted path as far as what is loaded reaches."""
        if self._quest is None or (end := self._quest.go_on(self._model, self._open, self._request)) is None:
            return
        found, line = end
        self._end_quest(found=found)
        if line >= 0:
            self._place(line)

    def _end_quest(self, *, found: bool = False) -> None:
        quest, self._quest = self._quest, None
        if quest is not None:
            quest.end(found=found)

    # The cursor

    def unfold(self) -> None:
        """Right: open the folder; of an open one, go to its first child."""
        if self._row is None or not is_folder(self._row):
            return
        self._end_quest()
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
        self._end_quest()
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
        self._end_quest()
        self._model.close_all()
        self._row_changes()

    def unfold_level(self, most: int) -> int:
        """Open the folder under the cursor, or the one the cursor is in; of an open one, those in it that are closed,
        but no more than `most`. Returns how many were left."""
        self._end_quest()
        above = self._row is not None and is_folder(self._row)
        folder = path_of(self._row) if self._row is not None and above else self.cursor_folder
        if not self._model.is_wanted_open(folder):
            self._open(folder)
            return 0
        closed = [
            path_of(row)
            for row in self._model.children(folder)
            if is_folder(row) and not self._model.is_wanted_open(path_of(row))
        ]
        for each in closed[:most]:
            if self._model.open(each):
                self._request(each)
        self._row_changes()
        return max(0, len(closed) - most)

    def _close(self, folder: str) -> None:
        self._end_quest()
        self._model.close(folder)
        self._row_changes()

    def _go(self, line: int) -> None:
        """A move by the user: it ends the way to a path that is still loading."""
        self._end_quest()
        self._place(line)

    def _place(self, line: int) -> None:
        line = max(min(line, len(self._model) - 1), min(0, len(self._model) - 1))
        if line != self._line:
            left, self._line = self._line, line
            top = self.scroll_offset.y
            self._refresh((left - top, line - top))
            if left < top:  # it may be one of the folders that stay in sight
                self.redraw()
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
        self._rows_came(line)
        self._keep_cursor_visible()
        self.redraw()

    def _rows_came(self, line: int | None = None) -> None:
        """The same, and where somebody scrolled away from the cursor, the same row at the top."""
        top = self.scroll_offset.y
        cursor_at = self._line - top
        first = self._on_screen.get(self._above)
        rows = len(self._model)
        self._set_height(rows)
        if line is not None:
            self._line = min(line, rows - 1)
        else:
            self._line = self._model.nearest(self._row) if self._row is not None else min(0, rows - 1)
        if 0 <= cursor_at < self._page:
            self._scroll(self._line - cursor_at)
            self._keep_cursor_visible()
        elif first is not None and first[0] is not None:
            self._scroll(self._model.nearest(first[0].row) - self._above)
        self._announce()
        self.redraw()

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
        self.redraw()
        self.post_message(self.MarksChanged(self))

    # Filter

    def filter(self, query: str | Matcher) -> None:
        """Show only loaded rows whose path has every term of the query, and their folders. `""` shows all again. With
        very many rows those of before stay until it is known which."""
        self._end_quest()
        if self._filtering is None:
            from kvtui.ui.widgets.tree_filter import Filtering  # noqa: PLC0415 - the first filter loads it

            self._filtering = Filtering(self._model, self.set_timer, self._row_changes)
        self._filtering.begin(query)

    def move_to_match(self) -> None:
        """Move from a folder that is only shown for what is in it to the first row that matches the filter itself."""
        if self._filtering is None:
            return
        self._filtering.finish()
        first = self._filtering.first_match(self._row)
        if first is not None and (line := self._model.find(first)) is not None:
            self._go(line)

    # The mouse

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor; on a folder's arrow it toggles; a double click is enter. A folder that stays in
        sight above what is in it is gone to."""
        offset = event.get_content_offset(self)
        if offset is None or event.button != 1:
            return
        line, stuck = offset.y + self.scroll_offset.y, self._stuck(self.scroll_offset.y)
        if line >= len(self._model):
            return
        if offset.y < len(stuck):
            self._go(stuck[offset.y])
            return
        self._go(line)
        row = self._model.rows[line]
        if is_folder(row) and offset.x < line_prefix(row, self.scrollable_content_region.width):
            self.toggle()
        elif event.chain == 2:
            self.activate()
