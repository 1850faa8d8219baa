"""Deleting, restoring, destroying, moving: asked first, named exactly, taken back with one key."""

import pytest

from kvtui.domain.errors import NotFound
from kvtui.domain.secret import VersionState
from kvtui.domain.value import SecretValue
from tests.ui.conftest import Running


async def test_delete_asks_with_the_safe_button_focused_and_u_takes_it_back(running: Running) -> None:
    async with running() as screen:
        await screen.go_to("app/db")
        text = await screen.press("d")
        assert "Delete app/db" in text
        await screen.press("enter")
        assert screen.backend.read("app/db").version.state is VersionState.LIVE
        await screen.press("d", "ctrl+s")
        assert screen.backend.read("app/db").version.state is VersionState.DELETED
        assert "Press U to undelete" in screen.text
        await screen.press("u")
        assert screen.backend.read("app/db").version.state is VersionState.LIVE


async def test_undelete_from_the_trash(running: Running) -> None:
    async with running() as screen:
        screen.backend.delete("infra/token")
        text = await screen.press("t")
        assert "infra/token" in text
        await screen.press("ctrl+s")
        assert screen.backend.read("infra/token").version.state is VersionState.LIVE


@pytest.mark.parametrize(
    "typed", ["", *(pytest.param(typed, marks=pytest.mark.slow) for typed in ("y", "app/d", "app/dbx")), "APP/DB"]
)
async def test_destroy_refuses_anything_but_the_exact_path(running: Running, typed: str) -> None:
    async with running() as screen:
        await screen.go_to("app/db")
        await screen.press("D", "shift+tab", "shift+tab")
        await screen.press("tab")
        await screen.press("tab")
        screen.app.screen.query_one("#confirm-path").focus()
        await screen.type(typed)
        await screen.press("enter", "ctrl+s")
        assert screen.backend.read("app/db").version.state is VersionState.LIVE
        assert "not the path" in screen.text


async def test_destroy_with_the_path_typed_is_for_good(running: Running) -> None:
    async with running() as screen:
        await screen.go_to("app/db")
        await screen.press("D")
        assert screen.app.focused is not None
        assert screen.app.focused.id == "cancel"
        screen.app.screen.query_one("#confirm-path").focus()
        await screen.type("app/db")
        await screen.press("ctrl+s")
        with pytest.raises(NotFound):
            screen.backend.read("app/db")
        assert "api" in screen.text


async def test_roll_back_writes_the_old_values_as_a_new_version(running: Running) -> None:
    async with running() as screen:
        await screen.go_to("app/db")
        await screen.press("v", "j", "b")
        assert "version 1" in screen.text
        await screen.press("ctrl+s")
        secret = screen.backend.read("app/db")
        assert secret.current == 3
        assert secret.fields["password"].same_as(screen.backend.read("app/db", 1).fields["password"])


async def test_a_marked_version_is_compared_with_the_one_under_the_cursor(running: Running) -> None:
    async with running() as screen:
        for text in ("three", "four"):
            screen.backend.write("app/db", {"value": SecretValue(text)})
        await screen.go_to("app/db")
        await screen.press("v", "j", "space", "j")  # marking goes on to the next
        assert "version 1 → 3" in await screen.press("equals_sign")
        await screen.press("escape", "space", "k", "space")
        assert "3 versions are marked. Mark the two to compare." in await screen.press("equals_sign")


async def test_moving_a_secret_keeps_its_versions_and_is_taken_back(running: Running) -> None:
    async with running() as screen:
        await screen.go_to("app/db")
        await screen.press("m", "end")
        await screen.type("2")
        await screen.press("ctrl+s")
        await screen.settle()
        assert screen.backend.read("app/db2").current == 2
        await screen.press("u")
        assert screen.backend.read("app/db").current == 2


async def test_copying_a_folder_copies_everything_below_it(running: Running) -> None:
    async with running() as screen:
        await screen.press("C", "end")
        await screen.type("-copy")
        assert "app/db → app-copy/db" in await screen.press("ctrl+s")
        await screen.press("ctrl+s")
        assert screen.backend.read("app-copy/db").current == 2
        assert screen.backend.read("app-copy/api").current == 1


async def test_marked_secrets_are_deleted_together(running: Running) -> None:
    async with running() as screen:
        await screen.press("l", "j", "space", "space")
        assert "Marked 2" in screen.text
        text = await screen.press("d")
        assert "2 secrets" in text
        await screen.press("ctrl+s")
        assert screen.backend.read("app/api").version.state is VersionState.DELETED
        assert screen.backend.read("app/db").version.state is VersionState.DELETED


async def test_read_only_greys_what_writes_and_says_why(running: Running) -> None:
    async with running(read_only=True) as screen:
        await screen.go_to("app/db")
        before = screen.backend.versions("app/db")
        for key in ("n", "e", "E", "i", "o", "b", "d", "D", "U", "m", "C"):
            await screen.press(key)
            await screen.press("escape")
        assert screen.backend.versions("app/db") == before
        await screen.press(":")
        assert "read-only" in await screen.type("Delete")


async def test_containers_are_made_and_dropped_from_the_palette(running: Running) -> None:
    async with running() as screen:
        await screen.press(":")
        await screen.type("create container")
        await screen.press("enter")
        await screen.type("fresh")
        text = await screen.press("ctrl+s")
        assert "fresh" in text
        assert "fresh" in screen.backend.containers()
