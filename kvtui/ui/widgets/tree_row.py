"""One row of the path tree as a plain string that tells what it is.

`app/` is a folder, `app` a secret (a folder and a secret may share a path), `app//` a note below that folder: loading,
denied, not complete, empty. No path has an empty segment, so the three never meet. Depth and parent follow from it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from enum import StrEnum
from operator import lt
from typing import NamedTuple

from kvtui.domain import path as paths
from kvtui.domain.metadata import SecretType
from kvtui.domain.secret import Entry, EntryKind, VersionState

_PLAIN_TYPES = (None, SecretType.SECRET)
_PLAIN_STATES = (None, VersionState.LIVE)


class NoteKind(StrEnum):
    LOADING = "loading"
    EMPTY = "empty"
    UNMATCHED = "unmatched"
    """Nothing of all that is loaded is what a filter wants."""
    PARTIAL = "partial"
    """Listed, but not all of it; the text says why."""
    ERROR = "error"
    """Not listed; the text says why."""


class Note(NamedTuple):
    """What a note row says about its folder."""

    kind: NoteKind
    text: str = ""
    label: str = ""
    """One word for an error: `denied`."""
    short: str = ""
    """What stands in place of an error's text where there is no room for that."""


_LAST = "\U0010ffff" * 1025
"""Greater than any name: it is longer, and none of its characters can be exceeded."""

LOADING, EMPTY = Note(NoteKind.LOADING), Note(NoteKind.EMPTY)


def row_of(path: str, kind: EntryKind) -> str:
    return f"{path}/" if kind is EntryKind.FOLDER else path


def note_row(folder: str) -> str:
    return f"{folder}//"


def is_note(row: str) -> bool:
    return row.endswith("//")


def is_folder(row: str) -> bool:
    return row.endswith("/") and not is_note(row)


def path_of(row: str) -> str:
    """The path of a folder or secret; of a note, the folder it is about."""
    return row.rstrip("/")


def kind_of(row: str) -> EntryKind | None:
    """None for a note."""
    if is_note(row):
        return None
    return EntryKind.FOLDER if row.endswith("/") else EntryKind.SECRET


def folder_of(row: str) -> str:
    """The folder a row is in."""
    return path_of(row) if is_note(row) else paths.parent(path_of(row))


def depth_of(row: str) -> int:
    """0 for what is in the root."""
    folder = folder_of(row)
    return folder.count("/") + 1 if folder else 0


def order(row: str) -> list[str]:
    """Sort key of the display order: names by code point, a folder with all below it before the secret of its name,
    a folder's note after its children."""
    if row.endswith("//"):
        return [*row[:-2].split("/"), _LAST] if len(row) > 2 else [_LAST]
    key = row.split("/")  # of a folder it ends with "", so it stands before what is in it
    key[-1] += "\0" if key[-1] else ""  # the least that is greater than the folder of the same name, and all in it
    return key


def merge(into: list[str], rows: Sequence[str]) -> list[str]:
    """Add rows, both in display order: one slice for each run that stays together. Returns those that were not there
    before."""
    if not into or (rows and order(into[-1]) < order(rows[0])):
        into += rows
        return list(rows)
    added: list[str] = []
    at = place = 0
    while at < len(rows):
        place = bisect_left(into, order(rows[at]), lo=place, key=order)
        if place < len(into) and into[place] == rows[at]:
            at += 1
            continue
        end = bisect_left(rows, order(into[place]), lo=at + 1, key=order) if place < len(into) else len(rows)
        run = rows[at:end]
        into[place:place] = run
        added += run
        at, place = end, place + len(run)
    return added


def index_of(rows: list[str], row: str) -> int | None:
    """Where a row is among others in display order."""
    at = bisect_left(rows, order(row), key=order)
    return at if at < len(rows) and rows[at] == row else None


def told_of(entries: Iterable[Entry]) -> dict[str, Entry]:
    """Those with something to tell beside their name, by row."""
    return {
        row_of(entry.path, entry.kind): entry
        for entry in entries
        if entry.type not in _PLAIN_TYPES or entry.state not in _PLAIN_STATES or entry.due_from is not None
    }


def rows_of(folder: str, entries: Sequence[Entry]) -> list[str]:
    """The entries of a folder as rows in display order. Raises ValueError where they are not in it. The usual case, a
    sorted listing, takes no work per row in Python."""
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
