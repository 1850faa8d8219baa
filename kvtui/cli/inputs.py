"""What the commands read: values from standard input, files that end, answers typed at a terminal without echo."""

from __future__ import annotations

import os
import select
import signal
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from kvtui.domain.errors import AuthenticationRequired, InvalidInput, NotFound, PermissionDenied, Unavailable

MAX_INPUT_BYTES = 256 * 1024 * 1024
"""More than any secret or import needs; beyond it a pipe is taken for one that never ends."""
PIPE_SECONDS = 30.0
"""How long a named pipe may stay silent."""
_TERMINAL_LINE = 4095
"""Linux gives at most this much of one typed line (N_TTY's buffer) and drops the rest without a word."""


def read_file(path: Path, *, limit: int = MAX_INPUT_BYTES, first_line: bool = False) -> bytes:
    """The content of a file or a pipe. A device is refused unread, since it may never end.

    `first_line` stops reading once a line end was seen. Raises NotFound, PermissionDenied, InvalidInput, Unavailable.
    """
    with _opened(path) as handle:
        mode = os.fstat(handle).st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
            what = "a folder" if stat.S_ISDIR(mode) else "a device"
            raise InvalidInput(f"{path} is {what}.", hint="Name a file.")
        data = bytearray()
        while not (first_line and b"\n" in data):
            if not stat.S_ISREG(mode):
                _wait(handle, path)
            # A pipe's first line is read byte by byte: the rest may be somebody else's, such as the value on stdin.
            step = 1 if first_line and not stat.S_ISREG(mode) else 1 << 20
            piece = os.read(handle, min(step, limit + 1 - len(data)))
            if not piece:
                break
            data += piece
            if len(data) > limit:
                raise InvalidInput(f"{path} is too large (over {limit} bytes).", hint="Use a smaller file.")
        return bytes(data)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        # Without O_NONBLOCK, opening a named pipe nobody writes to would wait for ever.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        raise _unreadable(path, error) from None
    try:
        os.set_blocking(handle, True)
        yield handle
    except OSError as error:
        raise _unreadable(path, error) from None
    finally:
        os.close(handle)


def _wait(handle: int, path: Path) -> None:
    ready, _, _ = select.select([handle], [], [], PIPE_SECONDS)
    if not ready:
        raise Unavailable(f"Nothing came from {path}.", hint="Check what writes to it.")


def _unreadable(path: Path, error: OSError) -> InvalidInput | NotFound | PermissionDenied:
    match error:
        case FileNotFoundError():
            return NotFound(f"There is no file {path}.", hint="Check its name.")
        case PermissionError():
            return PermissionDenied(f"{path} cannot be read.", hint="Check its permissions.")
    return InvalidInput(f"{path} cannot be read: {error.strerror}.", hint="Name another file.")


_FROM_A_FILE = "Name a file instead: it is read piece by piece."


def read_stream(stream: BinaryIO | None, limit: int = MAX_INPUT_BYTES, *, hint: str = "Use a smaller one.") -> bytes:
    """All of standard input. Raises InvalidInput when it is closed or does not end within the limit."""
    if stream is None:
        raise InvalidInput("Standard input is closed.", hint="Send the input through a pipe, or use --file.")
    data = stream.read(limit + 1)
    if len(data) > limit:
        raise InvalidInput(f"The input is too large (over {limit} bytes).", hint=hint)
    return data


@contextmanager
def seekable(path: Path | None, stdin: BinaryIO | None) -> Iterator[BinaryIO]:
    """A file, or standard input for None, that can be read several times. What comes through a pipe is held in memory
    (never put down somewhere in plain text), so there is a limit to it. Raises as `read_file`."""
    if path is None:
        if stdin is not None and _is_regular(stdin):
            yield stdin
        else:
            yield BytesIO(read_stream(stdin, hint=_FROM_A_FILE))
        return
    with _opened(path) as handle:
        if stat.S_ISREG(os.fstat(handle).st_mode):
            with os.fdopen(handle, "rb", buffering=0, closefd=False) as file:
                yield file
            return
    yield BytesIO(read_file(path))


def _is_regular(stream: BinaryIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except OSError:  # no descriptor behind it
        return False


class Terminal:
    """The terminal the user sits at, whatever standard input and output are."""

    def ask(self, question: str, *, echo: bool = False) -> str:
        """One typed line without its line end. Raises AuthenticationRequired without a terminal, InvalidInput."""
        import termios  # noqa: PLC0415

        with _terminal() as handle:
            before = termios.tcgetattr(handle)
            silent = [*before[:3], before[3] & ~termios.ECHO | termios.ICANON, *before[4:]]
            try:
                if not echo:
                    termios.tcsetattr(handle, termios.TCSAFLUSH, silent)
                os.write(handle, question.encode())
                line = _line(handle)
            finally:
                termios.tcsetattr(handle, termios.TCSAFLUSH, before)
                if not echo:
                    os.write(handle, b"\n")
        if len(line) >= _TERMINAL_LINE:
            raise InvalidInput("That line is too long for a terminal.", hint="Use a file or a pipe.")
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidInput("What was typed is not UTF-8.", hint="Check the terminal's encoding.") from None


def _line(handle: int) -> bytes:
    data = b""
    with _signals() as woken:
        while not data.endswith(b"\n"):
            if handle not in select.select([handle, woken], [], [])[0]:
                os.read(woken, 4096)  # the signal's handler has run by now and was content
                continue
            piece = os.read(handle, 4096)
            if not piece:
                break
            data += piece
    return data.removesuffix(b"\n")


@contextmanager
def _signals() -> Iterator[int]:
    """Where signals can be waited for beside input: one that comes right before a read would wait for the next line
    (`signal.set_wakeup_fd`). Only the main thread is told of any."""
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    is_told = threading.current_thread() is threading.main_thread()
    before = signal.set_wakeup_fd(wake, warn_on_full_buffer=False) if is_told else -1
    try:
        yield woken
    finally:
        if is_told:
            signal.set_wakeup_fd(before)
        os.close(woken)
        os.close(wake)


@contextmanager
def _terminal() -> Iterator[int]:
    try:
        handle = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        raise no_terminal() from None
    try:
        yield handle
    finally:
        os.close(handle)


def no_terminal() -> AuthenticationRequired:
    return AuthenticationRequired(
        "A passphrase is needed and there is no terminal to ask at.",
        hint="Use --passphrase-file, KVTUI_PASSPHRASE_FILE or --key-file.",
    )
