"""What is on the screen as soon as anything of the store is."""

from __future__ import annotations

import pytest

from kvtui.ui.screens.main import MainScreen
from tests.support.screens import screen_text
from tests.ui.conftest import Running


async def test_the_first_frame_has_the_tabs_and_the_keys(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    frames: list[str] = []
    refresh = MainScreen._compositor_refresh

    def refreshed(screen: MainScreen) -> None:
        refresh(screen)
        frames.append("\n".join(screen_text(screen.app)))

    monkeypatch.setattr(MainScreen, "_compositor_refresh", refreshed)
    async with running():
        first = next(frame for frame in frames if frame.strip())
        assert [said for said in ("Nothing selected", "Fields", "Find", "Quit") if said not in first] == []
