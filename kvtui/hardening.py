"""What the process does to itself before anything secret is in it.

`harden` and `scrub_environment` are the first lines of `main`: no core file, no same-user reader of our memory, no
variable that makes the UI library log keys or load code. None of it holds against root.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    import asyncio

_PR_SET_DUMPABLE = 4  # prctl(2), <linux/prctl.h>
_PT_DENY_ATTACH = 31  # ptrace(2) of macOS, <sys/ptrace.h>
_PACKAGE = Path(__file__).parent
_SECRET_VARIABLES = frozenset({"VAULT_TOKEN", "BAO_TOKEN", "TAILOR_PLATFORM_TOKEN", "TAILOR_TOKEN"})
_SECRET_PREFIXES = ("KVTUI_PASSPHRASE", "TEXTUAL")


_umask: list[int] = []
"""The umask we were started with, once `harden` has changed it."""
_added: set[str] = set()
"""Variables that nobody gave us."""
_found: list[list[Any]] = []
"""The terminal's attributes before `typing_unseen`, until a screen has taken them."""


def harden() -> None:
    """No core dumps, no ptrace by the same user, new files for the owner only. Safe to call twice."""
    before = os.umask(0o077)
    if not _umask:
        _umask.append(before)
    _added.update(_coerced())
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import ctypes  # noqa: PLC0415 - not needed to import this module for its environment functions

    try:
        libc: Any = ctypes.CDLL(None)
        if sys.platform == "linux":
            # Also makes /proc/PID/{environ,mem,maps} unreadable to other processes of the same user.
            libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        elif sys.platform == "darwin":
            libc.ptrace(_PT_DENY_ATTACH, 0, 0, 0)
    except (OSError, AttributeError):
        # A libc without the call: the limits above still hold, and no promise is made where it is missing.
        return


def _coerced() -> set[str]:
    """LC_CTYPE where Python has set it, as it does in a C locale (PEP 538). Only Linux tells what was there before, and
    only as long as we are dumpable."""
    try:
        given = Path("/proc/self/environ").read_bytes() if "LC_CTYPE" in os.environ else b"LC_CTYPE="
    except OSError:
        return set()
    return set() if b"\0LC_CTYPE=" in b"\0" + given else {"LC_CTYPE"}


def added_variables() -> frozenset[str]:
    """Variables in our environment that Python put there, for a program that should not see them."""
    return frozenset(_added)


def restore_umask() -> None:
    """As it was when we were started: for a program that takes the place of this process."""
    if _umask:
        os.umask(_umask[0])


def scrub_environment() -> None:
    """Remove every TEXTUAL* variable. Must run before textual is imported.

    They make it write keys to a log, save screenshots, press keys, and import a driver by name.
    """
    for name in [name for name in os.environ if name.startswith("TEXTUAL")]:
        del os.environ[name]


@contextmanager
def typing_unseen() -> Iterator[None]:
    """While a screen loads, the terminal echoes nothing and keeps what is typed for it: a passphrase typed before its
    prompt is up would stay in the window's history. Where no screen came, what was typed is dropped."""
    import termios  # noqa: PLC0415 - for a screen only

    try:
        found = termios.tcgetattr(0)
    except termios.error:  # nobody types at a file
        yield
        return
    iflag, oflag, cflag, lflag, *others = found
    # An enter is to be one for the screen too, where it is not a line's end.
    quiet = [iflag & ~termios.ICRNL, oflag, cflag, lflag & ~(termios.ECHO | termios.ICANON), *others]
    termios.tcsetattr(0, termios.TCSANOW, quiet)
    _found.append(found)
    try:
        yield
    finally:
        if _found:
            with suppress(termios.error):  # the terminal is gone
                termios.tcsetattr(0, termios.TCSAFLUSH, _found.pop())


def take_terminal_found() -> list[Any] | None:
    """What the terminal is to be set to when the screen goes, in the form of `termios.tcgetattr`; only once, and None
    where `typing_unseen` has not changed it."""
    return _found.pop() if _found else None


def child_environment() -> dict[str, str]:
    """The environment for programs we start: ours without passphrases, tokens and TEXTUAL* variables."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in _SECRET_VARIABLES and not name.startswith(_SECRET_PREFIXES)
    }


def describe(error: BaseException) -> str:
    """An unexpected error without its message or any value: the types of its chain and our own frames, one per line."""
    return "\n".join(_describe(error, set()))


def _describe(error: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    kind = type(error)
    yield f"kvtui: internal error: {kind.__module__}.{kind.__qualname__}".replace("builtins.", "")
    for frame, line in _own_frames(error.__traceback__):
        yield f"  {frame}:{line}"
    inner: list[BaseException] = list(error.exceptions) if isinstance(error, BaseExceptionGroup) else []
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        inner.append(cause)
    for other in inner:
        if id(other) not in seen:
            yield from _describe(other, seen)


def _own_frames(traceback: TracebackType | None) -> Iterator[tuple[str, int]]:
    while traceback is not None:
        code = traceback.tb_frame.f_code
        file = Path(code.co_filename)
        if file.is_relative_to(_PACKAGE):
            yield f"{file.relative_to(_PACKAGE.parent)} in {code.co_qualname}", traceback.tb_lineno
        traceback = traceback.tb_next


def install_excepthooks(stream: TextIO) -> None:
    """Report unexpected errors on `stream` through `describe`, from any thread and from finalisers too."""

    def report(error: BaseException | None) -> None:
        if error is not None and not isinstance(error, KeyboardInterrupt | SystemExit):
            stream.write(describe(error) + "\n")
            stream.flush()

    sys.excepthook = lambda _kind, error, _traceback: report(error)
    threading.excepthook = lambda args: report(args.exc_value)
    sys.unraisablehook = lambda args: report(args.exc_value)


def loop_exception_handler(stream: TextIO) -> Callable[[asyncio.AbstractEventLoop, dict[str, Any]], None]:
    """A handler for `loop.set_exception_handler` that reports as `install_excepthooks` does.

    The default one logs the context, which holds reprs of tasks, callbacks and their arguments.
    """

    def handle(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        text = describe(error) if isinstance(error, BaseException) else "kvtui: internal error in the event loop"
        stream.write(text + "\n")
        stream.flush()

    return handle
