"""The table of actions and the screen are one: every action is there, and a key that cannot work says why."""

import pytest

from kvtui.actions import ACTIONS, BY_ID, Keymap, Scope
from kvtui.backends.contract import Backend
from kvtui.ui.app import KvtuiApp
from kvtui.ui.dialogs.base import Dialog
from kvtui.ui.dialogs.edit import EditDialog
from kvtui.ui.dialogs.find import FindDialog
from kvtui.ui.screens.main import MainScreen
from tests.ui.conftest import Running


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.id)
def test_every_action_of_the_table_is_a_method(action: object) -> None:
    assert action in ACTIONS
    homes = {Scope.APP: [KvtuiApp], Scope.MAIN: [MainScreen], Scope.DIALOG: [EditDialog, FindDialog]}[action.scope]  # type: ignore[attr-defined]
    assert any(callable(getattr(home, f"action_{action.method}", None)) for home in homes), action  # type: ignore[attr-defined]


@pytest.mark.parametrize("home", [KvtuiApp, MainScreen, Dialog, EditDialog, FindDialog])
def test_every_method_that_acts_is_in_the_table(home: type) -> None:
    ours = {
        name.removeprefix("action_").replace("_", ".", 1)
        for owner in home.__mro__
        if owner.__module__.startswith("kvtui.")
        for name in vars(owner)
        if name.startswith("action_")
    }
    textuals_own = {"quit", "help.quit", "screenshot", "suspend.process"}
    assert ours - textuals_own <= set(BY_ID)


def test_default_keys_clash_nowhere() -> None:
    Keymap()


async def test_the_palette_offers_and_finds_every_action_that_has_a_place_there(running: Running) -> None:
    async with running(size=(120, 40)) as screen:
        await screen.press(":")
        dialog = screen.app.screen
        offered = {row.key for row in dialog.rows.rows}  # type: ignore[attr-defined]
        assert offered == {action.id for action in ACTIONS if action.palette}
        for action in ACTIONS:
            if action.palette:
                dialog.narrow(action.title)  # type: ignore[attr-defined]
                assert action.id in [row.key for row in dialog.rows.rows[:3]], action.id  # type: ignore[attr-defined]


async def test_a_key_that_cannot_work_here_says_why_in_the_status_line(running: Running) -> None:
    async with running(read_only=True) as screen:
        await screen.go_to("app/db")
        for key, title in (("n", "New"), ("e", "Edit"), ("i", "Edit metadata"), ("o", "Rotate"), ("d", "Delete")):
            text = await screen.press(key)
            assert f"{title}: " in text.splitlines()[-1] or f"{title}: " in text.splitlines()[-2]
            assert "read-only" in text
            assert isinstance(screen.app.screen, MainScreen)


async def test_keys_without_a_meaning_here_do_nothing(running: Running) -> None:
    async with running() as screen:
        await screen.go_to("app/db")
        await screen.app._tick()  # or the lock's countdown comes in between
        before = await screen.settle()
        for key in ("K", "x", "5", "Q", "f7"):
            assert await screen.press(key) == before


def nothing(_: Backend) -> None:
    """An empty store."""


async def test_actions_on_a_secret_say_so_where_none_is_selected(running: Running) -> None:
    async with running(contents=nothing) as screen:
        for key in ("e", "E", "i", "o", "r", "y", "=", "b", "d", "U", "D", "m", "C"):
            text = await screen.press(key)
            assert "No secret is selected" in text, key
            await screen.press("escape")
        assert "There is nothing to undo" in await screen.press("u")


async def test_a_long_message_takes_lines_of_its_own_and_goes_again(running: Running) -> None:
    async with running(size=(60, 20)) as screen:
        main = screen.app.screen
        assert isinstance(main, MainScreen)
        message = "Rotated password: version 3. u takes it back. Not copied: there is no clipboard tool. Install one."
        main.say(message)
        lines = (await screen.settle()).splitlines()
        said = " ".join(" ".join(lines[-3:]).split())
        assert (
            "Rotated password: version 3. u takes it back. Not copied: there is no clipboard tool. Install one." in said
        )
        assert "test memory" in lines[-1]
        main._forget_message()
        assert "Rotated" not in await screen.settle()


async def test_a_key_pressed_before_the_detail_is_read_acts_on_the_row_under_the_cursor(running: Running) -> None:
    async with running() as screen:
        await screen.go_to("app/api")
        await screen.pilot.press("j", "e")  # no pause: the detail still shows app/api
        text = await screen.settle()
        assert "Edit" in text
        assert screen.app.screen.query_one("#edit-path-shown").content.plain == "app/db"  # type: ignore[attr-defined]
