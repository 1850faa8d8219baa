"""The last generation seen of a vault, kept outside of it: what tells that an older copy was put in its place.

40 bytes in `<state folder>/anchors/<uuid>`: generation (u64, big-endian), HMAC-SHA256(anchor key, uuid || generation).
The key comes from the vault's seed, which outlives its master key: an older vault is one whatever keys it had. The
record is a lower bound, so it needs no fsync and two processes may write it at once. Whoever can write it can also
delete it: one that is missing or unreadable therefore says nothing, and is written again.
"""

from __future__ import annotations

import hmac
import os
import stat
import threading
from pathlib import Path

from kvtui.domain.errors import KvtuiError
from kvtui.locations import private_dir

_SIZE = 40
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def stored(state_dir: Path, uuid: bytes) -> bytes:
    """The record as it is on disk, empty for none. Read it before the vault's own generation, or another writer in
    between looks like a rollback."""
    try:
        fd = os.open(state_dir / "anchors" / uuid.hex(), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.pread(fd, _SIZE, 0) if stat.S_ISREG(os.fstat(fd).st_mode) else b""
    finally:
        os.close(fd)


class Anchor:
    """The anchor of one vault; `note` says in plain words when this machine cannot keep it. Its file stays open between
    writes, which saves every commit the price of looking for it."""

    def __init__(self, state_dir: Path, uuid: bytes, key: bytes) -> None:
        self._path = state_dir / "anchors" / uuid.hex()
        self._uuid = uuid
        self._keyed = hmac.new(key, uuid, "sha256")  # copied for each record: a new one looks up its hash
        self._fd: int | None = None
        self._written = b""
        self._lock = threading.Lock()
        self.note = ""

    def read(self) -> int:
        """The generation this machine has seen, 0 for none."""
        return self.generation_of(stored(self._path.parent.parent, self._uuid))

    def generation_of(self, data: bytes) -> int:
        """The generation a stored record tells; 0 for what is no record of this vault."""
        if len(data) != _SIZE or not hmac.compare_digest(data[8:], self._mac(data[:8])):
            return 0
        return int.from_bytes(data[:8], "big")

    def raise_to(self, generation: int) -> None:
        """Remember a generation after its commit. Never fails: the commit is done."""
        try:
            with self._lock:
                self._raise_to(generation)
        except (OSError, KvtuiError):
            self.note = "A rolled-back vault would not be noticed: kvtui's state folder cannot be written."

    def close(self) -> None:
        with self._lock:
            self._forget()

    def _raise_to(self, generation: int) -> None:
        fd = self._open()
        record = os.pread(fd, _SIZE, 0)
        # Our own record needs no check of its MAC, and another thread may have told a later commit already.
        known = int.from_bytes(record[:8], "big") if record == self._written else self.generation_of(record)
        if known < generation:
            number = generation.to_bytes(8, "big")
            self._written = number + self._mac(number)
            os.pwrite(fd, self._written, 0)

    def _forget(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _open(self) -> int:
        """The file, made where it is missing: somebody may have removed it since. Raises OSError, KvtuiError."""
        if self._fd is not None and os.fstat(self._fd).st_nlink:
            return self._fd
        self._forget()
        private_dir(self._path.parent)
        fd = os.open(self._path, _FLAGS, 0o600)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise OSError
            if status.st_mode & 0o777 != 0o600:  # just made, under some umask
                os.fchmod(fd, 0o600)
        except OSError:
            os.close(fd)
            raise
        self._fd = fd
        return fd

    def _mac(self, number: bytes) -> bytes:
        mac = self._keyed.copy()
        mac.update(number)
        return mac.digest()
