"""What holds for every test."""

from __future__ import annotations

import copy
import gc
import hashlib
import itertools
import os
import signal
import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from textual.css.model import RuleSet
    from textual.css.stylesheet import Stylesheet

# How long an example takes says who else is at work here. CI runs `-m hypothesis --hypothesis-profile=full` too.
_SLOW = [HealthCheck.too_slow]
settings.register_profile("here", deadline=None, max_examples=30, suppress_health_check=_SLOW)
settings.register_profile("full", deadline=None, suppress_health_check=_SLOW)

_UNTRIED = pytest.StashKey[dict[str, int]]()


def pytest_configure(config: pytest.Config) -> None:
    """Keep compiled code where the environment asks for none beside the sources.

    Every worker, and every program that a test starts, would compile the same modules again: half of what collecting
    takes.
    """
    if settings.get_current_profile_name() != "full":
        settings.load_profile("here")
    # Whoever starts this in the background (nohup, &) has signals ignored, and every program inherits that.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler if number is signal.SIGINT else signal.SIG_DFL)
    if sys.dont_write_bytecode:
        kept = str(config.rootpath / ".pytest_cache" / "bytecode")
        sys.pycache_prefix, sys.dont_write_bytecode = kept, False
        os.environ["PYTHONPYCACHEPREFIX"] = kept
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    gc.disable()  # what is collected stays


def pytest_collection_finish(session: pytest.Session) -> None:
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)  # whoever waits for something to go collects
    gc.enable()
    stores = {item.cls for item in session.items if isinstance(item, pytest.Function) and hasattr(item.cls, "untried")}
    untried: Counter[str] = Counter()
    for store in stores:
        untried.update(store.untried)
    session.config.stash[_UNTRIED] = dict(untried)
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["untried"] = dict(untried)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """What one worker of xdist tells when it is done: all have collected the same."""
    node.config.stash[_UNTRIED] = getattr(node, "workeroutput", {}).get("untried", {})


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Which tests of the contract no store of this run is held to, as it cannot do or does not have what they try."""
    untried = config.stash.get(_UNTRIED, {})
    if untried:
        reasons = ", ".join(f"{number} {reason}" for reason, number in sorted(untried.items(), key=lambda it: -it[1]))
        terminalreporter.write_line(f"{sum(untried.values())} tests of the contract not made for a store: {reasons}")


@pytest.fixture(autouse=True, scope="session")
def _tell_rest_by_the_loop() -> None:
    from tests.support.rest import tell_rest_by_the_loop

    tell_rest_by_the_loop()


@pytest.fixture(autouse=True, scope="session")
def _draw_what_is_looked_at() -> None:
    """Frames of an app without a terminal are for nobody, unless a test takes them down in `_display`; one that looks
    has all of the screen drawn. Textual draws after each change, a third of the time of these tests.
    """
    from textual import screen
    from textual.app import App

    from tests.support.screens import frames

    screen.UPDATE_PERIOD = 1 / 15  # type: ignore[misc]
    refresh, number = screen.Screen._compositor_refresh, itertools.count(1)

    def refreshed(self: screen.Screen[Any]) -> None:
        app = self.app
        frames[app.screen] = next(number)
        is_seen = getattr(app._display, "__func__", None) is not App._display
        if self is app.screen and app.is_headless and not is_seen:
            self._compositor._dirty_regions.clear()
            self._dirty_widgets.clear()
        else:
            refresh(self)

    screen.Screen._compositor_refresh = refreshed  # type: ignore[method-assign]


@pytest.fixture(autouse=True, scope="session")
def _leave_the_tests_frozen() -> None:
    """An app freezes what is there at its start and looks through all of it when it locks: here that were all tests."""
    gc.freeze = gc.unfreeze = lambda: None  # type: ignore[assignment]


@pytest.fixture(autouse=True, scope="session")
def _parse_each_style_sheet_once() -> None:
    """The rules of an app are those of the one before; an app looks up whether it has parsed them already."""
    from textual.css.stylesheet import Stylesheet

    parse = Stylesheet._parse_rules
    known: dict[object, list[RuleSet]] = {}

    def parsed(sheet: Stylesheet, *source: Any, **more: Any) -> list[RuleSet]:
        key = (tuple(sheet._variables.items()), source, tuple(more.items()))
        if key not in known:
            known[key] = parse(sheet, *source, **more)
        return known[key]

    Stylesheet._parse_rules = parsed  # type: ignore[method-assign]


@pytest.fixture(autouse=True, scope="session")
def _stretch_each_passphrase_once() -> None:
    """The vault of a test is opened by the same passphrase again and again: the same key each time.

    What was stretched is known by its digest only. `stretched_each_time` is for tests of the stretching itself, and of
    what stays in memory.
    """
    from kvtui.backends.file import keys, slots
    from kvtui.backends.file.header import KdfCost

    known: dict[bytes, bytearray] = {}

    def once(passphrase: bytes, salt: bytes, uuid: bytes, cost: KdfCost) -> bytes:
        told = repr((hashlib.sha256(passphrase).digest(), salt, uuid, cost.memory_kib, cost.passes, cost.lanes))
        digest = hashlib.sha256(told.encode()).digest()
        if digest not in known:
            known[digest] = bytearray(keys.argon2id(passphrase, salt, uuid, cost))
        return bytes(known[digest])

    slots.argon2id = once


@pytest.fixture
def stretched_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    from kvtui.backends.file import keys, slots

    monkeypatch.setattr(slots, "argon2id", keys.argon2id)


@pytest.fixture(autouse=True, scope="session")
def _parse_each_configuration_once() -> None:
    """Each command line of a test reads the same file anew; as YAML it is the same. Refused ones are read each time."""
    from kvtui import config

    parse = config._Reader.parse
    known: dict[bytes, Any] = {}

    def parsed(reader: config._Reader, data: bytes) -> Any:
        if data not in known:
            known[data] = parse(reader, data)
        return copy.deepcopy(known[data])

    config._Reader.parse = parsed  # type: ignore[method-assign]
