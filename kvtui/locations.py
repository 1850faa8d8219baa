"""Where kvtui keeps its files, and how private ones are made.

The folders are the platform's (XDG on Linux). Nothing here creates anything but `private_dir` and `write_private`.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from kvtui.domain.errors import KvtuiError, PermissionDenied, Unavailable

_APP = "kvtui"
_BUFFER = 1 << 18


def config_file() -> Path:
    """`KVTUI_CONFIG`, else `config.yaml` in the platform's config folder."""
    override = os.environ.get("KVTUI_CONFIG")
    if override:
        return Path(override).expanduser().absolute()
    from platformdirs import user_config_path  # noqa: PLC0415 - only when asked for

    return user_config_path(_APP, appauthor=False) / "config.yaml"


def config_dir() -> Path:
    """The folder of the config file."""
    return config_file().parent


def themes_dir() -> Path:
    """The user's own themes."""
    return config_dir() / "themes"


def data_dir() -> Path:
    """What must be backed up."""
    from platformdirs import user_data_path  # noqa: PLC0415

    return user_data_path(_APP, appauthor=False)


def default_vault() -> Path:
    """The vault used when nothing is configured."""
    return data_dir() / "vault.kvtui"


def state_dir() -> Path:
    """Journal, rollback anchors, bookmarks: kept between runs, of this machine only."""
    from platformdirs import user_state_path  # noqa: PLC0415

    return user_state_path(_APP, appauthor=False)


def runtime_dir() -> Path:
    """What need not outlive the login: in `XDG_RUNTIME_DIR` (memory-backed on Linux), else in the state folder.

    Not platformdirs' fallback, which is a folder in /tmp that anybody may have made before us.
    """
    login = Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    return login / _APP if login.is_absolute() else state_dir() / "run"


def private_dir(path: Path) -> Path:
    """`path` as a folder only its owner may enter (0700 whatever the umask), created with its parents if missing.

    Raises PermissionDenied if it is a symlink, no folder, somebody else's, or writable by others; Unavailable if it
    cannot be made. A folder of ours that others may only read is closed to them.
    """
    try:
        _make_dirs(path)
        info = path.lstat()
    except OSError as error:
        raise _failed("cannot be created", path, error) from None
    if not stat.S_ISDIR(info.st_mode):
        raise _refused("is a symlink" if stat.S_ISLNK(info.st_mode) else "is not a folder", path)
    if info.st_uid != os.geteuid():
        raise _refused("belongs to another user", path)
    if info.st_mode & 0o022:
        raise _refused("can be written by others", path, "Remove their right with chmod go-w.")
    if info.st_mode & 0o077:
        path.chmod(0o700)
    return path


def _make_dirs(path: Path) -> None:
    missing = []
    while not os.path.lexists(path):
        missing.append(path)
        path = path.parent
    for folder in reversed(missing):
        with suppress(FileExistsError):  # made by another process in the meantime: the checks below judge it
            folder.mkdir(mode=0o700)
            folder.chmod(0o700)


def write_private(path: Path, data: bytes) -> None:
    """Replace the file at `path` by `data`; see `replacing_private`."""
    with replacing_private(path) as file:
        file.write(data)


@contextmanager
def replacing_private(path: Path) -> Iterator[BinaryIO]:
    """Replace the file at `path` by what the body writes, mode 0600: after a crash it holds the old or the new bytes,
    on disk. Where the body raises, the old file stays and nothing else is left. Where the process is killed, that
    holds as well on Linux, as what is written has no name before it is whole; elsewhere, and on file systems without
    O_TMPFILE such as NFS, a part may be left beside it.

    The folder must exist. Raises PermissionDenied if `path` is anything but a regular file of ours, Unavailable if the
    file system refuses.
    """
    temp = path.with_name(f".{path.name}.{os.urandom(8).hex()}")
    try:
        check_private_file(path)
        handle, is_named = _made(temp)
        try:
            with os.fdopen(handle, "wb", buffering=_BUFFER) as file:
                os.fchmod(file.fileno(), 0o600)
                yield file
                file.flush()
                _sync(file.fileno())
                if not is_named:
                    _name(file.fileno(), temp)
            temp.replace(path)
        except BaseException:
            with suppress(FileNotFoundError):
                temp.unlink()
            raise
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _sync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise _failed("cannot be written", path, error) from None


def _made(temp: Path) -> tuple[int, bool]:
    """A new file in the folder, and whether it has its name already."""
    unnamed = getattr(os, "O_TMPFILE", None)
    if unnamed is not None and Path("/proc/self/fd").is_dir():
        with suppress(OSError):  # not here (EOPNOTSUPP, or EISDIR of old kernels); what else is wrong shows below
            return os.open(temp.parent, os.O_WRONLY | unnamed | os.O_CLOEXEC, 0o600), False
    return os.open(temp, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), True


def _name(handle: int, path: Path) -> None:
    """Give a file without a name this one, as open(2) has it under O_TMPFILE; os.link follows links only where it is
    told of a folder."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.link(f"/proc/self/fd/{handle}", path.name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """While one process is in here, others with the same lock file wait. Raises PermissionDenied, Unavailable."""
    check_private_file(lock)
    try:
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _failed("cannot be opened", lock, error) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def check_private_file(path: Path) -> None:
    """Raise PermissionDenied if something stands at `path` that is not a regular file of ours, without opening it."""
    try:
        info = path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise _failed("cannot be looked at", path, error) from None
    if stat.S_ISLNK(info.st_mode):
        raise _refused("is a symlink", path)
    if not stat.S_ISREG(info.st_mode):
        raise _refused("is not a regular file", path)
    if info.st_uid != os.geteuid():
        raise _refused("belongs to another user", path)


def _sync(handle: int) -> None:
    try:
        import fcntl  # noqa: PLC0415

        full = getattr(fcntl, "F_FULLFSYNC", None)  # macOS: fsync(2) there stops at the drive's cache
        if full is not None:
            fcntl.fcntl(handle, full)
            return
    except OSError:
        pass  # file systems without it
    os.fsync(handle)


def _refused(what: str, path: Path, hint: str = "Use another place, or move it away.") -> KvtuiError:
    return PermissionDenied(f"{path} {what}.", hint=hint)


def _failed(what: str, path: Path, error: OSError) -> KvtuiError:
    reason = error.strerror or "input/output error"
    if isinstance(error, PermissionError):
        return PermissionDenied(f"{path} {what}: {reason}.", hint="Check who owns the folder.")
    return Unavailable(f"{path} {what}: {reason}.", hint="Check the folder and the free space.")
