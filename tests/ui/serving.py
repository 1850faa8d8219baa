"""The app on doubles of servers. A sign-in waits for whoever answers, so tests wait for what stands on the screen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any

from kvtui.clock import suspended_clock
from kvtui.config import Config, UiConfig
from kvtui.services.profiles import Profile, Profiles, load
from kvtui.services.session import Session
from kvtui.ui.app import KvtuiApp
from tests.doubles.server import Seen
from tests.doubles.vault import VaultDouble
from tests.support.screens import Look
from tests.ui.conftest import Screen

SENTINEL = "SENTINEL-hunter2-value"
WAIT_SECONDS = 60.0
"""After which something hangs: much is slow on a machine with other work."""
ALL = ("create", "read", "update", "patch", "delete", "list", "scan")
_COMMON = ("read_only", "banner", "colour")


class Served(Screen):
    """A running app on servers. `keys` and `until` do not wait for what waits for the user."""

    async def until(self, *wanted: str | Callable[[], object], seconds: float = WAIT_SECONDS) -> str:
        """Until all of these stand on the screen, or are so; the screen."""
        self.keep_looks()
        try:
            async with asyncio.timeout(seconds):
                while not self._stand(wanted):
                    await self.pilot.pause(0.02)
        except TimeoutError:
            raise AssertionError(f"not within {seconds} s: {wanted}\n{self.text}") from None
        return self.text

    def _stand(self, wanted: tuple[str | Callable[[], object], ...]) -> bool:
        if not all(one() for one in wanted if callable(one)):
            return False
        words = [one for one in wanted if isinstance(one, str)]
        text = self.text if words else ""  # all of the screen is drawn for it
        return all(word in text for word in words)

    async def gone(self, unwanted: str) -> str:
        return await self.until(lambda: unwanted not in self.text)

    async def keys(self, *names: str) -> None:
        """Press keys without waiting for what they started."""
        self.keep_looks()
        await self.pilot.press(*names)

    async def answer(self, text: str) -> None:
        """Type the answer to a question of a sign-in."""
        await self.keys(*text, "enter")

    async def tick(self) -> Look:
        """What the app does by itself twice a second."""
        self.keep_looks()
        await self.app._tick()
        return await self.settle()


class Clock:
    """Seconds that go by when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def profile_of(server: VaultDouble, auth: Mapping[str, Any], name: str = "bao", **more: Any) -> Profile:
    """`more`: settings of the server, and read_only, banner and colour of the profile."""
    common = {key: more.pop(key) for key in _COMMON if key in more}
    return Profile(
        name, "vault", MappingProxyType({"url": server.url, "auth": MappingProxyType({**auth}), **more}), **common
    )


@asynccontextmanager
async def served(
    *profiles: Profile,
    environ: Mapping[str, str] | None = None,
    size: tuple[int, int] = (100, 30),
    ui: UiConfig | None = None,
    clock: Callable[[], float] = suspended_clock,
) -> AsyncIterator[Served]:
    """The app as it starts on the first of these profiles; without any on those of `environ`."""
    known = (
        Profiles({each.name: each for each in profiles}, profiles[0])
        if profiles
        else load(Config(), environ=environ or {}, name="vault")
    )
    app = KvtuiApp(known, Config(ui=ui or UiConfig()), session=Session(known.current), clock=clock)
    async with app.run_test(size=size, notifications=True) as pilot:
        try:
            yield Served(pilot, app)
        finally:
            await asyncio.to_thread(app.session.lock)  # ends the calls that hang


def fill(server: VaultDouble) -> None:
    """app/db in two versions with the sentinel, app/api, top."""
    server.write("secret", "app/db", {"user": "admin", "password": f"{SENTINEL}-1", "port": 5432})
    server.write("secret", "app/db", {"user": "admin", "password": SENTINEL, "port": 5432})
    server.write("secret", "app/api", {"value": "one"})
    server.write("secret", "top", {"value": "three"})


def reads_of_values(server: VaultDouble, since: int = 0) -> list[Seen]:
    """The requests by which a value could have come."""
    return [seen for seen in server.requests[since:] if seen.method == "GET" and "/data/" in seen.path]


def value_of(server: VaultDouble, name: str, field: str = "value", mount: str = "secret") -> Any:
    """The current value, as the server has it."""
    secret = server.secrets_of(mount)[name]
    return secret.versions[secret.current].data[field]
