"""The rows of a lazily loaded path tree in display order, as plain strings.

There are no node objects. Rows (see `tree_row`) have a total order, so finding one is a bisection, opening a folder one
slice insertion and closing it one slice deletion; a folder is shown open exactly when the row after it lies below it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from operator import lt
from typing import Protocol

from kvtui.domain import path as paths
from kvtui.domain.metadata import SecretType
from kvtui.domain.secret import Entry, EntryKind, VersionState
from kvtui.ui.widgets.tree_row import EMPTY, LOADING, Note, NoteKind, folder_of, is_folder, note_row, order, row_of

_PLAIN_TYPES = (None, SecretType.SECRET)
_PLAIN_STATES = (None, VersionState.LIVE)


class Matcher(Protocol):
    """A filter over rows. Whole lists at a time, because a call for each of many rows would be felt at every key."""

    def select(self, rows: Sequence[str]) -> list[str]:
        """The rows that match, in the same order."""

    def positions(self, path: str) -> Iterable[int]:
        """Indexes into a matching path of the characters that matched."""


class Terms:
    """Rows that hold every white-space separated term of a query. Case counts once the query has a capital."""

    def __init__(self, query: str) -> None:
        self._exact = query != query.lower()
        self._terms = query.split()

    def select(self, rows: Sequence[str]) -> list[str]:
        found = list(rows)
        for term in self._terms:
            if self._exact:
                found = [row for row in found if term in row]
            else:
                found = [row for row in found if term in row.lower()]
        return found

    def positions(self, path: str) -> set[int]:
        """The last place of each term: the end of a path tells more than its folders."""
        text = path if self._exact else "".join(low if len(low := ch.lower()) == 1 else ch for ch in path)
        starts = {term: text.rfind(term) for term in self._terms}
        return {at for term, start in starts.items() if start >= 0 for at in range(start, start + len(term))}


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
        self._matcher: Matcher | None = None
        self._matches: dict[str, list[str]] = {}  # with a filter: what is shown of each loaded folder
        self._held: set[str] = set()  # folders that do not match, shown open for what matches in them
        self._folded: set[str] = set()  # of those, the ones closed by hand

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
        siblings = self._children.get(paths.parent(path))
        row = row_of(path, kind)
        at = bisect_left(siblings, order(row), key=order) if siblings else 0
        return siblings is not None and at < len(siblings) and siblings[at] == row

    def children(self, folder: str) -> Sequence[str]:
        """The rows of a loaded folder, filter or not; empty where it is not loaded."""
        return self._children.get(folder, ())

    def entry(self, row: str) -> Entry | None:
        """The entry of a row whose type or state is out of the ordinary, else None."""
        return self._special.get(folder_of(row), {}).get(row)

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
        at = bisect_left(self.rows, order(row), key=order)
        return at if at < len(self.rows) and self.rows[at] == row else None

    def parent_row(self, index: int) -> int | None:
        """Where the folder that holds the row at `index` is shown; None below the root."""
        folder = folder_of(self.rows[index])
        return self.find(f"{folder}/") if folder else None

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

    def set_children(
        self, folder: str, entries: Sequence[Entry], complete: bool = True, note: str = "", *, show: bool = True
    ) -> None:
        """A folder's listing, the first or a newer one. Open folders that are still there stay open; marks of what is
        gone are dropped. Without `show` the rows are as before until `show_all`. Raises ValueError for entries that are
        not children of `folder`."""
        children = _checked_rows(folder, entries)
        self._children[folder] = children
        if folder:
            self._loaded[paths.parent(folder)].add(folder)
        self._special[folder] = {
            row_of(entry.path, entry.kind): entry
            for entry in entries
            if entry.type not in _PLAIN_TYPES or entry.state not in _PLAIN_STATES
        }
        if complete:
            self._notes.pop(folder, None)
        else:
            self._notes[folder] = Note(NoteKind.PARTIAL, note)
        self._drop_gone(folder, children)
        if not show:
            return
        if self._matcher is None:
            self._show_again(folder)
        else:
            self.show_all()

    def set_error(self, folder: str, text: str, label: str = "denied") -> None:
        """Listing a folder failed. What an earlier listing named stays, with the note below it."""
        self._notes[folder] = Note(NoteKind.ERROR, text, label)
        self._show_again(folder)

    def add(self, path: str, kind: EntryKind) -> list[str]:
        """A row that no listing names, and the folders above it, all of them open: somebody went there by name. It
        stays until a listing of its folder comes. Returns the folders that were not loaded before."""
        new: list[str] = []
        for place in [*paths.ancestors(path), path]:
            folder, what = paths.parent(place), kind if place == path else EntryKind.FOLDER
            if folder not in self._children:
                new.append(folder)
            if not self.has(place, what):
                siblings, row = self._children.get(folder, []), row_of(place, what)
                at = bisect_left(siblings, order(row), key=order)
                self._children[folder] = [*siblings[:at], row, *siblings[at:]]
            if folder:
                self._loaded[paths.parent(folder)].add(folder)
                self._open[paths.parent(folder)].add(folder)
        self.show_all()
        return new

    def clear_error(self, folder: str) -> None:
        """A folder is asked for again."""
        if (note := self._notes.get(folder)) and note.kind is NoteKind.ERROR:
            del self._notes[folder]
            self._show_again(folder)

    def forget_closed(self) -> None:
        """Drop the children of folders neither open nor shown by a filter, which a refresh does not ask for: opening
        them loads them anew, and what is open below them is open again."""
        for folder in self.loaded_folders():
            if not self.is_wanted_open(folder) and folder not in self._held:
                self._unload(folder)
        if self._matcher is not None:
            self.show_all()

    def clear(self) -> None:
        """Nothing is loaded, open or marked any more. A filter stays."""
        self._children.clear()
        self._special.clear()
        self._notes.clear()
        self._open.clear()
        self._loaded.clear()
        self._matches.clear()
        self._held.clear()
        self._folded.clear()
        self.marked.clear()
        self.rows = []

    def _drop_gone(self, folder: str, children: list[str]) -> None:
        known = self._open[folder] | self._loaded[folder]
        if known:
            left = set(children)
            for child in known:
                if f"{child}/" not in left:
                    self._forget(child)
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
        self._folded.discard(folder)

    # Opening and closing

    def open(self, folder: str) -> bool:
        """Open a folder. Returns whether its children are not loaded yet."""
        if folder:
            self._open[paths.parent(folder)].add(folder)
            self._folded.discard(folder)
        self._show_again(folder)
        return folder not in self._children

    def close(self, folder: str) -> None:
        """Close a folder. What is open below it is open again when it is."""
        if not folder:
            return
        self._open[paths.parent(folder)].discard(folder)
        if folder in self._held:
            self._folded.add(folder)
        index = self.find(f"{folder}/")
        if index is not None:
            del self.rows[index + 1 : self._end(index)]

    def close_all(self) -> None:
        self._open.clear()
        self._folded.update(self._held)
        self.rows = self._below("")

    # Filter

    def set_filter(self, matcher: Matcher | None) -> None:
        """Show only the loaded rows that match and the folders they are in; None shows everything again."""
        self._matcher = matcher
        self._folded.clear()
        self.show_all()

    @property
    def matcher(self) -> Matcher | None:
        return self._matcher

    def _end(self, index: int) -> int:
        """Where the rows below the folder at `index` end."""
        row = self.rows[index]
        return bisect_left(self.rows, True, lo=index + 1, key=lambda other: not other.startswith(row))

    def show_all(self) -> None:
        """Bring all rows up to date."""
        self._match()
        self.rows = self._below("")

    def _show_again(self, folder: str) -> None:
        """Bring the rows below one folder up to date with its children, note and open state."""
        if not folder:
            self.rows = self._below("")
            return
        index = self.find(f"{folder}/")
        if index is not None and self._expands(folder):
            self.rows[index + 1 : self._end(index)] = self._below(folder)

    def _expands(self, folder: str) -> bool:
        """Whether a folder whose row is shown is shown open."""
        if folder in self._held:
            return folder not in self._folded
        return self.is_wanted_open(folder)

    def _below(self, folder: str) -> list[str]:
        """The rows shown below an open folder. Works without recursion: a path may have two thousand segments."""
        result: list[str] = []
        todo: list[str | list[str]] = [folder]
        while todo:
            item = todo.pop()
            if isinstance(item, list):
                result += item
                continue
            rows = self._children.get(item, []) if self._matcher is None else self._matches.get(item, [])
            parts: list[str | list[str]] = []
            at = 0
            for row in sorted((f"{child}/" for child in self._open[item] | self._loaded[item]), key=order):
                index = bisect_left(rows, order(row), lo=at, key=order)
                if index < len(rows) and rows[index] == row and self._expands(row[:-1]):
                    parts += [rows[at : index + 1], row[:-1]]
                    at = index + 1
            parts.append(rows[at:] if at else rows)
            if self._shows_note(item):
                parts.append([note_row(item)])
            todo += reversed(parts)
        return result

    def _shows_note(self, folder: str) -> bool:
        if self._matcher is None or folder not in self._children:
            return self.note(folder) is not None
        return folder in self._notes and folder not in self._held

    def _match(self) -> None:
        """Which children of each loaded folder the filter shows; from the innermost, as matches hold their folders."""
        self._matches.clear()
        self._held.clear()
        if self._matcher is None:
            return
        for folder in sorted(self._children, key=lambda path: (bool(path), path.count("/")), reverse=True):
            hits = self._matcher.select(self._children[folder])
            holders = {f"{child}/" for child in self._loaded[folder] if self._matches.get(child)}.difference(hits)
            self._held.update(row[:-1] for row in holders)
            self._matches[folder] = sorted([*hits, *holders], key=order) if holders else hits


def _checked_rows(folder: str, entries: Sequence[Entry]) -> list[str]:
    """Entries as rows in display order. The usual case, a sorted listing, takes no work per row in Python."""
    listed = [entry.path for entry in entries]
    if not all(map(lt, listed, listed[1:])):
        entries = sorted(entries, key=lambda entry: (entry.path, not entry.is_folder))
        listed = [entry.path for entry in entries]
    prefix = f"{folder}/" if folder else ""
    # All between two strings with one prefix have it; then no other slash may be in them.
    if listed and not (
        listed[0] > prefix
        and listed[0].startswith(prefix)
        and listed[-1].startswith(prefix)
        and "".join(listed).count("/") == len(listed) * prefix.count("/")
    ):
        raise ValueError("the listing names entries that are not in its folder")
    rows = [entry.path + "/" if entry.kind is EntryKind.FOLDER else entry.path for entry in entries]
    return rows if len(set(rows)) == len(rows) else list(dict.fromkeys(rows))
