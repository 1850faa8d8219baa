"""A plan says all of what it has to say, whatever the room."""

from __future__ import annotations

import pytest
from textual.content import Content

from kvtui.ui.dialogs.plan import PlanDialog
from tests.ui.dialogs.hosting import showing

LOSS = "Deleted versions (2) cannot be read: they arrive destroyed. Undelete them first."


@pytest.mark.parametrize("width", [60, 80, 200])
async def test_what_would_be_lost_is_never_cut(width: int) -> None:
    items = [("team/svc/s0 → team/svc2/s0", ""), ("team/svc/s1 → team/svc2/s1", LOSS)]
    async with showing(PlanDialog("Copy", Content("Copy 2 secrets?"), "Copy", items), size=(width, 24)) as shown:
        assert LOSS in " ".join(shown.screen.replace("│", " ").split())
        assert (f"s1  {LOSS}" in shown.screen) is (width == 200)
