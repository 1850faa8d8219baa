"""One row of the path tree as a plain string that tells what it is.

`app/` is a folder, `app` a secret (a folder and a secret may share a path), `app//` a note below that folder: loading,
denied, not complete, empty. No path has an empty segment, so the three never meet. Depth and parent follow from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from kvtui.domain import path as paths
from kvtui.domain.secret import EntryKind


class NoteKind(StrEnum):
    LOADING = "loading"
    EMPTY = "empty"
    PARTIAL = "partial"
    """Listed, but not all of it; the text says why."""
    ERROR = "error"
    """Not listed; the text says why."""


@dataclass(frozen=True, slots=True)
class Note:
    """What a note row says about its folder."""

    kind: NoteKind
    text: str = ""
    label: str = ""
    """One word for an error: `denied`."""


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


def order(row: str) -> list[tuple[int, str, int]]:
    """Sort key of the display order: names by code point, a folder with all below it before the secret of its name,
    a folder's note after its children."""
    *above, name = path_of(row).split("/")
    if is_note(row):
        above = [*above, name] if name else above
        return [(0, segment, 0) for segment in above] + [(1, "", 0)]
    return [(0, segment, 0) for segment in above] + [(0, name, 0 if row.endswith("/") else 1)]
