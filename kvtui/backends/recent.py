"""What a connection remembers of the secrets it touched last."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

What = TypeVar("What")


class Recent(Generic[What]):
    """By path, for the `most` paths remembered last. For any number of threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: dict[str, What] = {}

    def remember(self, path: str, what: What) -> None:
        with self._lock:
            self._kept.pop(path, None)
            self._kept[path] = what
            if len(self._kept) > self._most:
                del self._kept[next(iter(self._kept))]

    def get(self, path: str) -> What | None:
        return self._kept.get(path)

    def forget(self, path: str) -> None:
        with self._lock:
            self._kept.pop(path, None)
