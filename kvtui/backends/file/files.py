"""Small files: created private and durable, read without trusting what is there."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

from kvtui.domain.errors import Corrupt, KvtuiError, NotFound, PermissionDenied, Unavailable
from kvtui.domain.path import display

_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def read_regular(path: Path, limit: int, *, follow: bool = False) -> bytes | None:
    """The first `limit` bytes of a regular file, None for anything else. Never blocks. Raises OSError.

    A symbolic link counts as anything else (ELOOP) unless `follow`.
    """
    fd = os.open(path, _READ if follow else _READ | os.O_NOFOLLOW)
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return None
        chunks = []
        while limit and (chunk := os.read(fd, limit)):
            chunks.append(chunk)
            limit -= len(chunk)
        return b"".join(chunks)
    finally:
        os.close(fd)


def open_regular(path: Path) -> BinaryIO:
    """A regular file for reading. Raises NotFound, PermissionDenied for anything else there, and as `fault` does."""
    try:
        fd = os.open(path, _READ)
    except FileNotFoundError:
        raise NotFound(f"There is no file {shown(path)}.", hint="Check its name.") from None
    except OSError as error:
        raise fault(error, path) from None
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise PermissionDenied(f"{shown(path)} is not a regular file.", hint="Name a file.")
    return os.fdopen(fd, "rb")


def create_open(path: Path) -> BinaryIO:
    """A new file, 0600 whatever the umask, open for writing. Raises OSError, FileExistsError among them."""
    fd = os.open(path, _CREATE, 0o600)
    os.fchmod(fd, 0o600)
    return os.fdopen(fd, "wb")


def read_small(path: Path, limit: int) -> bytes:
    """The content of a file of at most `limit` bytes.

    Raises FileNotFoundError; PermissionDenied for what is no regular file or may not be read; Corrupt if it is longer.
    """
    try:
        data = read_regular(path, limit + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise fault(error, path) from None
    if data is None:
        raise PermissionDenied(f"{shown(path)} is not a regular file.", hint="Put the vault's own file there.")
    if len(data) > limit:
        raise Corrupt(f"{shown(path)} is too long.", hint="It is not a file kvtui wrote.")
    return data


def create(path: Path, data: bytes = b"") -> None:
    """A new file, 0600 whatever the umask, durable. Raises OSError; FileExistsError when something is there."""
    with create_open(path) as file:
        file.write(data)
        sync(file)


def sync(file: BinaryIO) -> None:
    """Have what was written on the disk. Raises OSError."""
    file.flush()
    os.fsync(file.fileno())


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
