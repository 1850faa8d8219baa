"""What the commands print: text for people, ASCII-only JSON for scripts, values as exact bytes.

Text from a store is printed through `kvtui.text`, into a pipe as well: what comes out of it may end up on a terminal.
Scripts that meet such names use `--json`.
"""

from __future__ import annotations

import time
from typing import BinaryIO, Self

from kvtui.domain import json_text
from kvtui.domain.errors import Conflict, InvalidInput, KvtuiError, NotFound, RateLimited, Unsupported
from kvtui.domain.json_text import Json
from kvtui.text import show, show_name

_REDRAW = 0.2
"""Seconds between two drawings of a progress."""


class Output:
    """Standard output and standard error. `json` and `quiet` are the global options."""

    def __init__(
        self, stdout: BinaryIO | None, stderr: BinaryIO | None, *, json: bool = False, quiet: bool = False
    ) -> None:
        self._stdout = stdout
        self._stderr = stderr
        self.json = json
        self.quiet = quiet
        self._held: list[str] = []

    @property
    def is_terminal(self) -> bool:
        return self._stdout is not None and self._stdout.isatty()

    @property
    def errors_on_terminal(self) -> bool:
        return self._stderr is not None and self._stderr.isatty()

    def bytes(self, data: bytes) -> None:
        """Exactly these bytes on standard output."""
        if self._stdout is None:
            raise KvtuiError("Standard output is closed.", hint="Send the output somewhere.")
        rest = memoryview(data)
        while rest:
            # Unbuffered (PYTHONUNBUFFERED) the stream is the bare file, which may take only a part.
            rest = rest[self._stdout.write(rest) :]

    def line(self, text: str = "") -> None:
        """One line of text. Pieces that come from outside have been through `name` or `text`."""
        self.bytes(show(text).encode("utf-8") + b"\n")

    def name(self, text: str) -> str:
        """A name or path as shown: look-alike spaces are spelled out for people, exact in a pipe where it is safe."""
        return show_name(text) if self.is_terminal else show(text)

    def table(self, rows: list[tuple[str, ...]]) -> None:
        """Rows of cells in aligned columns; cells are shown text."""
        from kvtui.text import cell_width  # noqa: PLC0415

        widths = [max(map(cell_width, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = [cell + " " * (width - cell_width(cell)) for cell, width in zip(row, widths, strict=True)]
            self.line("  ".join(cells).rstrip())

    def dump(self, value: Json) -> None:
        """One JSON value on one line, ASCII only."""
        self.bytes(json_text.dump(value).encode("ascii") + b"\n")

    def note(self, text: str) -> None:
        """Something worth knowing, on standard error; `-q` drops it.

        With JSON it is held back until all went well: where something failed, the error is all there is to parse.
        """
        if self.json:
            self._held.append(text)
        elif not self.quiet:
            self._complain(f"kvtui: {text}")

    def urge(self, text: str) -> None:
        """Something somebody must see now for the command to go on, such as an address to open; `-q` keeps it."""
        for line in text.splitlines():
            self._complain(f"kvtui: {show(line)}")

    def error(self, error: KvtuiError) -> None:
        """What went wrong and what to do, in one line, on standard error."""
        self._held.clear()
        if self.json:
            self._complain(json_text.dump({"error": error_json(error)}))
        else:
            self._complain(error_line(error))

    def trace(self, text: str) -> None:
        """Several lines on standard error, for `--debug`."""
        for line in text.splitlines():
            self._complain(line)

    def flush(self) -> None:
        """Send everything, at the end of a command that worked."""
        if self._stdout is not None:
            self._stdout.flush()
        for text in [] if self.quiet else self._held:
            self._complain(f"kvtui: {text}")
        self._held.clear()

    def draw(self, text: str) -> None:
        """Text in the place of what was drawn last, on the terminal of standard error; nothing to clear it."""
        if self._stderr is not None:
            self._stderr.write(b"\r\x1b[K" + show(text).encode("utf-8"))
            self._stderr.flush()

    def _complain(self, line: str) -> None:
        if self._stderr is None:
            return
        try:
            self._stderr.write(show(line).encode("utf-8") + b"\n")
            self._stderr.flush()
        except (OSError, ValueError):
            # Nobody can be told that nobody can be told; the exit code still says it.
            self._stderr = None


class ProgressLine:
    """How far something long is, on standard error while that is a terminal; drawn a few times a second.

    Use it as a context manager and call it with what is done and what there is.
    """

    def __init__(self, out: Output, what: str) -> None:
        self._out = out
        self._what = what
        self._shown = 0.0
        self._active = out.errors_on_terminal and not out.quiet and not out.json

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._active and self._shown:
            self._out.draw("")

    def __call__(self, done: int, total: int | None) -> None:
        now = time.monotonic()
        if not self._active or now - self._shown < _REDRAW:
            return
        self._shown = now
        self._out.draw(f"{self._what}: {self.text(done, total)}")

    def text(self, done: int, total: int | None) -> str:
        """How far it is, in words."""
        return f"{done * 100 // total} %" if total else f"{done}"


def error_line(error: KvtuiError) -> str:
    """`kvtui: PATH: what happened. What to do.`"""
    about = f"{show_name(error.path)}: " if error.path else ""
    return f"kvtui: {about}{error}"


def error_json(error: KvtuiError) -> dict[str, Json]:
    """`{"kind", "message", "hint", "path"?}` and what the kind adds."""
    found: dict[str, Json] = {"kind": error.kind, "message": error.message, "hint": error.hint}
    if error.path is not None:
        found["path"] = error.path
    match error:
        case NotFound(state=state, version=version):
            found |= {name: value for name, value in (("state", state), ("version", version)) if value is not None}
        case Conflict(expected=expected, actual=actual):
            found |= {"expected": expected, "actual": actual}
        case InvalidInput() if (code := getattr(error, "code", None)) is not None:  # of a grammar that has codes
            found["code"] = str(code)
        case RateLimited(retry_after=seconds):
            found["retry_after"] = seconds
        case Unsupported(capability=capability):
            found["capability"] = capability
    return found
