"""What is done where a store knows nothing faster: one folder, one secret after the other. `Backend` says what each
gives and raises."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from kvtui.domain.capability import Capability
from kvtui.domain.errors import (
    AuthenticationRequired,
    KvtuiError,
    Locked,
    NotFound,
    Unavailable,
    Undisclosed,
    Unsupported,
)
from kvtui.domain.secret import (
    Entry,
    EntryKind,
    Found,
    History,
    Listing,
    Scheduled,
    Skip,
    Skipped,
    VersionState,
    Write,
    Written,
)

if TYPE_CHECKING:
    from kvtui.backends.contract import Backend


def walk_below(backend: Backend, listing: Listing, skipped: Skip | None) -> Iterator[Entry]:
    """`Backend.walk` from a folder that is listed already."""
    if not listing.complete and not listing.remembered:
        error = Unavailable(listing.note, path=listing.path, retryable=False)
        if skipped is None:
            raise error
        skipped(Skipped(listing.path, error))
    for entry in sorted(listing.entries, key=lambda entry: entry.path + "/" * entry.is_folder):
        if not entry.is_folder:
            yield entry
            continue
        try:
            below = backend.list(entry.path)
        except (Locked, AuthenticationRequired):
            raise
        except KvtuiError as error:
            if skipped is None:
                raise
            skipped(Skipped(entry.path, error))
        else:
            yield from walk_below(backend, below, skipped)


def scheduled(backend: Backend, folder: str, skipped: Skip | None) -> Iterator[Scheduled]:
    """`Backend.scheduled` of a store with METADATA."""
    for entry in backend.walk(folder, skipped=skipped):
        if entry.state not in {None, VersionState.LIVE} or not backend.can(Capability.METADATA, entry.path):
            continue
        try:
            metadata = backend.metadata(entry.path)
            if metadata.rotation is None:
                continue
            newest = backend.versions(entry.path)[-1] if backend.can(Capability.VERSIONS, entry.path) else None
        except NotFound:
            continue  # gone since it was listed
        except (Locked, AuthenticationRequired):
            raise
        except KvtuiError as error:
            if skipped is None:
                raise
            skipped(Skipped(entry.path, error, EntryKind.SECRET))
            continue
        if newest is None or newest.state is VersionState.LIVE:
            yield Scheduled(entry.path, metadata, newest.created_at if newest else None)


def read_many(backend: Backend, wanted: Iterable[str]) -> Iterator[Found]:
    for path in wanted:
        try:
            secret = backend.read(path)
        except Undisclosed as error:  # whoever carries values away must be told of it
            yield Found(path, error=error)
        except NotFound:
            yield Found(path)
        except (Locked, AuthenticationRequired):
            raise
        except KvtuiError as error:
            yield Found(path, error=error)
        else:
            yield Found(path, secret)


def write_many(backend: Backend, writes: Iterable[Write]) -> Iterator[Written]:
    for write in writes:
        try:
            version = backend.write(write.path, write.fields, metadata=write.metadata, expected=write.expected)
        except KvtuiError as error:
            yield Written(write.path, error=error)
        else:
            yield Written(write.path, version)


def write_histories(backend: Backend, histories: Iterable[History]) -> Iterator[Written]:
    for history in histories:
        try:
            backend.write_history(history)
        except (Locked, AuthenticationRequired, Unsupported):
            raise
        except KvtuiError as error:
            yield Written(history.path, error=error)
        else:
            yield Written(history.path, history.versions[-1].version)
