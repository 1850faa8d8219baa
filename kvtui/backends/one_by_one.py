"""What is done where a store knows nothing faster: one folder, one secret after the other. `Backend` says what each
gives and raises."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from kvtui.domain.errors import AuthenticationRequired, KvtuiError, Locked, NotFound, Unavailable, Unsupported
from kvtui.domain.secret import Entry, Found, History, Listing, Skip, Skipped, Write, Written

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


def read_many(backend: Backend, wanted: Iterable[str]) -> Iterator[Found]:
    for path in wanted:
        try:
            secret = backend.read(path)
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
