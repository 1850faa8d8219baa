"""Rotation by the store itself: with values that it makes, or with given ones, in one request that is never repeated.

    see which field -> make, unless the store does -> rotate there -> after_rotate hook -> read back what was given

Nothing of it is undone with one key, as no old value comes to this machine for it; `b` writes an old version again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kvtui.domain.capability import Capability
from kvtui.domain.errors import InvalidInput, KvtuiError, PermissionDenied, Unsupported
from kvtui.domain.secret import Version
from kvtui.domain.value import SecretValue
from kvtui.services.journal import Act
from kvtui.services.rotation import (
    HOOK_SECONDS,
    NOT_COMPARED,
    Make,
    RotationOutcome,
    RotationResult,
    Watch,
    field_of,
    go_through,
    tell_hook,
    verify,
)
from kvtui.services.session import Session

MADE_THERE = "The store made the new value."


def rotate_there(
    session: Session,
    path: str,
    *,
    field: str | None = None,
    make: Make | None = None,
    hook_seconds: float = HOOK_SECONDS,
    watch: Watch | None = None,
) -> RotationResult:
    """Rotate one field of a secret on its server; where that makes values, `make` is None and `field` tells only which
    one the hook is given.

    Raises Unsupported, NotFound, InvalidInput (several fields and none named; values for a store that makes its own),
    PermissionDenied: then nothing was written. Later failures are in the result.
    """
    backend, makes = session.backend, session.info().makes_values
    if why := session.why_not(Capability.ROTATE, path):
        if session.info().read_only:
            raise PermissionDenied(why, hint="Nothing was changed.", path=path)
        raise Unsupported(why, capability=Capability.ROTATE.value, hint="Rotate it from here.", path=path)
    if makes and make is not None:
        raise InvalidInput("This store makes the new value itself.", hint="Give none.", path=path)
    if not makes and make is None:
        raise InvalidInput("This store is to be given the new value.", hint="Generate one, or type it.", path=path)
    name = _field(session, path, field)
    value = None if make is None else make()
    if watch is not None:
        watch.begun(backend.outline(path).current, name, value)
    version = session.rotate_there(path, None if value is None else {name: value})
    if watch is not None:
        watch.written(version.number)

    def tell() -> None:
        if session.profile.after_rotate:
            new = value if value is not None else _made_there(session, path, name, version)
            tell_hook(session, new, path, name, version.number, seconds=hook_seconds, watch=watch)

    def check() -> None:
        if value is not None and session.can(Capability.READ, path):
            verify(backend.read(path), name, value, version.number)

    step, error = go_through(tell, check)
    unseen = "" if session.can(Capability.READ, path) else NOT_COMPARED
    return RotationResult(path, name, version, step, None, error, note=MADE_THERE if value is None else unseen)


def _field(session: Session, path: str, field: str | None) -> str:
    """The field that gets a new value; nothing is read where that is clear, or no matter."""
    info = session.info()
    if Capability.FIELDS not in info.capabilities:
        return field or "value"
    if info.makes_values and not session.profile.after_rotate:
        return field or ""
    return field_of(session.backend.outline(path), field)


def _made_there(session: Session, path: str, field: str, version: Version) -> SecretValue:
    """Read only where a hook has to be told."""
    number = version.number if session.can(Capability.VERSIONS, path) else None
    return session.disclose(Act.READ, session.backend.read(path, number), field)


def rotate_many_there(
    session: Session, targets: Iterable[tuple[str, str | None]], *, make: Make | None = None
) -> Iterator[RotationOutcome]:
    """As `rotation.rotate_many`."""
    for path, field in targets:
        try:
            result = rotate_there(session, path, field=field, make=make)
        except KvtuiError as error:
            yield RotationOutcome(path, error=error)
        else:
            yield RotationOutcome(path, result, result.error)
