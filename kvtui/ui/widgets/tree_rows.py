"""The rows of a lazily loaded path tree in display order, as plain strings.

There are no node objects. Rows (see `tree_row`) have a total order, so finding one is a bisection, opening a folder one
slice insertion and closing it one slice deletion; a folder is shown open exactly when the row after it lies below it.
What arrives is merged into the folder it is about. A change costs what it changes, not what there is.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import inf
from typing import TYPE_CHECKING

from kvtui.domain import path as paths
from kvtui.domain.secret import Entry, EntryKind
from kvtui.ui.widgets.tree_row import (
    EMPTY,
    LOADING,
    Note,
    NoteKind,
    folder_of,
    index_of,
    is_folder,
    merge,
    note_row,
    order,
    row_of,
    rows_of,
    told_of,
)

if TYPE_CHECKING:
    from kvtui.ui.widgets.tree_filter import Filter, Matcher

_FEW = 16
"""Open folders are looked for one by one where they are fewer than one in so many rows."""


class TreeRows:
    """A lazily loaded tree and which part of it is shown. The root (`""`) is always open and has no row itself."""

    def __init__(self) -> None:
        self.rows: list[str] = []
        """What is shown, top to bottom. Read only for others."""
        self.marked: set[str] = set()
        """Marked rows, folders and secrets, shown or not."""
        self._children: dict[str, list[str]] = {}
        self._special: dict[str, dict[str, Entry]] = {}  # by folder: the few entries with something to tell
        self._notes: dict[str, Note] = {}
        # By parent folder, so that a folder's open or loaded children are found without looking at all of them.
        self._open: defaultdict[str, set[str]] = defaultdict(set)
        self._loaded: defaultdict[str, set[str]] = defaultdict(set)
        self._filter: Filter | None = None
        self._coming: Filter | None = None  # is being made, to take its place

    # What is there

    def __len__(self) -> int:
        return len(self.rows)

    def is_loaded(self, folder: str) -> bool:
        return folder in self._children

    def is_wanted_open(self, folder: str) -> bool:
        """Whether a folder is open or will be once its parents are."""
        return not folder or folder in self._open[paths.parent(folder)]

    def is_open_at(self, index: int) -> bool:
        """Whether the row at `index` is a folder shown open."""
        row = self.rows[index]
        return is_folder(row) and index + 1 < len(self.rows) and self.rows[index + 1].startswith(row)

    def has(self, path: str, kind: EntryKind) -> bool:
        """Whether a listing named this folder or secret, shown or not."""
        return index_of(self._children.get(paths.parent(path), []), row_of(path, kind)) is not None

    def children(self, folder: str) -> Sequence[str]:
        """The rows of a loaded folder, filter or not; empty where it is not loaded."""
        return self._children.get(folder, ())

    def entry(self, row: str) -> Entry | None:
        """The entry of a row whose type or state is out of the ordinary, else None."""
        return self._special.get(folder_of(row), {}).get(row)

    def special(self, folder: str) -> Mapping[str, Entry]:
        """Those of a folder, by row."""
        return self._special.get(folder, {})

    def note(self, folder: str) -> Note | None:
        """What the note row of an open folder says."""
        if folder in self._notes:
            return self._notes[folder]
        children = self._children.get(folder)
        if children is None:
            return LOADING
        return None if children else EMPTY

    def awaited(self, folder: str) -> list[str]:
        """The children of a loaded folder that are open but not loaded, and have not failed."""
        return [
            child
            for child in sorted(self._open[folder] - self._loaded[folder])
            if child not in self._notes and self.has(child, EntryKind.FOLDER)
        ]

    def open_folders(self) -> list[str]:
        """All folders wanted open without the root, parents before children."""
        return sorted(folder for folders in self._open.values() for folder in folders)

    def loaded_folders(self) -> list[str]:
        return sorted(self._children)

    def index_of(self, path: str, kind: EntryKind) -> int | None:
        return self.find(row_of(path, kind))

    def find(self, row: str) -> int | None:
        """Where a row is shown, None where it is not."""
        return index_of(self.rows, row)

    def parent_row(self, index: int) -> int | None:
        """Where the folder that holds the row at `index` is shown; None below the root."""
        folder = folder_of(self.rows[index])
        return self.find(f"{folder}/") if folder else None

    def stuck(self, top: int, most: int) -> list[int]:
        """Where the open folders are shown that the first rows from `top` on are in, the outermost first: those that
        are out of sight above `top`, or would be covered by the ones before them. No more than `most`."""
        found: list[int] = []
        while len(found) < most and 0 <= (at := top + len(found)) < len(self.rows):
            segments = folder_of(self.rows[at]).split("/", len(found) + 1)
            if len(segments) <= len(found) or not segments[0]:
                break
            index = self.find("/".join(segments[: len(found) + 1]) + "/")
            if index is None or index >= at:
                break
            found.append(index)
        return found

    def nearest(self, row: str) -> int:
        """Where `row` is shown; else the closed folder that hides it; else what took its place, in the same folder if
        anything is left there. -1 where nothing is shown."""
        at = bisect_left(self.rows, order(row), key=order)
        if at < len(self.rows) and self.rows[at] == row:
            return at
        folder = folder_of(row)
        for above in [f"{path}/" for path in paths.ancestors(f"{folder}/x")] if folder else []:
            index = self.find(above)
            if index is None:
                break
            if not self.is_open_at(index):
                return index
        if at == len(self.rows) or (folder and not self.rows[at].startswith(f"{folder}/")):
            at -= 1
        return max(at, 0) if self.rows else -1

    # Loading

    def set_children(self, folder: str, entries: Sequence[Entry], complete: bool = True, note: str = "") -> None:
        """A folder's listing, the first or a newer one. Open folders that are still there stay open; marks of what is
        gone are dropped. Raises ValueError for entries that are not children of `folder`."""
        rows = rows_of(folder, entries)
        before = self._children.get(folder)
        self._special[folder] = told_of(entries)
        self._set_note(folder, None if complete else Note(NoteKind.PARTIAL, note))
        if rows == before:
            self._show_note(folder)
            return
        self._take_up(folder, rows)
        changed = [each.replaced(folder) for each in self._filters]
        self._drop_gone(folder, rows)
        self._show_again(changed[0] if changed else folder)

    def extend(self, folder: str, entries: Sequence[Entry], note: str = "") -> None:
        """More children of a folder, and that there may be others, which `note` says; once it is empty there are none.
        Raises as `set_children`."""
        rows = rows_of(folder, entries)
        if folder not in self._children:
            self._take_up(folder, [])
        added = merge(self._children[folder], rows)
        if special := told_of(entries):
            self._special[folder] = self._special.get(folder, {}) | special
        self._set_note(folder, Note(NoteKind.PARTIAL, note) if note else None)
        self._show_more(folder, added)
        self._show_note(folder)

    def set_error(self, folder: str, text: str, label: str = "denied", short: str = "") -> None:
        """Listing a folder failed. What an earlier listing named stays, with the note below it."""
        self._notes[folder] = Note(NoteKind.ERROR, text, label, short)
        self._show_note(folder)

    def add(self, path: str, kind: EntryKind) -> list[str]:
        """A row that no listing names, and the folders above it, all of them open: somebody went there by name. It
        stays until a listing of its folder comes. Returns the folders that were not loaded before."""
        new: list[str] = []
        for place in [*paths.ancestors(path), path]:
            folder, what = paths.parent(place), kind if place == path else EntryKind.FOLDER
            if folder not in self._children:
                new.append(folder)
                self._take_up(folder, [])
            row = row_of(place, what)
            if folder:
                self._open[paths.parent(folder)].add(folder)
            self._show_more(folder, merge(self._children[folder], [row]))
        self.rows = self._below("")
        return new

    def clear_error(self, folder: str) -> None:
        """A folder is asked for again."""
        if (note := self._notes.get(folder)) and note.kind is NoteKind.ERROR:
            del self._notes[folder]
            self._show_note(folder)

    def forget_closed(self) -> None:
        """Drop the children of folders neither open nor shown by a filter, which a refresh does not ask for: opening
        them loads them anew, and what is open below them is open again."""
        for folder in self.loaded_folders():
            if not self.is_wanted_open(folder) and not (self._filter and self._filter.is_held(folder)):
                self._unload(folder)

    def clear(self) -> None:
        """Nothing is loaded, open or marked any more. A filter stays."""
        matcher = self.matcher
        self.set_filter(None)
        self._children.clear()
        self._special.clear()
        self._notes.clear()
        self._open.clear()
        self._loaded.clear()
        self.marked.clear()
        self.rows = []
        if matcher is not None:
            self._filter = self._made(matcher)
            self._filter.go_on(inf)

    def _take_up(self, folder: str, rows: list[str]) -> None:
        self._children[folder] = rows
        if folder:
            self._loaded[paths.parent(folder)].add(folder)

    def _set_note(self, folder: str, note: Note | None) -> None:
        if note is None:
            self._notes.pop(folder, None)
        else:
            self._notes[folder] = note

    def _drop_gone(self, folder: str, children: list[str]) -> None:
        known = self._open[folder] | self._loaded[folder]
        if known:
            left = set(children)
            for child in known:
                if f"{child}/" not in left:
                    self._forget(child)
        if self.marked:
            self.marked -= {row for row in self.marked if folder_of(row) == folder}.difference(children)

    def _forget(self, folder: str) -> None:
        """A folder is gone, and with it all below."""
        self._open[paths.parent(folder)].discard(folder)
        todo = [folder]
        while todo:
            gone = todo.pop()
            self._unload(gone)
            todo += self._open.pop(gone, set()) | self._loaded.pop(gone, set())

    def _unload(self, folder: str) -> None:
        self._loaded[paths.parent(folder)].discard(folder)
        self._children.pop(folder, None)
        self._special.pop(folder, None)
        self._notes.pop(folder, None)
        for each in self._filters:
            each.forgotten(folder)

    # Opening and closing

    def open(self, folder: str) -> bool:
        """Open a folder. Returns whether its children are not loaded yet."""
        if folder:
            self._open[paths.parent(folder)].add(folder)
            for each in self._filters:
                each.folded.discard(folder)
        self._show_again(folder)
        return folder not in self._children

    def close(self, folder: str) -> None:
        """Close a folder. What is open below it is open again when it is."""
        if not folder:
            return
        self._open[paths.parent(folder)].discard(folder)
        if self._filter is not None and self._filter.is_held(folder):
            self._filter.folded.add(folder)
        index = self.find(f"{folder}/")
        if index is not None:
            del self.rows[index + 1 : self._end(index)]

    def close_all(self) -> None:
        self._open.clear()
        if self._filter is not None:
            self._filter.folded |= {folder for folders in self._filter.held.values() for folder in folders}
        self.rows = self._below("")

    # Filter

    def set_filter(self, matcher: Matcher | None, seconds: float = inf) -> bool:
        """Show only the loaded rows that match and the folders they are in; None shows everything again. Returns
        whether it does; where that takes longer than `seconds`, `go_on` goes on, and the rows are as before until then.
        """
        if matcher is None:
            was_filtered, self._filter, self._coming = self._filter is not None, None, None
            if was_filtered:
                self.rows = self._below("")
            return True
        self._coming = self._made(matcher)
        return self.go_on(seconds)

    def go_on(self, seconds: float = inf) -> bool:
        """With the filter that was set, for about so long."""
        if self._coming is not None:
            if not self._coming.go_on(seconds):
                return False
            self._filter, self._coming = self._coming, None
            self.rows = self._below("")
        return True

    @property
    def matcher(self) -> Matcher | None:
        """What the rows that are shown match."""
        return self._filter.matcher if self._filter is not None else None

    def _made(self, matcher: Matcher) -> Filter:
        from kvtui.ui.widgets.tree_filter import Filter  # noqa: PLC0415 - the first filter loads it

        return Filter(matcher, self._children, self._loaded, self._filter)

    @property
    def _filters(self) -> list[Filter]:
        """The one the rows go by first."""
        return [each for each in (self._filter, self._coming) if each is not None]

    # What is shown of it

    def _end(self, index: int) -> int:
        """Where the rows below the folder at `index` end."""
        row = self.rows[index]
        return bisect_left(self.rows, True, lo=index + 1, key=lambda other: not other.startswith(row))

    def _open_at(self, folder: str) -> int | None:
        """Where the rows of a folder that is shown open begin."""
        if not folder:
            return 0
        if not self._expands(folder):
            return None
        index = self.find(f"{folder}/")
        return None if index is None else index + 1

    def _show_again(self, folder: str) -> None:
        """Bring the rows below one folder up to date with its children, note and open state."""
        if not folder:
            self.rows = self._below("")
        elif (start := self._open_at(folder)) is not None:
            self.rows[start : self._end(start - 1)] = self._below(folder)

    def _show_note(self, folder: str) -> None:
        """The same of its note alone."""
        start = self._open_at(folder)
        if start is None:
            return
        row = note_row(folder)
        at = bisect_left(self.rows, order(row), lo=start, key=order)
        is_there = at < len(self.rows) and self.rows[at] == row
        if is_there is not self._shows_note(folder):
            self.rows[at : at + is_there] = [] if is_there else [row]

    def _show_more(self, folder: str, added: list[str]) -> None:
        """Rows were added to a folder."""
        more = {folder: added}
        if self._filter is not None:
            more = self._filter.extended(folder, added)
        if self._coming is not None:
            self._coming.extended(folder, added)
        for where, rows in reversed(more.items()):  # the outermost first: its rows come with what is below them
            if rows and (start := self._open_at(where)) is not None:
                self._insert(where, rows, start)

    def _insert(self, folder: str, added: list[str], place: int) -> None:
        """One slice for each run of rows that stays together."""
        at, shown = 0, self.rows
        while at < len(added):
            place = bisect_left(shown, order(added[at]), lo=place, key=order)
            if place == len(shown):
                end = len(added)
            elif shown[place] == added[at]:
                at += 1
                continue
            else:
                end = bisect_left(added, order(shown[place]), lo=at + 1, key=order)
            run = self._unfolded(self._parts(folder, added[at:end]))
            shown[place:place] = run
            at, place = end, place + len(run)

    def _expands(self, folder: str) -> bool:
        """Whether a folder whose row is shown is shown open."""
        if self._filter is not None and self._filter.is_held(folder):
            return folder not in self._filter.folded
        return self.is_wanted_open(folder)

    def _below(self, folder: str) -> list[str]:
        """The rows shown below an open folder."""
        return self._unfolded([folder])

    def _unfolded(self, parts: list[str | list[str]]) -> list[str]:
        """Lists of rows, and of open folders what is below them. Works without recursion: a path may have two thousand
        segments."""
        result: list[str] = []
        todo = parts[::-1]
        while todo:
            item = todo.pop()
            if isinstance(item, list):
                result += item
                continue
            rows = self._children if self._filter is None else self._filter.shown
            inside = self._parts(item, rows.get(item, []))
            if self._shows_note(item):
                inside.append([note_row(item)])
            todo += reversed(inside)
        return result

    def _parts(self, folder: str, rows: list[str]) -> list[str | list[str]]:
        """Rows of a folder, and between them the folders that are shown open."""
        unfolded = {f"{child}/" for child in self._open.get(folder, ())}
        if self._filter is not None:
            held = self._filter.held.get(folder, set())
            unfolded |= {f"{child}/" for child in held - self._filter.folded}
            unfolded -= {f"{child}/" for child in held & self._filter.folded}
        if not unfolded:
            return [rows]
        if len(unfolded) * _FEW > len(rows):
            places = [index for index, row in enumerate(rows) if row in unfolded]
        else:
            places = sorted(index for row in unfolded if (index := index_of(rows, row)) is not None)
        parts: list[str | list[str]] = []
        at = 0
        for index in places:
            parts += [rows[at : index + 1], rows[index][:-1]]
            at = index + 1
        parts.append(rows[at:])
        return parts

    def _shows_note(self, folder: str) -> bool:
        if self._filter is None or folder not in self._children:
            return self.note(folder) is not None
        return folder in self._notes and not self._filter.is_held(folder)
