"""A list of rows with a cursor, on Textual's line API: only what is visible is drawn, whatever the length.

A row may take several lines (a revealed value of many lines). The panes of the detail and the lists in dialogs use it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import ClassVar, NamedTuple, overload

from rich.segment import Segment
from textual import events
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import Reactive, reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style
from textual.widgets import Input


class QueryInput(Input):
    """What narrows a list while it is typed. An Input would lay out the whole screen anew for each letter."""

    virtual_size = Reactive(Size(0, 0), layout=False)


class Row(NamedTuple):
    """`key` identifies the row across updates. `lines` are already safe, see `kvtui.ui.show`; at least one."""

    key: str
    lines: Sequence[Content]


class DrawnLine(Sequence[Content]):
    """The one line of a row, made when it is drawn for the first time: most rows of a long list never are."""

    __slots__ = ("_made",)

    def __init__(self, make: Callable[[], Content]) -> None:
        self._made: Content | Callable[[], Content] = make

    def __len__(self) -> int:
        return 1

    @overload
    def __getitem__(self, index: int) -> Content: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Content]: ...

    def __getitem__(self, index: int | slice) -> Content | Sequence[Content]:
        if not isinstance(self._made, Content):
            self._made = self._made()
        return [self._made][index]


class RowList(ScrollView, can_focus=True):
    """Rows, a cursor, and nothing of keys: those come from the table of actions."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"row-list--cursor", "row-list--cursor-blurred"}
    DEFAULT_CSS = """
    RowList {
        height: 1fr; scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; overflow-x: hidden;
        background: transparent;
        & > .row-list--cursor { background: $primary 30%; }
        & > .row-list--cursor-blurred { background: $primary 12%; }
    }
    """

    cursor: reactive[int] = reactive(0, init=False)

    class _RowMessage(Message):
        def __init__(self, row_list: RowList, key: str) -> None:
            super().__init__()
            self.row_list = row_list
            self.key = key

        @property
        def control(self) -> RowList:
            return self.row_list

    class CursorMoved(_RowMessage):
        """Another row is under the cursor."""

    class Chosen(_RowMessage):
        """Enter on the row under the cursor, or a double click."""

    def __init__(self, *, id: str | None = None, empty: str = "", classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._rows: Sequence[Row] = ()
        self._ends: list[int] = []
        self.empty = empty
        """What stands there while there are no rows; drawn with the next `set_rows`."""

    @property
    def rows(self) -> Sequence[Row]:
        return self._rows

    @property
    def key(self) -> str | None:
        """Key of the row under the cursor."""
        return self._rows[self.cursor].key if self._rows else None

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show these; the cursor stays on the row it was on, or as near as it can."""
        if rows and rows == self._rows:
            return
        key = self.key
        self._rows = rows
        self._ends = list(accumulate(len(row.lines) for row in rows))
        keys = [row.key for row in rows]
        self._set_size(Size(self.scrollable_content_region.width, self._ends[-1] if self._ends else 1))
        self.set_reactive(RowList.cursor, keys.index(key) if key in keys else max(0, min(self.cursor, len(rows) - 1)))
        self._keep_cursor_visible()
        self.refresh()

    def _set_size(self, size: Size) -> None:
        """Where its height does not depend on them, the screen is not laid out anew for other rows."""
        if self.styles.auto_dimensions:
            self.virtual_size = size
        elif size != self.virtual_size:
            self.set_reactive(RowList.virtual_size, size)
            self._scroll_update(size)

    def select(self, key: str) -> None:
        """Put the cursor on a row, if it is there."""
        for index, row in enumerate(self._rows):
            if row.key == key:
                self.cursor = index
                return

    def validate_cursor(self, cursor: int) -> int:
        return max(0, min(cursor, len(self._rows) - 1))

    def watch_cursor(self) -> None:
        self._keep_cursor_visible()
        self.refresh()
        if (key := self.key) is not None:
            self.post_message(self.CursorMoved(self, key))

    def _keep_cursor_visible(self) -> None:
        if self._rows:
            end = self._ends[self.cursor]
            start = end - len(self._rows[self.cursor].lines)
            height = max(1, self.scrollable_content_region.height)
            self.scroll_to_region(Region(0, start, 1, min(end - start, height)), animate=False, force=True)

    # -- what the keys do

    def move(self, rows: int) -> None:
        """Move the cursor; within a row taller than the window, scroll first."""
        if self._rows and self._scroll_within_row(rows):
            return
        self.cursor += rows

    def _scroll_within_row(self, rows: int) -> bool:
        end = self._ends[self.cursor]
        start = end - len(self._rows[self.cursor].lines)
        top, height = self.scroll_offset.y, self.scrollable_content_region.height
        hidden = end > top + height if rows > 0 else start < top
        if hidden and end - start > height:
            self.scroll_to(y=top + rows, animate=False, force=True)
            return True
        return False

    def move_to_top(self) -> None:
        self.cursor = 0
        self.scroll_to(y=0, animate=False, force=True)

    def move_to_bottom(self) -> None:
        self.cursor = len(self._rows) - 1
        self.scroll_to(y=self.virtual_size.height, animate=False, force=True)

    def move_page(self, direction: int) -> None:
        """A screen down (1) or up (-1)."""
        self.move(direction * max(1, self.scrollable_content_region.height - 1))

    def move_half_page(self, direction: int) -> None:
        """Half a screen down (1) or up (-1)."""
        self.move(direction * max(1, self.scrollable_content_region.height // 2))

    def activate(self) -> None:
        if (key := self.key) is not None:
            self.post_message(self.Chosen(self, key))

    def on_click(self, event: events.Click) -> None:
        line = event.y + self.scroll_offset.y
        if self._ends and line < self._ends[-1]:
            self.cursor = bisect_right(self._ends, line)
            if event.chain == 2:
                self.activate()

    # -- drawing

    def on_resize(self) -> None:
        self._set_size(Size(self.scrollable_content_region.width, self.virtual_size.height))
        self._keep_cursor_visible()

    def on_unmount(self) -> None:
        """Nothing of what was shown stays in a widget that timers and tasks may keep alive."""
        self._rows, self._ends = (), []

    def on_focus(self) -> None:
        self.refresh()

    def on_blur(self) -> None:
        self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        line = y + self.scroll_offset.y
        base = self.visual_style
        if not self._rows:
            said = Content(self.empty).wrap(max(1, width))
            text = said[line] if line < len(said) else Content("")
            return self._strip(text.stylize("$foreground-muted"), base, width)
        if line >= self._ends[-1]:
            return Strip.blank(width, base.rich_style)
        index = bisect_right(self._ends, line)
        row = self._rows[index]
        if index == self.cursor:
            base += self.get_visual_style(f"row-list--cursor{'' if self.has_focus else '-blurred'}", partial=True)
        return self._strip(row.lines[line - self._ends[index]], base, width)  # negative: counted from the row's end

    def _strip(self, content: Content, base: Style, width: int) -> Strip:
        parse = self.app.stylesheet.parse_style
        if content.cell_length > width:
            content = content.truncate(width, ellipsis=True)
        segments = [
            Segment(text, (base + style).rich_style) for text, style in content.render(base, end="", parse_style=parse)
        ]
        strip = Strip(segments)
        return strip.adjust_cell_length(width, base.rich_style).crop(0, width)
