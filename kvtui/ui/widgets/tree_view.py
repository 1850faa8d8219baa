"""A scrolling view of a path tree's rows, with a cursor on one of them. Only rows in view are looked at, whatever their
number, and a line is drawn again only when it looks otherwise."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from math import ceil
from typing import ClassVar, TypeAlias

from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from kvtui.clock import utc_now
from kvtui.ui.widgets.tree_line import ASCII, NOTHING_MATCHES, UNICODE, TreeLine, draw_line
from kvtui.ui.widgets.tree_row import path_of
from kvtui.ui.widgets.tree_rows import TreeRows

_DRAWN_LINES = 500
"""How many drawn lines are kept: several screens."""

_BAR_STEPS = 8
"""In which a scroll bar's thumb moves within a cell."""

_STUCK_LINES = 4
"""Open folders that stay in sight at most; they take no more than a third of the height."""

_Look: TypeAlias = "tuple[TreeLine | None, int, str]"
"""All that is drawn of a line, its width, and what is special about it: the cursor is on it, or it is stuck."""


_PLAIN_TERMINALS = frozenset({"dumb", "linux", "vt100", "vt102", "vt220"})
"""The fonts of the console and of old terminals have few signs."""


def has_few_signs(environ: Mapping[str, str]) -> bool:
    """Whether a terminal is likely to lack the tree's signs: by its name, or as its locale says that it has no Unicode
    (locale(7): the first variable that is set decides)."""
    locale = next((environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environ.get(name)), "")
    has_unicode = not locale or "utf" in locale.lower()
    return not has_unicode or environ.get("TERM", "") in _PLAIN_TERMINALS


class Badge(StrEnum):
    """What the rest of the program knows of a row. What a listing tells (deleted, due) need not be set."""

    DUE = "due"
    STAGED = "staged"
    DENIED = "denied"


class TreeView(ScrollView, inherit_bindings=False):
    """Has the rows, moves the cursor, draws. What they are and what keys do is left to PathTree."""

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
        "path-tree--stuck",
    }
    DEFAULT_CSS = """
    TreeView {
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
        & > .path-tree--stuck { background: $panel; }
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
    TreeView:ansi {
        color: ansi_default;
        & > .path-tree--guide { color: ansi_default; text-style: dim; }
        & > .path-tree--stuck { background: ansi_default; text-style: underline; }
        &:blur > .path-tree--cursor { text-style: underline; }
        &:nocolor > .path-tree--cursor { text-style: reverse; }
    }
    """

    def __init__(
        self,
        *,
        ascii: bool = False,  # noqa: A002
        now: Callable[[], datetime] = utc_now,
        id: str | None = None,  # noqa: A002
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._model = TreeRows()
        self._line = -1
        self._signs = ASCII if ascii else UNICODE
        self._now = now
        self._badges: dict[Badge, frozenset[str]] = {}
        self._strips: dict[_Look, Strip] = {}  # as drawn: scrolling shows most of them again
        self._above = 0  # lines of folders that stay in sight, when it was drawn last
        self._filters: tuple[Sequence[LineFilter], Color] | None = None  # with the background they are applied on
        self._styles_of: dict[str, Style] = {}  # of the parts of a line: every refresh makes Textual forget them
        self._on_screen: dict[int, _Look] = {}  # what was drawn last, by the place in view

    @property
    def cursor_line(self) -> int:
        """Index of the line under the cursor, -1 where there is none."""
        return self._line

    def move(self, lines: int) -> None:
        """Down, or up where negative, as far as there are lines."""
        self._go(self._line + lines)

    def move_to_top(self) -> None:
        self._go(0)

    def move_to_bottom(self) -> None:
        self._go(self.virtual_size.height - 1)

    def move_half_page(self, direction: int) -> None:
        """Half a screen down (1) or up (-1)."""
        self._go(self._line + direction * max(1, self._page // 2))

    def move_page(self, direction: int) -> None:
        """A screen down (1) or up (-1)."""
        self._go(self._line + direction * max(1, self._page - 1))

    @abstractmethod
    def _go(self, line: int) -> None:
        """A move by the user, to the nearest line there is."""

    @property
    def _page(self) -> int:
        """Lines in view."""
        return self.scrollable_content_region.height

    def _set_height(self, lines: int) -> None:
        """How many there are. Others stand where they did whatever it is, so nothing is laid out anew for it."""
        size = Size(0, lines)
        if size != self.virtual_size:
            self.set_reactive(TreeView.virtual_size, size)
            self._scroll_update(size)

    def _stuck(self, top: int) -> list[int]:
        """The lines of the open folders that stay in sight over the rows scrolled to `top`."""
        return self._model.stuck(top, min(_STUCK_LINES, self._page // 3))

    def _keep_cursor_visible(self) -> None:
        page = self._page
        if self._line < 0 or not page:
            return
        top = self.scroll_offset.y
        if self._line < top + len(self._stuck(top)):
            top = self._line
            while top and self._line < top + len(self._stuck(top)):
                top -= 1
            self._scroll(top)
        elif self._line >= top + page:
            self._scroll(self._line - page + 1)

    def _scroll(self, top: int) -> None:
        self.scroll_to(y=top, animate=False, force=True)

    def on_resize(self) -> None:
        self._keep_cursor_visible()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """As a ScrollView does, but only those cells of its bar are drawn again that look otherwise."""
        if self.show_vertical_scrollbar:
            bar = self.vertical_scrollbar
            bar.set_reactive(type(bar).position, new_value)
            old, new = self._thumb(old_value), self._thumb(new_value)
            if old != new:
                cells = [(start // _BAR_STEPS, end // _BAR_STEPS + 1) for start, end in (old, new)]
                bar.refresh(*(Region(0, first, 1, last - first) for first, last in cells))
        if round(old_value) != round(new_value):
            self.refresh(self.scrollable_content_region.size.region)

    def _thumb(self, top: float) -> tuple[int, int]:
        """Where the scroll bar's thumb begins and ends with the rows scrolled to `top`, in steps smaller than a cell,
        as a ScrollBar draws it."""
        page, lines = self._page, max(1, self.virtual_size.height)
        size = max(1, page * page / lines)
        start = int(_BAR_STEPS * (page - size) * top / max(1, lines - page))
        return start, start + ceil(size * _BAR_STEPS)

    # Drawing

    def redraw(self) -> None:
        """Draw what looks otherwise than it was drawn last."""
        looks = self._looks(range(self._page), self._stuck(self.scroll_offset.y))
        self._refresh([y for y, look in enumerate(looks) if self._on_screen.get(y) != look])

    def _refresh(self, lines: Iterable[int]) -> None:
        """Draw these lines of the view, but nothing of the scroll bar beside them."""
        width = self.scrollable_content_region.width
        if regions := [Region(0, y, width, 1) for y in lines]:
            self.refresh(*regions)

    def _looks(self, lines: Iterable[int], stuck: Sequence[int]) -> list[_Look]:
        """How these lines of the view look, the first of them stuck."""
        width, top = self.scrollable_content_region.width, self.scroll_offset.y
        looks: list[_Look] = []
        for y in lines:
            index = stuck[y] if y < len(stuck) else top + y
            special = "cursor" if index == self._line else "stuck" if y < len(stuck) else ""
            looks.append((self._line_at(index), width, special))
        return looks

    def render_lines(self, crop: Region) -> list[Strip]:
        """As any widget without border, padding, tint and opacity does it. What looks the same is the same strip, and
        the terminal's sequences are kept with it."""
        stuck = self._stuck(self.scroll_offset.y)
        self._above = len(stuck)
        looks = self._looks(crop.line_range, stuck)
        self._on_screen |= zip(crop.line_range, looks, strict=True)
        return [self._drawn(look).crop(crop.x, crop.right) for look in looks]

    def render_line(self, y: int) -> Strip:
        return self.render_lines(Region(0, y, self.scrollable_content_region.width, 1))[0]

    def _drawn(self, look: _Look) -> Strip:
        strip = self._strips.get(look)
        if strip is None:
            if self._filters is None:
                self._filters = self.get_line_filters(), self.background_colors[1]
            line_filters, background = self._filters
            drawn = self._draw(*look)
            segments = list(drawn)
            for line_filter in line_filters:
                segments = line_filter.apply(segments, background)
            strip = Strip(segments, drawn.cell_length)
            if len(self._strips) >= _DRAWN_LINES:
                del self._strips[next(iter(self._strips))]  # the oldest
            self._strips[look] = strip
        return strip

    def forget_drawn(self) -> None:
        """Keep nothing of what was shown."""
        self._strips.clear()
        self._styles_of.clear()
        self._filters = None
        self._on_screen.clear()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.forget_drawn()

    def _line_at(self, index: int) -> TreeLine | None:
        if index >= len(self._model):
            nothing = index == 0 and self._model.matcher is not None
            return NOTHING_MATCHES if nothing else None
        row = self._model.rows[index]
        entry = self._model.entry(row)
        badges = [badge.value for badge, rows in self._badges.items() if row in rows]
        is_due = entry is not None and entry.due_from is not None and entry.due_from <= self._now()
        if is_due and Badge.DUE not in badges:
            badges.append(Badge.DUE.value)
        return TreeLine(
            row=row,
            open=self._model.is_open_at(index),
            entry=entry,
            note=self._model.note(path_of(row)) if row.endswith("/") else None,
            marked=row in self._model.marked,
            badges=tuple(badges),
            matched=tuple(self._model.matcher.positions(path_of(row))) if self._model.matcher else (),
        )

    def _draw(self, line: TreeLine | None, width: int, special: str) -> Strip:
        if line is None:
            return Strip.blank(width, self.rich_style)
        strip = draw_line(line, width, self._signs, self._style)
        return Strip(Segment.apply_style(strip, post_style=self._style(special)), width) if special else strip

    def _style(self, name: str) -> Style:
        style = self._styles_of.get(name)
        if style is None:
            style = self._styles_of[name] = self.get_component_rich_style(f"path-tree--{name}")
        return style
