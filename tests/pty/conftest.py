"""The program in a real terminal, in a home of its own that is searched for the sentinel afterwards."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.support.terminal import Terminal
from tests.ui.safety.contents import SENTINEL

ROOT = Path(__file__).parents[2]
PROGRAM = [sys.executable, "-m", "tests.pty.program"]

Start = Callable[..., Terminal]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    folder = f"{Path(__file__).parent.relative_to(ROOT).as_posix()}/"
    for item in items:
        if item.nodeid.startswith(folder):
            item.add_marker(pytest.mark.pty)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    place = tmp_path / "home"
    place.mkdir(mode=0o700)
    return place


@pytest.fixture
def environment(home: Path) -> dict[str, str]:
    """A clean environment; change it before the program starts."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL") if name in os.environ}
    xdg = {f"XDG_{name}_HOME": str(home / name.lower()) for name in ("CONFIG", "DATA", "STATE", "CACHE")}
    runtime = home / "run"
    runtime.mkdir(mode=0o700)
    return {
        "TERM": "xterm-256color",
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
        "HOME": str(home),
        "TMPDIR": str(home),
        "XDG_RUNTIME_DIR": str(runtime),
        **kept,
        **xdg,
    }


@pytest.fixture
def start(environment: dict[str, str], home: Path) -> Iterator[Start]:
    """Start the program, by default `tests.pty.program` with the arguments given; it is killed after the test."""
    with ExitStack() as stack:

        def run(*arguments: str, argv: list[str] | None = None, **options: Any) -> Terminal:
            command = argv or [*PROGRAM, *arguments]
            return stack.enter_context(Terminal(command, env=environment, cwd=home, **options))

        yield run


@pytest.fixture
def revealed(start: Start) -> Callable[..., Terminal]:
    """Start it with the sentinel revealed on the screen."""

    def run(*arguments: str, **options: Any) -> Terminal:
        terminal = start(*arguments, **options)
        terminal.wait_for("password", "••••••••")
        terminal.press("r")
        terminal.wait_for(SENTINEL)
        return terminal

    return run


def files_with(needle: str, folder: Path) -> list[str]:
    """The files below a folder that hold these bytes."""
    files = [file for file in folder.rglob("*") if file.is_file() and not file.is_symlink()]
    return [str(file.relative_to(folder)) for file in files if needle.encode() in file.read_bytes()]
