"""What goes through all of a mount, or of all mounts: names, what is known of each secret, the trash.

As few requests as the server lets it be: one SCAN for a mount on OpenBao; else one listing for each folder, several at
a time, with what is known of the secrets in it where the server tells that; else one request for each secret too.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import TypeVar

from kvtui.backends.contract import Backend
from kvtui.backends.http.transport import Calls, together
from kvtui.backends.http.walk import Walk, each_in_order
from kvtui.backends.vault.engine import Engine, Known, Place, Versioned, is_name
from kvtui.backends.vault.mounts import CUBBYHOLE, Mount, Mounts
from kvtui.domain import path as paths
from kvtui.domain.capability import Capability
from kvtui.domain.errors import AuthenticationRequired, KvtuiError, Locked, NotFound, Unavailable
from kvtui.domain.secret import Deleted, Entry, EntryKind, Indexed, Listing, Scheduled, Skip, Skipped, VersionState

T = TypeVar("T")


class Surveying(Backend):
    """The part of a backend that looks at everything."""

    _mounts: Mounts
    _width: int

    @abstractmethod
    def _check_open(self) -> None:
        """Raises Locked."""

    @abstractmethod
    def _whole(self, path: str) -> str:
        """A path as the server has it."""

    @abstractmethod
    def _engine_of(self, mount: Mount) -> Engine: ...

    @abstractmethod
    def _place(self, mount: Mount, path: str) -> Place: ...

    @abstractmethod
    def _listed(self, folder: str, noted: dict[str, Known] | None = None) -> Listing:
        """As `list`. `noted` takes what is known of the secrets in it, as far as that came along."""

    @abstractmethod
    def _children(self, folder: str, noted: dict[str, Known] | None = None) -> Listing:
        """The same where it is certain that there is such a folder."""

    def interruptible(self) -> AbstractContextManager[Callable[[], None]]:
        return _interruptible()

    def walk(self, folder: str = "", *, skipped: Skip | None = None) -> Iterator[Entry]:
        """One SCAN for each mount where the server has that, of names alone: one that tells what is known of each takes
        OpenBao ten times as long. Else folders are listed several at a time, which tell it in the same requests."""
        self._check_open()
        mount = self._mount_of(paths.check_folder(folder))
        if mount is not None:
            return self._walk_mount(mount, paths.check_folder(folder), skipped)
        return self._through_mounts(self.list(folder), lambda path: self.walk(path, skipped=skipped), skipped)

    def index(self, folder: str = "", *, skipped: Skip | None = None) -> Iterator[Indexed]:
        if not self.can(Capability.INDEX):
            self._lacks(Capability.INDEX, folder)
        for path, known in self._known_below(folder, skipped):
            if known is None:
                yield Indexed(path)
            else:
                told = known.metadata
                state = known.versions[-1].state
                yield Indexed(path, told.type, told.description, told.tags, told.owner, state)

    def scheduled(self, folder: str = "", *, skipped: Skip | None = None) -> Iterator[Scheduled]:
        """As the trash: not one request for each secret where the server tells of many at once."""
        if not self.can(Capability.METADATA):
            self._lacks(Capability.METADATA, folder)
        for path, known in self._known_below(folder, skipped):
            if known is not None and known.metadata.rotation is not None:
                newest = known.versions[-1]
                if newest.state is VersionState.LIVE:
                    yield Scheduled(path, known.metadata, newest.created_at)

    def trash(self, *, skipped: Skip | None = None) -> Iterator[Deleted]:
        if not self.can(Capability.TRASH):
            self._lacks(Capability.TRASH)
        for path, known in self._known_below("", skipped):
            gone = [version for version in known.versions if version.state is VersionState.DELETED] if known else []
            if gone:
                latest = max(gone, key=lambda version: str(version.deleted_at))
                yield Deleted(path, tuple(version.number for version in gone), latest.deleted_at, latest.deleted_by)

    def _mount_of(self, folder: str) -> Mount | None:
        whole = self._whole(folder)
        return self._mounts.of(whole) if whole else None

    def _through_mounts(
        self, listing: Listing, inside: Callable[[str], Iterator[T]], skipped: Skip | None
    ) -> Iterator[T]:
        for entry in sorted(listing.entries, key=lambda entry: f"{entry.path}/"):
            try:
                yield from inside(entry.path)
            except NotFound:
                continue  # an empty mount
            except (Locked, AuthenticationRequired):
                raise
            except KvtuiError as error:
                _tell(skipped, Skipped(entry.path, error))

    def _walk_mount(self, mount: Mount, folder: str, skipped: Skip | None) -> Iterator[Entry]:
        at = self._place(mount, folder)
        # Vault ignores the flag, and reading the root of a cubbyhole is a failure of its own (500).
        keys = None if mount.path == CUBBYHOLE else self._engine_of(mount).scan(at)
        if keys is None:  # nor is it told whether there is such a folder
            return Walk(self._children, width=self._width, skipped=skipped).below(self.list(folder))
        below = sorted(map(at.below, _possible({*keys}, folder, skipped)))
        return (Entry(path, EntryKind.SECRET) for path in below)

    def _known_below(self, folder: str, skipped: Skip | None) -> Iterator[tuple[str, Known | None]]:
        """What is known of every secret below a folder, by path; None on a mount that keeps nothing of the kind, and
        for one whose metadata cannot be read."""
        self._check_open()
        mount = self._mount_of(paths.check_folder(folder))
        if mount is None:
            yield from self._through_mounts(self.list(folder), lambda path: self._known_below(path, skipped), skipped)
            return
        engine, at = self._engine_of(mount).versioned, self._place(mount, folder)
        if engine is None:
            yield from ((entry.path, None) for entry in self.walk(folder, skipped=skipped))
            return
        found = engine.known_below(at)
        if found is not None:
            yield from sorted((at.below(key), found[key]) for key in _possible({*found}, folder, skipped))
            return
        noted: dict[str, Known] = {}
        if engine.has_details:
            children = partial(self._children, noted=noted)
            names = Walk(children, width=self._width, skipped=skipped).below(self._listed(folder, noted))
        else:
            names = self.walk(folder, skipped=skipped)
        look = partial(self._look, engine, mount, noted)
        for path, known, error in each_in_order(look, (entry.path for entry in names), width=self._width):
            if error is not None:
                _tell(skipped, Skipped(path, error, EntryKind.SECRET))
            yield path, known

    def _look(
        self, engine: Versioned, mount: Mount, noted: dict[str, Known], path: str
    ) -> tuple[str, Known | None, KvtuiError | None]:
        known = noted.pop(path, None)
        if known is not None:
            return path, known, None
        try:
            return path, engine.known(self._place(mount, path)), None
        except NotFound:
            return path, None, None  # metadata alone, or gone since it was listed
        except (Locked, AuthenticationRequired):
            raise
        except KvtuiError as error:
            return path, None, error


def _possible(keys: set[str], folder: str, skipped: Skip | None) -> set[str]:
    """The keys that can be paths. A broken or hostile server may list anything."""
    found = {key for key in keys if all(map(is_name, key.split("/")))}
    if len(found) < len(keys):
        _tell(skipped, Skipped(folder, Unavailable(left_out(len(keys) - len(found)), path=folder, retryable=False)))
    return found


def _tell(skipped: Skip | None, what: Skipped) -> None:
    if skipped is None:
        raise what.error
    skipped(what)


@contextmanager
def _interruptible() -> Iterator[Callable[[], None]]:
    calls = Calls()
    with together(calls):
        yield calls.end


def left_out(count: int) -> str:
    return f"The server lists {count} name{'s' * (count > 1)} that no path can have, which are left out."
