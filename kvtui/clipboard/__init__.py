"""Copying a value for a limited time.

A native tool is used where one works (Wayland, X11, macOS, Windows under WSL), then tmux, then the terminal itself
(OSC 52). Before anything is copied a detached helper (`kvtui.clipboard.clear`) is armed with a salted hash and the
deadline; it clears what still holds the copied value even if this process was killed.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import secrets
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Any

from kvtui.clipboard import clear as helper
from kvtui.clipboard import tools
from kvtui.clipboard.tools import Target, Tool
from kvtui.clock import suspended_clock
from kvtui.domain.errors import InvalidInput, Unavailable

__all__ = ["OSC_52_LIMIT", "Clipboard", "CopyResult", "clear_now", "copy"]

OSC_52_LIMIT = 75_000
"""Bytes of a value that still fit: base64 makes 100 000 of them, where terminals cut (Chromium's osc52.sh)."""

NO_WAY = "Nothing here can copy."
_START_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class CopyResult:
    """`verified`: the tool gave the value back when asked. `message` is for people and holds no value."""

    tool: str
    verified: bool
    message: str


@dataclass(slots=True)
class _Armed:
    """A job given to a helper, and the pipe to call it off."""

    job: dict[str, Any]
    control: IO[bytes]

    def holds(self, value: bytes) -> bool:
        digest: str = self.job["digest"]
        return hmac.compare_digest(helper.digest(value, bytes.fromhex(self.job["salt"])).hex(), digest)

    def drop(self) -> None:
        with self.control, suppress(BrokenPipeError):  # it is done already
            self.control.write(b"drop\n")


class Clipboard:
    """At most one copied value at a time: a second copy takes over the first one's deadline."""

    def __init__(self) -> None:
        self._armed: _Armed | None = None
        self._lock = threading.RLock()  # a signal handler may clear while its own thread copies

    def copy(self, value: bytes, seconds: float, write_terminal: Callable[[str], None] | None = None) -> CopyResult:
        """Put `value` on the clipboard for `seconds`.

        `write_terminal` sends text to the terminal unchanged; without it OSC 52 is not used. Raises Unavailable if
        nothing can copy, InvalidInput if the value is too big for the only way there is. Blocks for as long as the tool
        takes, some 0.1 s: call it from a worker.
        """
        with self._lock:
            environment = tools.environment()
            for tool in tools.find(environment):
                result = self._copy_with(tool, value, seconds, environment)
                if result is not None:
                    return result
            return self._copy_to_terminal(value, seconds, write_terminal)

    def clear_now(self) -> bool:
        """Clear what was copied, as at the deadline, and call the helper off. Returns False if a tool failed."""
        with self._lock:
            if self._armed is None:
                return True
            done = helper.clear(self._armed.job, tools.environment())
            if done:
                self._replace(None)
            return done

    def _copy_with(self, tool: Tool, value: bytes, seconds: float, environment: dict[str, str]) -> CopyResult | None:
        armed = _arm(_job(value, seconds, tool.targets))
        if self._armed is not None and self._armed.holds(value):
            self._replace(armed)  # else the first helper, due while the tool works, would clear the second copy
        if not helper.write(tool.copy, _encoded(tool, value), environment):
            if self._armed is not armed:
                armed.drop()
            return None
        if self._armed is not armed:
            self._replace(armed)
        read = tool.targets[0].read
        held = None if read is None else helper.read(read, environment)
        where = "to tmux and the terminal around it" if tool.name == "tmux" else f"with {tool.name}"
        if held == value:
            return CopyResult(tool.name, True, f"Copied {where}; cleared in {seconds:g} s if still there.")
        if held is None:
            # The helper could not compare either: clear without asking rather than never.
            blind = [Target(None, target.clear) for target in tool.targets[:1]]
            self._replace(_arm(_job(value, seconds, blind)))
            return CopyResult(
                tool.name, False, f"Copied {where} (cannot be verified); the clipboard is cleared in {seconds:g} s."
            )
        self._replace(_arm(_job(held, seconds, tool.targets)))
        return CopyResult(
            tool.name, False, f"Copied {where}, which did not keep the exact bytes; cleared in {seconds:g} s."
        )

    def _copy_to_terminal(
        self, value: bytes, seconds: float, write_terminal: Callable[[str], None] | None
    ) -> CopyResult:
        terminal = _terminal() if write_terminal is not None else None
        if write_terminal is None or terminal is None or os.environ.get("TERM") in {None, "", "dumb", "linux"}:
            raise Unavailable(NO_WAY, hint=f"Install {tools.PACKAGES}.", retryable=False)
        if os.environ.get("STY"):
            raise Unavailable(
                f"{NO_WAY} GNU screen does not pass it on.", hint=f"Install {tools.PACKAGES}.", retryable=False
            )
        if len(value) > OSC_52_LIMIT:
            raise InvalidInput(
                f"The terminal takes {OSC_52_LIMIT // 1000} kB at most, and the value is bigger.",
                hint=f"Install {tools.PACKAGES}, or write the value to a file.",
            )
        self._replace(_arm(_job(b"", seconds, [], terminal)))
        write_terminal(f"\x1b]52;c;{base64.b64encode(value).decode('ascii')}\x07")
        return CopyResult(
            "terminal",
            False,
            f"Value sent to the terminal (cannot be verified); its clipboard is cleared in {seconds:g} s.",
        )

    def _replace(self, armed: _Armed | None) -> None:
        if self._armed is not None:
            self._armed.drop()
        self._armed = armed


def _encoded(tool: Tool, value: bytes) -> bytes:
    if not tool.utf16 or value.isascii():
        return value
    try:
        return value.decode("utf-8").encode("utf-16-le")
    except UnicodeDecodeError:
        return value


def _job(value: bytes, seconds: float, targets: list[Target], terminal: dict[str, Any] | None = None) -> dict[str, Any]:
    salt = secrets.token_bytes(16)
    return {
        "deadline": suspended_clock() + seconds,
        "salt": salt.hex(),
        "digest": helper.digest(value, salt).hex(),
        "targets": [target.as_json() for target in targets],
        "terminal": terminal,
    }


def _arm(job: dict[str, Any]) -> _Armed:
    """Start the helper and give it the job. It has forked away when this returns."""
    try:
        # -I: nothing from the environment or the current folder is imported; -S: no site-packages either.
        started = subprocess.Popen(
            [sys.executable, "-I", "-S", helper.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=tools.environment(),
            start_new_session=True,
            bufsize=0,
        )
    except OSError:
        raise _no_helper() from None
    control = started.stdin
    if control is None:  # cannot be: stdin is a pipe
        raise _no_helper()
    try:
        control.write(json.dumps(job).encode("ascii") + b"\n")
        status = started.wait(_START_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        started.kill()
        status = started.wait()
    if status != 0:
        control.close()
        raise _no_helper()
    return _Armed(job, control)


def _no_helper() -> Unavailable:
    return Unavailable(
        "The helper that clears the clipboard did not start, so nothing was copied.",
        hint="Run kvtui doctor.",
        retryable=False,
    )


def _terminal() -> dict[str, Any] | None:
    for descriptor in (1, 2, 0):
        with suppress(OSError):
            return helper.terminal_identity(os.ttyname(descriptor))
    return None


_clipboard = Clipboard()
copy = _clipboard.copy
clear_now = _clipboard.clear_now
