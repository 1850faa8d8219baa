"""A worker as a store: the contract of `Backend`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from types import MappingProxyType
from typing import NoReturn

from kvtui.backends import one_by_one
from kvtui.backends.checking import check_kept
from kvtui.backends.contract import Backend
from kvtui.backends.http.answer import Unanswered
from kvtui.backends.http.settle import settle
from kvtui.backends.http.transport import Calls, together
from kvtui.backends.not_found import missing, missing_version
from kvtui.backends.worker import legacy
from kvtui.backends.worker.api import KeyTakenError, ReadOnlyRole, WorkerApi, key_taken
from kvtui.backends.worker.capabilities import CAPABILITIES, KEPT, REASONS
from kvtui.backends.worker.keys import cf_key, refuse_strays
from kvtui.backends.worker.listed import Listed
from kvtui.backends.worker.rollout import ONLY_FIELD, PAUSES, Rollout
from kvtui.backends.worker.rows import Row, check_described
from kvtui.backends.worker.writing import MAX_VALUE_BYTES, Writing, check_value
from kvtui.domain import path as paths
from kvtui.domain.capability import WRITING, BackendInfo, Capability
from kvtui.domain.credential import SignedIn
from kvtui.domain.errors import (
    InvalidInput,
    KvtuiError,
    Locked,
    PermissionDenied,
    RateLimited,
    Unavailable,
    Unsupported,
)
from kvtui.domain.metadata import Metadata, MetadataPatch
from kvtui.domain.retention import Retention
from kvtui.domain.secret import (
    Entry,
    EntryKind,
    Found,
    Indexed,
    Listing,
    Outline,
    Scheduled,
    Secret,
    Skip,
    Skipped,
    Version,
)
from kvtui.domain.value import Fields, SecretValue, ValueType

_FRESH = 1.0
"""Seconds for which a listing stands for the folders below its root."""
_RECENT = 10.0
"""Seconds for which it tells, without asking again, what a new path would be in the way of."""
_ONLY = 1


class WorkerBackend(Backend):
    """`signed_in` is who we are; `is_person` whether that is somebody, who sees of `users/` their own alone."""

    def __init__(
        self,
        api: WorkerApi,
        *,
        signed_in: SignedIn | None = None,
        is_person: bool = False,
        warning: str = "",
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        self._api = api
        self._signed_in = signed_in
        self._is_person = is_person
        self._rollout = Rollout(api, pauses)
        self._writing = Writing(api, self._rollout, pauses)
        self._listing = threading.Lock()
        self._listed: tuple[float, Listed] | None = None
        self._refused: ReadOnlyRole | None = None
        self._notes: list[str] = []
        self._closed = False
        self._info = BackendInfo(
            "worker",
            api.location,
            CAPABILITIES,
            REASONS,
            max_value_bytes=MAX_VALUE_BYTES,
            varies=True,  # below users/ each has their own
            metadata_fields=KEPT,
            warning=warning,
        )

    def info(self) -> BackendInfo:
        self._check_open()
        return self._info

    @property
    def clock_skew(self) -> timedelta | None:
        return self._api.clock_skew

    def close(self) -> None:
        self._closed = True
        self._api.close()

    @property
    def signed_in(self) -> SignedIn | None:
        return self._signed_in

    @property
    def notes(self) -> Sequence[str]:
        return tuple(self._notes)

    def store_sign_in(self) -> str:
        self._nothing_is_kept()

    def sign_out(self) -> None:
        self._nothing_is_kept()

    def _nothing_is_kept(self) -> NoReturn:
        self._check_open()
        raise Unsupported(
            "What signs in here comes from the profile each time, and is kept nowhere.",
            capability="login",
            hint="Revoke it in Cloudflare Access.",
        )

    def interruptible(self) -> AbstractContextManager[Callable[[], None]]:
        return _interruptible()

    def condition(self) -> str:
        self._check_open()
        try:
            answer = self._api.health()
            told = answer.json()
        except RateLimited:
            return ""
        except Locked:
            raise
        except KvtuiError as error:
            return "cannot be reached" if isinstance(error, Unanswered) else ""
        is_ill = answer.status == 503 and isinstance(told, dict) and told.get("success") is False
        return "its database is unavailable" if is_ill else ""

    def references(self, path: str, field: str | None = None) -> Sequence[str]:  # noqa: ARG002 - there is one
        self._check_open()
        return (cf_key(path),)

    def place(self, path: str) -> str:
        return cf_key(path)

    # Listing

    def list(self, folder: str = "") -> Listing:
        self._check_open()
        folder = paths.check_folder(folder)
        return self._look(_FRESH if folder else 0.0).children(folder)

    def walk(self, folder: str = "", *, skipped: Skip | None = None) -> Iterator[Entry]:
        for row in self.index(folder, skipped=skipped):
            yield Entry(row.path, EntryKind.SECRET, row.type)

    def index(self, folder: str = "", *, skipped: Skip | None = None) -> Iterator[Indexed]:
        self._check_open()
        folder = paths.check_folder(folder)
        listed = self._look()
        found = listed.below(folder)
        for listing in listed.left_out(folder):
            error = Unavailable(listing.note, path=listing.path, retryable=False)
            if skipped is None:
                raise error
            skipped(Skipped(listing.path, error))
        yield from found

    def scheduled(self, folder: str = "", *, skipped: Skip | None = None) -> Iterator[Scheduled]:  # noqa: ARG002
        """None: a worker keeps no interval."""
        self.list(folder)
        return iter(())

    def _look(self, within: float = 0.0) -> Listed:
        """The whole list, of no more than so many seconds ago."""
        with self._listing:
            if self._listed is None or time.monotonic() - self._listed[0] >= within:
                self._listed = None
                found = Listed(self._api.keys(), is_of_person=self._is_person)
                self._listed = time.monotonic(), found
            return self._listed[1]

    def _forget_list(self) -> None:
        with self._listing:
            self._listed = None

    # Reading

    def read(self, path: str, version: int | None = None) -> Secret:
        self._must_be_possible(path)
        if version is not None:
            self._lacks(Capability.VERSIONS, path)
        found = self._rollout.read(path)
        if found is None:
            raise missing(path)
        row, value = found
        return Secret(path, _version(row), {ONLY_FIELD: value}, row.metadata, _ONLY)

    def read_many(self, wanted: Iterable[str]) -> Iterator[Found]:
        """Of what is not listed none is asked for."""
        listed: Listed | None = None
        for path in wanted:
            listed = self._look(_FRESH) if listed is None else listed
            if path and path not in listed and listed.sees(path):
                yield Found(path)
            else:
                yield from one_by_one.read_many(self, [path])

    def outline(self, path: str, version: int | None = None) -> Outline:
        if version is not None:
            self._lacks(Capability.VERSIONS, path)
        row = self._row(path)
        return Outline(path, _version(row), {ONLY_FIELD: ValueType.TEXT}, row.metadata, _ONLY)

    def metadata(self, path: str) -> Metadata:
        return self._row(path).metadata

    def _row(self, path: str) -> Row:
        self._must_be_possible(path)
        row = self._api.metadata(path)
        if row is None:
            raise missing(path)
        return row

    def legacy(self) -> SecretValue:
        self._check_open()
        held, sunset = legacy.read(self._api)
        if sunset:
            self._notes.append(f"The worker calls its old connections deprecated: they were to end on {sunset}.")
        return held

    # Writing

    def check(self, path: str, fields: Fields, metadata: MetadataPatch = MetadataPatch()) -> None:
        self._check(path, fields, metadata)
        at, listed = self._listed or (0.0, None)
        if listed is not None and time.monotonic() - at < _RECENT and path not in listed:
            _check_new(path, listed)

    def _check(self, path: str, fields: Fields, metadata: MetadataPatch) -> None:
        """What no list is needed for."""
        self._refuse_where_read_only(path)
        super().check(path, fields, metadata)
        if list(fields) != [ONLY_FIELD]:
            raise InvalidInput(
                "A worker keeps one value per path, which is called value.", hint="Name it so.", path=path
            )
        check_value(fields[ONLY_FIELD], path)
        check_described(metadata, path)

    def write(
        self, path: str, fields: Fields, *, metadata: MetadataPatch = MetadataPatch(), expected: int | None = None
    ) -> Version:
        self._check(path, fields, metadata)
        if _is_half(path):
            paths.check_new(path)
        with self._noticing_roles():
            if expected is None:
                row, before = self._api.metadata(path), self._rollout.known(path)
            else:
                row, before = self._rollout.check(path, expected)
            if row is None:
                _check_new(path, self._look())
            self._send(path, row, fields[ONLY_FIELD], metadata, before)
        return Version(_ONLY, numbered=False)

    def write_metadata(self, path: str, patch: MetadataPatch, retention: Retention | None = None) -> Metadata:
        """The value goes with it, as it is just now: the worker takes neither alone."""
        self._check_open()
        if retention is not None:
            self._lacks(Capability.RETENTION, path)
        self._refuse_where_read_only(path)
        self._must_be_possible(path)
        check_kept(self.info(), patch, path)
        with self._noticing_roles():
            found = self._rollout.read(path)
            if found is None:
                raise missing(path)
            check_described(patch, path)
            row, value = found
            self._send(path, row, value, patch, self._rollout.digest(value))
        return self.metadata(path)

    def delete(self, path: str, versions: Sequence[int] = ()) -> None:
        self._refuse_where_read_only(path)
        self._must_be_possible(path)
        if numbers := [number for number in versions if number != _ONLY]:
            raise missing_version(path, numbers[0])
        refuse_strays(path, "deleted")
        lingers = False
        with self._noticing_roles():
            try:
                lingers = not self._api.delete(path)
            except Unanswered as error:
                settle(error, lambda: self._api.metadata(path) is None, path)
            finally:
                self._forget_list()
        self._rollout.deleted(path)
        if lingers:
            self._notes.append(
                f"{paths.display(path)} is deleted, but Cloudflare did not delete its value: it may still be there as "
                f"{paths.display(cf_key(path))}. Remove that variable from the worker."
            )

    def _send(self, path: str, row: Row | None, value: SecretValue, patch: MetadataPatch, before: bytes | None) -> None:
        try:
            self._writing.send(path, row, value, patch, before)
        except KeyTakenError:
            others = (each.path for each in self._look().rows if cf_key(each.path) == cf_key(path))
            raise key_taken(path, next(others, None)) from None
        finally:
            self._forget_list()

    # Who may what

    @contextmanager
    def _noticing_roles(self) -> Iterator[None]:
        """Whoever was told once that they may only read is not told by the worker again."""
        try:
            yield
        except ReadOnlyRole as error:
            self._refused = error
            self._info = self._info._replace(
                capabilities=self._info.capabilities - WRITING,
                reasons=MappingProxyType(
                    {**self._info.reasons, **dict.fromkeys(WRITING & CAPABILITIES, error.message)}
                ),
                read_only=True,
            )
            raise

    def _refuse_where_read_only(self, path: str) -> None:
        self._check_open()
        if self._refused is not None:
            raise PermissionDenied(self._refused.message, hint=self._refused.hint, path=path)

    def _must_be_possible(self, path: str) -> None:
        self._check_open()
        paths.check(path)
        if _is_half(path):
            raise missing(path)

    def _check_open(self) -> None:
        if self._closed:
            raise Locked("The connection is closed.", hint="Open the profile again.")


def _check_new(path: str, listed: Listed) -> None:
    """Raises InvalidPath, AlreadyExists."""
    paths.check_new(path)
    refuse_strays(path, "created")
    listed.refuse_clashes(path)


def _is_half(path: str) -> bool:
    """Whether no URL, and so no path of a worker, can be this."""
    return not path.isascii() and any("\ud800" <= ch <= "\udfff" for ch in path)


def _version(row: Row) -> Version:
    return Version(_ONLY, created_at=row.changed_at, numbered=False)


@contextmanager
def _interruptible() -> Iterator[Callable[[], None]]:
    calls = Calls()
    with together(calls):
        yield calls.end
