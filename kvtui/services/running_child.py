"""Starting a program in place of this process, or beside it, as a shell does.

The program shares our process group, terminal and open files. Whoever waits for it (`Supervisor`) does nothing but pass
signals on, stop when it stops, and end as it ends.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn

from kvtui.domain.errors import KvtuiError
from kvtui.hardening import restore_umask

NOT_FOUND = 127
"""What shells and env(1) end with where there is no such program, and where it cannot be started."""
NOT_STARTED = 126

_TO_THE_GROUP = {signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGWINCH}
"""What a terminal sends to all of the process group, the program too."""
_STOPS = {signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
_NOT_WAITED_FOR = {
    signal.SIGKILL,
    signal.SIGSTOP,
    *(signal.SIGILL, signal.SIGABRT, signal.SIGFPE, signal.SIGSEGV, signal.SIGBUS, signal.SIGTRAP, signal.SIGSYS),
}
_IGNORED_BY_PYTHON = ("SIGPIPE", "SIGXFSZ", "SIGXFZ")


class StartError(KvtuiError):
    """A program that is not there or that the system refuses; `code` is what shells end with then."""

    def __init__(self, message: str, *, hint: str, code: int) -> None:
        super().__init__(message, hint=hint)
        self.code = code


def program_file(argv: Sequence[str]) -> str:
    """The file of a program, looked for as a shell does. Raises StartError."""
    found = shutil.which(argv[0])
    if found is not None:
        return found
    if os.path.lexists(argv[0]) and "/" in argv[0]:
        raise StartError("This file is no program.", hint="Make it executable with chmod +x.", code=NOT_STARTED)
    raise StartError("There is no such program.", hint="Check its name and PATH.", code=NOT_FOUND)


def become(file: str, argv: Sequence[str], environment: Mapping[bytes, bytes]) -> NoReturn:
    """Replace this process by the program: nothing of ours stays in memory. Raises StartError."""
    for name in _IGNORED_BY_PYTHON:
        if (number := getattr(signal, name, None)) is not None:
            signal.signal(number, signal.SIG_DFL)
    restore_umask()
    try:
        os.execve(file, list(argv), environment)  # noqa: S606 - the program that was asked for, without a shell
    except OSError as error:
        reason = error.strerror or "it was refused"
        hint = "Check that it is a program for this system, and how large the values are."
        raise StartError(f"The program cannot be started: {reason}.", hint=hint, code=NOT_STARTED) from None


class Supervisor:
    """Forks, and waits for the fork. Make it before anything secret is in memory, and before any thread is started.

    `pid` is 0 in the fork.
    """

    def __init__(self) -> None:
        self._signals = set(signal.valid_signals()) - _NOT_WAITED_FOR
        # What is inherited as ignored, as under nohup, stays so for both.
        self._signals -= {number for number in self._signals if signal.getsignal(number) is signal.SIG_IGN} - {
            signal.SIGPIPE,
            signal.SIGCHLD,
        }
        self._before = signal.pthread_sigmask(signal.SIG_BLOCK, self._signals)
        if signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # else nobody could wait
        self.pid = os.fork()
        if not self.pid:
            self._unblock()

    def _unblock(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._before)

    def take_over(self) -> None:
        """Take signals again as before, once the fork has ended. A ctrl+c that ended it, or that it was content with,
        and that still waits here was not for us."""
        for number in signal.sigpending() & _TO_THE_GROUP & self._signals:
            signal.sigwait({number})
        self._unblock()

    def wait(self) -> int:
        """Until the fork has ended: its exit code, or 128 + the signal that killed it."""
        while (code := self._ended()) is None:
            number, by_terminal = _next_signal(self._signals)
            if number != signal.SIGCHLD and not (by_terminal and number in _TO_THE_GROUP):
                os.kill(self.pid, number)
        return code

    def _ended(self) -> int | None:
        """Its exit code. Where it was stopped, as by ctrl+z, we stop too until somebody continues us."""
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG | os.WUNTRACED)
            if not pid:
                return None
            if not os.WIFSTOPPED(status):
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code
            self._stop_too(os.WSTOPSIG(status))

    def _stop_too(self, number: int) -> None:
        """So that the shell has its prompt back. Not for a SIGSTOP: somebody means that very process."""
        if number not in _STOPS:
            return
        # One that the terminal sent us as well is still waiting, and counts once together with this one.
        os.kill(os.getpid(), number)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
        signal.pthread_sigmask(signal.SIG_BLOCK, {number})
        os.kill(self.pid, signal.SIGCONT)


def _wait_for(numbers: set[signal.Signals]) -> tuple[int, bool]:
    """The next of these signals, and whether the terminal sent it, which only some systems tell."""
    return signal.sigwait(numbers), True


if sys.platform == "linux":

    def _wait_with_sender(numbers: set[signal.Signals]) -> tuple[int, bool]:
        found = signal.sigwaitinfo(numbers)
        return found.si_signo, found.si_code > 0  # SI_KERNEL; what processes send is not above 0

    _next_signal: Callable[[set[signal.Signals]], tuple[int, bool]] = _wait_with_sender
else:
    _next_signal = _wait_for
