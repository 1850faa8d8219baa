"""The hooks of Textual the app overrides, each by itself: line filter, actions in text, copying, screenshots."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.app import ComposeResult
from textual.color import Color
from textual.widget import Widget
from textual.widgets import (
    Button,
    Checkbox,
    Collapsible,
    DataTable,
    Input,
    Label,
    ListItem,
    ListView,
    Markdown,
    OptionList,
    RichLog,
    Select,
    SelectionList,
    Static,
    Tab,
    Tabs,
    TextArea,
    Tree,
)

from kvtui.ui.safety import SafeApp, SinkFilter
from tests.support.hostile import HOSTILE
from tests.support.oracle import bad_tokens, payload_slices_inside
from tests.support.screens import screen_text
from tests.ui.safety.conftest import Watched, Watching

# One text with a character of every kind a terminal acts on, and links: short enough to be seen in one line.
RAW = "a\x1b[31mb\x1b]52;c;U0VD\x07c\x9b2Jd\x9d0;t\x9ce\x00f\x7fg\u202eh\u200bi\u2066j\ufeffk\u00adl\U000e0041m\u2028n"


Make = Callable[[str], Widget]


class Shelf(SafeApp[None]):
    """One widget, given a text without any cleaning."""

    def __init__(self, make: Make, text: str) -> None:
        super().__init__()
        self._make, self._text = make, text
        self.ran: list[str] = []

    def compose(self) -> ComposeResult:
        yield self._make(self._text)

    def action_ran(self, what: str = "") -> None:
        self.ran.append(what)


def _table(text: str) -> Widget:
    table: DataTable[str] = DataTable()
    table.add_column(text)
    table.add_row(text, label=text)
    return table


def _log(text: str) -> Widget:
    log = RichLog()
    log.write(text)
    return log


def _tree(text: str) -> Widget:
    tree: Tree[None] = Tree(text)
    tree.root.add_leaf(text)
    tree.root.expand()
    return tree


def _bordered(text: str) -> Widget:
    box = Static("x")
    box.styles.border = ("round", "red")
    box.border_title = box.border_subtitle = text
    return box


WIDGETS: dict[str, Make] = {
    "static": lambda text: Static(text, markup=False),
    "label": lambda text: Label(text, markup=False),
    "button": Button,
    "border": _bordered,
    "checkbox": Checkbox,
    "collapsible": lambda text: Collapsible(Static(text, markup=False), title=text, collapsed=False),
    "data-table": _table,
    "input": lambda text: Input(text, placeholder=text),
    "placeholder": lambda text: Input(placeholder=text),
    "list": lambda text: ListView(ListItem(Label(text, markup=False))),
    "markdown": Markdown,
    "options": OptionList,
    "log": _log,
    "select": lambda text: Select([(text, 1)], value=1),
    "selection": lambda text: SelectionList((text, 1)),
    "tabs": lambda text: Tabs(Tab(text)),
    "text-area": TextArea,
    "tree": _tree,
}


@pytest.mark.parametrize("make", WIDGETS.values(), ids=WIDGETS)
async def test_the_line_filter_alone_cleans_every_kind_of_widget(make: Make) -> None:
    app = Shelf(make, RAW)
    watched = Watched(app, (80, 10))
    async with app.run_test(size=(80, 10)) as pilot:
        await pilot.pause()
    assert bad_tokens(watched.output) == []
    assert payload_slices_inside(watched.output, RAW) == []


@pytest.mark.parametrize("name", ["static", "button", "border", "data-table", "options", "tabs", "tree", "checkbox"])
async def test_an_action_in_markup_never_runs(name: str) -> None:
    text = "[@click=app.ran('x')]click me[/]"
    app = Shelf(Static if name == "static" else WIDGETS[name], text)
    async with app.run_test(size=(30, 10)) as pilot:
        rows = screen_text(app)
        assert any("click me" in row for row in rows)
        for y, row in enumerate(rows):
            for x in range(0, len(row.rstrip()), 2):
                await pilot.click(offset=(x, y))
        assert app.ran == []
        assert app.is_running


def test_the_line_filter_takes_links_away() -> None:
    filtered = SinkFilter().apply([Segment("x", Style(link="http://example.org/\x1b]52;c;eA\x07"))], Color(0, 0, 0))
    assert filtered[0].style is not None
    assert filtered[0].style.link is None


@pytest.mark.parametrize("category", ["csi", "osc", "dcs_apc_pm_sos", "esc_simple", "c0", "c1", "bidi", "invisible"])
def test_the_line_filter_leaves_no_control_sequence_of_the_corpus(category: str) -> None:
    for entry in HOSTILE:
        if entry.category == category:
            text = SinkFilter().apply([Segment(entry.value)], Color(0, 0, 0))[0].text
            assert bad_tokens(text.encode("utf-8", "surrogatepass")) == [], entry


async def test_nothing_of_the_app_takes_a_screenshot(watching: Watching, tmp_path: Path) -> None:
    async with watching() as watched:
        app = watched.app
        assert list(app.get_system_commands(app.screen)) == []
        app.action_screenshot("a.svg", str(tmp_path))
        await app.run_action("app.screenshot('b.svg')")
        assert app.deliver_screenshot("c.svg", str(tmp_path)) is None
        with pytest.raises(PermissionError):
            app.save_screenshot("d.svg", str(tmp_path))
        text = await watched.press(":", *"screenshot")
        assert "Nothing like that." in text
    assert list(tmp_path.glob("*.svg")) == []  # noqa: ASYNC240


async def test_what_a_widget_copies_goes_nowhere(watching: Watching) -> None:
    async with watching() as watched:
        watched.app.copy_to_clipboard("SENTINEL")
        assert watched.app.clipboard == ""
        await watched.press("/", *"app")
        await watched.press("ctrl+shift+a", "ctrl+c")
        assert watched.app.is_running
        assert watched.app.clipboard == ""


async def test_textuals_own_palette_is_off(watching: Watching) -> None:
    async with watching() as watched:
        watched.app.action_command_palette()
        await watched.rest()
        assert watched.app.screen is watched.main
