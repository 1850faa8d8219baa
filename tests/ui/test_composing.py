"""What is drawn of a change leaves the terminal as a whole new picture would."""

from __future__ import annotations

from typing import Any

import pyte
import pytest
from rich.console import Console
from textual.app import App, ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.screen import Screen
from textual.widgets import Static

from kvtui.domain.secret import Entry, EntryKind, Listing
from kvtui.ui.composing import Pieces, QuickCompositor
from kvtui.ui.widgets.path_tree import PathTree
from tests.support.screens import wait_for_idle

WIDTH, HEIGHT = 60, 14


class Host(App[None]):
    """A tree, beside it what lies partly out of sight and under something else."""

    CSS = """
    Screen { layers: below above; }
    PathTree { width: 1fr; height: 1fr; }
    VerticalScroll { width: 20; border: solid red; }
    VerticalScroll Static { height: 3; }
    #over { layer: above; dock: top; width: 24; height: 2; margin: 4 22; background: blue; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.terminal = pyte.Screen(WIDTH, HEIGHT)
        self._stream = pyte.Stream(self.terminal)
        self.writer = Console(color_system="truecolor", force_terminal=True)
        self.partial = 0

    def get_default_screen(self) -> Screen[None]:
        screen: Screen[None] = super().get_default_screen()
        screen._compositor = QuickCompositor()
        return screen

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield PathTree(id="tree")
            with VerticalScroll():
                yield from (Static(f"{number}\n語{number}\nlast", id=f"s{number}") for number in range(9))
        yield Static("over\nover 語", id="over")

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        """Headless apps draw nothing: this one on a terminal of its own."""
        if renderable is not None:
            self.partial += isinstance(renderable, Pieces)
            self._stream.feed(renderable.render_segments(self.writer))
        super()._display(screen, renderable)


def drawn_anew(app: Host) -> pyte.Screen:
    """On another terminal, with nothing kept of how it was drawn."""
    tree = app.query_one(PathTree)
    tree.forget_drawn()
    for widget in (*app.screen.walk_children(), tree.vertical_scrollbar):
        widget._set_dirty()
        widget._layout_cache.clear()
    terminal = pyte.Screen(WIDTH, HEIGHT)
    pyte.Stream(terminal).feed(app.screen._compositor.render_full_update().render_segments(app.writer))
    return terminal


@pytest.fixture
def names() -> list[str]:
    return [f"名{number:03}" if number % 3 else f"name{number:03}" for number in range(40)]


@pytest.mark.parametrize("last", [14, 15, 19, 20, 22, None])
async def test_parts_drawn_one_after_the_other_are_the_whole_picture(names: list[str], last: int | None) -> None:
    app = Host()
    async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
        await wait_for_idle(pilot)
        tree, side = app.query_one(PathTree), app.query_one(VerticalScroll)
        app.refresh(layout=True)
        steps: list[Any] = [
            lambda: tree.show_listing(Listing("", [Entry(name, EntryKind.SECRET) for name in sorted(names)])),
            *[lambda: tree.move(1)] * 12,
            tree.toggle_mark,
            lambda: tree.move_half_page(1),
            lambda: app.query_one("#over", Static).update("語over\nx", layout=False),
            lambda: side.scroll_to(y=4, animate=False),
            lambda: app.query_one("#s2", Static).update("changed\n語x\nz", layout=False),
            tree.move_to_bottom,
            tree.move_to_top,
            lambda: tree.move_half_page(1),
            lambda: tree.move_half_page(1),
            lambda: tree.show_listing(Listing("", [Entry(name, EntryKind.SECRET) for name in sorted(names)[:20]])),
            tree.move_to_bottom,
            lambda: tree.move(-13),
        ]
        for step in steps[:last]:
            step()
            await wait_for_idle(pilot)
        assert app.partial > 10
        whole = drawn_anew(app)
        assert app.terminal.display == whole.display
        assert app.terminal.buffer == whole.buffer


async def test_only_widgets_that_are_seen_in_a_changed_line_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    app = Host()
    async with app.run_test(size=(WIDTH, HEIGHT)) as pilot:
        tree = app.query_one(PathTree)
        tree.show_listing(Listing("", [Entry(f"s{number}", EntryKind.SECRET) for number in range(5)]))
        await wait_for_idle(pilot)
        for widget in app.screen.walk_children():
            original = widget.render_lines

            def asking(crop: Any, name: str = type(widget).__name__, original: Any = original) -> Any:
                asked.append(f"{name} {crop.y} {crop.height}")
                return original(crop)

            monkeypatch.setattr(widget, "render_lines", asking)
        tree.move(1)
        await wait_for_idle(pilot)
        assert asked == ["PathTree 0 2"]
