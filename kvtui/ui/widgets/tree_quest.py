"""The way to a path in a tree of which not all is loaded. Loaded with the first path that is gone to."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from kvtui.domain import path as paths
from kvtui.domain.secret import EntryKind
from kvtui.ui.widgets.tree_row import NoteKind, kind_of, row_of
from kvtui.ui.widgets.tree_rows import TreeRows


class Quest:
    """Goes on whenever something was listed. Ends at the path, or as near to it as there is anything."""

    def __init__(self, path: str, kind: EntryKind | None = None) -> None:
        """Of a shared path the secret is looked for, unless `kind` tells."""
        self.listed: set[str] = set()
        """Folders listed since it began: what was listed before may be out of date."""
        self._path = path
        self._kind = kind
        self._ended: asyncio.Future[bool] | None = None

    def ended(self) -> asyncio.Future[bool]:
        """Whether the path was found, when that is known."""
        self._ended = asyncio.get_running_loop().create_future()
        return self._ended

    def end(self, *, found: bool) -> None:
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(found)

    def go_on(
        self, rows: TreeRows, unfold: Callable[[str], None], ask: Callable[[str], None]
    ) -> tuple[bool, int] | None:
        """Whether the path is there, and the line to go to, -1 for none; None while it waits for what it asked for."""
        reached, failed = "", False
        for folder in ["", *paths.ancestors(self._path)]:
            if folder and not rows.has(folder, EntryKind.FOLDER):
                break
            reached = folder
            if not rows.is_wanted_open(folder):
                unfold(folder)
            if not rows.is_loaded(folder):
                note = rows.note(folder)
                failed = note is not None and note.kind is NoteKind.ERROR
                if not failed:
                    ask(folder)
                    return None
                break
        named = [row_of(self._path, one) for one in (EntryKind.SECRET, EntryKind.FOLDER) if rows.has(self._path, one)]
        wanted = [row for row in named if self._kind in (kind_of(row), None)]
        if not wanted and not failed and reached not in self.listed:
            ask(reached)
            return None
        lines = [line for row in wanted if (line := rows.find(row)) is not None]
        if lines:
            return True, lines[0]
        return False, rows.nearest(f"{reached}/") if reached else -1
