"""The names of an engine, in order, so that a folder of ten thousand is listed as fast as a server does it."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any, TypeVar

V = TypeVar("V")

AFTER_SLASH = chr(ord("/") + 1)


class Names(dict[str, V]):
    """A dict that knows its keys sorted. Only item access, `pop` and `clear` may change it."""

    def __init__(self) -> None:
        super().__init__()
        self._sorted: list[str] | None = []

    def __setitem__(self, key: str, value: V) -> None:
        if key not in self:
            self._sorted = None
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        self._sorted = None
        super().__delitem__(key)

    def pop(self, key: str, *default: Any) -> Any:
        self._sorted = None
        return super().pop(key, *default)

    def clear(self) -> None:
        self._sorted = []
        super().clear()

    def in_order(self) -> list[str]:
        if self._sorted is None:
            self._sorted = sorted(self)
        return self._sorted

    def listing(self, folder: str, after: str = "", limit: int = 0) -> list[str]:
        """The entries directly in `folder` ("" or "a/b/"), sorted, folders with a slash."""
        names = self.in_order()
        found: list[str] = []
        at = bisect_left(names, folder)
        while at < len(names) and names[at].startswith(folder):
            head, slash, _ = names[at][len(folder) :].partition("/")
            found.append(head + slash)
            at = bisect_left(names, folder + head + AFTER_SLASH, at) if slash else at + 1
        found = [name for name in found if not after or name > after]
        return found[:limit] if limit > 0 else found

    def scanning(self, folder: str) -> list[str]:
        """All names below `folder` in the order of the server: leaves of a folder first, then its last folder."""
        found: list[str] = []
        frontier = [""]
        while frontier:
            current = frontier.pop()
            for entry in self.listing(folder + current):
                (frontier if entry.endswith("/") else found).append(current + entry)
        return found
