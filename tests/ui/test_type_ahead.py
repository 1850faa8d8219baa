"""Keys typed faster than the screen follows."""

from __future__ import annotations

from textual import events

from kvtui.domain.secret import VersionState
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
