"""Import: the secrets of a file into a store, a bounded number at a time, one result each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from kvtui.backends.contract import Backend
from kvtui.domain import path as paths
from kvtui.domain.capability import Capability
from kvtui.domain.errors import (
    AlreadyExists,
    AuthenticationRequired,
    InvalidInput,
    KvtuiError,
    Locked,
    NotFound,
)
from kvtui.domain.metadata import UNSET, MetadataField, MetadataPatch, SecretType
from kvtui.domain.progress import Progress, silent
from kvtui.domain.secret import Found, History, Secret, VersionState, Write, Written
from kvtui.domain.value import Fields, like_fields
from kvtui.services.journal import DONE, Act, Done
from kvtui.services.transfer.guess import guess_type
from kvtui.services.transfer.model import Format, Item
from kvtui.services.transfer.names import Names
from kvtui.services.transfer.reading import Items

if TYPE_CHECKING:
    from kvtui.services.journal import Journal

CHUNK = 4000
"""Secrets compared, written and journaled together: bounds memory, and is one commit where the store groups them."""
_CHUNK_BYTES = 8 << 20
"""Of the file, after which a chunk ends as well."""


def read_items(
    file: bytes | BinaryIO,
    format: Format,  # noqa: A002 - the word for it
    *,
    into: str = "",
    as_path: str | None = None,
    progress: Progress = silent,
) -> Items:
    """The secrets of a file: bytes, or a seekable stream from where it stands, which is read again when they are taken.

    `into` puts a folder before every path; `as_path` makes the whole file one secret. All of the file is gone through
    first, so that what is wrong with it is told before anything is written; progress is in bytes. Raises InvalidInput,
    with the line or the path where there is one.
    """
    if into and as_path is not None:
        raise InvalidInput("--into and --as exclude each other.", hint="Give one of them.")
    into = paths.check_folder(into)
    if as_path is not None:
        paths.check(as_path)
    items = Items(BytesIO(file) if isinstance(file, bytes) else file, format, into=into, as_path=as_path)
    items.check(progress)
    return items


class ItemOutcome(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    SKIPPED = "skipped"
    """The store holds the same already."""
    FAILED = "failed"


class ItemResult(NamedTuple):
    """What became of one secret. `version` is the current one then (expected to be, on a dry run), None when it failed.
    `note` says what could not be carried."""

    path: str
    outcome: ItemOutcome
    version: int | None = None
    error: KvtuiError | None = None
    note: str = ""


def import_items(
    backend: Backend,
    items: Iterable[Item],
    *,
    dry_run: bool = False,
    guess_types: bool = True,
    journal: Journal | None = None,
    progress: Progress = silent,
    chunk: int = CHUNK,
) -> Iterator[ItemResult]:
    """Write what differs, each with a version check against what it was compared with. Results come in order, when
    they are durable and journaled.

    A new secret without a type gets one where its name or content leaves no doubt. Journaled before the first write
    (refused where that fails) and for each secret written. Between chunks progress is told, in bytes of the file where
    there is one, else in secrets; what it raises stops the import there, and importing again goes on. A chunk is at
    most so many secrets. Raises PermissionDenied at once for a read-only store.
    """
    run = _Import(backend, dry_run=dry_run, guess_types=guess_types, journal=journal)
    if not dry_run:
        for _ in backend.write_many(()):  # a store that takes no writes says so before anything is compared
            pass
        if journal is not None:
            journal.record(Act.IMPORT, "")
    done = 0
    for taken in _chunks(items, chunk):
        results = run.chunk(taken)
        yield from results
        done += len(results)
        if isinstance(items, Items):
            progress(items.bytes_read, items.size)
        else:
            progress(done, None)


def _chunks(items: Iterable[Item], most: int) -> Iterator[list[Item]]:
    file = items if isinstance(items, Items) else None
    chunk: list[Item] = []
    began = 0
    for item in items:
        chunk.append(item)
        if len(chunk) == most or (file and file.bytes_read - began >= _CHUNK_BYTES):
            yield chunk
            chunk = []
            began = file.bytes_read if file else 0
    if chunk:
        yield chunk


class _Plan:
    """The results of a chunk, and the writes that some of them wait for."""

    def __init__(self) -> None:
        self.results: list[ItemResult] = []
        self.writes: list[Write] = []
        self.histories: list[History] = []
        self.waiting: list[int] = []
        """The places of the results of `writes`."""
        self.restoring: list[int] = []

    def settle(self, places: list[int], written: Iterable[Written]) -> None:
        for place, one in zip(places, written, strict=True):
            planned = self.results[place]
            if one.version is None:
                self.results[place] = ItemResult(planned.path, ItemOutcome.FAILED, error=one.error)
            elif one.version.number != planned.version:
                self.results[place] = planned._replace(version=one.version.number)


class _Import:
    def __init__(self, backend: Backend, *, dry_run: bool, guess_types: bool, journal: Journal | None) -> None:
        self._backend = backend
        self._dry_run = dry_run
        self._checks = backend.checks_writes
        self._reads = backend.can(Capability.READ)
        self._guess_types = guess_types
        self._journal = journal
        self._seen = Names()

    def chunk(self, items: list[Item]) -> list[ItemResult]:
        """Compare all, then write what differs."""
        plan = self._plan(items)
        if self._dry_run:
            return plan.results
        if self._journal is None:
            self._write(plan)
            return plan.results
        with self._journal.around_many(Act.IMPORT, len(items)) as note:
            self._write(plan)
            note(
                Done(result.path, result.version, result.error.kind if result.error else DONE)
                for result in plan.results
                if result.outcome is not ItemOutcome.SKIPPED
            )
        return plan.results

    def _write(self, plan: _Plan) -> None:
        if plan.writes:
            plan.settle(plan.waiting, self._backend.write_many(plan.writes))
        if plan.histories:
            at_once = self._backend.can(Capability.HISTORY)
            written = self._backend.write_histories(plan.histories) if at_once else self._restored(plan.histories)
            plan.settle(plan.restoring, written)

    def _restored(self, histories: Iterable[History]) -> Iterator[Written]:
        """Version by version. What ends all of it is raised, as writing in bulk does."""
        from kvtui.services.carrying import restore  # noqa: PLC0415 - most stores take a history whole

        for history in histories:
            try:
                version = restore(history, self._backend)
            except (Locked, AuthenticationRequired):
                raise
            except KvtuiError as error:
                yield Written(history.path, error=error)
            else:
                yield Written(history.path, version)

    def _plan(self, items: list[Item]) -> _Plan:
        """What is to become of each. Metadata that alone differs is written here."""
        plan = _Plan()
        refused = [self._refusal(item) for item in items]
        wanted = [item.path for item, error in zip(items, refused, strict=True) if error is None]
        found = self._backend.read_many(wanted) if self._reads else map(Found, wanted)
        for item, refusal in zip(items, refused, strict=True):
            here = Found(item.path, error=refusal) if refusal else next(found)
            try:
                result, write = self._compare(item, here)
            except KvtuiError as error:
                result, write = ItemResult(item.path, ItemOutcome.FAILED, error=error), None
            if item.note and result.outcome in {ItemOutcome.CREATED, ItemOutcome.UPDATED}:
                result = result._replace(note=f"{item.note} {result.note}".rstrip())
            if isinstance(write, Write):
                plan.writes.append(write)
                plan.waiting.append(len(plan.results))
            elif write is not None:
                plan.histories.append(write)
                plan.restoring.append(len(plan.results))
            plan.results.append(result)
        return plan

    def _refusal(self, item: Item) -> KvtuiError | None:
        if item.trouble:
            return InvalidInput(item.trouble, hint="It is left out.", path=item.path)
        place = self._backend.place(item.path)
        if self._seen.add(place):
            return None
        same = "it" if place == item.path else f"another one that would lie at {paths.display(place)} here too"
        what = "The file holds this secret twice." if same == "it" else f"The file holds {same}."
        return InvalidInput(what, hint="Keep one of the two.", path=item.path)

    def _compare(self, item: Item, found: Found) -> tuple[ItemResult, Write | History | None]:
        if found.error is not None and not isinstance(found.error, NotFound):
            raise found.error
        if not self._reads:
            return self._unseen(item)
        secret = found.secret
        if secret is None:
            return self._create(item)
        if item.history is not None and item.history.versions[-1].version.state is not VersionState.LIVE:
            return self._compare_deleted(item.history, secret)
        note = ""
        if item.history and len(item.history.versions) > 1:
            note = "It exists, so its older versions were left out."
        patch, _ = self._kept(item)
        if secret.version.state is VersionState.LIVE and self._same(secret.fields, item.fields):
            if patch.apply(secret.metadata) == secret.metadata:
                return ItemResult(item.path, ItemOutcome.SKIPPED, secret.current), None
            if self._backend.can(Capability.EDIT_METADATA, item.path):  # else it takes a new version
                if not self._dry_run:
                    self._backend.write_metadata(item.path, patch)
                return ItemResult(item.path, ItemOutcome.UPDATED, secret.current, note=note), None
        checked = secret.current if self._checks else None
        result = ItemResult(item.path, ItemOutcome.UPDATED, secret.current + 1, note=note)
        return result, Write(item.path, item.fields, patch, checked)

    def _unseen(self, item: Item) -> tuple[ItemResult, Write | History | None]:
        """Where no value is given back, what is there is written over."""
        try:
            current = self._backend.outline(item.path).current
        except NotFound:
            return self._create(item)
        patch, _ = self._kept(item)
        note = "Values cannot be read here, so it was not compared."
        return ItemResult(item.path, ItemOutcome.UPDATED, current + 1, note=note), Write(item.path, item.fields, patch)

    def _same(self, one: Fields, other: Fields) -> bool:
        """Same names with the same values, in any order; a store may keep none within a map either."""
        if not self._backend.info().keeps_order:
            return like_fields(one, other)
        return set(one) == set(other) and all(one[name].same_as(other[name]) for name in one)

    def _kept(self, item: Item) -> tuple[MetadataPatch, str]:
        """What of its metadata the store keeps, and what is to be said of the rest."""
        wanted, kept = item.metadata, item.metadata.only(self._keeps(item.path))
        if kept == wanted:
            return wanted, ""
        left = ", ".join(sorted(wanted.fields - kept.fields)) if kept else "metadata"
        return kept, f"This store keeps no {left}."

    def _keeps(self, path: str) -> frozenset[MetadataField]:
        can = self._backend.can
        if can(Capability.EDIT_METADATA, path) or can(Capability.METADATA_WITH_VALUE, path):
            return self._backend.info().metadata_fields
        return frozenset()

    def _create(self, item: Item) -> tuple[ItemResult, Write | History | None]:
        if self._dry_run:
            paths.check_new(item.path)  # as the write would
            if not self._backend.info().read_only:
                self._backend.check(item.path, item.fields)
        if item.history is not None:
            return self._restore(item, item.history)
        patch, note = self._kept(item)
        if self._guess_types and item.metadata.type is UNSET and MetadataField.TYPE in self._keeps(item.path):
            guessed = guess_type(item.path, item.fields)
            if guessed is not SecretType.SECRET:
                patch = patch._replace(type=guessed)
        checked = 0 if self._checks else None
        return ItemResult(item.path, ItemOutcome.CREATED, 1, note=note), Write(item.path, item.fields, patch, checked)

    def _restore(self, item: Item, history: History) -> tuple[ItemResult, Write | History | None]:
        """A secret with all its versions; only the newest where the store cannot take more."""
        newest, can = history.versions[-1].version, self._backend.can
        if can(Capability.HISTORY):
            return ItemResult(item.path, ItemOutcome.CREATED, newest.number), history
        if len(history.versions) == newest.number == 1 and newest.state is VersionState.LIVE:
            return self._create(item._replace(history=None))
        if can(Capability.VERSIONS, item.path) and can(Capability.DELETE, item.path):
            from kvtui.services.carrying import fitted  # noqa: PLC0415

            note = " ".join(loss.what for loss in fitted(history, self._backend).grave)
            return ItemResult(item.path, ItemOutcome.CREATED, newest.number, note=note), history
        if newest.state is not VersionState.LIVE:
            raise InvalidInput(
                "It is deleted, and this store takes no deleted versions.",
                hint="Undelete it where it was exported.",
                path=item.path,
            )
        result, write = self._create(item._replace(history=None))
        return result._replace(note="This store takes only the newest version."), write

    def _compare_deleted(self, history: History, secret: Secret) -> tuple[ItemResult, None]:
        newest = history.versions[-1].version
        if secret.version.state is newest.state and secret.current == newest.number:
            return ItemResult(history.path, ItemOutcome.SKIPPED, secret.current), None
        raise AlreadyExists(
            "It is deleted in the file, but exists here.", hint="Delete it here, or leave it.", path=history.path
        )
