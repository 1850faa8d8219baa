"""Vaults as top-level folders, and the secrets in them: exactly two levels, one text each, never read back."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Literal

from kvtui.backends.contract import Backend
from kvtui.backends.http.answer import Unanswered
from kvtui.backends.http.settle import settle
from kvtui.backends.http.transport import Calls, together
from kvtui.backends.http.walk import Walk
from kvtui.backends.not_found import missing, missing_folder, missing_version
from kvtui.backends.tailor.api import RULE, Item, RefusedError, TailorApi
from kvtui.backends.tailor.capabilities import CAPABILITIES, REASONS
from kvtui.domain import path as paths
from kvtui.domain.capability import BackendInfo, Capability
from kvtui.domain.codec import to_bytes
from kvtui.domain.credential import SignedIn
from kvtui.domain.errors import (
    AlreadyExists,
    Conflict,
    InvalidInput,
    InvalidPath,
    KvtuiError,
    Locked,
    NotFound,
    Unsupported,
)
from kvtui.domain.metadata import Metadata, MetadataPatch
from kvtui.domain.secret import Entry, EntryKind, Listing, Outline, Scheduled, Secret, Skip, Version
from kvtui.domain.value import Fields

FIELD = "value"
_LEVELS = 2
_WIDTH = 8
"""Vaults that are listed at the same time."""
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
"""What the platform's definition allows; its documents use others too, so those are warned about."""
_LABELLED = re.compile(r"[A-Za-z0-9_.-]+")
"""What can stand in the name of a resource (TRN) without meaning something else there."""
_MANAGED = "sdk-name"
"""The label of a vault that a configuration of the platform's SDK owns."""


class TailorBackend(Backend):
    def __init__(
        self,
        api: TailorApi,
        *,
        location: str,
        signed_in: SignedIn | None = None,
        notes: Sequence[str] = (),
        warning: str = "",
    ) -> None:
        self._api = api
        self._signed_in = signed_in
        self._notes = tuple(notes)
        self._closed = False
        self._info = BackendInfo("tailor", location, CAPABILITIES, REASONS, warning=warning)

    def info(self) -> BackendInfo:
        if self._closed:
            raise Locked("The connection is closed.", hint="Open the profile again.")
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
        return self._notes

    def store_sign_in(self) -> str:
        raise _not_ours()

    def sign_out(self) -> None:
        raise _not_ours()

    @contextmanager
    def interruptible(self) -> Iterator[Callable[[], None]]:
        calls = Calls()
        with together(calls):
            yield calls.end

    def caution(self, path: str) -> str:
        """Of a secret or a vault."""
        self.info()
        vault = path.partition("/")[0]
        odd = [name for name in path.split("/") if name and not _NAME.fullmatch(name)]
        said = [self._managed(vault)] if _LABELLED.fullmatch(vault) else []
        if odd:
            said.append(
                f"The name {paths.display(odd[0])} is beside the platform's rule, which it may enforce: {RULE}."
            )
        return " ".join(filter(None, said))

    def _managed(self, vault: str) -> str:
        try:
            owner = self._api.labels(vault).get(_MANAGED)
        except Locked:
            raise
        except KvtuiError:  # whatever is wrong, the change itself tells
            return ""
        if not owner:
            return ""
        return (
            f"The vault {paths.display(vault)} belongs to the configuration of {paths.display(owner)}: its next apply "
            "overwrites or deletes what is changed here."
        )

    def references(self, path: str, field: str | None = None) -> Sequence[str]:
        self.info()
        vault, slash, key = path.partition("/")
        if not slash or "/" in key or field not in {None, FIELD}:
            return ()
        names = json.dumps(vault), json.dumps(key)
        return (f"{{ vault: {names[0]}, key: {names[1]} }}", f"tailor.secretmanager.getSecret({', '.join(names)})")

    # Looking

    def list(self, folder: str = "") -> Listing:
        self.info()
        folder = paths.check_folder(folder)
        if not folder:
            return _listing("", self._api.vaults(), EntryKind.FOLDER)
        found = None if "/" in folder or not _can_be_sent(folder) else self._api.secrets(folder)
        if found is None:
            raise missing_folder(folder)
        return _listing(folder, found, EntryKind.SECRET)

    def walk(self, folder: str = "", *, skipped: Skip | None = None) -> Iterator[Entry]:
        """Several vaults are listed at a time."""
        listing = self.list(folder)
        width = min(_WIDTH, len(listing.entries)) if not listing.path else 0
        return Walk(self.list, width=width, skipped=skipped).below(listing)

    def scheduled(self, folder: str = "", *, skipped: Skip | None = None) -> Iterator[Scheduled]:  # noqa: ARG002
        """None: nothing here keeps an interval."""
        self.list(folder)
        return iter(())

    def read(self, path: str, version: int | None = None) -> Secret:  # noqa: ARG002 - none is ever read
        self._lacks(Capability.READ, path)

    def outline(self, path: str, version: int | None = None) -> Outline:
        found = self._there(path)
        if version not in {None, 1}:
            raise missing_version(path, version or 0)
        return Outline(path, _version(found), {FIELD: None}, _metadata(found), 1)

    def metadata(self, path: str) -> Metadata:
        return _metadata(self._there(path))

    def _there(self, path: str) -> Item:
        """Raises NotFound."""
        self.info()
        paths.check(path)
        found = self._look(path)
        if found is None:
            raise missing(path)
        return found

    def _look(self, path: str) -> Item | None:
        vault, slash, name = path.partition("/")
        if not slash or "/" in name or not _can_be_sent(path):
            return None
        return self._api.secret(vault, name)

    # Changing

    def check(self, path: str, fields: Fields, metadata: MetadataPatch = MetadataPatch()) -> None:
        super().check(path, fields, metadata)
        if len(path.split("/")) != _LEVELS:
            raise InvalidPath(
                "A secret of Tailor Platform is in a vault, which has no folders.",
                hint="Write it as VAULT/NAME, such as api-keys/stripe-key.",
                path=path,
            )
        if not _can_be_sent(path):
            paths.check_new(path)
        if set(fields) != {FIELD}:
            raise InvalidInput(
                f"A secret of Tailor Platform is one text, in the field {FIELD}.", hint="Name no other.", path=path
            )
        try:
            to_bytes(fields[FIELD]).decode("utf-8")
        except UnicodeError:
            raise InvalidInput("The value holds half a character.", hint="Remove it.", path=path) from None

    def write(
        self, path: str, fields: Fields, *, metadata: MetadataPatch = MetadataPatch(), expected: int | None = None
    ) -> Version:
        """A look, and one request: the platform creates or updates, and has nothing that does either."""
        self.check(path, fields, metadata)
        if expected is not None:
            self._lacks(Capability.CHECK_AND_SET, path)
        vault, _, name = path.partition("/")
        before = self._look(path)
        put = self._api.create_secret if before is None else self._api.update_secret
        if before is None:
            self._check_new(path, lambda: [item.name for item in self._api.secrets(vault) or ()])
        try:
            return _version(put(vault, name, fields[FIELD]))
        except Unanswered as error:
            settle(error, lambda: self._is_as_before(path, before), path)
            raise
        except RefusedError as refused:
            raise self._not_written(path, before, refused) from None

    def _is_as_before(self, path: str, before: Item | None) -> Literal[False] | None:
        """False where there is nothing still. Whether the value that is there is ours, nobody can tell."""
        return False if before is None and self._look(path) is None else None

    def _not_written(self, path: str, before: Item | None, refused: RefusedError) -> KvtuiError:
        vault = path.partition("/")[0]
        match refused.code, before:
            case "already_exists", None:
                return Conflict(
                    "Somebody created it meanwhile.",
                    expected=0,
                    actual=1,
                    hint="Look at it, and set it again to replace its value.",
                    path=path,
                )
            case "not_found", None:
                return NotFound(
                    f"There is no vault {paths.display(vault)}.",
                    hint="Create it first: kvtui vault create NAME.",
                    path=path,
                )
            case "not_found", _:
                return Conflict(
                    "Somebody deleted it meanwhile.",
                    expected=1,
                    actual=0,
                    hint="Set it again to create it anew.",
                    path=path,
                )
            case _:
                return refused.error

    def delete(self, path: str, versions: Sequence[int] = ()) -> None:
        self.info()
        paths.check(path)
        for version in versions:
            if version != 1:
                self._there(path)
                raise missing_version(path, version)
        vault, slash, name = path.partition("/")
        if not slash or "/" in name or not _can_be_sent(path):
            raise missing(path)
        try:
            self._api.delete_secret(vault, name)
        except Unanswered as error:
            settle(error, lambda: self._look(path) is None, path)
        except RefusedError as refused:
            raise (missing(path) if refused.code == "not_found" else refused.error) from None

    # Vaults

    def containers(self) -> Sequence[str]:
        return [entry.name for entry in self.list().entries]

    def create_container(self, name: str) -> None:
        self.info()
        self._check_container(name)
        self._check_new(name, lambda: [item.name for item in self._api.vaults()])
        try:
            self._api.create_vault(name)
        except Unanswered as error:
            settle(error, lambda: self._api.vault(name) is not None, name)
        except RefusedError as refused:
            if refused.code == "already_exists":
                raise AlreadyExists("There is such a vault already.", hint="Use it.", path=name) from None
            if refused.code == "not_found":
                raise NotFound("There is no such workspace.", hint="Correct workspace_id.", path=name) from None
            raise refused.error from None

    def delete_container(self, name: str) -> None:
        """Looks first: that the platform refuses to delete secrets with their vault is promised by its documents
        alone."""
        self.info()
        self._check_container(name)
        holds = self._api.has_secrets(name) if _can_be_sent(name) else None
        if holds is None:
            raise missing_folder(name)
        if holds:
            raise _full(name)
        try:
            self._api.delete_vault(name)
        except Unanswered as error:
            settle(error, lambda: self._api.vault(name) is None, name)
        except RefusedError as refused:
            if refused.code == "not_found":
                raise missing_folder(name) from None
            if self._api.has_secrets(name):  # made meanwhile; which code says so is not documented
                raise _full(name) from None
            raise refused.error from None

    @staticmethod
    def _check_container(name: str) -> None:
        paths.check(name)
        if "/" in name:
            raise InvalidPath("A vault has no folders in it.", hint="Name it in one word, such as api-keys.", path=name)

    @staticmethod
    def _check_new(path: str, siblings: Callable[[], Iterable[str]]) -> None:
        """Raise InvalidPath for what may not be new, AlreadyExists for what looks like something that is there."""
        paths.check_new(path)
        name = paths.name(path)
        if name.isascii():
            return
        for there in siblings():
            if there != name and unicodedata.normalize("NFC", there) == name:
                raise AlreadyExists(
                    "There is a name that differs only in how its characters are composed.",
                    hint="Use the one that is there.",
                    path=paths.join(paths.parent(path), there),
                )


def _listing(folder: str, items: Iterable[Item], kind: EntryKind) -> Listing:
    names = {item.name for item in items}
    good = sorted(name for name in names if _is_name(name))
    lost = len(names) - len(good)
    note = f"{lost} left out whose names cannot be in a path." if lost else ""
    return Listing(folder, [Entry(paths.join(folder, name), kind) for name in good], complete=not lost, note=note)


def _is_name(name: str) -> bool:
    try:
        return "/" not in name and bool(paths.check(name))
    except InvalidPath:
        return False


def _can_be_sent(path: str) -> bool:
    """Whether a name can be in the protocol's texts, which are UTF-8."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _metadata(item: Item) -> Metadata:
    return Metadata(created_at=item.created_at, updated_at=item.updated_at)


def _version(item: Item) -> Version:
    return Version(1, created_at=item.updated_at, numbered=False)


def _full(name: str) -> Conflict:
    return Conflict(
        "The vault is not empty.", expected=0, actual=1, hint="Delete its secrets first: see kvtui ls.", path=name
    )


def _not_ours() -> Unsupported:
    return Unsupported(
        "The sign-in at Tailor Platform is kept by its own tool.",
        capability="login",
        hint="Use tailor-sdk login or logout.",
    )
