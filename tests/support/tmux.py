"""A private tmux server for tests: what is left in a real terminal multiplexer's screen, scrollback and buffers."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

WAIT_SECONDS = 20.0

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed: NOT CHECKED in it")


class Tmux:
    """`with Tmux(argv, folder) as tmux:` runs a program in the one pane of its own server; the socket is in `folder`.

    After the program the pane stays, with `EXIT:<code>` and the terminal's settings, until the block ends.
    """

    def __init__(
        self,
        argv: Sequence[str],
        folder: Path,
        *,
        size: tuple[int, int] = (80, 24),
        env: Mapping[str, str],
        options: Sequence[Sequence[str]] = (),
    ) -> None:
        self.socket = folder / "tmux.sock"
        self._env = {**env, "TERM": "xterm-256color"}
        self._env.pop("TMUX", None)
        script = f'{shlex.join(argv)}; printf "EXIT:%s\\n" "$?"; stty -a; exec cat'
        columns, rows = map(str, size)
        settings = [word for option in options for word in (";", "set-option", "-g", *option)]
        self.run("new-session", "-d", "-x", columns, "-y", rows, "sh", "-c", script, *settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.run("kill-server", check=False)

    def run(self, *words: str, check: bool = True) -> str:
        """One tmux command; its output."""
        done = subprocess.run(
            ["tmux", "-S", str(self.socket), "-f", "/dev/null", *words],
            env=self._env,
            check=check,
            capture_output=True,
            encoding="utf-8",
            timeout=WAIT_SECONDS,
        )
        return done.stdout

    def keys(self, *names: str) -> None:
        """Keys by tmux' names: `Enter`, `C-c`, `j`."""
        self.run("send-keys", *names)

    def type(self, text: str) -> None:
        self.run("send-keys", "-l", text)

    @property
    def screen(self) -> str:
        return self.run("capture-pane", "-p")

    @property
    def everything(self) -> str:
        """Screen, scrollback, and the screen the alternate one covers."""
        return self.run("capture-pane", "-p", "-S", "-", "-E", "-") + self.run("capture-pane", "-p", "-a", "-q")

    def facts(self, *names: str) -> list[str]:
        """Values of tmux formats, such as `alternate_on`."""
        return self.run("display-message", "-p", "\t".join(f"#{{{name}}}" for name in names)).rstrip("\n").split("\t")

    @property
    def pid(self) -> int:
        """Process id of the pane's shell."""
        return int(self.facts("pane_pid")[0])

    @property
    def program(self) -> int:
        """Process id of the program, the shell's only child."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return int(children[0])

    def wait_until(self, done: Callable[[], bool], what: str, seconds: float = WAIT_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while not done():
            assert time.monotonic() < deadline, f"no {what} after {seconds} s:\n{self.screen}"
            time.sleep(0.02)  # the pause between two looks; the deadline decides

    def wait_for(self, *texts: str, seconds: float = WAIT_SECONDS) -> str:
        self.wait_until(lambda: all(text in self.screen for text in texts), repr(texts), seconds)
        return self.screen
