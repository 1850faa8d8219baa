"""The screen on a service that searches, copies, rotates and tells by itself."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from types import MappingProxyType

import pytest

from kvtui.domain.value import SecretValue
from kvtui.services.profiles import Profile
from tests.crud.places import store
from tests.doubles.crud import CrudDouble, Settings
from tests.ui.serving import Served, served

TOKEN = "tok-3f7a91c2"
KEY = "openbao+kv2/secret/app/key"


@pytest.fixture
def crud() -> Iterator[CrudDouble]:
    with CrudDouble(Settings(tenant_salt=None, require_auth=True, enforce_scopes=True)) as double:
        double.token(TOKEN, subject="ann")
        yield double


@pytest.fixture
def profile(crud: CrudDouble, monkeypatch: pytest.MonkeyPatch) -> Profile:
    monkeypatch.setenv("CRUD_TOKEN", TOKEN)
    settings = {"url": crud.url, "token_env": "CRUD_TOKEN", "roots": ("openbao+kv2://secret", "yaml://secret")}
    return Profile("crud", "crud", MappingProxyType(settings))


async def at_the_key(screen: Served) -> str:
    await screen.until("openbao")
    screen.session.backend.write(KEY, {"token": SecretValue("SENTINEL"), "user": SecretValue("admin")})
    return await screen.go_to(KEY)


async def test_rotation_copy_and_search_are_done_by_the_service(crud: CrudDouble, profile: Profile) -> None:
    async with served(profile, size=(130, 30)) as screen:
        await at_the_key(screen)
        text = await screen.press("o")
        assert "On the server" in text
        screen.app.screen.query_one("#rotate-there").focus()
        await screen.press("space")
        text = await screen.press("ctrl+s")
        assert "on the server" in text
        assert screen.session.backend.read(KEY).current == 2
        assert screen.session.backend.read(KEY).fields["user"].reveal() == "admin"
        await screen.press("C")
        await screen.type("-copy")
        screen.app.screen.query_one("#target-there").focus()
        await screen.press("space", "ctrl+s")
        text = await screen.press("ctrl+s")
        assert "1 of 1 done." in text
        with store(crud, token=TOKEN) as other:
            other.write("openbao+kv2/secret/far-copy", {"token": SecretValue("x")})
        await screen.press("ctrl+f")
        await screen.type("copy")
        text = await screen.until("the server found 1")
        assert f"{KEY}-copy" in text
        assert "openbao+kv2/secret/far-copy" in text


async def test_what_the_service_tells_stands_in_activity_as_it_happens(crud: CrudDouble, profile: Profile) -> None:
    async with served(profile, size=(130, 30)) as screen:
        await at_the_key(screen)
        text = await screen.press("4")
        assert "store " in text
        screen.session.backend.write(KEY, {"token": SecretValue("more")})
        text = await screen.until("live ")
        assert "SENTINEL" not in text
        listening = [thread for thread in threading.enumerate() if thread.name == "survey"]
        assert listening
        await screen.press("1")
        for thread in listening:  # it ends by itself, with its request
            await asyncio.to_thread(thread.join, 20)
            assert not thread.is_alive()
