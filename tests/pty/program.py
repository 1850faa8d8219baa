"""The program as `tests/pty` runs it: `python program.py [fault] [options]`, hardened as `main` does, on a small store.

A fault raises where it says, with the sentinel as a local and in the message. The seconds of reveal and lock are short
where a test asks for it; everything else is the real thing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import threading
from types import MappingProxyType
from typing import Any

from kvtui.hardening import harden, scrub_environment

SENTINEL = "SENTINEL-hunter2-value"
FAULTS = ("action", "worker", "thread", "timer", "handler", "compose", "render", "loop", "rich", "input")


def fail(*_args: Any, **_options: Any) -> Any:
    """Raise as badly as can be: the value in a local, in the message, and in what the error came from."""
    revealed = os.environ.get("NO_SUCH_VARIABLE", "SENTINEL-hunter2-value")
    try:
        int(revealed)
    except ValueError as error:
        raise RuntimeError(f"while working on {revealed}") from error


class PrettyError(Exception):
    """An error that brings its own picture, as errors of Rich and of style sheets do."""

    def __rich__(self) -> str:
        return SENTINEL


def inject(fault: str) -> None:
    """Make the place named by `fault` raise once `x` is pressed, or as soon as it is drawn."""
    from textual import events

    from kvtui.ui.screens.main import MainScreen
    from kvtui.ui.widgets.panes import FieldsPane

    def failing_worker(screen: MainScreen) -> None:
        async def work() -> None:
            await asyncio.sleep(0)
            fail()

        screen.run_worker(work(), description="fail", exit_on_error=True)

    def failing_loop(screen: MainScreen) -> None:
        asyncio.get_running_loop().call_soon(fail)
        asyncio.get_running_loop().call_later(0.05, screen.app.exit)

    def failing_thread(screen: MainScreen) -> None:
        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        screen.app.exit()

    def failing_picture(_screen: MainScreen) -> None:
        raise PrettyError(SENTINEL)

    def failing_render(_screen: MainScreen) -> None:
        FieldsPane.render_line = fail  # type: ignore[method-assign]
        _screen.refresh(layout=True)
        _screen.fields.refresh()

    def failing_input(screen: MainScreen) -> None:
        driver: Any = screen.app._driver
        driver.process_message = fail

    at_key: dict[str, Any] = {
        "action": fail,
        "worker": failing_worker,
        "thread": failing_thread,
        "timer": lambda screen: screen.set_timer(0.01, fail),
        "handler": lambda screen: screen.fields.call_later(fail),
        "render": failing_render,
        "loop": failing_loop,
        "rich": failing_picture,
        "input": failing_input,
    }
    if fault == "compose":
        MainScreen.compose = fail  # type: ignore[method-assign]
        return

    async def on_key(self: MainScreen, event: events.Key) -> None:
        if event.key == "x":
            at_key[fault](self)

    MainScreen.on_key = on_key  # type: ignore[attr-defined]


def main() -> int:
    harden()
    scrub_environment()
    parser = argparse.ArgumentParser()
    parser.add_argument("--fault", choices=FAULTS)
    parser.add_argument("--path", default="app/db")
    parser.add_argument("--hostile", action="store_true")
    parser.add_argument("--reveal", type=int, default=600)
    parser.add_argument("--lock", type=int, default=5)
    options = parser.parse_args()

    from kvtui.config import Config, UiConfig
    from kvtui.services.profiles import Profile, Profiles
    from kvtui.services.session import Session
    from kvtui.ui.app import run
    from tests.ui.safety.contents import fill, hostile_store

    profile = Profile("test", "memory", MappingProxyType({}))
    session = Session(profile)
    session.unlock()
    if options.hostile:
        session._backend = hostile_store()
    else:
        fill(session.backend)
    if options.fault:
        inject(options.fault)
    config = Config(ui=UiConfig(reveal_seconds=options.reveal, lock_minutes=options.lock))
    return run(Profiles({"test": profile}, profile), config, path=options.path, session=session)


if __name__ == "__main__":
    sys.exit(main())
