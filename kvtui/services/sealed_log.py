"""An append-only file of JSON lines in which a changed, moved, added or removed line shows.

    <name>.jsonl   one line for each row, 0600
    <name>.head    how many lines there are, their size and the last one's code; also the lock file

Every line carries the code (MAC) of itself and the line before; the head covers the last ones. With a key the rows are
sealed (AES-256-GCM) and the codes keyed (HMAC-SHA-256). Without one rows are readable to this account and the codes are
plain SHA-256: they show accidents, not an enemy. Nothing here shows that both files were replaced by older copies of
both, or removed together.

A line counts once the head says so. What a killed process left behind the head is taken over where it is complete, else
cut off, which the next line notes (`torn`). Where the end was tampered with, the next line notes that (`lost`), so that
writing on never hides it.
"""

from __future__ import annotations

import base64
import errno
import fcntl
import hashlib
import hmac
import json
import os
import stat
import time
from binascii import b2a_base64
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from kvtui import locations
from kvtui.domain.errors import KvtuiError, PermissionDenied, Unavailable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM


class LogCheck(NamedTuple):
    """So many `lines` in a row are as they were written; where not `ok`, `message` says what is wrong after them."""

    ok: bool
    lines: int
    message: str


class _State(NamedTuple):
    """How far the log goes: lines, bytes, code of the last line."""

    lines: int = 0
    size: int = 0
    code: str = "0" * 64


_MAC = ',"mac":"'
_TAIL = len(_MAC) + 64 + len('"}')
_HEAD_SIZE = 20 + 1 + 20 + 1 + 64 + 1 + 64 + 1
_BLOCK = 1 << 16
_TAKEN_OVER = 1 << 24
_RESERVE = 1 << 16
_USUAL_LINE = 512
_JSON = json.JSONEncoder(separators=(",", ":"))
_LOCK_SECONDS = 10.0
_REFUSALS = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP, errno.EISDIR, errno.ENOTDIR, errno.EEXIST})


def subkey(key: bytes, purpose: str) -> bytes:
    """A 32-byte key of its own for each purpose."""
    return hmac.digest(key, b"kvtui journal 1 " + purpose.encode("ascii"), "sha256")


class SealedLog:
    """One such file. Any number of threads and processes may use it."""

    def __init__(self, file: Path, key: bytes | None) -> None:
        self.file = file
        """The lines; the head is beside it."""
        self._head = file.with_suffix(".head")
        self._seal_key = None if key is None else subkey(key, "seal")
        self._code_key = None if key is None else hmac.new(subkey(key, "code"), digestmod="sha256")
        self._sealing: AESGCM | None = None

    # -- writing

    @contextmanager
    def opened(self) -> Iterator[LogWriter]:
        """Open it for writing, making it where it is not there: who has it open can write it later too.

        Raises PermissionDenied or Unavailable.
        """
        with _told(self.file):
            _private_folder(self.file.parent)
            log = _open(self.file, os.O_RDWR | os.O_APPEND | os.O_CREAT)
            try:
                head = _open(self._head, os.O_RDWR | os.O_CREAT)
            except BaseException:
                os.close(log)
                raise
        try:
            yield LogWriter(self, log, head)
        finally:
            os.close(head)
            os.close(log)

    def append(self, log: int, head: int, rows: Iterable[str], *, durable: bool) -> None:
        """Add rows, each the text of a JSON object."""
        with _told(self.file), _locked(head):
            state, flags = self._resume(log, head)
            unfinished = "lost" in flags and state.size and os.pread(log, 1, state.size - 1) != b"\n"
            lines = [b"\n"] if unfinished else []
            number, code = state.lines, state.code
            for row in rows:
                number += 1
                line, code = self._line(number, code, f"{row[:-1]},{_JSON.encode(flags)[1:]}" if flags else row)
                lines.append(line)
                flags = {}
            data = b"".join(lines)
            _write_all(log, data)
            if durable:
                os.fsync(log)
            os.pwrite(head, self._head_text(_State(number, state.size + len(data), code)), 0)

    def _line(self, number: int, previous: str, row: str) -> tuple[bytes, str]:
        """A line and its code."""
        if self._seal_key is None:
            body = f'{{"n":{number},{row[1:]}'
        else:
            body = f'{{"n":{number},"box":"{_seal(self._cipher(self._seal_key), number, row)}"}}'
        code = self._code(previous, body)
        return f'{body[:-1]}{_MAC}{code}"}}\n'.encode("ascii"), code

    def _cipher(self, key: bytes) -> AESGCM:
        if self._sealing is None:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - costs start-up time

            self._sealing = AESGCM(key)
        return self._sealing

    def _resume(self, log: int, head: int) -> tuple[_State, dict[str, Any]]:
        """Where to go on, and what the next line has to tell about it."""
        size = os.fstat(log).st_size
        text = os.pread(head, _HEAD_SIZE + 1, 0)
        state = self._parse_head(text)
        if state is None and not size and not text:
            state = _State()
            os.pwrite(head, self._head_text(state), 0)
        if state is None:
            os.ftruncate(head, 0)
            return _State(_last_number(log, size), size), {"lost": True}
        if size == state.size:
            return state, {}
        if size < state.size or size - state.size > _TAKEN_OVER:
            return _State(state.lines, size, state.code), {"lost": True}
        return self._take_over(log, state, os.pread(log, size - state.size, state.size))

    def _take_over(self, log: int, state: _State, rest: bytes) -> tuple[_State, dict[str, Any]]:
        """The lines behind the head, written by a process that was killed before it could say so."""
        end = state.size + len(rest)
        *lines, unfinished = rest.split(b"\n")
        for line in lines:
            code = self._checked(line, state.lines + 1, state.code)
            if code is None:
                return _State(state.lines, end, state.code), {"lost": True}
            state = _State(state.lines + 1, state.size + len(line) + 1, code)
        if unfinished:
            os.ftruncate(log, state.size)
            return state, {"torn": True}
        return state, {}

    # -- reading

    def newest(self) -> Iterator[dict[str, Any]]:
        """The rows from the last to the first. What cannot be read is left out: `verify` is what tells about it.

        Raises PermissionDenied, Unavailable.
        """
        with _told(self.file, "read"):
            try:
                log = _open(self.file, os.O_RDONLY)
            except FileNotFoundError:
                return
            try:
                for line in _backwards(log, os.fstat(log).st_size):
                    row = self._row(line)
                    if row is not None:
                        yield row
            finally:
                os.close(log)

    def _row(self, line: bytes) -> dict[str, Any] | None:
        row = _parse(line)
        return row if row is None or self._seal_key is None else _unseal(self._seal_key, row)

    def verify(self) -> LogCheck:
        """Go through all of it. Raises PermissionDenied or Unavailable when it cannot be read."""
        with _told(self.file, "read"):
            if not self._head.exists() and not self.file.exists():
                return LogCheck(ok=True, lines=0, message="The journal is empty.")
            try:
                head = _open(self._head, os.O_RDONLY)
            except FileNotFoundError:
                return LogCheck(ok=False, lines=0, message="The journal's head file was removed.")
            try:
                with _locked(head, fcntl.LOCK_SH):
                    text = os.pread(head, _HEAD_SIZE + 1, 0)
                    return self._verify_lines(self._parse_head(text), never_written=not text)
            finally:
                os.close(head)

    def _verify_lines(self, head: _State | None, *, never_written: bool) -> LogCheck:
        if head is None and not (never_written and _size(self.file) == 0):
            return LogCheck(ok=False, lines=0, message="The journal's head file was changed.")
        head = head or _State()
        state, cut_off = _State(), 0
        reached = head == state
        for line in _lines(self.file):
            number = state.lines + 1
            if not line.endswith(b"\n") and reached:
                cut_off += 1
                break
            code = self._checked(line.removesuffix(b"\n"), number, state.code)
            row = None if code is None else self._row(line)
            if code is None or row is None:
                message = f"Line {number} of the journal was changed, moved, added or removed."
                return LogCheck(ok=False, lines=state.lines, message=message)
            if row.get("lost"):
                message = f"Before line {number} the end of the journal, or its head file, was changed or removed."
                return LogCheck(ok=False, lines=state.lines, message=message)
            cut_off += bool(row.get("torn"))
            state = _State(number, state.size + len(line), code)
            reached = reached or state == head
        if not reached:
            message = f"The end of the journal was removed: of {head.lines} lines {state.lines} are there."
            return LogCheck(ok=False, lines=state.lines, message=message)
        return LogCheck(ok=True, lines=state.lines, message=self._summary(state.lines, cut_off))

    def _summary(self, count: int, cut_off: int) -> str:
        message = f"{count} line{'s' * (count != 1)}, all as written."
        if cut_off:
            message += f" Besides, {cut_off} had been cut off while being written."
        if self._code_key is None:
            message += " This store has no key to seal them with, so someone could have rewritten them all."
        return message

    # -- codes

    def _code(self, previous: str, body: str) -> str:
        data = f"{previous}\n{body}".encode()
        if self._code_key is None:
            return hashlib.sha256(data).hexdigest()
        # The state after the key: a third of the work of a new one for every line.
        code = self._code_key.copy()
        code.update(data)
        return code.hexdigest()

    def _checked(self, line: bytes, number: int, previous: str) -> str | None:
        """The line's code; None where it is not the line of this number that was written after `previous`."""
        text = line.decode("ascii", "replace")
        body = text[:-_TAIL] + "}"
        code = self._code(previous, body)
        intact = hmac.compare_digest(text[-_TAIL:].encode(), f'{_MAC}{code}"}}'.encode())
        return code if intact and (_parse(line) or {}).get("n") == number else None

    def _head_text(self, state: _State) -> bytes:
        body = f"{state.lines:020d} {state.size:020d} {state.code}"
        return f"{body} {self._code('head', body)}\n".encode("ascii")

    def _parse_head(self, text: bytes) -> _State | None:
        try:
            count, size, last, code = text.decode("ascii").removesuffix("\n").split(" ")
            state = _State(int(count), int(size), last)
        except ValueError:
            return None
        # Also refuses what int() forgives: signs, underscores, other lengths.
        return state if hmac.compare_digest(text, self._head_text(state)) and code else None


class LogWriter:
    """A log that is open for writing."""

    def __init__(self, log: SealedLog, file: int, head: int) -> None:
        self.log = log
        self._file, self._head = file, head

    def refuse_when_full(self, lines: int = 1) -> None:
        """Raises Unavailable where so many more lines have no room."""
        with _told(self.log.file):
            room = os.fstatvfs(self._file)
        # Some network and user-space file systems tell no sizes at all.
        if room.f_blocks and room.f_bavail * room.f_frsize < _RESERVE + lines * _USUAL_LINE:
            raise _unusable(self.log.file, "written", os.strerror(errno.ENOSPC), errno.ENOSPC)

    def append(self, row: Mapping[str, Any]) -> None:
        """Add one line, all or nothing. Raises PermissionDenied or Unavailable."""
        self.log.append(self._file, self._head, [_JSON.encode(row)], durable=False)

    def append_all(self, rows: Iterable[str]) -> None:
        """Add many lines, each the ASCII text of a JSON object that is not empty, all or nothing, and wait until they
        are on disk. Raises as `append`."""
        self.log.append(self._file, self._head, rows, durable=True)


def _seal(cipher: AESGCM, number: int, row: str) -> str:
    nonce = os.urandom(12)
    return b2a_base64(nonce + cipher.encrypt(nonce, row.encode("ascii"), b"%d" % number), newline=False).decode("ascii")


def _unseal(key: bytes, row: dict[str, Any]) -> dict[str, Any] | None:
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    try:
        box = base64.b64decode(row["box"], validate=True)
        opened = json.loads(AESGCM(key).decrypt(box[:12], box[12:], b"%d" % row["n"]))
    except (InvalidTag, KeyError, TypeError, ValueError):
        return None
    return opened if isinstance(opened, dict) else None


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) and type(row.get("n")) is int else None


def _last_number(file: int, size: int) -> int:
    rows = (_parse(line) for line in _backwards(file, size))
    return next((int(row["n"]) for row in rows if row is not None), 0)


def _lines(file: Path) -> Iterator[bytes]:
    try:
        opened = _open(file, os.O_RDONLY)
    except FileNotFoundError:
        return
    with os.fdopen(opened, "rb") as stream:
        yield from stream


def _size(file: Path) -> int:
    try:
        return file.lstat().st_size
    except FileNotFoundError:
        return 0


def _backwards(file: int, size: int) -> Iterator[bytes]:
    """Complete lines, without their ends, from the last to the first, reading block by block."""
    rest, at, unfinished = b"", size, True
    while at > 0:
        start = max(0, at - _BLOCK)
        rest, *lines = (os.pread(file, at - start, start) + rest).split(b"\n")
        at = start
        for line in reversed(lines):
            if not unfinished:
                yield line
            unfinished = False
    if not unfinished:
        yield rest


def _private_folder(folder: Path) -> None:
    try:
        locations.private_dir(folder)
    except (PermissionDenied, Unavailable) as error:
        raise type(error)(f"The journal cannot be written: {error.message}", hint=error.hint) from error


def _open(file: Path, flags: int) -> int:
    """Open one of our files: regular, ours, for nobody else to read. Never through a link."""
    opened = os.open(file, flags | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    try:
        status = os.fstat(opened)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            raise PermissionDenied(
                "The journal is not a regular file of this account.", hint=f"Look at {file} and move it away."
            )
        if status.st_mode & 0o077:
            os.fchmod(opened, 0o600)
    except BaseException:
        os.close(opened)
        raise
    return opened


def _write_all(file: int, data: bytes) -> None:
    """Append all of it or nothing."""
    size = os.fstat(file).st_size
    try:
        left = memoryview(data)
        while left:
            left = left[os.write(file, left) :]
    except OSError:
        os.ftruncate(file, size)
        raise


@contextmanager
def _locked(file: int, kind: int = fcntl.LOCK_EX) -> Iterator[None]:
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise Unavailable(
                    "Another process keeps the journal locked.", hint="End or continue that process, then repeat."
                ) from None
            time.sleep(0.002)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


@contextmanager
def _told(file: Path, what: str = "written") -> Iterator[None]:
    """Turn the system's errors into ours."""
    try:
        yield
    except OSError as error:
        raise _unusable(file, what, error.strerror or "unknown error", error.errno) from error


def _unusable(file: Path, what: str, why: str, number: int | None) -> KvtuiError:
    message = f"The journal cannot be {what} ({why})."
    hint = f"Without it nothing is revealed, copied or changed. Look at {file}."
    if number in _REFUSALS:
        return PermissionDenied(message, hint=hint)
    return Unavailable(message, hint=hint)
