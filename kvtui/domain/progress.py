"""How long work tells how far it is, and is stopped."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int | None], None]
"""Called now and then with what is done and what there is in all (None: not known), in units of the work's own.
What it raises stops the work there, as a failure would: nothing half done stays."""


def silent(_done: int, _total: int | None) -> None:
    """For callers that do not ask."""
