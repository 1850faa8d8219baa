"""The paths of one profile that were used from here, for stores that cannot list: names only, never a value.

In the state folder, one file for each profile, 0600. With `remember: false` they are kept in memory for this run.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from kvtui import locations
from kvtui.domain.errors import Corrupt, NotFound, Unavailable
from kvtui.domain.path import is_under

MAX_BYTES = 1 << 28
_PAUSE = 1.0
"""Seconds between two writes of the file while many names come: what a killed process may have learned and lost."""


class RememberedNames:
    """See `kvtui.backends.remembering.Names`. Several processes may use the file: each adds and drops its own."""

    def __init__(self, profile: str, state_dir: Path | None = None, *, kept: bool = True) -> None:
        base = hashlib.sha256(profile.encode("utf-8", "surrogatepass")).hexdigest()[:32]
        self.file = (state_dir or locations.state_dir()) / "remembered" / f"{base}.json"
        self._kept = kept
        self._lock = threading.Lock()
        self._known = self._read() if kept else set[str]()
        self._sorted: list[str] | None = None
        self._changes: dict[str, bool] = {}
        """What is not in the file yet: whether a path is to be there."""
        self._saved_at = -_PAUSE

    def paths(self) -> Sequence[str]:
        with self._lock:
            if self._sorted is None:
                self._sorted = sorted(self._known)
            return self._sorted

    def add(self, path: str) -> None:
        """Raises as `save`."""
        self._change(path, is_there=True)

    def drop(self, path: str) -> None:
        """Raises as `save`."""
        self._change(path, is_there=False)

    def save(self) -> None:
        """Raises Corrupt, PermissionDenied, Unavailable."""
        with self._lock:
            self._save()

    def forget(self) -> None:
        """Drop all of them, and the file."""
        with self._lock:
            self._known, self._sorted, self._changes = set(), None, {}
            try:
                self.file.unlink(missing_ok=True)
            except OSError as error:
                raise Unavailable(
                    f"{self.file} cannot be removed ({error.strerror}).", hint="Check its folder."
                ) from error

    def forget_below(self, path: str) -> Sequence[str]:
        """Drop a path and those below it; tells which. Raises NotFound where there is none, and as `save`."""
        dropped = [each for each in self.paths() if each == path or is_under(each, path)]
        if not dropped:
            raise NotFound("It is not remembered.", hint="The store itself lists it.", path=path)
        for each in dropped:
            self.drop(each)
        self.save()
        return dropped

    def _change(self, path: str, *, is_there: bool) -> None:
        with self._lock:
            if (path in self._known) == is_there:
                return
            (self._known.add if is_there else self._known.discard)(path)
            self._sorted = None
            if self._kept:
                self._changes[path] = is_there
                if time.monotonic() - self._saved_at >= _PAUSE:
                    self._save()

    def _save(self) -> None:
        if not self._changes:
            return
        locations.private_dir(self.file.parent)
        with locations.alone(self.file.with_suffix(".lock")):
            known = self._read()
            known |= {path for path, is_there in self._changes.items() if is_there}
            known -= {path for path, is_there in self._changes.items() if not is_there}
            locations.write_private(self.file, json.dumps({"paths": sorted(known)}, indent=0).encode("ascii"))
        self._known, self._sorted, self._changes = known, None, {}
        self._saved_at = time.monotonic()

    def _read(self) -> set[str]:
        locations.check_private_file(self.file)
        try:
            with self.file.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return set()
        except OSError as error:
            raise Unavailable(f"{self.file} cannot be read ({error.strerror}).", hint="Check its rights.") from error
        try:
            content = json.loads(data) if len(data) <= MAX_BYTES else None
        except (ValueError, RecursionError):
            content = None
        names = content.get("paths") if isinstance(content, dict) else None
        if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
            raise Corrupt("The remembered paths cannot be read.", hint=f"Correct {self.file}, or remove it.")
        return set(names)
