"""Changes: prepared, reviewed, then applied with a version check. A change set is several, applied one by one.

edit -> Change(base_version) -> review -> doing.apply -> Applied (with how to undo it) or an error, nothing overwritten
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from kvtui.domain.errors import KvtuiError
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.secret import Secret, Version, VersionState
from kvtui.domain.value import Fields

if TYPE_CHECKING:
    from kvtui.backends.contract import Backend
    from kvtui.domain.retention import Retention


class Op(StrEnum):
    SET = "set"
    META = "meta"
    DELETE = "delete"
    UNDELETE = "undelete"
    DESTROY = "destroy"
    MOVE = "move"
    COPY = "copy"


class Basis:
    """What a change was prepared on. No part of what it does: any two are equal, and none is shown."""

    def __init__(self, digest: bytes | None = None, *, numbered: bool = True) -> None:
        self.digest = digest
        """Of the fields that were there: where a store keeps no versions, the number alone tells nothing."""
        self.numbered = numbered
        """Whether there are versions, so that a number means something."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Basis)

    def __hash__(self) -> int:
        return hash(Basis)


class Change(NamedTuple):
    """One intended change of one secret.

    `base_version` is the current version the change was prepared on: 0 for "must not exist", None for no check.
    `fields` belong to SET (all fields of the new version); `metadata` to SET and META; `to` to MOVE and COPY;
    `versions` to DELETE, UNDELETE, DESTROY (empty: the current one; for DESTROY the whole secret); `retention` to META
    (and to a SET that was put together with one).
    """

    op: Op
    path: str
    fields: Fields | None = None
    metadata: MetadataPatch = MetadataPatch()
    to: str | None = None
    versions: tuple[int, ...] = ()
    base_version: int | None = None
    retention: Retention | None = None
    basis: Basis = Basis()

    @property
    def of_versions(self) -> str:
        """Which versions of a secret are meant, before its path: "versions 2, 3 of ", or "" for no certain ones."""
        numbers = ", ".join(map(str, self.versions))
        return f"version{'s' * (len(self.versions) > 1)} {numbers} of " if numbers else ""

    def describe(self) -> str:
        """What will happen, in one line; the path is data and goes through show()."""
        match self.op:
            case Op.SET if self.base_version == 0:
                return f"Create {self.path}"
            case Op.SET if self.base_version is not None and self.basis.numbered:
                return f"Write version {self.base_version + 1} of {self.path}"
            case Op.SET:
                return f"Write {self.path}"
            case Op.META:
                return f"Change metadata of {self.path}"
            case Op.MOVE | Op.COPY:
                return f"{self.op.value.capitalize()} {self.path} to {self.to}"
            case Op.DELETE | Op.UNDELETE:
                return f"{self.op.value.capitalize()} {self.of_versions}{self.path}"
            case Op.DESTROY:
                return f"Destroy {self.of_versions}{self.path}" + ("" if self.versions else " with all its versions")


class Applied(NamedTuple):
    """A change that happened. `version` is the new version of a SET. `undo` takes it back, None where nothing can."""

    change: Change
    version: Version | None
    undo: Change | None
    notes: Sequence[str] = ()
    """What the store has to say of it since, such as that something is left behind."""


class Outcome(NamedTuple):
    """What became of one change of a set: exactly one of the two."""

    change: Change
    applied: Applied | None = None
    error: KvtuiError | None = None


_DIGEST_KEY = os.urandom(32)
"""Digests mean nothing outside of this process."""


def digest_of(fields: Fields) -> bytes:
    """The same for the same fields, in whatever order a store gives them."""
    parts = (
        name.encode("utf-8", "surrogatepass") + b"\0" + fields[name].digest(_DIGEST_KEY) for name in sorted(fields)
    )
    return hmac.digest(_DIGEST_KEY, b"".join(parts), "sha256")


def prepared_on(change: Change, before: Secret | None) -> Change:
    """The change, knowing what it was prepared on."""
    if before is None:
        return change._replace(basis=Basis(numbered=change.basis.numbered))
    is_known = change.op is Op.SET and before.version.state is VersionState.LIVE
    digest = digest_of(before.fields) if is_known else None
    return change._replace(basis=Basis(digest, numbered=before.version.numbered))


def is_up_to_date(change: Change, now: Secret | None) -> bool:
    """Whether what is there now is what a change was prepared on."""
    if (now.current if now is not None else 0) != (change.base_version or 0):
        return False
    prepared = change.basis.digest
    if prepared is None or now is None or now.version.state is not VersionState.LIVE:
        return True
    return hmac.compare_digest(prepared, digest_of(now.fields))


class ChangeSet:
    """Staged changes, one for each path, in the order they were staged. What was applied leaves the set."""

    def __init__(self) -> None:
        self._changes: dict[str, Change] = {}

    def __len__(self) -> int:
        return len(self._changes)

    def __iter__(self) -> Iterator[Change]:
        return iter(list(self._changes.values()))

    @property
    def paths(self) -> Mapping[str, Change]:
        return self._changes

    def stage(self, change: Change) -> None:
        """Add a change; a later one for the same path takes its place but keeps the base it was prepared on."""
        self._changes[change.path] = change

    def unstage(self, path: str) -> None:
        self._changes.pop(path, None)

    def clear(self) -> None:
        self._changes.clear()

    def apply(self, backend: Backend) -> Iterator[Outcome]:
        """Apply each, yielding as it goes; what fails stays staged, so applying again does exactly the rest."""
        from kvtui.services.doing import apply  # noqa: PLC0415 - most who hold changes only read

        for change in self:
            try:
                applied = apply(backend, change)
            except KvtuiError as error:
                yield Outcome(change, error=error)
            else:
                self.unstage(change.path)
                yield Outcome(change, applied)
