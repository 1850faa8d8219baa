"""What a key changes is drawn when the key has been handled, whatever was drawn right before."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from rich.style import Style
from textual._ansi_sequences import SYNC_END, SYNC_START
from textual.app import App, ComposeResult
from textual.widgets import Static

from kvtui.ui.composing import draw_now
from kvtui.ui.loop import LoopDriver
from kvtui.ui.widgets.tree_line import UNICODE, TreeLine, draw_line
from tests.support.rest import nothing_is_due
from tests.support.screens import wait_for_idle
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


@pytest.mark.parametrize("keys", ["j", "jkjkj"], ids=["alone", "the last of those that wait"])
async def test_a_key_right_after_a_frame_is_drawn_at_once(
    running: Running, out_of_turn: Callable[[Screen], Drawn], keys: str
) -> None:
    async with running() as screen:
        await screen.go_to("app/api")
        drawn = out_of_turn(screen)
        burst(screen, *keys)
        await nothing_is_due()
        assert drawn == ["app/db"]


async def test_what_a_key_changes_is_drawn_before_what_follows_from_it(
    running: Running, out_of_turn: Callable[[Screen], Drawn], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running() as screen:
        await screen.go_to("app/api")
        assert screen.app.main is not None
        drawn = out_of_turn(screen)
        monkeypatch.setattr(screen.app.main, "mask", lambda: drawn.append("told of the move"))
        burst(screen, "j")
        await nothing_is_due()
        assert drawn == ["app/db", "told of the move"]


async def test_what_no_key_changed_waits_for_its_turn(running: Running, out_of_turn: Callable[[Screen], Drawn]) -> None:
    async with running() as screen:
        await screen.go_to("app/api")
        drawn = out_of_turn(screen)
        assert screen.app.main is not None
        screen.app.main.status.checking = "7 %"
        await nothing_is_due()
        assert drawn == []


async def test_what_is_not_laid_out_yet_is_not_drawn_out_of_turn() -> None:
    """Or it would never be told its size."""

    class Host(App[None]):
        def compose(self) -> ComposeResult:
            yield Static("shown", id="shown")
            hidden = Static("hidden", id="hidden")
            hidden.display = False
            yield hidden

    app = Host()
    async with app.run_test() as pilot:
        await wait_for_idle(pilot)
        shown, hidden = app.query_one("#shown"), app.query_one("#hidden")
        for dirty, left in (({shown, hidden}, {shown, hidden}), ({shown}, set())):
            app.screen._dirty_widgets = set(dirty)
            draw_now(app.screen)
            assert app.screen._dirty_widgets == left


async def test_what_a_widget_has_not_told_its_screen_is_drawn_unless_it_has_to_be_laid_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Host(App[None]):
        def compose(self) -> ComposeResult:
            yield Static("as high as its text", id="shown")

    app = Host()
    async with app.run_test() as pilot:
        await wait_for_idle(pilot)
        drawn: list[str] = []
        monkeypatch.setattr(app.screen, "_compositor_refresh", lambda: drawn.append("frame"))
        shown = app.query_one("#shown", Static)
        for layout, frames in ((False, ["frame"]), (True, ["frame"])):
            shown.update("two\nlines", layout=layout)
            draw_now(app.screen)
            assert drawn == frames


def test_a_frame_is_one_turn_of_the_thread_that_writes_it() -> None:
    written: list[str] = []

    class Writer:
        write = staticmethod(written.append)

    driver = LoopDriver.__new__(LoopDriver)
    driver._writer_thread, driver._loop = Writer(), None  # type: ignore[assignment]
    for part in ("before", SYNC_START, "picture", SYNC_END, "after"):
        driver.write(part)
    assert written == ["before", f"{SYNC_START}picture{SYNC_END}", "after"]


def test_a_plain_row_is_drawn_in_three_pieces() -> None:
    """Each is forty bytes more at every row of every key that scrolls."""
    styles = {name: Style(color=f"color({number})") for number, name in enumerate(("guide", "badge", "secret"))}
    strip = draw_line(TreeLine("folder/name"), 20, UNICODE, styles.__getitem__)
    assert [(piece.text, piece.style) for piece in strip] == [
        (" │ ", styles["guide"]),
        ("• ", styles["badge"]),
        ("name           ", styles["secret"]),
    ]
