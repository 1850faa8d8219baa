"""Import: the secrets of a file into a store, a bounded number at a time, one result each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING

from kvtui.backends.contract import Backend, Write
from kvtui.domain import path as paths
from kvtui.domain.capability import Capability
from kvtui.domain.errors import AlreadyExists, InvalidInput, KvtuiError, NotFound
from kvtui.domain.metadata import UNSET, MetadataPatch, SecretType
from kvtui.domain.secret import History, Secret, VersionState
from kvtui.domain.value import Fields
from kvtui.services.journal import Act
from kvtui.services.transfer import all_versions, dotenv, json_tree, kv_json, yaml_tree
from kvtui.services.transfer.guess import guess_type
from kvtui.services.transfer.model import Format, Item

if TYPE_CHECKING:
    from kvtui.services.journal import Journal

CHUNK = 500
"""Secrets compared and then written together: bounds memory, and is one commit where the store groups them."""


def read_items(data: bytes, format: Format, *, into: str = "", as_path: str | None = None) -> Iterator[Item]:  # noqa: A002
    """The secrets of a file. `into` puts a folder before every path; `as_path` makes the whole file one secret.

    The whole file is parsed and checked first. Raises InvalidInput, with the line or the path where there is one.
    """
    return iter(list(_read(data, format, into, as_path)))  # all of it, so that an error comes before any write


def _read(data: bytes, format: Format, into: str, as_path: str | None) -> Iterator[Item]:  # noqa: A002
    if into and as_path is not None:
        raise InvalidInput("--into and --as exclude each other.", hint="Give one of them.")
    into = paths.check_folder(into)
    if as_path is not None:
        paths.check(as_path)
    match format:
        case Format.DOTENV:
            return dotenv.read(data, into=into, as_path=as_path)
        case Format.YAML:
            return yaml_tree.read(data, into=into, as_path=as_path)
        case Format.JSON | Format.KV_JSON:
            document = json_tree.parse(data)
            if all_versions.is_envelope(document):
                if as_path is not None:
                    raise InvalidInput("The file names its own paths.", hint="Use --into PATH, or leave --as out.")
                return all_versions.read(document, into=into)
            if format is Format.KV_JSON or kv_json.is_kv_get(document):
                return kv_json.read(document, into=into, as_path=as_path)
            return json_tree.read(document, into=into, as_path=as_path)


class ItemOutcome(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    SKIPPED = "skipped"
    """The store holds the same already."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ItemResult:
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
) -> Iterator[ItemResult]:
    """Write what differs, each with a version check against what it was compared with. Results come in order.

    A new secret without a type gets one where its name or content leaves no doubt. Journaled before the first write
    (refused where that fails) and for each secret written. Raises PermissionDenied at once for a read-only store.
    """
    run = _Import(backend, dry_run=dry_run, guess_types=guess_types, journal=journal)
    rest = iter(items)
    if not dry_run:
        for _ in backend.write_many(()):  # a store that takes no writes says so before anything is compared
            pass
        if journal is not None:
            journal.record(Act.IMPORT, "")
    while chunk := list(islice(rest, CHUNK)):
        yield from run.chunk(chunk)


class _Import:
    def __init__(self, backend: Backend, *, dry_run: bool, guess_types: bool, journal: Journal | None) -> None:
        self._backend = backend
        self._dry_run = dry_run
        self._describes = backend.can(Capability.EDIT_METADATA)
        self._guess_types = guess_types and self._describes
        self._journal = journal
        self._seen: set[str] = set()

    def chunk(self, items: list[Item]) -> list[ItemResult]:
        """Compare all, then write what differs."""
        results: list[ItemResult] = []
        writes: list[Write] = []
        places: list[int] = []
        for item in items:
            result, write = self._plan(item)
            if write is not None and not self._dry_run:
                writes.append(write)
                places.append(len(results))
            results.append(result)
        for place, written in zip(places, self._backend.write_many(writes) if writes else (), strict=True):
            planned = results[place]
            if written.version is None:
                results[place] = ItemResult(planned.path, ItemOutcome.FAILED, error=written.error)
            else:
                results[place] = replace(planned, version=written.version.number)
        for result in results:
            if self._journal is not None and not self._dry_run and result.outcome is not ItemOutcome.SKIPPED:
                done = {"result": result.error.kind} if result.error else {}
                self._journal.record(Act.IMPORT, result.path, version=result.version, **done)
        return results

    def _plan(self, item: Item) -> tuple[ItemResult, Write | None]:
        """What is to become of a secret, and the write for it. Histories and metadata are written here."""
        try:
            if item.path in self._seen:
                raise InvalidInput("The file holds this secret twice.", hint="Keep one of the two.", path=item.path)
            self._seen.add(item.path)
            return self._compare(item)
        except KvtuiError as error:
            return ItemResult(item.path, ItemOutcome.FAILED, error=error), None

    def _compare(self, item: Item) -> tuple[ItemResult, Write | None]:
        try:
            secret = self._backend.read(item.path)
        except NotFound:
            return self._create(item)
        if item.history is not None and item.history.versions[-1].version.state is not VersionState.LIVE:
            return self._compare_deleted(item.history, secret)
        note = "It exists, so its older versions were left out." if item.history else ""
        patch = item.metadata if self._describes else MetadataPatch()
        described = patch.apply(secret.metadata) == secret.metadata
        if secret.version.state is VersionState.LIVE and _same(secret.fields, item.fields):
            if described:
                return ItemResult(item.path, ItemOutcome.SKIPPED, secret.current), None
            if not self._dry_run:
                self._backend.write_metadata(item.path, patch)
            return ItemResult(item.path, ItemOutcome.UPDATED, secret.current, note=note), None
        checked = secret.current if self._backend.can(Capability.CHECK_AND_SET) else None
        result = ItemResult(item.path, ItemOutcome.UPDATED, secret.current + 1, note=note)
        return result, Write(item.path, item.fields, patch, checked)

    def _create(self, item: Item) -> tuple[ItemResult, Write | None]:
        paths.check_new(item.path)
        if item.history is not None:
            return self._restore(item, item.history)
        patch = item.metadata
        if patch and not self._describes:
            patch = MetadataPatch()
        if self._guess_types and patch.type is UNSET:
            guessed = guess_type(item.path, item.fields)
            if guessed is not SecretType.SECRET:
                patch = replace(patch, type=guessed)
        note = "This store keeps no metadata." if item.metadata and not self._describes else ""
        checked = 0 if self._backend.can(Capability.CHECK_AND_SET) else None
        return ItemResult(item.path, ItemOutcome.CREATED, 1, note=note), Write(item.path, item.fields, patch, checked)

    def _restore(self, item: Item, history: History) -> tuple[ItemResult, Write | None]:
        """A secret with all its versions; only the newest where the store cannot take more."""
        newest = history.versions[-1].version
        if self._backend.can(Capability.HISTORY):
            if not self._dry_run:
                self._backend.write_history(history)
            return ItemResult(item.path, ItemOutcome.CREATED, newest.number), None
        if newest.state is not VersionState.LIVE:
            raise InvalidInput(
                "It is deleted, and this store takes no deleted versions.",
                hint="Undelete it where it was exported.",
                path=item.path,
            )
        result, write = self._create(replace(item, history=None))
        return replace(result, note="This store takes only the newest version."), write

    def _compare_deleted(self, history: History, secret: Secret) -> tuple[ItemResult, None]:
        newest = history.versions[-1].version
        if secret.version.state is newest.state and secret.current == newest.number:
            return ItemResult(history.path, ItemOutcome.SKIPPED, secret.current), None
        raise AlreadyExists(
            "It is deleted in the file, but exists here.", hint="Delete it here, or leave it.", path=history.path
        )


def _same(one: Fields, other: Fields) -> bool:
    """Same names with the same values; stores may keep another order."""
    return set(one) == set(other) and all(one[name].same_as(other[name]) for name in one)
