"""One row of the path tree as a strip of exactly the width asked for, whatever its name holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from kvtui import text as texts
from kvtui.domain.metadata import SecretType
from kvtui.domain.secret import Entry, VersionState
from kvtui.ui.widgets import tree_row
from kvtui.ui.widgets.tree_row import Note, NoteKind

Styles = Callable[[str], Style]
"""The style of a component: `folder`, `badge` …"""

_INDENT = 2
_UNIT = re.compile("<[0-9A-F]+>|.", re.DOTALL)  # what stands for one character in an escaped piece


class Signs(NamedTuple):
    """What is drawn beside names, each one cell wide."""

    opened: str
    closed: str
    secret: str
    marked: str
    guide: str
    more: str
    warning: str
    short: dict[str, str]
    """Badges where there is no room for their words."""


UNICODE = Signs("▾", "▸", "•", "✓", "│", "…", "⚠", {"deleted": "✗", "destroyed": "✗", "due": "◷", "staged": "±"})
ASCII = Signs("v", ">", "-", "*", "|", "~", "!", {"deleted": "x", "destroyed": "x", "due": "@", "staged": "+"})


class TreeLine(NamedTuple):
    """Everything that is drawn of a row."""

    row: str
    open: bool = False
    entry: Entry | None = None
    note: Note | None = None
    """Of a folder or a note row: what there is to say about the folder."""
    marked: bool = False
    badges: tuple[str, ...] = ()
    matched: tuple[int, ...] = ()
    """Indexes into the path."""


NOTHING_MATCHES = TreeLine("//", note=Note(NoteKind.UNMATCHED))
"""Stands alone in a tree of which a filter shows nothing."""


def line_prefix(row: str, width: int) -> int:
    """Cells before a row's name: mark, indentation and sign."""
    return 1 + _indent(row, width) + 2


def _indent(row: str, width: int) -> int:
    """Deep rows share an indentation, so that half of a narrow tree is left for names."""
    return min(_INDENT * tree_row.depth_of(row), max(0, width // 2 - 4) // _INDENT * _INDENT)


def draw_line(line: TreeLine, width: int, signs: Signs, style: Styles) -> Strip:
    """The row on `width` cells: mark, guides, sign, name, and badges at the right end."""
    row = line.row
    plain = style("secret")
    guides = f"{signs.guide} " * (_indent(row, width) // _INDENT)
    # As few segments as can be: each takes as long as a short text, and some forty bytes on the way to the terminal.
    if line.marked:
        left = [Segment(signs.marked, style("marked")), Segment(guides, style("guide"))]
    else:
        left = [Segment(f" {guides}", style("guide"))]
    if tree_row.is_note(row):
        note = line.note or Note(NoteKind.EMPTY)
        text = texts.show(_note_text(note, signs))
        if note.short and line_prefix(row, width) + cell_len(text) > width:
            text = texts.show(f"{note.label}: {note.short}")
        left.append(Segment(f"  {text}", style("error" if note.kind is NoteKind.ERROR else "note")))
        return _fitted(left, [], width, signs, plain)

    deleted = _state(line.entry)
    if tree_row.is_folder(row):
        sign, sign_style, name_style = signs.opened if line.open else signs.closed, plain, style("folder")
    else:
        sign, sign_style, name_style = signs.secret, style("badge"), style("deleted") if deleted else plain
    left.append(Segment(f"{sign} ", sign_style))
    name = tree_row.path_of(row).rpartition("/")[2]
    start = len(tree_row.path_of(row)) - len(name)
    left += _name(name[: width * (texts.MAX_MARKS + 1) + 1], {at - start for at in line.matched}, name_style, style)
    return _fitted(left, _badge_sets(line, name, deleted, signs, style), width, signs, plain)


def _name(name: str, matched: set[int], plain: Style, style: Styles) -> Iterator[Segment]:
    """A name as it is safe to show, escapes and matched characters set off."""
    if not matched and texts.show_name(name) == name:  # nearly all
        yield Segment(name, plain)
        return
    at = 0
    for piece, escaped in texts.name_spans(name):
        look = plain + Style(dim=True, italic=True) + style("escape") if escaped else plain
        units = _UNIT.findall(piece) if escaped else list(piece)
        for hit, group in groupby(enumerate(units, at), key=lambda unit: unit[0] in matched):
            yield Segment("".join(unit for _, unit in group), look + style("match") if hit else look)
        at += len(units)


def _state(entry: Entry | None) -> str:
    if entry is None or entry.state in (None, VersionState.LIVE):
        return ""
    return str(entry.state)


def _note_text(note: Note, signs: Signs) -> str:
    match note.kind:
        case NoteKind.LOADING:
            return "loading" + signs.more
        case NoteKind.EMPTY:
            return "empty"
        case NoteKind.UNMATCHED:
            return "nothing loaded matches"
        case NoteKind.PARTIAL:
            return f"not complete: {note.text}" if note.text else "not complete"
        case NoteKind.ERROR:
            return f"{note.label}: {note.text}"


def _badge_sets(line: TreeLine, name: str, deleted: str, signs: Signs, style: Styles) -> list[list[Segment]]:
    """The badges of a row in ever shorter forms."""
    words: list[tuple[str, str, str]] = []  # long form, short form, component
    if texts.mixed_script(name):
        words.append((f"{signs.warning} mixed script", signs.warning, "warning"))
    if line.note and line.note.kind is NoteKind.ERROR:
        words.append((line.note.label, signs.warning, "error"))
    words += [(badge, signs.short.get(badge, signs.warning), "warning") for badge in line.badges]
    if deleted:
        words.append((deleted, signs.short[deleted], "badge"))
    long = [Segment(text, style(component)) for text, _, component in words]
    short = [Segment(text, style(component)) for _, text, component in words]
    sets = [long, short] if words else []
    if line.entry and line.entry.type not in (None, SecretType.SECRET):
        sets = [[Segment(str(line.entry.type), style("badge")), *long], *(sets or [[]])]
    return sets


def _fitted(left: list[Segment], badge_sets: list[list[Segment]], width: int, signs: Signs, plain: Style) -> Strip:
    """Left part and badges on exactly `width` cells: the longest badges that leave the name whole, else the shortest
    and the name cut."""
    used = sum(segment.cell_length for segment in left)
    if not badge_sets and used <= width:  # nearly all rows: at every key that scrolls, half a screen of them is drawn
        rest = " " * (width - used)
        if left[-1].style == plain:
            left[-1] = Segment(left[-1].text + rest, plain)
        elif rest:
            left.append(Segment(rest, plain))
        return Strip(left, width)
    strip = Strip(left, used)
    right = Strip([])
    for badges in badge_sets:
        right = Strip([part for badge in badges for part in (Segment(" ", plain), badge)])
        if strip.cell_length + right.cell_length < width:
            break
    room = max(0, width - right.cell_length - (1 if right.cell_length else 0))
    if strip.cell_length > room:
        cut = strip.crop(0, max(0, room - cell_len(signs.more)))
        strip = Strip([*cut, Segment(signs.more, plain)])
    strip = strip.adjust_cell_length(room, plain)
    if right.cell_length:
        strip = Strip([*strip, *right, Segment(" ", plain)])
    return strip.adjust_cell_length(width, plain)
