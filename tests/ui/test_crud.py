"""A store that lists half of what it has, behind canonical URIs: on the screen."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

import pytest

from kvtui.services.profiles import Profile
from tests.crud.places import APP, APP_URI, ENV, ENV_URI, TOKEN
from tests.doubles.crud import CrudDouble, Settings
from tests.ui.serving import SENTINEL, Served, served


@pytest.fixture
def double() -> Iterator[CrudDouble]:
    with CrudDouble(Settings(tenant_salt=None, require_auth=True, enforce_scopes=True)) as made:
        made.token(TOKEN, subject="ann")
        made.put(APP_URI, {"token": "old", "user": "u"})
        made.put(APP_URI, {"token": SENTINEL, "user": "u"})
        made.put(ENV_URI, {"KEY": "k"})
        yield made


@pytest.fixture
def profile(double: CrudDouble, monkeypatch: pytest.MonkeyPatch) -> Profile:
    monkeypatch.setenv("THE_TOKEN", TOKEN)
    settings = {"url": double.url, "token_env": "THE_TOKEN", "roots": ["openbao+kv2://secret", "yaml://secret"]}
    return Profile("crud", "crud", MappingProxyType(settings))


async def at(screen: Served, path: str, *words: str) -> str:
    await screen.until("openbao+kv2", "yaml")  # it is open
    await screen.go_to(path)
    return await screen.until(*words)


async def test_roots_are_folders_and_a_path_is_gone_to_and_remembered(double: CrudDouble, profile: Profile) -> None:
    async with served(profile) as screen:
        assert SENTINEL not in await at(screen, APP, "• app", "token", "user")
        await screen.press("r")
        await screen.until("u")
        assert not double.mutations()
    async with served(profile) as screen:
        await at(screen, APP, "• app")


async def test_versions_metadata_and_what_was_done_are_shown(double: CrudDouble, profile: Profile) -> None:
    async with served(profile, size=(120, 30)) as screen:
        await at(screen, APP, "• app", "token")
        await screen.press("2")
        await screen.until("setup")
        await screen.press("3")
        await screen.until("2 live", "1 live")
        await screen.press("4")
        await screen.until("read_metadata", "ann")
        assert not double.mutations()


async def test_what_a_yaml_secret_has_not_says_why(double: CrudDouble, profile: Profile) -> None:
    async with served(profile) as screen:
        await at(screen, ENV, "• env", "KEY")
        for key, words in (
            ("v", "keeps no versions"),
            ("D", "keeps nothing of what is deleted"),
            ("i", "values alone"),
        ):
            await screen.press(key)
            await screen.until(words)
    assert not double.mutations()


async def test_a_refused_yaml_write_is_greyed_from_then_on(double: CrudDouble, profile: Profile) -> None:
    double.settings.environment = "prod"
    async with served(profile, size=(120, 30)) as screen:
        await at(screen, ENV, "• env", "KEY")
        await screen.press("d")
        await screen.until("type its path")
        screen.app.screen.query_one("#confirm-path").focus()
        await screen.type(ENV)
        await screen.press("ctrl+s")
        await screen.until("in dev and test only")
        await screen.press("escape", "escape")
        await screen.gone("type its path")
        await screen.press("up", "down")
        await screen.until("KEY")
        await screen.press("o")  # greyed now, with the reason
        await screen.until("in dev and test only")
        assert len(double.mutations()) == 1
    assert double.live(ENV_URI) == {"KEY": "k"}
