"""Health on the screen: findings come, are narrowed, and lead to the secret."""

from __future__ import annotations

import pytest

from kvtui.domain.value import SecretValue
from kvtui.services.health import Checkup
from kvtui.ui.dialogs import health
from tests.ui.conftest import SENTINEL, Running


async def test_h_lists_findings_and_enter_goes_to_the_secret(running: Running) -> None:
    async with running() as screen:
        screen.backend.write("team/pin", {"pin": SecretValue("qwerty-7")})
        text = await screen.press("H")
        assert "Health" in text
        assert "weak" in text
        assert "team/pin#pin" in text
        assert "qwerty-7" not in text
        await screen.type("team")
        await screen.press("enter")
        await screen.settle()
        assert screen.app.main is not None
        assert screen.app.main.at_cursor[0] == "team/pin"


async def test_values_of_a_server_are_read_when_the_button_is_pressed(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "reads_are_noticed", lambda _: True)
    async with running() as screen:
        screen.backend.write("team/pin", {"pin": SecretValue("qwerty-7")})
        text = await screen.press("H")
        assert "only dates" in text
        assert "team/pin" not in text
        await screen.pilot.click("#health-values")
        text = await screen.press("down")
        assert "team/pin#pin" in text
        assert "only dates" not in text
        assert "Read values" not in text


async def test_a_look_that_ended_where_nobody_foresaw_it_does_not_say_that_all_is_well(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError(SENTINEL)

    monkeypatch.setattr(Checkup, "findings", fail)
    async with running() as screen:
        text = await screen.press("H")
        assert "Something went wrong inside kvtui (ValueError)" in text
        assert "Nothing is wrong" not in text
        assert SENTINEL not in text
