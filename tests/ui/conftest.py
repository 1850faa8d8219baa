"""The app on a filled store in memory, driven by keys."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from uuid import uuid4
from weakref import ref

import pytest
from textual.pilot import Pilot

from kvtui.backends.contract import Backend
from kvtui.config import Config, UiConfig
from kvtui.domain.metadata import MetadataPatch, SecretType
from kvtui.domain.value import SecretValue
from kvtui.services.profiles import Profile, Profiles
from kvtui.services.session import Session
from kvtui.ui.app import KvtuiApp
from tests.doubles.vault import VaultDouble
from tests.support.screens import Look, screen_text, wait_for_idle

SENTINEL = "SENTINEL-hunter2-value"

Running = Callable[..., AbstractAsyncContextManager["Screen"]]


class Screen:
    """A running app as a person has it: press keys, look."""

    def __init__(self, pilot: Pilot[int], app: KvtuiApp) -> None:
        self.pilot, self.app = pilot, app
        self._looks: list[ref[Look]] = []

    @property
    def session(self) -> Session:
        return self.app.session

    @property
    def backend(self) -> Backend:
        return self.app.session.backend

    @property
    def text(self) -> str:
        return "\n".join(screen_text(self.app))

    def look(self) -> Look:
        """The screen, which is drawn only if somebody reads it: most of what keys show is in the way to something."""
        look = Look(self.app)
        self._looks.append(ref(look))
        return look

    def keep_looks(self) -> None:
        """Before the screen changes."""
        for known in self._looks:
            if (look := known()) is not None:
                look.keep()
        self._looks.clear()

    async def press(self, *keys: str) -> Look:
        """Press keys one after the other, wait until nothing moves any more, return the screen."""
        await self._press(*keys)
        return self.look()

    async def _press(self, *keys: str) -> None:
        self.keep_looks()
        for key in keys:
            await self.app._press_keys((key,))  # `pilot.press` asks every widget once more, as waiting does
            await wait_for_idle(self.pilot)

    async def type(self, text: str) -> Look:
        await self._type(text)
        return self.look()

    async def _type(self, text: str) -> None:
        self.keep_looks()
        await self.pilot.press(*(_NAMES.get(ch, ch) for ch in text))
        await wait_for_idle(self.pilot)

    async def go_to(self, path: str) -> Look:
        """As `J` and a path do, which have tests of their own."""
        self.keep_looks()
        assert self.app.main is self.app.screen
        self.app.main.arrive(path)
        await wait_for_idle(self.pilot)
        return await self.settle()

    async def settle(self) -> Look:
        """Wait out the short pause after which the secret under the cursor is read."""
        self.keep_looks()
        await self.pilot.pause(0.08)
        await wait_for_idle(self.pilot)
        return self.look()


_NAMES = {
    "/": "slash",
    ".": "full_stop",
    "-": "minus",
    "_": "underscore",
    " ": "space",
    "=": "equals_sign",
    ":": "colon",
}


def fill(backend: Backend) -> None:
    text = {"password": SecretValue(SENTINEL), "user": SecretValue("admin"), "port": SecretValue(5432)}
    backend.write("app/db", text, metadata=MetadataPatch(type=SecretType.PASSWORD, description="main", tags=("prod",)))
    backend.write("app/db", {**text, "password": SecretValue(SENTINEL + "-2")})
    backend.write("app/api", {"value": SecretValue("one")})
    backend.write("infra/token", {"value": SecretValue("two\nlines")})
    backend.write("top", {"value": SecretValue("three")})


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR"):
        folder = tmp_path / name.lower()
        folder.mkdir(mode=0o700)
        monkeypatch.setenv(name, str(folder))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.delenv("TMUX", raising=False)
    monkeypatch.delenv("KVTUI_CONFIG", raising=False)
    for name in [name for name in os.environ if name.startswith(("BAO_", "VAULT_", "TAILOR_"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def server() -> Iterator[VaultDouble]:
    with VaultDouble() as double:
        yield double
        assert not double.broken


@pytest.fixture
def running() -> Running:
    @asynccontextmanager
    async def run(
        *,
        size: tuple[int, int] = (100, 30),
        contents: Callable[[Backend], None] = fill,
        read_only: bool = False,
        ui: UiConfig | None = None,
        keymap: dict[str, str] | None = None,
        banner: str | None = None,
    ) -> AsyncIterator[Screen]:
        profile = Profile("test", "memory", MappingProxyType({"name": uuid4().hex}), banner=banner)
        session = Session(profile)
        session.unlock()
        contents(session.backend)
        if read_only:
            from kvtui.backends.read_only import ReadOnlyBackend

            session._backend = ReadOnlyBackend(session.backend)
        config = Config(ui=ui or UiConfig(), keymap=MappingProxyType(keymap or {}))
        app = KvtuiApp(Profiles({"test": profile}, profile), config, session=session)
        async with app.run_test(size=size) as pilot:
            screen = Screen(pilot, app)
            await wait_for_idle(pilot)
            await screen.settle()
            yield screen

    return run
