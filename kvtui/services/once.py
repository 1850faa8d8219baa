"""What is told one time only: it is not lost because something after it failed."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

from kvtui.domain.errors import KvtuiError, NotFound
from kvtui.domain.secret import Secret, VersionState
from kvtui.domain.value import Fields
from kvtui.domain.wrapping import Wrapped
from kvtui.services.journal import Act

if TYPE_CHECKING:
    from kvtui.services.session import Session

T = TypeVar("T")


def kept(do: Callable[[], T], journaled: Callable[[], AbstractContextManager[Any]]) -> tuple[T, str]:
    """What `do` returned, and why it is not in the journal: "" if it is. Raises what `do` raises, and what the journal
    raises before it."""
    done: list[T] = []
    try:
        with journaled():
            done.append(do())
    except KvtuiError as error:
        if not done:
            raise
        return done[0], error.message
    return done[0], ""


def share(session: Session, path: str, field: str | None, ttl: timedelta) -> tuple[Wrapped, str]:
    """Share one field of a secret, or all of them, once; journaled. Raises NotFound, and as Backend.share."""
    secret = session.backend.read(path)
    fields = shared_fields(secret, field)
    return kept(
        lambda: session.backend.share(fields, ttl), lambda: session.journal.around(Act.SHARE, path, field=field)
    )


def shared_fields(secret: Secret, field: str | None) -> Fields:
    """What of a secret is shared. Raises NotFound where there is nothing (any more)."""
    if secret.version.state is not VersionState.LIVE:
        state = secret.version.state.value
        raise NotFound(f"Its current version is {state}.", hint="Undelete it first.", path=secret.path, state=state)
    if field is None:
        return secret.fields
    if field not in secret.fields:
        names = ", ".join(secret.fields) or "none"
        raise NotFound(f"It has no field {field}.", hint=f"Its fields: {names}.", path=secret.path)
    return {field: secret.fields[field]}


def unwrap(session: Session, seen: Wrapped) -> tuple[Fields, str]:
    """What was looked into before; journaled by where it came from. Raises as Backend.unwrap."""
    return kept(
        lambda: session.backend.unwrap(seen.token), lambda: session.journal.around(Act.UNWRAP, seen.creation_path)
    )
