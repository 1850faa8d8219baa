"""What differs between two sides of a secret: masked until revealed, then line by line within each field."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from kvtui import text as texts
from kvtui.domain import json_text
from kvtui.domain.codec import to_text
from kvtui.domain.value import SecretValue, ValueType
from kvtui.services.diff import DiffKind, FieldDiff, MetadataDiff
from kvtui.ui.show import MASK

SIGNS = {DiffKind.ADDED: "+", DiffKind.REMOVED: "-", DiffKind.CHANGED: "~", DiffKind.SAME: " "}
CONTEXT_LINES = 3
_BASE64_LINE = 64
_COMPARED_LINES = 20_000  # above this, one side is shown removed and the other added: matching would take seconds
_NO_NEWLINE = "no newline at the end"


@dataclass(frozen=True, slots=True)
class _Line:
    """One line before it is laid out: a sign, safe pieces of text (flagged where escaped), and how it looks."""

    look: str
    sign: str
    pieces: Sequence[tuple[str, bool]]
    indent: int = 2
    tail: str = ""
    """A word after the pieces, in its own look."""


class DiffView(ScrollView, can_focus=True, inherit_bindings=False):
    """Fields and metadata on two sides. It has no keys: the table of actions sets `revealed` and calls `move…`."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "diff-view--added",
        "diff-view--removed",
        "diff-view--changed",
        "diff-view--same",
        "diff-view--name",
        "diff-view--note",
        "diff-view--escape",
    }
    DEFAULT_CSS = """
    DiffView {
        height: 1fr;
        color: $foreground;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;

        & > .diff-view--added { color: $text-success; }
        & > .diff-view--removed { color: $text-error; }
        & > .diff-view--changed { color: $text-warning; }
        & > .diff-view--same { color: $text-muted; }
        & > .diff-view--name { text-style: bold; }
        & > .diff-view--note { color: $text-muted; text-style: italic; }
        & > .diff-view--escape { text-style: dim italic; }
    }
    DiffView:ansi { color: ansi_default; }
    """

    revealed: reactive[bool] = reactive(False, init=False)
    """Whether values are shown. Metadata always is."""

    def __init__(
        self,
        fields: Sequence[FieldDiff] = (),
        metadata: Sequence[MetadataDiff] = (),
        *,
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._fields = fields
        self._metadata = metadata
        self._laid_out: list[list[tuple[str, str]]] = []  # per row: text and its look
        self._width = 0

    def on_unmount(self) -> None:
        """Nothing of the values stays behind in a widget that may be kept."""
        self._fields, self._metadata, self._laid_out = (), (), []

    def show_diff(self, fields: Sequence[FieldDiff], metadata: Sequence[MetadataDiff] = ()) -> None:
        """Another comparison, masked."""
        self._fields, self._metadata = fields, metadata
        self.set_reactive(DiffView.revealed, False)
        self._lay_out()
        self.scroll_to(y=0, animate=False, force=True)

    def watch_revealed(self) -> None:
        self._lay_out()

    def on_resize(self) -> None:
        if self.scrollable_content_region.width != self._width:
            self._lay_out()

    # Scrolling

    def move(self, lines: int) -> None:
        """Down, or up where negative."""
        self.scroll_to(y=self.scroll_offset.y + lines, animate=False, force=True)

    def move_half_page(self, direction: int) -> None:
        """Half a screen down (1) or up (-1)."""
        self.move(direction * max(1, self.scrollable_content_region.height // 2))

    def move_page(self, direction: int) -> None:
        """A screen down (1) or up (-1)."""
        self.move(direction * max(1, self.scrollable_content_region.height - 1))

    def move_to_top(self) -> None:
        self.scroll_to(y=0, animate=False, force=True)

    def move_to_bottom(self) -> None:
        self.move(len(self._laid_out))

    # Drawing

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        index = y + self.scroll_offset.y
        if index >= len(self._laid_out):
            return Strip.blank(width, self.rich_style)
        segments = [Segment(text, self._style(look)) for text, look in self._laid_out[index]]
        return Strip(segments).adjust_cell_length(width, self.rich_style)

    def _style(self, look: str) -> Style:
        style = self.rich_style
        for name in look.split():
            style += self.get_component_rich_style(f"diff-view--{name}", partial=name == "escape")
        return style

    def _lay_out(self) -> None:
        self._width = self.scrollable_content_region.width
        self._laid_out = [row for line in self._lines() for row in _rows(line, self._width)] if self._width else []
        self.virtual_size = Size(0, len(self._laid_out))
        self.refresh()

    def _lines(self) -> Iterator[_Line]:
        if not self._fields and not self._metadata:
            yield _Line("note", " ", [("Nothing differs.", False)], indent=0)
        for row in self._fields:
            yield _heading(row.name, row.kind, _types(row))
            yield from _value_lines(row) if self.revealed else _masks(row)
        for pair in self._metadata:
            yield _heading(pair.name, _metadata_kind(pair))
            for look, sign, text in (("removed", "-", pair.old), ("added", "+", pair.new)):
                if text is not None:
                    for one in text.split("\n"):
                        yield _Line(look, sign, list(texts.spans(one)))


def _heading(name: str, kind: DiffKind, types: str = "") -> _Line:
    pieces = [*texts.name_spans(name), *([(" ⚠ mixed script", False)] if texts.mixed_script(name) else [])]
    return _Line(f"{kind} name", SIGNS[kind], pieces, indent=0, tail=f"{kind}{types}")


def _types(row: FieldDiff) -> str:
    if row.old is None or row.new is None or row.old.type is row.new.type:
        return ""
    return f", {row.old.type} → {row.new.type}"


def _metadata_kind(pair: MetadataDiff) -> DiffKind:
    if pair.old is None:
        return DiffKind.ADDED
    return DiffKind.REMOVED if pair.new is None else DiffKind.CHANGED


def _masks(row: FieldDiff) -> Iterator[_Line]:
    if row.kind is DiffKind.SAME:  # a comparison is about what differs
        return
    if row.old is not None:
        yield _Line("removed", "-", [(MASK, False)])
    if row.new is not None:
        yield _Line("added", "+", [(MASK, False)])


def _value_lines(row: FieldDiff) -> Iterator[_Line]:
    """A field's values line by line; unchanged stretches are left out but for the context of a change."""
    old = _text_lines(row.old) if row.old is not None else []
    new = _text_lines(row.new) if row.new is not None else []
    texts_both = row.old is not None and row.new is not None and row.old.type is row.new.type is ValueType.TEXT
    ends_matter = texts_both and old[-1].endswith("\n") != new[-1].endswith("\n")
    if row.kind is DiffKind.SAME:
        return
    if row.kind is not DiffKind.CHANGED or len(old) + len(new) > _COMPARED_LINES:
        yield from _marked("removed", "-", old, ends_matter)
        yield from _marked("added", "+", new, ends_matter)
        return
    shown = 0
    for group in SequenceMatcher(None, old, new).get_grouped_opcodes(CONTEXT_LINES):
        yield from _left_out(group[0][1] - shown)
        for tag, old_start, old_end, new_start, new_end in group:
            if tag == "equal":
                yield from _marked("same", " ", new[new_start:new_end], False)
            else:
                yield from _marked("removed", "-", old[old_start:old_end], ends_matter and old_end == len(old))
                yield from _marked("added", "+", new[new_start:new_end], ends_matter and new_end == len(new))
        shown = group[-1][2]
    if shown:
        yield from _left_out(len(old) - shown)
    elif old == new:  # only the type differs, or the literal of a number
        yield from _marked("removed", "-", old, False)
        yield from _marked("added", "+", new, False)


def _left_out(count: int) -> Iterator[_Line]:
    if count > 0:
        yield _Line("note", " ", [(f"… {count} same line{'s' if count > 1 else ''}", False)])


def _marked(look: str, sign: str, lines: Iterable[str], ends_matter: bool) -> Iterator[_Line]:
    last = "\n"
    for last in lines:
        yield _Line(look, sign, list(texts.spans(last.removesuffix("\n"))))
    if ends_matter and not last.endswith("\n"):
        yield _Line("note", " ", [(_NO_NEWLINE, False)])


def _text_lines(value: SecretValue) -> list[str]:
    """A value as lines with their ends: text as it is, maps and lists indented, bytes as base64. Only LF ends a line,
    so that other line ends are seen."""
    if value.type is ValueType.BYTES:
        encoded = to_text(value)
        return [encoded[at : at + _BASE64_LINE] + "\n" for at in range(0, len(encoded), _BASE64_LINE)] or ["\n"]
    if value.type in (ValueType.MAP, ValueType.LIST):
        return [f"{line}\n" for line in json_text.dump(value.reveal(), indent=2, ascii_only=False).split("\n")]
    lines = [f"{line}\n" for line in to_text(value).split("\n")]
    last = lines.pop().removesuffix("\n")
    return [*lines, last] if last or not lines else lines


def _rows(line: _Line, width: int) -> Iterator[list[tuple[str, str]]]:
    """A line wrapped to `width` cells, the sign before its first row, the tail beside its last or below it."""
    margin = line.indent + len(line.sign) + 1
    room = max(1, width - margin)
    rows = [
        [(" " * margin, line.look), *((text, f"{line.look} escape" if escaped else line.look) for text, escaped in row)]
        for row in _wrapped(line.pieces, room)
    ]
    rows[0][0] = (" " * line.indent + line.sign + " ", line.look)
    if line.tail:
        tail = (line.tail, line.look.split()[0])
        if sum(cell_len(text) for text, _ in rows[-1]) + 2 + cell_len(line.tail) <= width:
            rows[-1] += [("  ", line.look), tail]
        else:
            rows.append([(" " * margin, line.look), tail])
    yield from rows


def _wrapped(pieces: Iterable[tuple[str, bool]], width: int) -> list[list[tuple[str, bool]]]:
    rows: list[list[tuple[str, bool]]] = [[]]
    used = 0
    for text, escaped in pieces:
        rest = text
        while rest:
            head = _prefix(rest, width - used) or (rest[0] if not used else "")
            if head:
                rows[-1].append((head, escaped))
                used += cell_len(head)
                rest = rest[len(head) :]
            if rest:
                rows.append([])
                used = 0
    return rows


def _prefix(text: str, cells: int) -> str:
    """As much of the start of `text` as fits; marks that take no cell stay with their letter."""
    if text.isascii():
        return text[:cells]
    used = 0
    for index, ch in enumerate(text):
        used += cell_len(ch)
        if used > cells:
            return text[:index]
    return text
