"""What surrounds the program cannot make it write down keys, pictures or values, nor break its screen."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pty.conftest import Start, files_with
from tests.support.oracle import bad_tokens
from tests.support.terminal import Terminal
from tests.ui.safety.contents import SENTINEL

Revealed = Callable[..., Terminal]

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_variables_of_textual_write_no_file_and_load_no_code(
    environment: dict[str, str], revealed: Revealed, home: Path
) -> None:
    (home / "foreign.py").write_text("open('loaded', 'w').close()\nclass Driver: pass\n")
    environment |= {
        "TEXTUAL": "devtools,debug",
        "TEXTUAL_LOG": str(home / "textual.log"),
        "TEXTUAL_DEBUG": "1",
        "TEXTUAL_SCREENSHOT": "0",
        "TEXTUAL_SCREENSHOT_LOCATION": str(home),
        "TEXTUAL_PRESS": "q",
        "TEXTUAL_SHOW_RETURN": "1",
        "TEXTUAL_DRIVER": "foreign:Driver",
        "PYTHONPATH": f"{environment['PYTHONPATH']}:{home}",
    }
    terminal = revealed()
    terminal.press("/")
    terminal.wait_quiet()
    terminal.press(*"typed", "enter")
    terminal.wait_quiet()
    terminal.press("q")
    assert terminal.wait_end() == 0
    assert "The app returned" not in terminal.text
    assert not (home / "textual.log").exists()
    assert not (home / "loaded").exists()
    assert list(home.rglob("*.svg")) == []
    assert files_with(SENTINEL, home) == []


@pytest.mark.parametrize(
    "variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": "xterm"}], ids=["no-color", "dumb", "xterm"]
)
def test_poor_terminals_are_served(environment: dict[str, str], revealed: Revealed, variables: dict[str, str]) -> None:
    environment |= variables
    terminal = revealed()
    terminal.press("q")
    assert terminal.wait_end() == 0
    assert "Traceback" not in terminal.text
    assert bad_tokens(terminal.raw) == []


@pytest.mark.slow
def test_a_window_too_small_masks_and_a_storm_of_sizes_is_survived(revealed: Revealed) -> None:
    terminal = revealed()
    terminal.resize(20, 5)
    terminal.wait_for("This terminal is too")
    assert SENTINEL not in terminal.text
    for step in range(50):
        terminal.resize(20 + step * 7 % 160, 5 + step * 3 % 50)
        terminal.read(0.01)
    terminal.resize(100, 30)
    terminal.wait_for("app/db", "••••••••")
    assert SENTINEL not in terminal.text
    terminal.press("q")
    assert terminal.wait_end() == 0
    assert bad_tokens(terminal.raw) == []


@pytest.mark.slow
def test_hostile_values_and_names_send_nothing_of_their_own(start: Start) -> None:
    terminal = start("--hostile", "--path", "values")
    terminal.wait_for("v000", "••••••••")
    terminal.press("1", "R")
    terminal.wait_gone("••••••••")
    for _ in range(40):
        terminal.press("pagedown")
        terminal.wait_quiet(0.03)
    terminal.press("R", "q")
    assert terminal.wait_end() == 0
    assert bad_tokens(terminal.raw) == []


def test_nothing_selected_with_the_mouse_is_copied(revealed: Revealed) -> None:
    terminal = revealed()
    x, y = terminal.find(SENTINEL)
    terminal.drag((x, y), (x + len(SENTINEL), y))
    terminal.wait_quiet()
    terminal.press("ctrl+c")  # with nothing selected this leaves, as q does
    assert terminal.wait_end() == 0
    assert b"\x1b]52" not in terminal.raw
    assert terminal.is_restored


def test_a_paste_that_ends_the_paste_itself_runs_no_command(revealed: Revealed) -> None:
    terminal = revealed()
    terminal.press("/")
    terminal.wait_quiet()
    terminal.paste("x\x1b[201~" + "q")
    terminal.wait_quiet()
    assert terminal.process.poll() is None or terminal.process.returncode == 0
    assert bad_tokens(terminal.raw) == []


@needs_linux
def test_other_processes_of_the_user_cannot_read_it_and_there_is_no_core(revealed: Revealed) -> None:
    terminal = revealed()
    process = Path("/proc", str(terminal.process.pid))
    limits = (process / "limits").read_text()
    core = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core.split()[4:6] == ["0", "0"]
    assert SENTINEL.encode() not in (process / "cmdline").read_bytes()
    assert resource.prlimit(terminal.process.pid, resource.RLIMIT_CORE) == (0, 0)
    if os.geteuid() == 0:
        # Root reads everything; who it belongs to tells what anybody else may do.
        assert (process / "environ").stat().st_uid == 0
        child = subprocess.run(
            ["setpriv", "--reuid=65534", "--clear-groups", "cat", str(process / "environ")],
            check=False,
            capture_output=True,
        )
        assert child.returncode != 0
    else:
        with pytest.raises(PermissionError):
            (process / "environ").read_bytes()
        with pytest.raises(PermissionError):
            (process / "mem").open("rb").close()
