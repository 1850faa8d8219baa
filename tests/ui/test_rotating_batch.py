"""Several rotated together on the screen: taken back with one key, gone on with after a crash."""

from __future__ import annotations

from typing import Any

import pytest

from kvtui.services.batch_record import BatchRecord
from kvtui.services.generator import Recipe, generate
from kvtui.services.rotation_batch import How, RotationBatch
from tests.ui.conftest import Running

PATHS = ("app/db", "top")


async def test_one_key_takes_back_all_that_were_rotated_together(running: Running) -> None:
    async with running() as screen:
        before = [screen.backend.read(path) for path in PATHS]
        for path in PATHS:
            await screen.go_to(path)
            await screen.press("space")
        text = await screen.press("o", "ctrl+s")
        assert "2 of 2 done. u takes them back." in text
        text = await screen.press("u")
        assert "Taken back: 2 of 2." in text
        for was in before:
            now = screen.backend.read(was.path)
            assert now.current == was.current + 2
            assert all(now.fields[name].same_as(value) for name, value in was.fields.items())


class Killed(BaseException):
    pass


async def test_after_a_crash_the_screen_offers_to_go_on(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as screen:
        add, count = BatchRecord.add, 0

        def adding(self: BatchRecord, row: Any, **how: bool) -> None:
            nonlocal count
            count += 1
            if count == 6:
                raise Killed
            add(self, row, **how)

        how = How(Recipe())
        before = [screen.backend.read(path).current for path in PATHS]
        with monkeypatch.context() as patch:
            patch.setattr(BatchRecord, "add", adding)
            batch = RotationBatch.begin(screen.session, [("app/db", "password"), ("top", None)], how)
            with pytest.raises(Killed), batch.going_on(lambda: generate(Recipe())) as outcomes:
                list(outcomes)
        await screen.press("L")
        screen.app.session.unlock()
        text = await screen.settle()
        assert "A rotation of 2 secrets" in text
        assert "after 1" in text
        text = await screen.press("ctrl+s")
        assert "1 of 1 done." in text
        assert [screen.backend.read(path).current for path in PATHS] == [number + 1 for number in before]
