"""The lock: when it comes, what it swallows, what it leaves in memory."""

from __future__ import annotations

import gc
import secrets
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest
from textual import events

from kvtui.config import UiConfig
from kvtui.ui.screens.unlock import UnlockScreen
from kvtui.ui.widgets import passphrase_form
from kvtui.ui.widgets.passphrase_form import PassphraseForm
from kvtui.ui.widgets.secret_input import SecretInput
from tests.ui.safety.conftest import IN_VAULT, PASSPHRASE, Watching, unlock

pytestmark = pytest.mark.usefixtures("stretched_each_time")

MINUTE = 60.0
TYPED = "what is typed"
_NAMES = {"/": "slash", ":": "colon"}


class SetClock:
    """A clock that goes only when told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


async def test_idle_time_locks_and_drops_the_screen(watching: Watching, vault: Path) -> None:
    clock = SetClock()
    async with watching(vault=vault, clock=clock, ui=UiConfig(lock_minutes=5)) as watched:
        await unlock(watched)
        await watched.open("app/db")
        clock.now += 5 * MINUTE - 1
        await watched.app._tick()
        assert "lock 1s" in await watched.rest()
        clock.now += 1
        await watched.app._tick()
        text = await watched.rest()
        assert isinstance(watched.app.screen, UnlockScreen)
        assert "Locked after being idle." in text
        assert "app/db" not in text
        assert not watched.app.session.is_open


@pytest.mark.parametrize("event", ["key", pytest.param("click", marks=pytest.mark.slow), "paste"])
async def test_the_first_input_after_a_long_sleep_only_locks(watching: Watching, vault: Path, event: str) -> None:
    clock = SetClock()
    async with watching(vault=vault, clock=clock, ui=UiConfig(lock_minutes=5)) as watched:
        await unlock(watched)
        await watched.open("app/db")
        clock.now += 8 * 60 * MINUTE  # as CLOCK_BOOTTIME does in suspend, before any timer has run
        if event == "key":
            await watched.pilot.press("n")
        elif event == "click":
            await watched.pilot.click(offset=(3, 1))
        else:
            watched.app.post_message(events.Paste("secret"))
        await watched.rest()
        assert isinstance(watched.app.screen, UnlockScreen)
        assert watched.app.screen.query_one(SecretInput).value == ""


async def test_input_puts_the_lock_off(watching: Watching, vault: Path) -> None:
    clock = SetClock()
    async with watching(vault=vault, clock=clock, ui=UiConfig(lock_minutes=5)) as watched:
        await unlock(watched)
        for _ in range(4):
            clock.now += 4 * MINUTE
            await watched.press("j")
            await watched.app._tick()
        assert watched.app.session.is_open


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param(["2", "3", "4", "1", "R"], marks=pytest.mark.slow),
        pytest.param(["e", "ctrl+r"], marks=pytest.mark.slow),
        ["e", "ctrl+r", "z", "ctrl+s"],
        pytest.param(["="], marks=pytest.mark.slow),
        pytest.param(["o"], marks=pytest.mark.slow),
        pytest.param(["D"], marks=pytest.mark.slow),
        pytest.param(["i"], marks=pytest.mark.slow),
        pytest.param(["ctrl+f"], marks=pytest.mark.slow),
    ],
    ids=["panes", "edit", "review", "diff", "rotate", "destroy", "metadata", "find"],
)
async def test_after_the_lock_no_value_and_no_passphrase_is_reachable(
    watching: Watching, vault: Path, keys: list[str]
) -> None:
    async with watching(vault=vault) as watched:
        await unlock(watched)
        await watched.open("app/db")
        text = await watched.press("1", "R")
        assert IN_VAULT in text
        watched.app.notify("app/db", markup=False)
        for key in keys:
            await watched.press(key)
        await watched.app.action_app_lock()
        await watched.rest()
        assert isinstance(watched.app.screen, UnlockScreen)
        watched.forget()
        del text
        assert watched.app.clipboard == ""
        assert len(watched.app._notifications) == 0
        found = "\n".join(reachable(IN_VAULT[::-1], PASSPHRASE[::-1]))
        assert found == ""


_EVERYWHERE = ["ctrl+f", TYPED, "escape", "J", "app/", TYPED, "escape", ":", TYPED, "escape", "n", TYPED, "escape"]


@pytest.mark.parametrize(
    "keys",
    [
        [*_EVERYWHERE, "escape", "ctrl+f", TYPED],
        *(
            pytest.param(keys, marks=pytest.mark.slow)
            for keys in (
                ["n", TYPED],
                ["J", TYPED, "slash"],
                [":", TYPED],
                ["slash", TYPED],
                ["slash", TYPED, "enter"],
                ["ctrl+f", "value:", TYPED],
                ["e", TYPED],
                ["e", "ctrl+g", TYPED],
                ["i", TYPED],
                ["o", TYPED],
                ["m", TYPED],
                ["C", TYPED],
                ["D", TYPED],
                ["P", TYPED],
                ["t", TYPED],
                ["T", TYPED],
                ["H", TYPED],
                ["apostrophe", TYPED],
            )
        ),
    ],
    ids="-".join,
)
async def test_after_the_lock_nothing_that_was_typed_is_reachable(
    watching: Watching, vault: Path, keys: list[str]
) -> None:
    backwards = "".join(secrets.choice("ghijklmnopqrstuvwxyz") for _ in range(9))  # a pasted secret is a query, too
    async with watching(vault=vault) as watched:
        await unlock(watched)
        await watched.open("app/db")
        for key in keys:
            if key == TYPED:
                await watched.press(*reversed(backwards))
            elif key[-1] in _NAMES:
                await watched.press(*(_NAMES.get(ch, ch) for ch in key))
            else:
                await watched.press(key)
        await watched.app.action_app_lock()
        await watched.rest()
        assert isinstance(watched.app.screen, UnlockScreen)
        watched.forget()
        assert "\n".join(reachable(backwards[-7:])) == ""  # the first letters of it: each key has a text of its own


def reachable(*backwards: str) -> Iterator[str]:
    """What still holds one of these, described. The texts come backwards, so that this test is not what holds them."""
    gc.collect()
    gc.unfreeze()  # frozen objects are held too, and not listed
    texts, data = [each[::-1] for each in backwards], [each[::-1].encode() for each in backwards]
    for holder in gc.get_objects():
        if holder is texts or holder is data or isinstance(holder, FrameType):
            continue  # what runs this
        if isinstance(holder, dict) and "__name__" in holder:
            continue  # modules, which are source code
        for held in gc.get_referents(holder):
            if (isinstance(held, str) and any(text in held for text in texts)) or (
                isinstance(held, bytes | bytearray) and any(text in held for text in data)
            ):
                above = [_describe(other) for other in gc.get_referrers(holder) if not isinstance(other, FrameType)]
                yield f"{_describe(holder)} of {above[:4]}"
    gc.freeze()  # as it was


def _describe(holder: object) -> str:
    if isinstance(holder, dict):
        return f"dict {[key for key in list(holder)[:5] if isinstance(key, str) and 'SENTINEL' not in key]}"
    inner = getattr(holder, "__wrapped__", holder)
    return f"{type(holder).__name__} {getattr(inner, '__qualname__', '')}"


@pytest.fixture
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passphrase_form, "FIRST_DELAY", 0.05)
    monkeypatch.setattr(passphrase_form, "LONGEST_DELAY", 0.3)


@pytest.mark.usefixtures("short_delays")
async def test_wrong_passphrases_wait_longer_each_time_and_say_the_same(watching: Watching, vault: Path) -> None:
    delays, messages = [], []
    async with watching(vault=vault) as watched:
        screen = watched.app.screen
        assert isinstance(screen, UnlockScreen)
        for attempt in range(5):
            text = await unlock(watched, f"wrong {attempt}")
            delays.append(screen.query_one(PassphraseForm).delay)
            messages.append(text)
        assert delays == [0.05, 0.1, 0.2, 0.3, 0.3]
        assert len(set(messages)) == 1
        await unlock(watched)
        assert watched.app.session.is_open


async def test_the_app_answers_while_a_wrong_passphrase_waits(
    watching: Watching, vault: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passphrase_form, "FIRST_DELAY", 30.0)
    async with watching(vault=vault) as watched:
        await watched.pilot.press(*"nope", "enter")
        screen = watched.app.screen
        while "30 s." not in watched.text:
            await watched.pilot.pause(0.01)
        await watched.pilot.press("x")  # not taken by the field that waits
        await watched.pilot.pause()
        assert screen.query_one(SecretInput).value == ""
        await watched.pilot.resize_terminal(60, 20)
        assert "30 s." in watched.text
        for worker in screen.workers:
            worker.cancel()
