"""What a person sees of a running app, and when it has come to rest."""

from __future__ import annotations

import asyncio
from typing import Any

from textual.app import App
from textual.pilot import Pilot


def screen_text(app: App[Any]) -> list[str]:
    """The rows of the screen as plain text, top to bottom, as the compositor draws them."""
    return [strip.text for strip in app.screen._compositor.render_strips()]


async def wait_for_idle(pilot: Pilot[Any], *, seconds: float = 20) -> None:
    """Until no worker runs and every message is handled, also those that the handling brought up.

    A failed or cancelled worker counts as finished. Raises TimeoutError naming the workers still running after
    `seconds`.
    """
    app = pilot.app
    while True:
        await pilot.pause()
        if running := {
            asyncio.ensure_future(worker.wait()): worker for worker in app.workers if not worker.is_finished
        }:
            done, late = await asyncio.wait(running, timeout=seconds)
            for task in done:
                task.cancelled() or task.exception()
            if late:
                names = ", ".join(running[task].description or running[task].name for task in late)
                raise TimeoutError(f"still running: {names}")
        elif not any(node.message_queue_size for node in (app, *app.screen.walk_children(with_self=True))):
            return
