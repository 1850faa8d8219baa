"""Find by value: hidden as it is typed, read only when asked and agreed to, told as paths and fields."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import MappingProxyType

import pytest
from textual.widgets import Input

from kvtui.services.profiles import Profile
from kvtui.ui.dialogs.find import FindDialog
from kvtui.ui.dialogs.find_values import FindValuesDialog
from tests.doubles.vault import VaultDouble
from tests.ui.conftest import SENTINEL, Running
from tests.ui.serving import fill, profile_of, reads_of_values, served
from tests.vault.places import Place


async def test_a_value_is_typed_unseen_and_what_holds_it_is_told_by_path_and_gone_to(
    running: Running,
) -> None:
    async with running() as screen:
        await screen.press("ctrl+f")
        find = screen.app.screen
        assert isinstance(find, FindDialog)
        find.query_one("#query", Input).value = f"value:{SENTINEL}"  # as it is pasted
        text = await screen.settle()
        assert "SENTINEL" not in text
        assert isinstance(screen.app.screen, FindValuesDialog)
        await screen.press("escape")
        assert screen.app.screen is find
        assert not find.query_one("#query", Input).value
        text = await screen.type("app value:hunter2")
        assert "hunter2" not in text
        assert find.query_one("#query", Input).value == "app"
        assert isinstance(screen.app.screen, FindValuesDialog)
        assert "in secrets found by app" in text
        assert "app/db  password" not in text  # nothing is read yet
        await screen.press("enter")
        field = screen.app.screen.query_one("#part", Input)
        async with asyncio.timeout(60):
            while "1 found" not in (text := await screen.settle()):
                pass
        assert field.value == ""
        assert "app/db  password" in text
        assert "2 secrets read" in text
        assert "unter2" not in text
        await screen.press("enter")
        await screen.settle()
        assert screen.app.screen is screen.app.main
        assert screen.app.main is not None
        assert screen.app.main.at_cursor[0] == "app/db"


async def test_a_value_is_hidden_also_behind_the_word_as_it_stands_on_the_screen(running: Running) -> None:
    async with running() as screen:
        await screen.press("ctrl+f")
        assert "hunter2" not in await screen.type("app Value:hunter2")
        assert isinstance(screen.app.screen, FindValuesDialog)


async def test_values_of_a_server_are_read_once_it_was_told_how_many_and_esc_ends_it(
    server: VaultDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(server)
    monkeypatch.setenv("THE_TOKEN", server.root_token)
    gate, waits = threading.Event(), threading.Event()
    answer = server.answer

    def held(request):  # type: ignore[no-untyped-def]
        if "/data/" in request.path:
            waits.set()
            gate.wait(60)
        return answer(request)

    locked = Profile("mine", "file", MappingProxyType({"path": str(Place(tmp_path).path)}))
    async with served(profile_of(server, {"method": "token", "token_env": "THE_TOKEN"}), locked) as screen:
        await screen.until("▸ secret")
        await screen.keys("ctrl+f")
        await screen.until("3 names as of")
        await screen.keys("ctrl+t")
        await screen.until("mine: left out")
        before = len(server.requests)
        await screen.keys(*"path:secret", "space", *"value:", *"hunter2", "enter")
        await screen.until("which it may log, count and limit.", "That would be 3 of bao.", "Read 3")
        assert not reads_of_values(server, before)
        monkeypatch.setattr(server, "answer", held)
        await screen.keys("enter")
        await screen.until("0 of 3 secrets read", waits.is_set)
        await screen.keys("escape")
        await screen.until("Cancelled. 0 secrets read")
        gate.set()
        await screen.keys(*"hunter2", "enter")
        await screen.until("That would be 3")
        await screen.keys("enter")
        await screen.until("3 secrets read, 1 found", "Not open: mine.", "bao  secret/app/db  password")
        assert not any("hunter2" in seen.target or b"hunter2" in seen.body for seen in server.requests[before:])
