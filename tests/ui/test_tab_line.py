"""The tabs of the detail: what a click on them does, and what is seen of them where there is little room."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.widget import Widget

from kvtui.ui.widgets.tab_line import TabLine
from tests.support.screens import screen_text

NAMES = ("fields", "metadata", "versions", "activity")


class Tabbed(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.tabs = TabLine(NAMES)
        self.chosen: list[str] = []

    def compose(self) -> ComposeResult:
        yield self.tabs
        yield Widget()

    def on_tab_line_chosen(self, event: TabLine.Chosen) -> None:
        self.chosen.append(event.name)


@pytest.mark.parametrize("line", [0, 1])
async def test_a_click_on_a_tab_or_below_it_asks_for_that_tab(line: int) -> None:
    app = Tabbed()
    async with app.run_test(size=(60, 4)) as pilot:
        for x in (0, 7, 8, 37):
            await pilot.click(app.tabs, offset=(x, line))
        await pilot.click(app.tabs, offset=(38, line))
    assert app.chosen == ["fields", "fields", "metadata", "activity"]


async def test_the_active_tab_is_in_sight_and_found_by_a_click_where_there_is_no_room_for_all() -> None:
    app = Tabbed()
    async with app.run_test(size=(20, 4)) as pilot:
        for name in NAMES:
            app.tabs.active = name
            await pilot.pause()
            labels, line = screen_text(app)[:2]
            assert name.capitalize() in labels
            assert len(line) == 20
            await pilot.click(app.tabs, offset=(labels.index(name.capitalize()), 0))
    assert app.chosen == list(NAMES)


async def test_the_tab_under_the_pointer_looks_as_the_active_one_does() -> None:
    app = Tabbed()
    async with app.run_test(size=(60, 4)) as pilot:
        before = app.tabs.render()
        await pilot.hover(app.tabs, offset=(9, 0))
        assert app.tabs.render().spans != before.spans
        await pilot.hover(Widget, offset=(0, 1))
        assert app.tabs.render().spans == before.spans
