"""What holds for every test."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True, scope="session")
def _look_sooner_whether_the_app_rests() -> None:
    """The pilot sleeps 20 ms at a time until the process is idle; most keys are answered in a fraction of it."""
    from textual import _wait

    _wait.SLEEP_GRANULARITY = 1 / 250
    _wait.SLEEP_IDLE = _wait.SLEEP_GRANULARITY / 3
