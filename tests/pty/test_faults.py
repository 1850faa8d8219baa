"""Whatever raises, wherever: no value on the terminal or in a file, the terminal as it was, an exit code that tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pty.conftest import Start, files_with
from tests.pty.program import FAULTS
from tests.ui.safety.contents import SENTINEL

OFTEN = ("action", "worker", "render", "loop")
"""What most goes through; the others are callbacks of the app as an action is one."""


@pytest.mark.parametrize(
    "fault", [pytest.param(each, marks=[pytest.mark.slow] * (each not in OFTEN)) for each in FAULTS]
)
def test_an_error_shows_no_value_and_restores_the_terminal(fault: str, start: Start, home: Path) -> None:
    terminal = start("--fault", fault)
    if fault != "compose":
        terminal.wait_for("password")
        terminal.press("x")
        if fault == "input":  # the reader fails at the key after the one that broke it
            terminal.wait_quiet()
            terminal.press("z")
    assert terminal.wait_end() == 1
    assert SENTINEL.encode() not in terminal.raw
    assert "kvtui: internal error" in terminal.text
    assert "textual run" not in terminal.text
    assert terminal.is_restored
    assert files_with(SENTINEL, home) == []


def test_the_error_message_names_type_and_our_own_frames(start: Start) -> None:
    terminal = start("--fault", "render")
    terminal.wait_for("password")
    terminal.press("x")
    terminal.wait_end()
    assert "RuntimeError" in terminal.text
    assert "ValueError" in terminal.text
