"""However it ends or is stopped while a value is revealed: nothing of it stays, and the terminal is as it was."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.pty.conftest import PROGRAM, Start
from tests.support.terminal import FOCUS_OUT, Terminal
from tests.support.tmux import Tmux, needs_tmux
from tests.ui.safety.contents import SENTINEL

Revealed = Callable[..., Terminal]

WAYS = {
    "q": 0,
    "ctrl+c": 0,
    "SIGINT": 130,
    "SIGTERM": 143,
    "SIGHUP": 129,
    "SIGQUIT": 131,
}


def _leave(terminal: Terminal, way: str) -> None:
    if way.startswith("SIG"):
        terminal.kill(signal.Signals[way])
    else:
        terminal.press(way)


def _stopped(terminal: Terminal) -> bool:
    stat = Path(f"/proc/{terminal.process.pid}/stat").read_text()
    return stat.rpartition(") ")[2].startswith("T")


on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.mark.parametrize("way", ["q", "SIGTERM"])
def test_leaving_restores_the_terminal_and_gives_the_exit_code(way: str, revealed: Revealed) -> None:
    terminal = revealed()
    _leave(terminal, way)
    assert terminal.wait_end() == WAYS[way]
    assert SENTINEL not in terminal.text
    assert terminal.is_restored


@needs_tmux
@pytest.mark.parametrize("way", [pytest.param(way, marks=[pytest.mark.slow] * (at > 1)) for at, way in enumerate(WAYS)])
def test_nothing_revealed_stays_in_tmux(way: str, environment: dict[str, str], tmp_path: Path) -> None:
    with Tmux(PROGRAM, tmp_path, env=environment) as tmux:
        tmux.wait_for("password", "••••••••")
        tmux.keys("r")
        tmux.wait_for(SENTINEL)
        if way.startswith("SIG"):
            os.kill(tmux.program, signal.Signals[way])
        else:
            tmux.keys(way.replace("ctrl+", "C-"))
        screen = tmux.wait_for(f"EXIT:{WAYS[way]}\n", "isig")
        assert SENTINEL not in tmux.everything
        assert tmux.facts("alternate_on", "mouse_any_flag", "cursor_flag") == ["0", "0", "1"]
        assert {"icanon", "echo", "isig"} <= set(screen.split())


@on_linux
@pytest.mark.parametrize("how", ["ctrl+z", "SIGTSTP"])
def test_suspending_masks_first_and_comes_back_masked(how: str, revealed: Revealed) -> None:
    terminal = revealed()
    _leave(terminal, how)
    terminal.wait_until(lambda: _stopped(terminal), "stop")
    terminal.read(0.1)
    assert terminal.is_restored
    assert SENTINEL not in terminal.text
    back = len(terminal.raw)
    terminal.kill(signal.SIGCONT)
    terminal.wait_for("app/db", "••••••••")
    assert SENTINEL.encode() not in terminal.raw[back:]
    terminal.press("q")
    assert terminal.wait_end() == 0
    assert terminal.is_restored


@on_linux
def test_after_sigstop_it_comes_back_masked_and_leaves_the_terminal_as_it_was(revealed: Revealed) -> None:
    terminal = revealed()
    terminal.kill(signal.SIGSTOP)
    terminal.wait_until(lambda: _stopped(terminal), "stop")
    back = len(terminal.raw)
    terminal.kill(signal.SIGCONT)
    terminal.wait_for("app/db", "password  ••••••••")
    assert SENTINEL.encode() not in terminal.raw[back:]
    terminal.press("q")
    assert terminal.wait_end() == 0
    assert terminal.is_restored


def test_losing_the_focus_masks(revealed: Revealed) -> None:
    terminal = revealed()
    terminal.send(FOCUS_OUT)
    terminal.wait_gone(SENTINEL)
    terminal.wait_for("password  ••••••••")


def test_it_starts_again_after_kill_9_while_revealed(revealed: Revealed, start: Start) -> None:
    killed = revealed()
    killed.kill(signal.SIGKILL)
    assert killed.wait_end() == -signal.SIGKILL
    again = start()
    again.wait_for("password", "••••••••")
    assert SENTINEL.encode() not in again.raw
    again.press("q")
    assert again.wait_end() == 0
