"""What a person sees of a running app, and when it has come to rest."""

from __future__ import annotations

import asyncio
from collections import UserString
from typing import Any
from weakref import WeakKeyDictionary

from textual._context import visible_screen_stack
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen

from tests.support.rest import nothing_is_due, under_way

frames: WeakKeyDictionary[Screen[Any], int] = WeakKeyDictionary()
"""The last frame of each screen, counted over all of them (`tests/conftest.py`)."""
_looked_at: dict[int, list[str]] = {}
"""The last one that was."""


def screen_text(app: App[Any]) -> list[str]:
    """The rows of the screen as plain text, top to bottom, as the compositor draws them over the screens behind."""
    screen = app.screen
    frame = frames.get(screen)
    if frame is not None and frame in _looked_at:
        return _looked_at[frame]
    visible_screen_stack.set(list(app._background_screens))
    rows = [strip.text for strip in screen._compositor.render_strips()]
    _looked_at.clear()
    if frame is not None:
        _looked_at[frame] = rows
    return rows


class Look(UserString):
    """The screen as it is now, drawn once somebody reads it; whoever changes the screen calls `keep` before."""

    def __init__(self, seen: App[Any] | object) -> None:
        self._seen = seen

    @property
    def data(self) -> str:  # type: ignore[override]
        if isinstance(self._seen, App):
            self._seen = "\n".join(screen_text(self._seen))
        return str(self._seen)

    def keep(self) -> None:
        """Draw it while it is so."""
        _ = self.data


async def wait_for_idle(pilot: Pilot[Any], *, seconds: float = 20) -> None:
    """Until no worker runs, no thread works for the app and every message is handled, also those that this brought up.

    A failed or cancelled worker counts as finished; an app that left or crashed is at rest (`run_test` raises what
    crashed it). Raises TimeoutError after `seconds`, naming the workers that still run.
    """
    app = pilot.app
    running: list[str] = []
    try:
        async with asyncio.timeout(seconds):
            while app.is_running and app._exception is None:
                await nothing_is_due()
                busy = [worker for worker in app.workers if not worker.is_finished]
                running = [worker.description or worker.name for worker in busy]
                if busy:
                    await asyncio.wait([asyncio.ensure_future(_finished(worker)) for worker in busy])
                elif jobs := under_way():
                    await asyncio.wait(jobs)
                else:
                    app.screen._on_timer_update()
                    if not asyncio.get_running_loop()._ready:  # type: ignore[attr-defined]
                        return
    except TimeoutError:
        raise TimeoutError(f"the app did not come to rest; running: {', '.join(running) or 'no worker'}") from None


async def _finished(worker: Any) -> None:
    await asyncio.gather(worker.wait(), return_exceptions=True)
