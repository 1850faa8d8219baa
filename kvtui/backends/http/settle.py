"""What became of a change whose answer was lost: it is looked at, never sent again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeVar

from kvtui.backends.http.answer import Unanswered
from kvtui.domain.errors import Conflict, KvtuiError, Locked, Unavailable

Found = TypeVar("Found")


def settle(error: Unanswered, look: Callable[[], Found | Literal[False] | None], path: str) -> Found:
    """What `look` finds of the change: something true where it has happened, False where all is as it was, None where
    that cannot be told.

    Raises Unavailable where nothing has changed, Conflict as `look` does, and otherwise `error`, which says that nobody
    knows.
    """
    if not error.may_have_arrived:
        raise error
    try:
        found = look()
    except Conflict:
        raise
    except Locked:
        raise Locked(error.message, hint=error.hint, path=path) from None
    except KvtuiError:
        found = None
    if found is None:
        error.path = path
        raise error
    if not found:
        # "So far", as a slow server may still be at it. A write with a version cannot be done twice even then, and all
        # else may be.
        raise Unavailable("The server did not answer, and nothing is changed so far.", hint="Try again.", path=path)
    return found
