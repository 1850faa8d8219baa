"""What a survey brings, on the event loop, without ever waiting for it there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

from kvtui.services.survey import Survey
from kvtui.ui.loop import reading_beside

T = TypeVar("T")

PAUSE = 0.05
"""Seconds between two looks: often enough to see it come, rarely enough to leave time for keys."""
_FRAME = 0.02
"""Seconds after as much as may be taken at once: a key that came meanwhile is answered first."""


async def batches(survey: Survey[T], most: int | None = None, *, pause: float = PAUSE) -> AsyncIterator[Sequence[T]]:
    """What came, again and again until all of it did, `pause` seconds between; with `most`, no more than that between
    two frames. Raises what the reading raised."""
    with reading_beside():
        while True:
            is_over = survey.is_over
            rows = survey.take(most)
            if rows:
                yield rows
            elif is_over:
                return
            if most is not None and len(rows) == most:
                await asyncio.sleep(_FRAME)
            else:
                await asyncio.sleep(0 if is_over else pause)
