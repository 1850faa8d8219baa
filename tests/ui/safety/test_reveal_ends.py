"""What is revealed is hidden again: by time, by looking elsewhere, by anything that comes in front of it."""

from __future__ import annotations

import pytest

from kvtui.config import UiConfig
from tests.ui.safety.conftest import Watching
from tests.ui.safety.contents import SENTINEL


@pytest.mark.parametrize("how", ["k", "2", "?", ":", "escape", "r", "blur", "small"])
async def test_a_revealed_value_is_hidden(watching: Watching, how: str) -> None:
    async with watching() as watched:
        await watched.open("app/db")
        assert SENTINEL in await watched.press("r")
        if how == "blur":
            watched.app.app_focus = False
            watched.app.on_app_blur()
        elif how == "small":
            await watched.pilot.resize_terminal(20, 5)
        else:
            await watched.press(how)
        assert SENTINEL not in await watched.rest()
        assert not watched.main.fields.revealed


async def test_a_revealed_value_is_hidden_after_its_time(watching: Watching) -> None:
    async with watching(ui=UiConfig(reveal_seconds=1, lock_minutes=0)) as watched:
        await watched.open("app/db")
        assert SENTINEL in await watched.press("r")
        while watched.main.fields.revealed:
            await watched.pilot.pause(0.02)
        assert SENTINEL not in await watched.rest()
