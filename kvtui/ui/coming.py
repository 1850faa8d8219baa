"""What a survey brings, on the event loop, without ever waiting for it there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TypeVar

from kvtui.services.survey import Survey

T = TypeVar("T")

_PAUSE = 0.05
"""Seconds between two looks: often enough to see it come, rarely enough to leave time for keys."""


async def batches(survey: Survey[T]) -> AsyncIterator[Sequence[T]]:
    """What came, again and again until all of it did. Raises what the reading raised."""
    while True:
        is_over = survey.is_over
        rows = survey.take()
        if rows:
            yield rows
        elif is_over:
            return
        await asyncio.sleep(0 if is_over else _PAUSE)
