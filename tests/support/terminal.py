"""A real terminal for tests: a program in a pty, its raw output, a model of its screen, answers to its questions."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyte
from wcwidth import wcwidth

WAIT_SECONDS = 20.0
KEYS = {
    "enter": b"\r",
    "tab": b"\t",
    "esc": b"\x1b",
    "up": b"\x1b[A",
    "down": b"\x1b[B",
    "right": b"\x1b[C",
    "left": b"\x1b[D",
    "pagedown": b"\x1b[6~",
    "backspace": b"\x7f",
    **{f"ctrl+{letter}": bytes([ord(letter) - 96]) for letter in "abcdefghijklmnopqrstuvwxyz"},
}
FOCUS_OUT, FOCUS_IN = b"\x1b[O", b"\x1b[I"

# Sequences pyte does not know and would draw the end of: the keyboard protocol's.
_UNKNOWN_TO_PYTE = re.compile(rb"\x1b\[[<>=][0-9;]*u")
_ALTERNATE = re.compile(rb"(\x1b\[\?1049[hl])")
_UNFINISHED = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*\x1b?)?\Z")
_QUERIES: tuple[tuple[re.Pattern[bytes], Callable[[re.Match[bytes]], bytes]], ...] = (
    (re.compile(rb"\x1b\[c"), lambda _: b"\x1b[?62;22c"),  # DA1: a VT220 with colour
    (re.compile(rb"\x1b\[6n"), lambda _: b"\x1b[1;1R"),  # DSR: where the cursor is
    # DECRQM: modes 2026 and 2048 known and reset, everything else unknown.
    (re.compile(rb"\x1b\[\?(\d+)\$p"), lambda m: b"\x1b[?%s;%d$y" % (m[1], 2 if m[1] == b"2026" else 0)),
)


class ModelScreen(pyte.Screen):  # type: ignore[misc]  # pyte has no types
    """pyte's screen, mended: it loses the rest of a text after a character without width that is not canonical."""

    def draw(self, data: str) -> None:
        if data.isascii():
            super().draw(data)
            return
        for ch in data:
            if wcwidth(ch) == 0 and self.cursor.x:
                line = self.buffer[self.cursor.y]
                at = self.cursor.x - 1
                at -= at > 0 and not line[at].data  # the second cell of a wide character
                line[at] = line[at]._replace(data=line[at].data + ch)
            else:
                super().draw(ch)


class Terminal:
    """`with Terminal(argv) as terminal:` runs a program; leaving the block kills it and its whole session.

    `raw` is every byte it wrote; `screen` the pyte model of what is visible now; all waiting polls up to a deadline.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        size: tuple[int, int] = (80, 24),
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.columns, self.rows = size
        self.raw = b""
        self.screen: Any = ModelScreen(*size)
        self._covered: Any = None
        self._stream = pyte.ByteStream(self.screen)
        self._fed = self._answered = 0
        self._master, self._slave = os.openpty()
        self._set_size()
        self.sane = termios.tcgetattr(self._slave)
        self.process = subprocess.Popen(
            argv,
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env={"TERM": "xterm-256color", **os.environ} if env is None else dict(env),
            cwd=cwd,
            start_new_session=True,
            preexec_fn=self._own_terminal,  # noqa: PLW1509 - only makes the pty the controlling terminal
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill the program and everything it started in its session."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._slave)
        os.close(self._master)

    def _own_terminal(self) -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def _set_size(self) -> None:
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", self.rows, self.columns, 0, 0))

    # -- doing

    def send(self, data: bytes) -> None:
        """What a keyboard, a mouse or a paste would send."""
        os.write(self._master, data)

    def press(self, *keys: str) -> None:
        """Named keys, see KEYS, or single characters."""
        for key in keys:
            self.send(KEYS.get(key) or key.encode())

    def paste(self, text: str) -> None:
        """A bracketed paste."""
        self.send(b"\x1b[200~" + text.encode() + b"\x1b[201~")

    def click(self, x: int, y: int) -> None:
        """Press and release the left button on a cell, counted from 0."""
        self.send(b"\x1b[<0;%d;%dM\x1b[<0;%d;%dm" % (x + 1, y + 1, x + 1, y + 1))

    def drag(self, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Drag with the left button from one cell to another, counted from 0."""
        (x0, y0), (x1, y1) = start, end
        self.send(b"\x1b[<0;%d;%dM" % (x0 + 1, y0 + 1))
        self.send(b"\x1b[<32;%d;%dM" % (x1 + 1, y1 + 1))
        self.send(b"\x1b[<0;%d;%dm" % (x1 + 1, y1 + 1))

    def resize(self, columns: int, rows: int) -> None:
        self.read()
        self.columns, self.rows = columns, rows
        self.screen.resize(rows, columns)
        self._set_size()
        self.kill(signal.SIGWINCH)

    def kill(self, number: int) -> None:
        """Send a signal to the program."""
        os.kill(self.process.pid, number)

    # -- looking

    def read(self, seconds: float = 0.0) -> bool:
        """Take in what was written, waiting up to `seconds` for the first of it. False when nothing came."""
        came = False
        while select.select([self._master], [], [], 0 if came else seconds)[0]:
            data = os.read(self._master, 65536)
            if not data:
                break
            came = True
            self.raw += data
            self._answer()
            self._feed()
        return came

    def _answer(self) -> None:
        end = self._answered
        for query, answer in _QUERIES:
            for match in query.finditer(self.raw, self._answered):
                self.send(answer(match))
                end = max(end, match.end())
        self._answered = end

    def _feed(self) -> None:
        data = self.raw[self._fed :]
        tail = _UNFINISHED.search(data)
        if tail:
            data = data[: tail.start()]
        self._fed += len(data)
        for piece in _ALTERNATE.split(_UNKNOWN_TO_PYTE.sub(b"", data)):
            if piece in {b"\x1b[?1049h", b"\x1b[?1049l"}:
                self._switch(alternate=piece.endswith(b"h"))
            else:
                self._stream.feed(piece)

    def _switch(self, *, alternate: bool) -> None:
        """The alternate screen, which pyte does not have: a screen of its own over the main one."""
        if alternate == (self._covered is not None):
            return
        if alternate:
            self._covered, self.screen = self.screen, ModelScreen(self.columns, self.rows)
        else:
            self._covered, self.screen = None, self._covered
            self.screen.resize(self.rows, self.columns)
        self._stream = pyte.ByteStream(self.screen)

    @property
    def text(self) -> str:
        """The visible rows, right-hand blanks stripped."""
        return "\n".join(line.rstrip() for line in self.screen.display)

    def find(self, text: str) -> tuple[int, int]:
        """Column and row of a text on the screen. Raises ValueError when it is not there."""
        for y, line in enumerate(self.screen.display):
            if text in line:
                return line.index(text), y
        raise ValueError(f"{text!r} is not on the screen:\n{self.text}")

    def wait_until(self, done: Callable[[], bool], what: str, seconds: float = WAIT_SECONDS) -> None:
        """Take in output until `done`. Raises AssertionError after `seconds`, or when the program ended."""
        deadline = time.monotonic() + seconds
        while not done():
            ended = self.process.poll() is not None
            came = self.read(0.02)
            if done():
                return
            assert not ended or came, f"ended with {self.process.returncode} while waiting for {what}:\n{self.text}"
            assert time.monotonic() < deadline, f"no {what} after {seconds} s:\n{self.text}"

    def wait_for(self, *texts: str, seconds: float = WAIT_SECONDS) -> str:
        """Until all of these stand on the screen; returns it."""
        self.wait_until(lambda: all(text in self.text for text in texts), repr(texts), seconds)
        return self.text

    def wait_gone(self, text: str, seconds: float = WAIT_SECONDS) -> str:
        """Until this does not stand on the screen any more; returns it."""
        self.wait_until(lambda: text not in self.text, f"screen without {text!r}", seconds)
        return self.text

    def wait_quiet(self, quiet: float = 0.15, seconds: float = WAIT_SECONDS) -> str:
        """Until nothing was written for `quiet` seconds; returns the screen."""
        deadline = time.monotonic() + seconds
        while self.read(quiet):
            assert time.monotonic() < deadline, f"still writing after {seconds} s:\n{self.text}"
        return self.text

    def wait_end(self, seconds: float = WAIT_SECONDS) -> int:
        """Until the program ended; its exit code, negative for a signal."""
        deadline = time.monotonic() + seconds
        while self.process.poll() is None:
            self.read(0.02)
            assert time.monotonic() < deadline, f"still running after {seconds} s:\n{self.text}"
        while self.read():
            pass
        return int(self.process.returncode)

    def mode(self, number: int, since: int = 0) -> bool | None:
        """Whether a DEC private mode was left set (True) or reset (False); None when it was never touched."""
        found = re.findall(rb"\x1b\[\?%d([hl])" % number, self.raw[since:])
        return found[-1] == b"h" if found else None

    @property
    def unread(self) -> int:
        """How much of what was typed nobody has read: bytes the next program at this terminal would get."""
        return int.from_bytes(fcntl.ioctl(self._slave, termios.FIONREAD, bytes(4)), sys.byteorder)

    @property
    def is_restored(self) -> bool:
        """Whether the program left the terminal as it found it: main screen, cursor, no mouse, no paste marks, stty."""
        off = all(self.mode(number) in {None, False} for number in (1049, 1000, 1002, 1003, 1004, 2004))
        return off and self.mode(25) in {None, True} and termios.tcgetattr(self._slave) == self.sane
