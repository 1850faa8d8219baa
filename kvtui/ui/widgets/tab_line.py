"""The tabs of the detail, in one widget: Textual's Tabs makes nine, which a start would wait for."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise

from textual import events
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.style import Style
from textual.widget import Widget


class TabLine(Widget):
    """Names side by side, the active one underlined. A click asks for another one."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES = {"tab-line--active", "tab-line--other", "tab-line--bar"}  # noqa: RUF012 - as Textual has it
    DEFAULT_CSS = """
    TabLine {
        height: 2; pointer: pointer;
        & > .tab-line--active { color: $foreground; }
        & > .tab-line--other { color: $foreground 50%; }
        & > .tab-line--bar { color: $block-cursor-background; background: $foreground 10%; }
    }
    TabLine:ansi {
        & > .tab-line--active { text-style: bold; }
        & > .tab-line--other { text-style: dim; }
        & > .tab-line--bar { background: $border-blurred; }
    }
    """

    active: reactive[str] = reactive("")
    hovered: reactive[str | None] = reactive(None)

    class Chosen(Message):
        """A click on a tab."""

        def __init__(self, tabs: TabLine, name: str) -> None:
            super().__init__()
            self.tabs = tabs
            self.name = name

        @property
        def control(self) -> TabLine:
            return self.tabs

    def __init__(self, names: Sequence[str], *, id: str | None = None) -> None:  # noqa: A002
        """`names`: words of ours; the first one is active."""
        super().__init__(id=id)
        self._spans = dict(zip(names, pairwise(accumulate((len(name) + 2 for name in names), initial=0)), strict=True))
        self.set_reactive(TabLine.active, names[0])

    def render(self) -> Content:
        width = self.content_size.width
        styles = {name: self.get_visual_style(f"tab-line--{name}") for name in ("active", "other", "bar")}
        labels = Content.assemble(
            *(
                (f" {name.capitalize()} ", styles["active" if name in {self.active, self.hovered} else "other"])
                for name in self._spans
            )
        )
        start, end = self._spans[self.active]
        bar, length = styles["bar"], max(width, labels.cell_length)
        rest = Style(foreground=bar.background)
        line = Content.assemble(
            ("━" * start + "╸", rest),
            ("━" * (end - start - 2), Style(foreground=bar.foreground)),
            ("╺" + "━" * (length - end), rest),
        )
        left = self._hidden(width)
        return labels[left : left + width] + Content("\n") + line[left : left + width]

    def _hidden(self, width: int) -> int:
        """How many cells are out of view at the left: the active tab is in the middle, if there is no room for all."""
        start, end = self._spans[self.active]
        last = max(end for _, end in self._spans.values())
        return max(0, min((start + end - width) // 2, last - width))

    def _at(self, x: int) -> str | None:
        x += self._hidden(self.content_size.width)
        return next((name for name, (start, end) in self._spans.items() if start <= x < end), None)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        self.hovered = self._at(event.x)

    def on_leave(self) -> None:
        self.hovered = None

    def on_click(self, event: events.Click) -> None:
        if (name := self._at(event.x)) is not None:
            self.post_message(self.Chosen(self, name))
