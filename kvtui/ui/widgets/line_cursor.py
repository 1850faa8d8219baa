"""A scrolling view of lines with a cursor on one of them."""

from __future__ import annotations

from textual.scroll_view import ScrollView


class LineCursor(ScrollView, inherit_bindings=False):
    """Moves a cursor over as many lines as `virtual_size` is high, and keeps it in view."""

    ALLOW_SELECT = False

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, classes=classes)
        self._line = -1

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

    def _go(self, line: int) -> None:
        """A move by the user, to the nearest line there is."""
        raise NotImplementedError

    @property
    def _page(self) -> int:
        """Lines in view."""
        return self.scrollable_content_region.height

    def _keep_cursor_visible(self) -> None:
        if self._line < 0 or not self._page:
            return
        top = self.scroll_offset.y
        if self._line < top:
            self.scroll_to(y=self._line, animate=False, force=True)
        elif self._line >= top + self._page:
            self.scroll_to(y=self._line - self._page + 1, animate=False, force=True)

    def on_resize(self) -> None:
        self._keep_cursor_visible()
