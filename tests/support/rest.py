"""When a running app has come to rest: told by its event loop, not by how little the processor has to do.

Textual's pilot takes a process for idle that uses little processor time, which one does as well that others keep from
running, and asks every widget of a screen after each key.
"""

from __future__ import annotations

import asyncio
from typing import Any
from weakref import WeakSet

SOON = 0.02
"""Seconds: what is put off for so long belongs to what is done now."""
LOOKING = 1.0
"""Seconds for which it is waited for that."""
_jobs: WeakSet[asyncio.Future[Any]] = WeakSet()


async def nothing_is_due() -> None:
    """Until every callback of the loop has run, and none is due soon. What threads do is not waited for, nor what looks
    again and again whether something has come."""
    loop: Any = asyncio.get_running_loop()
    end = loop.time() + LOOKING
    while True:
        await asyncio.sleep(0)
        if loop._ready:
            continue
        due = min((timer.when() for timer in loop._scheduled if not timer.cancelled()), default=None)
        if due is None or due - loop.time() > SOON or loop.time() > end:
            return
        await asyncio.sleep(max(0.0, due - loop.time()))


def under_way() -> list[asyncio.Future[Any]]:
    """What this loop has threads do."""
    loop = asyncio.get_running_loop()
    return [job for job in _jobs if job.get_loop() is loop and not job.done()]


def tell_rest_by_the_loop() -> None:
    """Replace what the pilot of every app waits for."""
    from textual import app, pilot

    run_in_executor = asyncio.BaseEventLoop.run_in_executor

    def kept(loop: asyncio.BaseEventLoop, *job: Any) -> asyncio.Future[Any]:
        future = run_in_executor(loop, *job)
        _jobs.add(future)
        return future

    async def rested(*_: object) -> bool:
        await nothing_is_due()
        return True

    asyncio.BaseEventLoop.run_in_executor = kept  # type: ignore[method-assign,assignment]
    app.wait_for_idle = pilot.wait_for_idle = rested  # type: ignore[assignment]
    pilot.Pilot._wait_for_screen = rested  # type: ignore[method-assign,assignment]
