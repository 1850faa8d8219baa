"""A platform that never gives a value back: on the screen."""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType

import pytest

from kvtui.services.profiles import Profile
from tests.doubles.tailor import TailorDouble
from tests.ui.serving import SENTINEL, served

PATH = "api-keys/stripe-key"


@pytest.fixture
def double() -> Iterator[TailorDouble]:
    with TailorDouble() as made:
        made.vault("api-keys", {"stripe-key": SENTINEL})
        made.vault("managed", {"abc": SENTINEL}, managed_by="my-app")
        yield made


@pytest.fixture
def profile(double: TailorDouble, monkeypatch: pytest.MonkeyPatch) -> Profile:
    monkeypatch.setenv("THE_TOKEN", double.login.access_token)
    return Profile("tailor", "tailor", MappingProxyType({"url": double.url, "token_env": "THE_TOKEN"}))


async def test_a_value_is_said_to_be_unreadable_and_times_are_told(double: TailorDouble, profile: Profile) -> None:
    async with served(profile) as screen:
        await screen.settle()
        text = await screen.go_to(PATH)
        assert "cannot be read back" in text
        assert "••••••••" not in text
        for key in ("r", "R", "y", "="):
            assert "never gives a value back" in await screen.press(key), key
        text = await screen.press("2")
        assert "Updated" in text
    assert double.mutations() == []


async def test_a_value_is_written_and_rotated_by_one_request_each(double: TailorDouble, profile: Profile) -> None:
    async with served(profile) as screen:
        await screen.settle()
        await screen.go_to(PATH)
        await screen.press("e")
        await screen.type("typed")
        await screen.press("ctrl+s")
        await screen.press("ctrl+s")
        assert double.value("api-keys", "stripe-key") == "typed"
        await screen.press("o")
        text = await screen.press("ctrl+s")
        assert "not compared" in text
    assert double.value("api-keys", "stripe-key") not in {"typed", SENTINEL}
    assert [one.path.rpartition("/")[2] for one in double.mutations()] == ["UpdateSecretManagerSecret"] * 2


async def test_what_a_configuration_owns_is_said_before_it_is_changed(double: TailorDouble, profile: Profile) -> None:
    async with served(profile, size=(120, 30)) as screen:
        await screen.settle()
        await screen.go_to("managed/abc")
        assert "configuration of my-app" in await screen.press("d")
        await screen.press("escape")
        assert "configuration of my-app" in await screen.press("o")
        await screen.press("escape")
        await screen.press("e")
        await screen.type("x")
        assert "configuration of my-app" in await screen.press("ctrl+s")
    assert double.mutations() == []


async def test_a_vault_is_made_filled_and_deleted_when_empty(double: TailorDouble, profile: Profile) -> None:
    async with served(profile, size=(120, 30)) as screen:
        await screen.settle()
        await screen.press(":")
        await screen.type("create container")
        await screen.press("enter")
        await screen.type("new-vault")
        await screen.press("ctrl+s")
        assert "▸ new-vault" in await screen.settle()
        for vault, said in (("managed", "configuration of my-app"), ("new-vault", "It has to be empty")):
            await screen.go_to(vault)
            await screen.press(":")
            await screen.type("delete container")
            assert said in await screen.press("enter")
            await screen.press("ctrl+s")
        assert "▸ new-vault" not in await screen.settle()
    assert list(double.main.vaults) == ["api-keys", "managed"]
    names = [one.path.rpartition("/")[2] for one in double.mutations()]
    assert names == ["CreateSecretManagerVault", "DeleteSecretManagerVault"]
