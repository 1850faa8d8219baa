"""What is looked at before a vault is opened: whose it is, who else may write it, what kind of thing it is.

Everything by lstat, before there is a connection: see database.py. Nothing is changed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Sequence
from pathlib import Path

from kvtui.backends.file import files, header, mounts, schema
from kvtui.domain.errors import Corrupt, NotFound, PermissionDenied, Unsupported

_NEEDED = (header.NAME, schema.FILE)
_OPTIONAL = (header.COPY, f"{schema.FILE}-wal", f"{schema.FILE}-shm")


def exists(vault: Path) -> bool:
    """Whether there is a vault, or what should be one. Raises PermissionDenied, Corrupt for anything else there."""
    try:
        status = vault.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise files.fault(error, vault) from None
    _refuse_link(vault, status)
    if stat.S_ISREG(status.st_mode):
        raise Corrupt(f"{files.shown(vault)} is a file, not a vault.", hint="A vault is a folder. Check the path.")
    if not stat.S_ISDIR(status.st_mode):
        raise PermissionDenied(f"{files.shown(vault)} is not a folder.", hint="Check the path.")
    _refuse_others(vault, status)
    try:
        names = {entry.name for entry in os.scandir(vault)}
    except OSError as error:
        raise files.fault(error, vault) from None
    if names.isdisjoint(_NEEDED) and header.COPY not in names:
        if names:
            raise Corrupt(
                f"{files.shown(vault)} is a folder of other files, not a vault.", hint="Choose another folder."
            )
        return False
    return True


def inspect(vault: Path) -> Sequence[str]:
    """Check an existing vault before it is opened; what is odd but harmless comes back in plain words.

    Raises NotFound, PermissionDenied naming the culprit, Corrupt when a part is missing, Unsupported for a place a
    vault cannot be at.
    """
    refuse_network(vault)
    return look(vault)


def look(vault: Path, needed: Collection[str] = _NEEDED) -> Sequence[str]:
    """The same wherever it is, with the parts that must be there."""
    if not exists(vault):
        raise NotFound(f"There is no vault at {files.shown(vault)}.", hint="Create it with kvtui init.")
    try:
        return [*_look(vault, needed), *_synced(vault)]
    except OSError as error:
        raise files.fault(error, vault) from None


def refuse_network(vault: Path) -> None:
    """Raise Unsupported on a network file system: SQLite's write-ahead log needs memory that all its users share, and
    locks that hold (sqlite.org/wal.html, section 2)."""
    kind = mounts.kind_of(vault)
    if kind in mounts.NETWORK:
        raise Unsupported(
            f"{files.shown(vault)} is on a network file system ({kind}), where a vault is not safe.",
            capability="open",
            hint="Keep it on a disk of this machine, and copies elsewhere with kvtui backup.",
        )


_SYNCED = {
    ".dropbox": "Dropbox",
    ".dropbox.cache": "Dropbox",
    ".stfolder": "Syncthing",
    ".sync_folder": "Resilio Sync",
    ".csync_journal.db": "Nextcloud",
    ".owncloudsync.log": "ownCloud",
    ".nextcloudsync.log": "Nextcloud",
    ".tmp.drivedownload": "Google Drive",
    ".849C9593-D756-4E56-8D6E-42412F2A707B": "OneDrive",
    ".pcloud": "pCloud",
}
"""What such programs leave at the top of the folder they keep."""
_SYNCED_NAMES = ("Dropbox", "OneDrive", "Google Drive", "GoogleDrive", "iCloud", "Mobile Documents", "Nextcloud",
                 "ownCloud", "MEGA", "MEGAsync", "pCloudDrive", "Syncthing", "Yandex.Disk")  # fmt: skip


def _synced(vault: Path) -> Sequence[str]:
    """A note where a program that copies single files between machines looks after the folder."""
    for folder in vault.absolute().parents:
        names = {mark: name for mark, name in _SYNCED.items() if (folder / mark).exists()}
        found = next(iter(names.values()), None) or next((name for name in _SYNCED_NAMES if folder.name == name), None)
        if found is not None:
            what = f"{files.shown(folder)} looks like a folder of {found}, which may copy a vault in parts"
            return [f"{what} while it changes: keep backups there instead."]
    return []


def _look(vault: Path, needed: Collection[str]) -> Sequence[str]:
    notes = []
    parent = vault.absolute().parent
    status = parent.stat()
    if status.st_mode & 0o022 and not status.st_mode & stat.S_ISVTX:
        raise PermissionDenied(
            f"{files.shown(parent)} can be written by others, who could exchange the vault.",
            hint=f"chmod go-w {files.shown(parent)}",
        )
    if vault.lstat().st_mode & 0o077:
        notes.append(f"{files.shown(vault)} can be read by others: chmod 700 it.")
    for name in (*_NEEDED, *_OPTIONAL):
        path = vault / name
        try:
            status = path.lstat()
        except FileNotFoundError:
            if name in needed:
                raise Corrupt(f"{files.shown(path)} is missing.", hint="Restore a backup.") from None
            continue  # -wal and -shm come and go with other processes
        _refuse_link(path, status)
        if not stat.S_ISREG(status.st_mode):
            raise PermissionDenied(f"{files.shown(path)} is not a regular file.", hint="Restore a backup.")
        _refuse_others(path, status)
        if status.st_nlink > 1:
            notes.append(f"{files.shown(path)} has a second hard link: copies of the vault's bytes may stay there.")
        if status.st_mode & 0o077:
            notes.append(f"{files.shown(path)} can be read by others: chmod 600 it.")
    return notes


def _refuse_link(path: Path, status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise PermissionDenied(f"{files.shown(path)} is a symbolic link.", hint="Name the place itself.")


def _refuse_others(path: Path, status: os.stat_result) -> None:
    if status.st_uid != os.geteuid():
        raise PermissionDenied(f"{files.shown(path)} belongs to another user.", hint="Use a vault of your own.")
    if status.st_mode & 0o022:
        raise PermissionDenied(f"{files.shown(path)} can be written by others.", hint=f"chmod go-w {files.shown(path)}")
