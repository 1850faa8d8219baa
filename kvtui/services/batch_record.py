"""How far a batch has come, kept in the state folder: a run that was killed is gone on with, and nothing is done twice.

    batches/<store>/<name>.rows   one line for each step, in the order they were taken; 0600
    batches/<store>/<name>.lock   held by the process that does the batch; a killed one holds nothing

A row is names and numbers, never a value. With a key of the store each is sealed (AES-256-GCM) for its file and its
line, so that none can be read, moved or made by others; without one they are readable to this account, as the journal
is. A line that a killed process left unfinished is cut off.
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from kvtui import locations
from kvtui.domain.errors import Corrupt, KvtuiError, PermissionDenied, Unavailable

if TYPE_CHECKING:
    from kvtui.services.session import Session

PURPOSE = "batches"
"""What the key is derived for, see Backend.derive_key."""
MAX_BYTES = 1 << 28

Row: TypeAlias = dict[str, Any]


class BatchRecord:
    """The steps of one batch of one store. Touches no file before it is asked to."""

    def __init__(self, file: Path, key: bytes | None) -> None:
        self.file = file
        self.key = key
        """The store's own, None where it has none: then nothing is sealed."""
        self._end: tuple[int, int] | None = None
        """Lines and bytes, once known: while it is held nobody else adds any."""

    @classmethod
    def of(cls, session: Session, name: str) -> BatchRecord:
        """The one of this name of an open store."""
        return cls(session.batches_dir / f"{name}.rows", session.backend.derive_key(PURPOSE))

    @classmethod
    def all_of(cls, session: Session, prefix: str) -> Sequence[BatchRecord]:
        """Those whose names begin so, sorted by name."""
        folder = session.batches_dir
        if not folder.is_dir():
            return ()
        key = session.backend.derive_key(PURPOSE)
        return [cls(file, key) for file in sorted(folder.glob(f"{prefix}*.rows"))]

    @property
    def name(self) -> str:
        return self.file.stem

    @contextmanager
    def held(self) -> Iterator[None]:
        """While one process does the batch. Raises Unavailable where another does."""
        handle = _locked(self.file.with_suffix(".lock"))
        self._end = None
        try:
            yield
        finally:
            os.close(handle)

    def rows(self) -> list[Row]:
        """All steps so far, the first one first. Raises Corrupt, PermissionDenied, Unavailable."""
        locations.check_private_file(self.file)
        with _told(self.file):
            try:
                with self.file.open("rb") as file:
                    data = file.read(MAX_BYTES + 1)
            except FileNotFoundError:
                return []
        if len(data) > MAX_BYTES:
            raise self.unreadable()
        *lines, _unfinished = data.split(b"\n")
        return [self._row(number, line) for number, line in enumerate(lines)]

    def add(self, row: Row, *, durable: bool = True) -> None:
        """Take note of a step. Not `durable`: a killed process has taken it all the same, but not a machine that lost
        power. Raises PermissionDenied, Unavailable: then nothing may be done that hangs on it."""
        locations.private_dir(self.file.parent)
        locations.check_private_file(self.file)
        with _told(self.file):
            handle = os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            try:
                number, end = self._end or _lines(handle)
                os.ftruncate(handle, end)
                rest = memoryview(self._line(number, row))
                while rest:
                    written = os.pwrite(handle, rest, end)
                    rest, end = rest[written:], end + written
                if durable:
                    os.fsync(handle)
                self._end = number + 1, end
            finally:
                os.close(handle)

    def forget(self) -> None:
        """Begin anew."""
        self._end = None
        with _told(self.file):
            self.file.unlink(missing_ok=True)

    def drop(self) -> None:
        """Nothing is to be known of it any more."""
        self.forget()
        with _told(self.file):
            self.file.with_suffix(".lock").unlink(missing_ok=True)
        with suppress(OSError):  # of another batch something is there
            self.file.parent.rmdir()

    def _line(self, number: int, row: Row) -> bytes:
        text = json.dumps(row, separators=(",", ":")).encode("ascii")
        if self.key is None:
            return text + b"\n"
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - slow to load

        nonce = os.urandom(12)
        return base64.b64encode(nonce + AESGCM(self.key).encrypt(nonce, text, self._place(number))) + b"\n"

    def _row(self, number: int, line: bytes) -> Row:
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415

        try:
            row = json.loads(line if self.key is None else self._opened(self.key, number, line))
        except (InvalidTag, ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            raise self.unreadable()
        return row

    def _opened(self, key: bytes, number: int, line: bytes) -> bytes:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

        box = base64.b64decode(line, validate=True)
        return AESGCM(key).decrypt(box[:12], box[12:], self._place(number))

    def _place(self, number: int) -> bytes:
        return f"{self.name} {number}".encode("ascii")

    def unreadable(self) -> Corrupt:
        """What to raise where its rows make no sense."""
        return Corrupt("The record of a batch cannot be read.", hint=f"Look at the secrets, then remove {self.file}.")


def _locked(lock: Path) -> int:
    """A handle that holds it."""
    while True:
        locations.private_dir(lock.parent)
        locations.check_private_file(lock)
        with _told(lock), ExitStack() as opened:
            try:
                handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
                opened.callback(os.close, handle)
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                is_there = os.path.samestat(os.fstat(handle), lock.stat())
            except BlockingIOError:
                raise Unavailable("Another process is doing this.", hint="Wait for its end, then repeat.") from None
            except FileNotFoundError:
                is_there = False
            if is_there:  # else who held it has dropped it, and others lock a new one
                opened.pop_all()
                return handle


def _lines(handle: int) -> tuple[int, int]:
    """How many finished lines a file has, and where they end."""
    count, end, at = 0, 0, 0
    while piece := os.pread(handle, 1 << 16, at):
        count += piece.count(b"\n")
        if (last := piece.rfind(b"\n")) >= 0:
            end = at + last + 1
        at += len(piece)
    return count, end


@contextmanager
def _told(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _unusable(file, error) from None


def _unusable(file: Path, error: OSError) -> KvtuiError:
    message = f"{file} cannot be used: {error.strerror or 'input/output error'}."
    hint = "Without it a batch that is ended could not be gone on with. Check the folder and the free space."
    return (PermissionDenied if isinstance(error, PermissionError) else Unavailable)(message, hint=hint)
