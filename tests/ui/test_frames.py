"""What a key changes is drawn when the key has been handled, whatever was drawn right before."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.rest import nothing_is_due
from tests.ui.conftest import Running, Screen
from tests.ui.test_type_ahead import burst

Drawn = list[str | None]
"""The path under the cursor at each frame."""


@pytest.fixture
def out_of_turn(monkeypatch: pytest.MonkeyPatch) -> Callable[[Screen], Drawn]:
    """From now on the turn of the screen's next frame does not come, as in the sixtieth of a second after one."""

    def begin(screen: Screen) -> Drawn:
        main = screen.app.main
        assert main is not None
        drawn: Drawn = []
        refresh = main._compositor_refresh

        def refreshed() -> None:
            drawn.append(main.at_cursor[0])
            refresh()

        monkeypatch.setattr(main._update_timer, "resume", lambda: None)
        monkeypatch.setattr(main, "_compositor_refresh", refreshed)
        return drawn

    return begin


async def test_a_key_right_after_a_frame_is_drawn_at_once(
    running: Running, out_of_turn: Callable[[Screen], Drawn]
) -> None:
    async with running() as screen:
        await screen.go_to("app/api")
        drawn = out_of_turn(screen)
        burst(screen, "j")
        await nothing_is_due()
        assert drawn == ["app/db"]


async def test_of_keys_that_wait_only_the_last_is_drawn_out_of_turn(
    running: Running, out_of_turn: Callable[[Screen], Drawn]
) -> None:
    async with running() as screen:
        await screen.go_to("app/api")
        drawn = out_of_turn(screen)
        burst(screen, *"jkjkj")
        await nothing_is_due()
        assert drawn == ["app/db"]


async def test_what_no_key_changed_waits_for_its_turn(running: Running, out_of_turn: Callable[[Screen], Drawn]) -> None:
    async with running() as screen:
        await screen.go_to("app/api")
        drawn = out_of_turn(screen)
        assert screen.app.main is not None
        screen.app.main.status.checking = "7 %"
        await nothing_is_due()
        assert drawn == []
