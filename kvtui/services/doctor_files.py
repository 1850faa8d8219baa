"""What the doctor looks at on disk: who may read what is secret, and whether the programs that are named are there."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from kvtui.services.doctor_finding import Finding, Level
from kvtui.services.profiles import Profile

_MOST = 10_000
"""Files of a folder that are looked at."""
_PUBLIC_FILES = frozenset({"ca_file", "client_cert"})


def private_files(subject: str, folder: Path) -> Iterator[Finding]:
    """Files at and below a folder of ours that others can read or change."""
    if not folder.is_dir() or folder.is_symlink():
        return
    opened: list[tuple[Path, int]] = []
    for file in islice(folder.rglob("*"), _MOST):
        with suppress(OSError):  # gone since, as a write-ahead log may be
            mode = file.lstat().st_mode
            if stat.S_ISREG(mode) and mode & 0o077:
                opened.append((file, mode))
    if changed := [file for file, mode in opened if mode & 0o022]:
        yield _opened(Level.PROBLEM, subject, changed, "changed")
    elif opened:
        yield _opened(Level.WARNING, subject, [file for file, _ in opened], "read")


def _opened(level: Level, subject: str, files: Sequence[Path], what: str) -> Finding:
    more = f" and {len(files) - 1} more" if len(files) > 1 else ""
    return Finding(level, subject, f"{files[0]}{more} can be {what} by others.", "Close them: chmod -R go= .")


def vault_files(subject: str, profile: Profile, *, usable: bool) -> Iterator[Finding]:
    """The store itself, where it is a folder on this machine, or a file that is one."""
    place = profile.settings.get("path")
    if profile.factory.signs_in or not isinstance(place, str | Path):
        return
    path = Path(place).expanduser()
    try:
        status = path.lstat()
    except OSError:
        return  # the probe has told
    if not (usable or stat.S_ISDIR(status.st_mode)):
        return
    if status.st_mode & 0o022:
        yield Finding(Level.PROBLEM, subject, f"{path} can be changed by others.", "Close it: chmod -R go= .")
    elif status.st_mode & 0o055:
        yield Finding(Level.WARNING, subject, f"{path} can be read by others.", "Close it: chmod -R go= .")
    yield from private_files(subject, path)


def credential_files(subject: str, settings: Mapping[str, Any]) -> Iterator[Finding]:
    """Files that hold what opens a store: passphrases, tokens, keys."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from credential_files(subject, value)
        elif (key.endswith("_file") or key == "client_key") and key not in _PUBLIC_FILES:
            yield from credential_file(subject, key, value)


def credential_file(subject: str, key: str, value: object) -> Iterator[Finding]:
    """One of them, by the setting or variable that names it."""
    path = Path(str(value)).expanduser()
    try:
        status = path.stat()
    except OSError as error:
        yield Finding(Level.PROBLEM, subject, f"{key}: {path}: {error.strerror}.", "Name another file.")
        return
    if stat.S_ISREG(status.st_mode) and status.st_mode & 0o077:
        level = Level.PROBLEM if status.st_mode & 0o022 else Level.WARNING
        what = "changed" if status.st_mode & 0o022 else "read"
        yield Finding(level, subject, f"{key}: {path} can be {what} by others.", "Close it: chmod 600.")
    elif status.st_uid not in {0, os.geteuid()}:
        yield Finding(Level.WARNING, subject, f"{key}: {path} belongs to another user.", "Use one of your own.")


def programs(subject: str, profile: Profile) -> Iterator[Finding]:
    """Programs that a profile names, for a token or after a rotation."""
    for key, argv in _commands({**profile.settings, "after_rotate": profile.after_rotate}):
        if shutil.which(argv[0]) is None:
            message = f"{key}: the program {argv[0]} is not there, or may not be run."
            yield Finding(Level.PROBLEM, subject, message, "Install it, or name it with its folder.")


def _commands(settings: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    for key, value in settings.items():
        if isinstance(value, Mapping):
            yield from _commands(value)
        elif (key.endswith("_command") or key == "after_rotate") and isinstance(value, list | tuple) and value:
            yield key, [str(word) for word in value]
