"""The app with its output taken down: the bytes a terminal would get, and a terminal model fed with them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unicodedata import normalize

import pyte
import pytest
from textual._compositor import CompositorUpdate
from textual.pilot import Pilot

from kvtui.backends.file.factory import FileFactory
from kvtui.backends.file.header import KdfCost
from kvtui.backends.memory import MemoryBackend
from kvtui.clock import suspended_clock
from kvtui.config import Config, UiConfig
from kvtui.domain.credential import Credential
from kvtui.domain.value import SecretValue
from kvtui.services.profiles import Profile, Profiles
from kvtui.services.session import Session
from kvtui.ui.app import KvtuiApp
from kvtui.ui.screens.main import MainScreen
from tests.support.oracle import bad_tokens
from tests.support.screens import screen_text, wait_for_idle
from tests.support.terminal import ModelScreen
from tests.ui.safety.contents import fill

Watching = Callable[..., AbstractAsyncContextManager["Watched"]]


class Watched:
    """A running app whose every frame goes through the terminal model and the judge of control sequences."""

    def __init__(self, app: KvtuiApp, size: tuple[int, int]) -> None:
        self.app = app
        self.pilot: Pilot[int]
        self.output = b""
        self.columns, self.rows = size
        self.terminal: Any = ModelScreen(*size)
        self._stream = pyte.ByteStream(self.terminal)
        display = app._display

        def take_down(screen: Any, renderable: Any) -> None:
            if isinstance(renderable, CompositorUpdate) and not app._batch_count:
                frame = renderable.render_segments(app.console).encode("utf-8", "surrogatepass")
                self.output += frame
                self._stream.feed(frame)
            display(screen, renderable)

        app._display = take_down  # type: ignore[method-assign]

    def forget(self) -> None:
        """Drop what was taken down."""
        self.output = b""
        self.terminal.reset()

    @property
    def main(self) -> MainScreen:
        main = self.app.main
        assert main is not None, "the main screen is not up"
        return main

    @property
    def text(self) -> str:
        return "\n".join(screen_text(self.app))

    async def press(self, *keys: str) -> str:
        for key in keys:
            await self.pilot.press(key)
        return await self.rest()

    async def rest(self) -> str:
        await wait_for_idle(self.pilot)
        return self.text

    async def open(self, path: str) -> None:
        """Show a secret in the detail."""
        await self.main.go_to(path)
        await self.main.read_secret(path)
        await self.rest()

    def check(self) -> None:
        """Nothing but the program's own control sequences was sent, and the terminal shows what the app laid out."""
        assert bad_tokens(self.output) == []
        laid_out = screen_text(self.app)
        shown = list(self.terminal.display)
        for y, (ours, theirs) in enumerate(zip(laid_out, shown, strict=True)):
            # the model composes what it can
            assert normalize("NFC", theirs.rstrip()) == normalize("NFC", ours.rstrip()), f"row {y}"
        self.output = b""


@pytest.fixture
def watching() -> Watching:
    @asynccontextmanager
    async def watch(
        *,
        size: tuple[int, int] = (80, 24),
        backend: MemoryBackend | None = None,
        ui: UiConfig | None = None,
        clock: Callable[[], float] = suspended_clock,
        vault: Path | None = None,
    ) -> AsyncIterator[Watched]:
        if vault is not None:  # locked
            profile = Profile("test", "file", MappingProxyType({"path": str(vault)}))
            session = Session(profile)
        else:
            profile = Profile("test", "memory", MappingProxyType({}))
            session = Session(profile)
            session.unlock()
            if backend is None:
                fill(session.backend)
            else:
                session._backend = backend
        config = Config(ui=ui or UiConfig(reveal_seconds=3600, lock_minutes=0))
        app = KvtuiApp(Profiles({"test": profile}, profile), config, session=session, clock=clock)
        watched = Watched(app, size)
        async with app.run_test(size=size, notifications=True) as watched.pilot:
            await watched.rest()
            yield watched

    return watch


PASSPHRASE = "SENTINEL_pass_phrase".replace("_", "-")
IN_VAULT = "SENTINEL_kept_in_the_vault".replace("_", "-")
"""A value of its own: what other tests left in this process does not count. No literal: Hypothesis collects those of
all modules it finds loaded, and keeps them."""


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    """A real vault, cheap to open, with `fill` in it."""
    path = tmp_path / "v.kvtui"
    credential = Credential(SecretValue(PASSPHRASE))
    FileFactory().create_with({"path": str(path)}, credential, kdf=KdfCost(memory_kib=8 * 1024, passes=1, lanes=1))
    backend = FileFactory().open({"path": str(path)}, credential)
    fill(backend, IN_VAULT)
    backend.close()
    return path


async def unlock(watched: Watched, passphrase: str = PASSPHRASE) -> str:
    """Type the passphrase and wait for the tree, or for what is said instead."""
    await watched.pilot.press(*(f"{ch}" if ch != "-" else "minus" for ch in passphrase), "enter")
    await watched.pilot.pause()
    return await watched.rest()
