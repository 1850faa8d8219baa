"""What another process does to the vault is on the screen within a second, and looking for it costs next to nothing."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvtui.domain.value import SecretValue
from tests.support.screens import wait_for_idle
from tests.ui.conftest import Screen
from tests.ui.test_flow_open import WORDS, app_on
from tests.vault.places import Place

ROOT = Path(__file__).parents[2]

OTHER = """
import sys
from pathlib import Path
from kvtui.backends.file.factory import FileFactory
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.value import SecretValue
from tests.vault.places import PASSPHRASE

with FileFactory(lambda: Path(sys.argv[2])).open({"path": sys.argv[1]}, PASSPHRASE) as vault:
    doing = {
        "create": lambda: vault.write("app/from-elsewhere", {"value": SecretValue("x")}),
        "write": lambda: vault.write("app/db", {"value": SecretValue("y"), "port": SecretValue(5432)}),
        "describe": lambda: vault.write_metadata("app/db", MetadataPatch(description="described elsewhere")),
        "delete": lambda: vault.delete("app/db"),
        "move": lambda: vault.move("app/db", "app/moved"),
    }
    print("ready", flush=True)
    for line in sys.stdin:
        doing[line.strip()]()
        print("done", flush=True)
"""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    with made.open() as backend:
        for name in ("app/api", "app/db", "zone/last"):
            backend.write(name, {"value": SecretValue("first")})
    return made


@pytest.fixture
def other(place: Place) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", OTHER, str(place.path), str(place.state)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        assert process.stdin is not None
        process.stdin.close()


def do(other: subprocess.Popen[str], what: str) -> None:
    """Have the other process do it; it is done when this returns."""
    assert other.stdin is not None
    assert other.stdout is not None
    other.stdin.write(f"{what}\n")
    other.stdin.flush()
    assert other.stdout.readline() == "done\n"


async def see(screen: Screen, text: str) -> float:
    """Seconds until a text is on the screen."""
    started = time.monotonic()
    while text not in screen.text:
        await screen.pilot.pause(0.02)
        assert time.monotonic() - started < 5, screen.text
    return time.monotonic() - started


async def test_changes_of_another_process_are_seen_within_a_second(place: Place, other: subprocess.Popen[str]) -> None:
    app = app_on(place.path)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = Screen(pilot, app)
        await wait_for_idle(pilot)
        await screen.type(WORDS)
        await screen.press("enter")
        await screen.go_to("app/db")
        await pilot.pause(1.2)  # one look, to have something to compare with
        taken = {}
        do(other, "create")
        taken["create"] = await see(screen, "from-elsewhere")
        assert app.screen.at_cursor[0] == "app/db"  # type: ignore[attr-defined]  # the main screen's
        do(other, "write")
        taken["write"] = await see(screen, "port")
        await screen.press("2")
        do(other, "describe")
        taken["describe"] = await see(screen, "described elsewhere")
        do(other, "delete")
        taken["delete"] = await see(screen, "deleted")
        do(other, "move")
        taken["move"] = await see(screen, "moved")
        assert max(taken.values()) < 1.6, taken  # a second between two looks, and this machine's moments


async def test_looking_for_changes_costs_next_to_nothing(place: Place) -> None:
    with place.open() as vault:
        for number in range(2000):
            vault.write(f"many/{number}", {"value": SecretValue("x")})
        started = time.perf_counter()
        for _ in range(200):
            vault.change_token()
        assert (time.perf_counter() - started) / 200 < 0.005
    app = app_on(place.path)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = Screen(pilot, app)
        await wait_for_idle(pilot)
        await screen.type(WORDS)
        await screen.press("enter")
        await pilot.pause(1.5)
        before = resource.getrusage(resource.RUSAGE_SELF)
        await pilot.pause(3)
        after = resource.getrusage(resource.RUSAGE_SELF)
        spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        assert spent < 0.3  # of three seconds; a loop without rest would take all of them
