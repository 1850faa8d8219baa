"""Doing one change: with its version check, and how it is taken back. Loaded with the first change that is applied."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from kvtui.backends.contract import Backend
from kvtui.domain import path as paths
from kvtui.domain.capability import Capability
from kvtui.domain.errors import (
    AlreadyExists,
    Conflict,
    InvalidInput,
    KvtuiError,
    NotFound,
    PermissionDenied,
    Unavailable,
    Unsupported,
)
from kvtui.domain.metadata import Metadata, MetadataPatch
from kvtui.domain.secret import History, Outline, Secret, Version, VersionState
from kvtui.services.changes import Applied, Basis, Change, Op, digest_of, is_up_to_date

if TYPE_CHECKING:
    from kvtui.domain.retention import Retention


def apply(backend: Backend, change: Change, *, overwrite: bool = False) -> Applied:
    """Do one change. Raises Conflict when the secret is not at `base_version`; then nothing was changed.

    `overwrite` lets COPY and MOVE add a version to an existing target.
    """
    match change.op:
        case Op.SET:
            return _set(backend, change)
        case Op.META:
            return _describe(backend, change)
        case Op.DELETE | Op.UNDELETE:
            return _flip(backend, change)
        case Op.DESTROY:
            _check_base(backend, change)
            backend.destroy(change.path, change.versions)
            return Applied(change, None, None)
        case Op.MOVE:
            return _move(backend, change, overwrite=overwrite)
        case Op.COPY:
            return _copy(backend, change, overwrite=overwrite)


def _describe(backend: Backend, change: Change) -> Applied:
    before = backend.metadata(change.path)
    settings = backend.retention(change.path) if change.retention else None
    backend.write_metadata(change.path, change.metadata, change.retention or None)
    metadata, retention = _undescribed(change, before, settings)
    return Applied(change, None, Change(Op.META, change.path, metadata=metadata, retention=retention))


def _undescribed(
    change: Change, before: Metadata, settings: Retention | None
) -> tuple[MetadataPatch, Retention | None]:
    """What takes back the metadata and settings of a change, and nothing that others changed."""
    metadata = MetadataPatch.replacing(before, change.metadata.apply(before))
    return metadata, settings.back(change.retention) if settings and change.retention else None


def _set(backend: Backend, change: Change) -> Applied:
    path, expected = change.path, change.base_version
    try:
        before, is_known = _read_if_there(backend, path), True
    except (PermissionDenied, Unsupported):  # it can be written all the same, but not taken back
        before, is_known = None, False
    if not backend.can(Capability.CHECK_AND_SET, path):
        if is_known:
            _compare(change, before)
        elif expected is not None and not backend.can(Capability.REREAD, path):
            _compare_unseen(backend, change, expected)
        if not backend.can(Capability.REREAD, path):
            expected = None
    settings = backend.retention(path) if change.retention and before is not None else None
    version = _write(backend, change, expected)
    return Applied(change, version, _unwritten(backend, change, before, settings, version) if is_known else None)


def _write(backend: Backend, change: Change, expected: int | None) -> Version:
    """Values, metadata and settings: of the last two no more than one request."""
    if not change.retention:
        return backend.write(change.path, change.fields or {}, metadata=change.metadata, expected=expected)
    version = backend.write(change.path, change.fields or {}, expected=expected)
    try:
        backend.write_metadata(change.path, change.metadata, change.retention)
    except KvtuiError as error:
        raise Unavailable(
            f"Version {version.number} is written, its metadata and settings may not be: {error.message}",
            hint="Look at its metadata.",
            path=change.path,
        ) from None
    return version


def _unwritten(
    backend: Backend, change: Change, before: Secret | None, settings: Retention | None, version: Version
) -> Change | None:
    """What takes a write back: the values before as the next version, or in place of these where there are none."""
    path, number, written = change.path, version.number, digest_of(change.fields or {})
    if before is None:
        can_go = backend.can(Capability.DELETE, path)
        return Change(Op.DELETE, path, base_version=number, basis=Basis(written)) if can_go else None
    if backend.can(Capability.VERSIONS, path) and number != before.current + 1:
        return None  # somebody wrote between
    if before.version.state is not VersionState.LIVE:
        return Change(Op.DELETE, path, base_version=number, basis=Basis(written))
    metadata, retention = _undescribed(change, before.metadata, settings)
    return Change(
        Op.SET,
        path,
        fields=before.fields,
        metadata=metadata,
        base_version=number,
        retention=retention,
        basis=Basis(written),
    )


def _compare(change: Change, now: Secret | None) -> None:
    """In place of a store's own check, a moment before. Raises Conflict."""
    if change.base_version is not None and not is_up_to_date(change, now):
        raise _conflict(change, now.current if now is not None else 0)


def _compare_unseen(backend: Backend, change: Change, expected: int) -> None:
    """What is known of a secret whose values cannot be read. Raises Conflict; Unsupported where not even that is known,
    which does not keep anybody from writing something new."""
    try:
        there = _outline_if_there(backend, change.path)
    except (PermissionDenied, Unsupported):
        if not expected:
            return
        raise Unsupported(
            "Nothing tells here which version is the current one.",
            capability=Capability.CHECK_AND_SET.value,
            hint="Write it without naming one.",
            path=change.path,
        ) from None
    actual = there.current if there is not None else 0
    if actual != expected:
        raise _conflict(change, actual)


def _conflict(change: Change, actual: int) -> Conflict:
    base = change.base_version or 0
    if not actual:
        what = "There is no such secret (any more)."
    elif not base:
        what = "Something is there already."
    elif actual != base:
        what = f"It is at version {actual} now, not {base}."
    else:
        what = "Somebody changed it meanwhile."
    return Conflict(what, expected=base, actual=actual, hint="Look at it again, then repeat.", path=change.path)


def _flip(backend: Backend, change: Change) -> Applied:
    if change.op is Op.UNDELETE and not backend.can(Capability.UNDELETE, change.path):
        backend.undelete(change.path, change.versions)  # says why not, rather than that nothing is there
    try:
        current = _check_base(backend, change)
    except PermissionDenied:  # of a token that may change what it may not see
        if change.base_version is not None:
            raise
        current = None
    numbers = change.versions or (() if current is None else (current,))
    wanted = VersionState.LIVE if change.op is Op.DELETE else VersionState.DELETED
    touched = numbers
    if numbers and backend.can(Capability.VERSIONS, change.path):
        with suppress(PermissionDenied):
            known = backend.versions(change.path)
            touched = tuple(
                version.number for version in known if version.number in numbers and version.state is wanted
            )
    if change.op is Op.DELETE:
        backend.delete(change.path, change.versions)
        undoable = backend.can(Capability.UNDELETE, change.path)
    else:
        backend.undelete(change.path, change.versions)
        undoable = True
    back = Op.UNDELETE if change.op is Op.DELETE else Op.DELETE
    undo = Change(back, change.path, versions=touched, base_version=current) if undoable and touched else None
    return Applied(change, None, undo)


def _check_base(backend: Backend, change: Change) -> int:
    """The current version, after comparing it with the change's base."""
    if change.basis.digest is not None:
        secret = backend.read(change.path)
        _compare(change, secret)
        return secret.current
    current = backend.outline(change.path).current
    if change.base_version not in {None, current}:
        raise _conflict(change, current)
    return current


def _move(backend: Backend, change: Change, *, overwrite: bool) -> Applied:
    target = _target(change)
    _check_base(backend, change)
    if overwrite and _outline_if_there(backend, target) is not None:
        copied = _copy(backend, change, overwrite=True)
        backend.delete(change.path)
        return Applied(change, copied.version, None)
    if backend.can(Capability.MOVE):
        backend.move(change.path, target)
    else:
        _carry(backend, change, move=True)
    return Applied(change, None, Change(Op.MOVE, target, to=change.path))


def _carry(backend: Backend, change: Change, *, move: bool) -> int:
    """With all versions, as far as the store can: a move that would lose something is refused."""
    from kvtui.services.carrying import carry  # noqa: PLC0415 - a store that moves by itself needs none of it

    return carry(backend, change.path, backend, _target(change), move=move).version


def _copy(backend: Backend, change: Change, *, overwrite: bool) -> Applied:
    target = _target(change)
    _check_base(backend, change)
    existing = _outline_if_there(backend, target)
    if existing is not None and not overwrite:
        raise AlreadyExists("The target exists.", hint="Choose another path, or overwrite it.", path=target)
    if existing is None and backend.can(Capability.HISTORY):
        history = backend.read_history(change.path)
        backend.write_history(History(target, history.metadata, history.versions))
        last = history.versions[-1].version.number if history.versions else None
        return Applied(change, None, Change(Op.DESTROY, target, base_version=last))
    if existing is None and backend.can(Capability.VERSIONS, change.path):
        number = _carry(backend, change, move=False)
        back = Op.DESTROY if backend.can(Capability.DESTROY, target) else Op.DELETE
        return Applied(change, None, Change(back, target, base_version=number))
    secret = backend.read(change.path)
    if secret.version.state is not VersionState.LIVE:
        raise NotFound(
            f"The current version is {secret.version.state.value}: there is nothing to copy.",
            hint="Undelete it first.",
            path=change.path,
            state=secret.version.state.value,
            version=secret.current,
        )
    write = Change(
        Op.SET,
        target,
        fields=secret.fields,
        metadata=MetadataPatch.replacing(secret.metadata, existing.metadata if existing else None),
        base_version=existing.current if existing else 0,
    )
    done = _set(backend, write)
    return Applied(change, done.version, done.undo)


def _target(change: Change) -> str:
    target = paths.check_new(change.to or "")
    if target == change.path:
        raise InvalidInput("Source and target are the same.", hint="Choose another path.", path=target)
    return target


def _read_if_there(backend: Backend, path: str) -> Secret | None:
    try:
        return backend.read(path)
    except NotFound:
        return None


def _outline_if_there(backend: Backend, path: str) -> Outline | None:
    try:
        return backend.outline(path)
    except NotFound:
        return None
