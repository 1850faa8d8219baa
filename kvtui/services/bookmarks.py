"""What one profile's tree looked like and which paths are marked for coming back: names only, in the state folder."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kvtui import locations
from kvtui.domain.errors import Corrupt, Unavailable
from kvtui.services.profiles import Profile

MAX_BYTES = 1 << 24
MAX_OPEN = 5000

_PLAIN_NAME = re.compile(r"[a-z0-9_][a-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class TreeState:
    """The unfolded folders, and the path the cursor was on."""

    open: tuple[str, ...] = ()
    cursor: str = ""


class Bookmarks:
    """The file of one profile. Every call reads or replaces it whole, so that several screens may use it."""

    def __init__(self, profile: str, state_dir: Path | None = None) -> None:
        if not _PLAIN_NAME.fullmatch(profile):
            profile = hashlib.sha256(profile.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        self.file = (state_dir or locations.state_dir()) / "bookmarks" / f"{profile}.json"

    @classmethod
    def of(cls, profile: Profile, state_dir: Path | None = None) -> Bookmarks:
        """Those of a profile; of a vault named directly, those of its folder."""
        return cls(profile.name or f"vault {profile.settings.get('path')}", state_dir)

    def paths(self) -> list[str]:
        """In the order they were added. Raises Corrupt when the file is none of ours, Unavailable, PermissionDenied."""
        return _texts(self._read().get("bookmarks", []), self.file)

    def toggle(self, path: str) -> bool:
        """Add a bookmark, or drop it where it is there. Whether it is there now. Raises as `paths`."""
        paths = self.paths()
        added = path not in paths
        self._write(bookmarks=[*paths, path] if added else [each for each in paths if each != path])
        return added

    def tree(self) -> TreeState:
        """The tree as it was remembered. Raises as `paths`."""
        tree = self._read().get("tree", {})
        if not isinstance(tree, dict) or not isinstance(tree.get("cursor", ""), str):
            raise _damaged(self.file)
        return TreeState(tuple(_texts(tree.get("open", []), self.file)), tree.get("cursor", ""))

    def remember(self, tree: TreeState) -> None:
        """Keep the tree for the next run. Raises as `paths`."""
        self._write(tree={"open": list(tree.open[:MAX_OPEN]), "cursor": tree.cursor})

    def forget(self) -> None:
        """Remove the file."""
        try:
            self.file.unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(f"{self.file} cannot be removed ({error.strerror}).", hint="Check its folder.") from error

    def _read(self) -> Mapping[str, Any]:
        locations.check_private_file(self.file)
        try:
            with self.file.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise Unavailable(f"{self.file} cannot be read ({error.strerror}).", hint="Check its rights.") from error
        try:
            content = json.loads(data) if len(data) <= MAX_BYTES else None
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            raise _damaged(self.file)
        return content

    def _write(self, **parts: Any) -> None:
        content = {**self._read(), **parts}
        locations.private_dir(self.file.parent)
        locations.write_private(self.file, json.dumps(content, indent=1).encode("ascii"))


def _texts(value: object, file: Path) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise _damaged(file)
    return value


def _damaged(file: Path) -> Corrupt:
    return Corrupt("The bookmarks cannot be read.", hint=f"Correct {file}, or remove it.")
