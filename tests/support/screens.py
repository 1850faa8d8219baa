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

    A failed or cancelled worker counts as finished; an app that left or crashed is at rest (`run_test` raises what
    crashed it). Raises TimeoutError after `seconds`, naming the workers that still run.
    """
    app = pilot.app
    running: list[str] = []
    try:
        async with asyncio.timeout(seconds):
            while app.is_running and app._exception is None:
                await pilot.pause()
                busy = [worker for worker in app.workers if not worker.is_finished]
                running = [worker.description or worker.name for worker in busy]
                if busy:
                    await asyncio.wait([asyncio.ensure_future(_finished(worker)) for worker in busy])
                elif not any(node.message_queue_size for node in (app, *app.screen.walk_children(with_self=True))):
                    return
    except TimeoutError:
        raise TimeoutError(f"the app did not come to rest; running: {', '.join(running) or 'no worker'}") from None


async def _finished(worker: Any) -> None:
    await asyncio.gather(worker.wait(), return_exceptions=True)
