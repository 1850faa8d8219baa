"""What is at a path that somebody names: folders above it may be closed to us."""

from __future__ import annotations

from kvtui.backends.contract import Backend
from kvtui.domain.errors import NotFound, PermissionDenied, Unsupported
from kvtui.domain.secret import EntryKind


def kind_of(backend: Backend, path: str) -> EntryKind:
    """What is at a path, asked for by name. Raises NotFound, and PermissionDenied where it may neither be read nor
    listed. Blocking."""
    hint = "Look for it with ctrl+f."
    problem: NotFound | PermissionDenied = NotFound("There is no such path here.", hint=hint, path=path)
    try:
        backend.outline(path)
    except PermissionDenied as error:
        problem = error
    except NotFound:
        pass
    else:
        return EntryKind.SECRET
    try:
        backend.list(path)
    except (NotFound, PermissionDenied, Unsupported):
        raise problem from None
    return EntryKind.FOLDER
