"""Editing a value in the user's own editor, leaving no trace of it.

The value stands in a 0600 file in a 0700 folder of its own, on a memory-backed file system where there is one. Known
editors are told to keep no swap, backup, undo or history of it. The folder is removed however the edit ends: also when
the editor crashes or we get a signal, and at interpreter exit.
"""

from __future__ import annotations

import atexit
import os
import re
import shlex
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import FrameType

from kvtui.domain.errors import Unavailable
from kvtui.hardening import child_environment

_DEFAULT_EDITORS = ("vim", "nano", "vi")
_TERMINATING = (signal.SIGTERM, signal.SIGHUP)
_INTERRUPTING = (signal.SIGINT, signal.SIGQUIT)
_KILL_AFTER = 2.0  # seconds an editor has to end after SIGTERM
_GOOD_FOLDERS = ("/dev/shm",)  # noqa: S108 - memory-backed; what we make there is 0700
_open: set[Path] = set()

# Swap, backup, undo and viminfo would each keep a copy. The autocommand comes after the user's vimrc and before the
# file is read; builds without autocommands have no undo files either. Binary mode keeps the bytes: no added newline,
# no line ending conversion, no modeline.
_VIM_OPTIONS = "nobackup nowritebackup noswapfile noundofile viminfo= nomodeline"
_VIM = (
    "-f", "-n", "-b", "-i", "NONE",
    "--cmd", f"set {_VIM_OPTIONS}",
    "--cmd", "silent! autocmd BufReadPre,BufNewFile * setlocal noswapfile noundofile nomodeline",
    "-c", f"set {_VIM_OPTIONS} nofixendofline",
)  # fmt: skip
_NVIM = tuple(part.replace("viminfo=", "shada=") for part in _VIM if part != "-f")
# UTF-8 with raw bytes is what Emacs writes back exactly; its exit hooks save places, histories and kill rings.
_EMACS_SETTINGS = (
    "(setq make-backup-files nil auto-save-default nil create-lockfiles nil require-final-newline nil"
    " mode-require-final-newline nil undo-tree-auto-save-history nil enable-local-variables nil kill-emacs-hook nil"
    " coding-system-for-read 'utf-8-unix coding-system-for-write 'utf-8-unix)"
)
_EMACS = ("--eval", _EMACS_SETTINGS)
_NANO = ("--ignorercfiles", "--nonewlines", "--noconvert")
_MICRO_OFF = ("backup", "savecursor", "savehistory", "saveundo", "eofnewline")
_MICRO = tuple(part for option in _MICRO_OFF for part in (f"-{option}", "false"))
_FLAGS: dict[str, tuple[str, ...]] = {"vim": _VIM, "nvim": _NVIM, "emacs": _EMACS, "nano": _NANO, "micro": _MICRO}
_VIM_NAMES = re.compile(r"(?:g?vim|vimx|vi)(?:\.[a-z0-9-]+)?")


class EditStatus(StrEnum):
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    EMPTIED = "emptied"
    DELETED = "deleted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class EditOutcome:
    """`content` is the new value if and only if `status` is CHANGED; only then is there something to write.

    `newline_added`: the editor is one we do not know and the text now ends in a newline it did not have.
    `message` says what happened, `notes` warn about the editor and the place; neither holds any of the value.
    """

    status: EditStatus
    message: str
    content: bytes | None = field(default=None, repr=False)
    newline_added: bool = False
    notes: tuple[str, ...] = ()


class _Terminated(BaseException):
    """A terminating signal, carried out of the wait for the editor."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def edit_text(initial: bytes, *, name_hint: str, editor: Sequence[str] | None = None) -> EditOutcome:
    """Let the user edit `initial` in `editor` (else $VISUAL, $EDITOR, the first of vim, nano, vi) and wait.

    The caller gives the terminal away first. `name_hint` gives the file its ending, for syntax colours. In the main
    thread SIGTERM and SIGHUP end the editor, remove the file and then take their course. Raises Unavailable if there is
    no editor, or no place for the file.
    """
    argv, known = _command(editor)
    folder, notes = _make_folder()
    if not known:
        notes.append(f"{Path(argv[0]).name} is not an editor kvtui knows: it may keep backups or history of the text.")
    try:
        file = folder / _file_name(name_hint)
        _write(file, initial)
        status = _run([*argv, str(file)])
        return _outcome(initial, file, status, known, tuple(notes))
    finally:
        _remove(folder)


def cleanup() -> None:
    """Remove the files of every edit under way. For signal handlers and last resorts; runs at exit by itself."""
    for folder in tuple(_open):
        _remove(folder)


atexit.register(cleanup)


def describe(editor: Sequence[str] | None = None) -> tuple[str, bool, bool]:
    """The editor that would be run, whether we know how to keep it from leaving copies, and whether its file would be
    in memory. Raises Unavailable where there is none."""
    argv, known = _command(editor)
    return argv[0], known, _memory_folder() is not None


def _memory_folder() -> str | None:
    places = [os.environ.get("XDG_RUNTIME_DIR", ""), *_GOOD_FOLDERS]
    usable = (place for place in places if place and _in_memory(place) and os.access(place, os.W_OK | os.X_OK))
    return next(usable, None)


def _command(editor: Sequence[str] | None) -> tuple[list[str], bool]:
    """The editor's argv without the file, with the flags we know for it, and whether we do."""
    argv = list(editor) if editor else _from_environment()
    program = shutil.which(argv[0]) if argv else None
    if program is None:
        raise Unavailable(
            "The editor was not found." if argv else "There is no editor.",
            hint="Set VISUAL or EDITOR to one, or edit here.",
            retryable=False,
        )
    kind = _kind(program)
    return [program, *argv[1:], *_FLAGS.get(kind, ())], kind in _FLAGS


def _from_environment() -> list[str]:
    for variable in ("VISUAL", "EDITOR"):
        try:
            argv = shlex.split(os.environ.get(variable, ""))
        except ValueError:
            raise Unavailable(f"{variable} has an open quote.", hint="Correct it.", retryable=False) from None
        if argv:
            return argv
    return [name for name in _DEFAULT_EDITORS if shutil.which(name)][:1]


def _kind(program: str) -> str:
    """The family of an editor: its own name, or that of what it links to (`vi`, `editor`)."""
    names = [Path(program).name, Path(program).resolve().name]
    for name in names:
        family = name.partition("-")[0] if name.startswith("emacs-") else name
        if family in _FLAGS:
            return family
        # A plain `vi` may be something else: only what resolves to a Vim is one.
        if _VIM_NAMES.fullmatch(name) and "vim" in names[-1]:
            return "vim"
    return ""


def _make_folder() -> tuple[Path, list[str]]:
    notes: list[str] = []
    place = _memory_folder()
    if place is None:
        notes.append("There is no memory-backed folder here: the text is on disk while the editor runs.")
    try:
        folder = Path(tempfile.mkdtemp(prefix="kvtui-edit-", dir=place))
    except OSError as error:
        raise Unavailable(
            f"No place for the file to edit: {error.strerror}.", hint="Set TMPDIR to a folder with free space."
        ) from None
    _open.add(folder)
    return folder, notes


def _in_memory(place: str) -> bool:
    """Whether a folder is on tmpfs or ramfs: proc(5), mountinfo; the longest mount point above it decides."""
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return False
    best, kind = "", ""
    real = Path(place).resolve()
    for mount in mounts:
        left, _, right = mount.partition(" - ")
        point = re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), left.split(" ")[4])
        if real.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, right.split(" ")[0]
    return kind in {"tmpfs", "ramfs"}


def _file_name(hint: str) -> str:
    """A name with the hint's ending only: the file's name is in the editor's argv, where every user can read it."""
    suffix = re.search(r"\.[A-Za-z0-9]{1,8}$", hint)
    return "value" + (suffix[0] if suffix else ".txt")


def _write(file: Path, data: bytes) -> None:
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as opened:
        os.fchmod(opened.fileno(), 0o600)
        opened.write(data)


def _run(argv: list[str]) -> int:
    """The editor's exit status, negative for the signal that ended it."""
    with _signals():
        try:
            process = subprocess.Popen(argv, env=child_environment())
        except OSError as error:
            raise Unavailable(f"The editor did not start: {error.strerror}.", hint="Check EDITOR.") from None
        try:
            return process.wait()
        except BaseException:
            _end(process)
            raise


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_KILL_AFTER)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def _signals() -> Iterator[None]:
    """Ctrl+C and Ctrl+\\ are the editor's; a terminating signal ends the wait and is sent again after the clean-up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(number: int, _frame: FrameType | None) -> None:
        raise _Terminated(number)

    before = {number: signal.getsignal(number) for number in (*_INTERRUPTING, *_TERMINATING)}
    # An event loop would otherwise learn of the editor's Ctrl+C and act on it afterwards.
    wakeup = signal.set_wakeup_fd(-1)
    ended_by: int | None = None
    try:
        for number in _INTERRUPTING:
            # A handler, not SIG_IGN: ignored signals stay ignored in the editor.
            signal.signal(number, lambda *_: None)
        for number in _TERMINATING:
            if before[number] is not signal.SIG_IGN:  # as under nohup
                signal.signal(number, terminate)
        yield
    except _Terminated as terminated:
        ended_by = terminated.number
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup, warn_on_full_buffer=False)
    if ended_by is not None:
        cleanup()
        os.kill(os.getpid(), ended_by)
        raise Unavailable("The edit was ended from outside.", hint="Nothing was written.")


def _outcome(initial: bytes, file: Path, status: int, known: bool, notes: tuple[str, ...]) -> EditOutcome:
    if status != 0:
        how = f"signal {-status}" if status < 0 else f"status {status}"
        return EditOutcome(EditStatus.FAILED, f"The editor ended with {how}: nothing is written.", notes=notes)
    content = _read(file)
    if content is None:
        return EditOutcome(EditStatus.DELETED, "The file was deleted: nothing is written.", notes=notes)
    if content == initial:
        return EditOutcome(EditStatus.UNCHANGED, "Nothing was changed.", notes=notes)
    if not content:
        return EditOutcome(EditStatus.EMPTIED, "The file came back empty: nothing is written.", notes=notes)
    newline_added = not known and content.endswith(b"\n") and not initial.endswith(b"\n")
    if newline_added and content == initial + b"\n":
        message = "Only a final newline was added, which many editors do by themselves: nothing is written."
        return EditOutcome(EditStatus.UNCHANGED, message, newline_added=True, notes=notes)
    return EditOutcome(EditStatus.CHANGED, "The value was edited.", content, newline_added, notes)


def _read(file: Path) -> bytes | None:
    """What the editor left, None if there is no regular file any more."""
    try:
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as opened:
        return opened.read() if stat.S_ISREG(os.fstat(opened.fileno()).st_mode) else None


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if not folder.exists():
        _open.discard(folder)
