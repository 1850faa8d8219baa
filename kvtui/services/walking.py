"""Every secret below a folder, and whether these are all: what a store cannot list may be remembered."""

from __future__ import annotations

from collections.abc import Iterator

from kvtui.backends.contract import Backend
from kvtui.backends.delegating import DelegatingBackend
from kvtui.backends.one_by_one import walk_below
from kvtui.domain.secret import Entry, Listing, Skip


class Walk:
    """Use once: `entries` streams as `Backend.walk`, and raises as that does. `note` says afterwards why these are not
    all, "" where they are; what was left out for other reasons is told to `skipped`."""

    def __init__(self, backend: Backend, folder: str = "", *, skipped: Skip | None = None) -> None:
        self._listed = _Listed(backend)
        unlisted = backend.info().unlisted
        self.entries: Iterator[Entry] = (self._listed if unlisted else backend).walk(folder, skipped=skipped)

    @property
    def note(self) -> str:
        return self._listed.note


class _Listed(DelegatingBackend):
    """A store that is listed folder by folder; notices what was remembered."""

    note = ""

    def list(self, folder: str = "") -> Listing:
        listing = self._inner.list(folder)
        if listing.remembered:
            self.note = listing.note
        return listing

    def walk(self, folder: str = "", *, skipped: Skip | None = None) -> Iterator[Entry]:
        return walk_below(self, self.list(folder), skipped)
