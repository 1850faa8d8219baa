"""What another process does to the vault is on the screen within a second, and looking for it costs next to nothing."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from kvtui.domain.secret import Write
from kvtui.domain.value import SecretValue
from kvtui.ui.app import TICK_SECONDS, KvtuiApp
from kvtui.ui.screens.watching import Watching
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
        "elsewhere": lambda: vault.write("zone/new-here", {"value": SecretValue("x")}),
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


async def see(screen: Screen, text: str) -> None:
    """Wait until a text is on the screen."""
    started = time.monotonic()
    while text not in screen.text:
        await screen.pilot.pause(0.02)
        assert time.monotonic() - started < 60, screen.text


@asynccontextmanager
async def opened(place: Place) -> AsyncIterator[Screen]:
    """The app on the vault, unlocked by its passphrase."""
    app = app_on(place.path)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = Screen(pilot, app)
        await wait_for_idle(pilot)
        await screen.type(WORDS)
        await screen.press("enter")
        await screen.settle()
        yield screen


async def test_changes_of_another_process_are_seen_within_a_second(
    place: Place, other: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    tick = KvtuiApp._tick

    async def counted(app: KvtuiApp) -> None:
        nonlocal looks
        looks += 1
        await tick(app)

    monkeypatch.setattr(KvtuiApp, "_tick", counted)
    app = app_on(place.path)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = Screen(pilot, app)
        await wait_for_idle(pilot)
        await screen.type(WORDS)
        await screen.press("enter")
        await screen.go_to("app/db")
        await pilot.pause(1.2)  # one look, to have something to compare with
        taken = {}

        async def seen(what: str, text: str) -> None:
            before = looks
            do(other, what)
            await see(screen, text)
            taken[what] = looks - before

        await seen("create", "from-elsewhere")
        assert app.screen.at_cursor[0] == "app/db"  # type: ignore[attr-defined]  # the main screen's
        await seen("write", "port")
        await screen.press("2")
        await seen("describe", "described elsewhere")
        await seen("delete", "deleted")
        await seen("move", "moved")
        assert TICK_SECONDS <= 0.5
        assert statistics.median(taken.values()) <= 2, taken  # a busy machine looks again before it has drawn


async def test_cursor_and_open_folders_stay_when_others_change_things(
    place: Place, other: subprocess.Popen[str]
) -> None:
    async with opened(place) as screen:
        await screen.go_to("zone/last")
        await screen.go_to("app/db")
        do(other, "move")
        await see(screen, "moved")
        await wait_for_idle(screen.pilot)
        assert "last" in screen.text
        assert "app/db is not there any more" in screen.text
        do(other, "create")
        await see(screen, "from-elsewhere")
        assert "last" in screen.text


async def test_what_is_revealed_stays_when_others_change_something_else(
    place: Place, other: subprocess.Popen[str]
) -> None:
    async with opened(place) as screen:
        await screen.go_to("app/api")
        await screen.press("r")
        assert "first" in screen.text
        do(other, "create")
        await see(screen, "from-elsewhere")
        await wait_for_idle(screen.pilot)
        assert "first" in screen.text


async def test_what_others_do_beside_an_own_change_is_seen_too(
    place: Place, other: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(place) as screen:
        await screen.go_to("zone/last")
        await screen.go_to("app/db")
        with monkeypatch.context() as patched:
            patched.setattr(Watching, "tick", lambda *_: None)  # both happen between two looks
            do(other, "elsewhere")
            await screen.press("d", "ctrl+s")
            assert "deleted" in screen.text
        await see(screen, "new-here")


def read_bytes() -> int:
    """How many bytes this process has read from files so far."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(lines[0].removeprefix("rchar:"))


@pytest.mark.parametrize("count", [2000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_a_look_for_changes_takes_microseconds_and_reads_nothing(place: Place, count: int) -> None:
    with place.open() as vault:
        for written in vault.write_many(Write(f"many{n % 97}/{n}", {"value": SecretValue("x")}) for n in range(count)):
            assert written.error is None
        vault.change_token()
        taken = []
        for _ in range(500):
            started = time.thread_time()
            vault.change_token()
            taken.append(time.thread_time() - started)
        assert statistics.median(taken) < 0.0002
        if Path("/proc/self/io").exists():
            own = read_bytes()
            own = read_bytes() - own  # what looking takes
            before = read_bytes()
            for _ in range(500):
                vault.change_token()
            assert read_bytes() - before <= own + 16  # the number has grown by some digits


@pytest.mark.parametrize(("seconds", "most"), [(2, 0.05), pytest.param(10, 0.005, marks=pytest.mark.slow)])
async def test_an_idle_screen_rests(
    place: Place, seconds: int, most: float, capsys: pytest.CaptureFixture[str]
) -> None:
    async with opened(place) as screen:
        await screen.pilot.pause(1.5)
        before = time.process_time()
        await asyncio.sleep(seconds)
        spent = (time.process_time() - before) / seconds
        with capsys.disabled():
            if seconds == 10:
                print(f"\nan idle screen takes {spent:.2%} of a processor")
        assert spent < most
