"""What is typed while the screen still loads is for the screen, and nobody sees it."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kvtui.domain.value import SecretValue
from tests.pty.conftest import Start
from tests.support.terminal import Terminal
from tests.vault.places import PASSPHRASE, Place

LOADING = """
import os, sys, time
from importlib.abc import MetaPathFinder

class Held(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "kvtui.ui.app":
            sys.meta_path.remove(self)
            os.write(1, b"loading")
            while os.path.exists(held):
                time.sleep(0.01)  # a call that blocks misses a signal that comes right before it
        return None

held = sys.argv.pop(1)
sys.meta_path.insert(0, Held())
from kvtui.__main__ import main
sys.exit(main())
"""
"""The program, which waits where it loads Textual until a file is gone."""


@pytest.fixture
def held(tmp_path: Path) -> Path:
    file = tmp_path / "held"
    file.touch()
    return file


@pytest.fixture
def loading(start: Start, held: Path, tmp_path: Path) -> Callable[[], Terminal]:
    """Start it on a locked vault, up to where it waits."""
    place = Place(tmp_path)
    with place.open() as backend:
        backend.write("app/db", {"value": SecretValue("one")})

    def run() -> Terminal:
        terminal = start(argv=[sys.executable, "-c", LOADING, str(held), "--vault", str(place.path)])
        terminal.wait_for("loading")
        return terminal

    return run


def typed() -> bytes:
    assert PASSPHRASE.passphrase is not None
    return f"{PASSPHRASE.passphrase.reveal()}\r".encode()


def test_a_passphrase_typed_before_the_screen_is_up_opens_the_vault_unseen(
    loading: Callable[[], Terminal], held: Path
) -> None:
    terminal = loading()
    written = terminal.raw
    terminal.send(typed())
    assert not terminal.read()
    assert terminal.raw == written
    held.unlink()
    terminal.wait_for("▸ app")
    terminal.press("q")
    assert terminal.wait_end() == 0
    assert terminal.is_restored
    assert terminal.text.strip() == "loading"


def test_what_was_typed_for_a_screen_that_did_not_come_is_dropped(loading: Callable[[], Terminal]) -> None:
    terminal = loading()
    terminal.send(typed())
    terminal.kill(signal.SIGINT)
    assert terminal.wait_end() == 130
    assert terminal.is_restored
    assert terminal.text.strip() == "loading"
    assert terminal.unread == 0
