"""Small files: created private and durable, read without trusting what is there."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from kvtui.domain.errors import Corrupt, KvtuiError, PermissionDenied, Unavailable
from kvtui.domain.path import display

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def read_small(path: Path, limit: int) -> bytes:
    """The content of a regular file of at most `limit` bytes.

    Raises FileNotFoundError; PermissionDenied for what is no regular file or may not be read; Corrupt if it is longer.
    """
    try:
        fd = os.open(path, _READ)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise fault(error, path) from None
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise PermissionDenied(f"{shown(path)} is not a regular file.", hint="Put the vault's own file there.")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise Corrupt(f"{shown(path)} is too long.", hint="It is not a file kvtui wrote.")
    return data


def create(path: Path, data: bytes = b"") -> None:
    """A new file, 0600 whatever the umask, durable. Raises OSError; FileExistsError when something is there."""
    fd = os.open(path, _CREATE, 0o600)
    with os.fdopen(fd, "wb") as file:
        os.fchmod(fd, 0o600)
        file.write(data)
        file.flush()
        os.fsync(fd)


def sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def fault(error: OSError, path: Path) -> KvtuiError:
    """Our error for one of the operating system's."""
    reason = error.strerror or type(error).__name__
    if isinstance(error, PermissionError):
        return PermissionDenied(f"{shown(path)}: {reason}.", hint="Check its owner and mode.")
    if error.errno == errno.ELOOP:
        return PermissionDenied(f"{shown(path)} is a symbolic link.", hint="Name the place itself.")
    if error.errno == errno.EROFS:
        return PermissionDenied(f"{shown(path)} is on a read-only file system.", hint="Use another folder.")
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return Unavailable("The disk is full.", hint="Free some space and try again.")
    return Unavailable(f"{shown(path)}: {reason}.", hint="Check the path and the disk.", retryable=False)


def shown(path: Path) -> str:
    return display(str(path))
