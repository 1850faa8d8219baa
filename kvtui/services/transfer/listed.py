"""Which secrets are exported: told as they are listed, or all before the first is read where some may not be listed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Protocol

from kvtui.backends.contract import Backend
from kvtui.domain.errors import NotFound, PermissionDenied
from kvtui.domain.secret import Skip, Skipped
from kvtui.services.left_out import LeftOut


class Listed(Protocol):
    """Paths, sorted. `left_out` are folders that could not be listed."""

    @property
    def left_out(self) -> Sequence[Skipped]: ...

    def all(self) -> Iterator[str]:
        """All that is exported."""

    def below(self, path: str) -> Iterator[str]:
        """Those of them that are below a path."""


def listed(backend: Backend, folder: str, *, partial: bool) -> Listed:
    """The secrets at and below a folder. Raises NotFound where there are none; without `partial` PermissionDenied or
    Unavailable where not all of them can be listed."""
    if not backend.info().varies:
        return _Streamed(backend, folder)
    left_out = LeftOut()
    found = list(_at_and_below(backend, folder, left_out))
    if left_out and not partial:
        raise left_out.refusal("Nothing was exported. --partial goes on without them.")
    return _Held(found, left_out.places)


class _Streamed:
    """With a bounded number of paths in memory, each listed again when it is asked for again."""

    left_out: Sequence[Skipped] = ()

    def __init__(self, backend: Backend, folder: str) -> None:
        self._backend = backend
        self._folder = folder
        self._first: Iterator[str] | None = _at_and_below(backend, folder, None)

    def all(self) -> Iterator[str]:
        first, self._first = self._first, None
        return _at_and_below(self._backend, self._folder, None) if first is None else first

    def below(self, path: str) -> Iterator[str]:
        try:
            return (entry.path for entry in self._backend.walk(path))
        except NotFound:
            return iter(())


class _Held:
    def __init__(self, paths: Sequence[str], left_out: Sequence[Skipped]) -> None:
        self._paths = paths
        self.left_out = left_out

    def all(self) -> Iterator[str]:
        return iter(self._paths)

    def below(self, path: str) -> Iterator[str]:
        start, end = (bisect_left(self._paths, f"{path}{sign}") for sign in "/0")  # 0 comes right after the slash
        return iter(self._paths[start:end])


def _at_and_below(backend: Backend, folder: str, skipped: Skip | None) -> Iterator[str]:
    try:
        below = (entry.path for entry in backend.walk(folder, skipped=skipped))
        first = next(below, None)
    except NotFound:
        backend.read(folder)
        return iter([folder])
    if first is None:
        return iter(())
    if folder:
        try:
            backend.read(folder)
        except NotFound:
            pass
        except PermissionDenied:
            return chain([folder, first], below)  # whoever reads it is told so
        else:
            return chain([folder, first], below)
    return chain([first], below)
