"""Make the README's pictures from the real program: example data, a fixed clock, keys as a person presses them.

python screenshots/make.py           make them
python screenshots/make.py --check   fail when the program draws something else by now
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kvtui.services.profiles import Profile
    from kvtui.services.session import Session

HERE = Path(__file__).parent
NOW = datetime(2026, 3, 14, 9, 26, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Picture:
    """Keys that lead to the picture; `~` waits until nothing moves any more."""

    name: str
    keys: Sequence[str]
    size: tuple[int, int] = (100, 28)
    theme: str = "kvtui-dark"
    server: bool = False
    """On a server, by a token that may not do everything."""


PICTURES = (
    Picture("main", ["J", *"apps/shop/prod/database", "enter", "r"]),
    Picture("review", ["J", *"apps/shop/prod/database", "enter", "e", *"n3w-example-value", "ctrl+s"]),
    Picture("versions", ["J", *"apps/shop/prod/database", "enter", "v"]),
    Picture("find", ["ctrl+f", *"shop"]),
    Picture("generate", ["J", *"apps/shop/prod/database", "enter", "o"]),
    Picture("themes", ["T"], theme="kvtui-light"),
    Picture("narrow", ["J", *"apps/shop/prod/database", "enter", "enter"], size=(60, 24)),
    Picture(
        "server",
        ["J", *"secret/billing", "enter", "l", "J", *"secret/apps/shop/prod/database", "enter", "e"],
        server=True,
    ),
)


@contextmanager
def example(picture: Picture) -> Iterator[tuple[Profile, Session]]:
    """A store with example data, open."""
    from kvtui.services.demo import fill
    from kvtui.services.profiles import Profile
    from kvtui.services.session import Session
    from tests.doubles.vault import VaultDouble

    if not picture.server:
        profile = Profile("demo", "memory", MappingProxyType({"name": picture.name}))
        session = Session(profile)
        session.unlock()
        fill(session.backend, NOW)
        yield profile, session
        return
    with VaultDouble() as server:
        server.mount("legacy", version=1)
        shop = {"host": "db.example.com", "password": "example", "port": 5432, "user": "shop"}
        for path in ("apps/shop/prod/database", "apps/shop/prod/payments", "apps/shop/staging/database"):
            server.write("secret", path, shop)
        server.write("secret", "billing/ledger", {"value": "example"})
        server.write("legacy", "mail", {"value": "example"})
        names = {
            f"secret/{kind}/{path}": ["read", "list"]
            for kind in ("data", "metadata", "subkeys")
            for path in ("", "apps/*")
        }
        server.policy("shop", {**names, "legacy/*": ["read", "list"]})
        os.environ["EXAMPLE_TOKEN"] = server.token("shop", ttl=0)
        auth = {"method": "token", "token_env": "EXAMPLE_TOKEN"}
        profile = Profile(
            "production",
            "vault",
            MappingProxyType({"url": server.url, "auth": auth}),
            colour="red",
            banner="PRODUCTION",
        )
        session = Session(profile)
        session.unlock()
        yield profile, session
        session.lock()


async def draw(picture: Picture) -> str:
    from kvtui.config import Config, UiConfig
    from kvtui.services.profiles import Profiles
    from kvtui.ui.app import KvtuiApp
    from tests.support.screens import wait_for_idle

    config = Config(ui=UiConfig(theme=picture.theme))
    with example(picture) as (profile, session):
        known = Profiles({profile.name: profile}, profile)
        app = KvtuiApp(known, config, session=session, clock=lambda: 0.0, now=lambda: NOW)
        async with app.run_test(size=picture.size) as pilot:
            await wait_for_idle(pilot)
            for key in picture.keys:
                await pilot.press({"/": "slash", "-": "minus"}.get(key, key))
                await pilot.pause(0.07)
                await wait_for_idle(pilot)
            return svg(app.export_screenshot(title="kvtui"))


def svg(text: str) -> str:
    """The picture with fonts of the reader's machine: nothing is fetched from anywhere."""
    text = re.sub(r"@font-face \{.*?\}", "", text, flags=re.DOTALL)
    text = text.replace("font-family: Fira Code", "font-family: Fira Code, Menlo, Consolas, DejaVu Sans Mono")
    return re.sub(r"\n\s*\n+", "\n", text)


def make(write: Callable[[Path, str], None]) -> None:
    for picture in PICTURES:
        write(HERE / f"{picture.name}.svg", asyncio.run(draw(picture)))


def main(argv: Sequence[str]) -> int:
    with tempfile.TemporaryDirectory() as home:
        folders = ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR")
        os.environ.update(dict.fromkeys(folders, home), TERM="xterm-256color", LC_ALL="C.UTF-8")
        stale: list[str] = []

        def check(path: Path, wanted: str) -> None:
            if not path.exists() or path.read_text(encoding="utf-8") != wanted:
                stale.append(path.name)

        def save(path: Path, wanted: str) -> None:
            path.write_text(wanted, encoding="utf-8")

        make(check if "--check" in argv else save)
    if stale:
        print(
            f"The program draws other pictures by now: {', '.join(stale)}. Run: python screenshots/make.py",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent))
    sys.exit(main(sys.argv[1:]))
