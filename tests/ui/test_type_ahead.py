"""Keys typed faster than the screen follows."""

from __future__ import annotations

import asyncio
import inspect
from itertools import count

import pytest
from textual import _time, events

from kvtui.domain.secret import VersionState
from kvtui.ui.dialogs.find import FindDialog
from kvtui.ui.type_ahead import Handled
from tests.ui.conftest import Running, Screen

KEYS = {"/": "slash", "-": "minus"}


def burst(screen: Screen, *keys: str) -> None:
    """All keys at once, as a terminal sends what was typed while nobody read."""
    for key in keys:
        character = key if len(key) == 1 else None
        screen.app.post_message(events.Key(KEYS.get(key, key), character))


async def test_what_is_typed_after_the_filter_key_goes_into_the_filter(running: Running) -> None:
    async with running() as screen:
        await screen.go_to("app/db")
        burst(screen, "/", *"dyDo")
        text = await screen.settle()
        assert "dyDo" in text
        assert screen.backend.read("app/db").version.state is VersionState.LIVE
        assert "Delete" not in text


async def test_what_is_typed_after_the_edit_key_goes_into_the_form(running: Running) -> None:
    async with running() as screen:
        await screen.go_to("app/api")
        burst(screen, "e", *"bdq9", "ctrl+s", "ctrl+s")
        await screen.settle()
        await screen.settle()
        secret = screen.backend.read("app/api")
        assert secret.current == 2
        assert secret.fields["value"].reveal() == "bdq9"


async def test_a_whole_new_secret_can_be_typed_ahead(running: Running) -> None:
    async with running() as screen:
        await screen.go_to("app/api")
        burst(screen, "n", *"new", "tab", "tab", *"s3cret", "ctrl+s", "ctrl+s")
        for _ in range(3):
            await screen.settle()
        assert screen.backend.read("app/new").fields["value"].reveal() == "s3cret"


async def test_esc_drops_what_waits(running: Running) -> None:
    async with running() as screen:
        await screen.go_to("app/db")
        burst(screen, "e", *"xx", "escape", "escape")
        await screen.settle()
        assert screen.backend.read("app/db").current == 2


async def test_what_is_typed_after_esc_is_not_for_what_it_closes(running: Running) -> None:
    async with running() as screen:
        await screen.go_to("app/db")
        await screen.press("ctrl+f")
        left = screen.app.screen
        burst(screen, "k", "escape", "ctrl+f", *"token")
        await screen.settle()
        found = screen.app.screen
        assert isinstance(found, FindDialog)
        assert found is not left
        assert found.query_text == "token"
        burst(screen, "escape", "down")
        await screen.settle()
        assert screen.app.main is screen.app.screen
        assert screen.app.main.at_cursor[0] != "app/db"


async def test_enter_after_a_filter_finds_what_it_lets_through(running: Running) -> None:
    async with running() as screen:
        main = screen.app.main
        assert main is not None
        burst(screen, "/", *"token", "enter")
        await screen.settle()
        assert main.at_cursor[0] == "infra/token"


async def test_what_moves_after_a_query_moves_in_what_it_finds(running: Running) -> None:
    async with running() as screen:
        main = screen.app.main
        assert main is not None
        await screen.press("ctrl+f")
        burst(screen, *"app", "down", "enter")
        await screen.settle()
        assert main.at_cursor[0] == "app/api"


async def test_keys_that_wait_get_their_turn_on_a_machine_that_stands_still_meanwhile(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = count()

    def stalling() -> float:
        """A timer that rings once begins to wait when its time is over."""
        waits = inspect.currentframe().f_back.f_locals["self"]  # type: ignore[union-attr]
        return get_time() if getattr(waits, "_repeat", None) is None else next(times)

    get_time = _time.get_time
    async with running() as screen:
        monkeypatch.setattr(_time, "get_time", stalling)
        burst(screen, "/", *"tok")
        await asyncio.sleep(0)  # the loop hands the burst over in its next round
        async with asyncio.timeout(60):
            while screen.app._waiting or screen.app._looking:  # noqa: ASYNC110 - each round of the loop brings it nearer
                await asyncio.sleep(0)
        monkeypatch.undo()
        text = await screen.settle()
        assert "tok" in text


async def test_keys_that_come_to_an_end_as_the_program_leaves_go_nowhere(running: Running) -> None:
    async with running() as screen:
        app = screen.app
    assert not app.screen_stack
    with app._context():
        await app._handled(Handled(app._handed_on))
        for forwarded in (False, True):
            key = events.Key("j", "j")
            if forwarded:
                key._set_forwarded()
            await app.on_event(key)
