"""The worker's flat list of whole paths, as folders; and what a new path would be in the way of."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from kvtui.backends.not_found import missing_folder
from kvtui.backends.worker.keys import cf_key
from kvtui.backends.worker.rows import type_of
from kvtui.domain import path as paths
from kvtui.domain.errors import AlreadyExists, InvalidPath
from kvtui.domain.secret import Entry, EntryKind, Indexed, Listing

USERS = "users"
"""Below it each folder belongs to a person."""
_OTHERS = "Only your own secrets are listed here, unless you are a superadmin."


class Listed:
    """One answer. `is_of_person`: somebody who sees of `users/` their own alone, or nothing."""

    def __init__(self, keys: Iterable[Mapping[str, Any]], *, is_of_person: bool = False) -> None:
        self._is_of_person = is_of_person
        self._odd: dict[str, int] = defaultdict(int)
        """By folder: how many paths in it cannot be one here."""
        self._names: list[str] = []
        found: dict[str, Indexed] = {}
        for key in keys:
            path = key.get("path")
            if not isinstance(path, str):
                continue
            self._names.append(path)
            if _is_path(path):
                about = key.get("description")
                found[path] = Indexed(path, type_of(key.get("type")), about if isinstance(about, str) else "")
            else:
                self._odd[_folder_of(path)] += 1
        self.rows: Sequence[Indexed] = [found[path] for path in sorted(found)]
        self._found = found

    def __contains__(self, path: str) -> bool:
        return path in self._found

    def sees(self, path: str) -> bool:
        """Whether what is there would be listed."""
        return not self._is_of_person or not paths.is_under(path, USERS)

    @cached_property
    def _folders(self) -> Mapping[str, Mapping[tuple[str, bool], Entry]]:
        folders: dict[str, dict[tuple[str, bool], Entry]] = {"": {}}
        for folder in {paths.parent(row.path) for row in self.rows} | set(self._odd):
            for each in (*paths.ancestors(folder), folder) if folder else ():
                folders.setdefault(each, {})
                folders.setdefault(paths.parent(each), {})[each, False] = Entry(each, EntryKind.FOLDER)
        for row in self.rows:
            folders[paths.parent(row.path)][row.path, True] = Entry(row.path, EntryKind.SECRET, row.type)
        return folders

    def children(self, folder: str) -> Listing:
        """Raises NotFound."""
        found = self._folders.get(folder)
        if found is None:
            raise missing_folder(folder)
        note = self._note(folder, found)
        return Listing(folder, tuple(found[key] for key in sorted(found)), complete=not note, note=note)

    def below(self, folder: str) -> Sequence[Indexed]:
        """Raises NotFound."""
        if folder not in self._folders:
            raise missing_folder(folder)
        return [row for row in self.rows if paths.is_under(row.path, folder)]

    def left_out(self, folder: str) -> Sequence[Listing]:
        """The listings at and below a folder that are not complete."""
        return [
            listing
            for each in sorted(self._folders)
            if each == folder or paths.is_under(each, folder)
            if not (listing := self.children(each)).complete
        ]

    def _note(self, folder: str, found: Mapping[tuple[str, bool], Entry]) -> str:
        said = []
        if count := self._odd.get(folder, 0):
            said.append(f"The worker has {count} path{'s' * (count > 1)} here that cannot be shown.")
        if self._is_of_person and (folder == USERS or (not folder and (USERS, False) not in found)):
            said.append(_OTHERS)
        return " ".join(said)

    def refuse_clashes(self, path: str) -> None:
        """Raises AlreadyExists where a new secret would take the place of another one's value, or look like it."""
        key = cf_key(path)
        for other in self._names:
            if other != path and cf_key(other) == key:
                raise AlreadyExists(
                    f"Cloudflare would keep it where {paths.display(other)} lies, as {paths.display(key)}: "
                    "the value there would be overwritten.",
                    hint="Choose another name: / and _ are the same there.",
                    path=path,
                )
        if self._is_of_person and not paths.is_under(path, USERS) and key.startswith(cf_key(f"{USERS}/")):
            raise AlreadyExists(
                "Cloudflare would keep it among the secrets of persons, which are not listed to you: "
                "the value of one could be overwritten.",
                hint="Choose a name that does not begin with users_.",
                path=path,
            )
        for other in self._names:
            if not other.isascii() and _looks_like(other, path):
                raise AlreadyExists("A name that looks the same is already there.", hint="Use that one.", path=path)


def _looks_like(old: str, new: str) -> bool:
    """Whether the first names in which they differ do so by normalisation alone."""
    for existing, wanted in zip(old.split("/"), new.split("/"), strict=False):
        if existing != wanted:
            return unicodedata.normalize("NFC", existing) == wanted
    return False


def _is_path(path: str) -> bool:
    try:
        paths.check(path)
    except InvalidPath:
        return False
    return True


def _folder_of(odd: str) -> str:
    """As much of an odd path as is one."""
    folder = ""
    for segment in odd.split("/")[:-1]:
        below = paths.join(folder, segment)
        if not segment or not _is_path(below):
            break
        folder = below
    return folder
