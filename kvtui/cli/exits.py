"""Exit codes, the one table scripts rely on."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType

from kvtui.domain.errors import InvalidInput, KvtuiError


class Exit(IntEnum):
    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    PARTLY = 4
    CONFLICT = 5
    LOCKED = 6
    DENIED = 7
    UNAVAILABLE = 8
    UNSUPPORTED = 9
    INTERRUPTED = 130
    """128 + SIGINT, as shells have it."""
    BROKEN_PIPE = 141
    """128 + SIGPIPE: whoever read our output has stopped."""


class Usage(InvalidInput):
    """The command line itself cannot be understood. Never quotes an argument: it may be a value."""

    kind = "Usage"


_BY_KIND: Mapping[str, Exit] = MappingProxyType(
    {
        "Usage": Exit.USAGE,
        "InvalidInput": Exit.USAGE,
        "InvalidPath": Exit.USAGE,
        "NotFound": Exit.NOT_FOUND,
        "AlreadyExists": Exit.CONFLICT,
        "Conflict": Exit.CONFLICT,
        "Locked": Exit.LOCKED,
        "AuthenticationRequired": Exit.LOCKED,
        "PermissionDenied": Exit.DENIED,
        "Unavailable": Exit.UNAVAILABLE,
        "RateLimited": Exit.UNAVAILABLE,
        "Unsupported": Exit.UNSUPPORTED,
        "Corrupt": Exit.FAILED,
    }
)


def exit_code(error: KvtuiError) -> Exit:
    """The exit code of an error, by its kind."""
    return _BY_KIND.get(error.kind, Exit.FAILED)


def bulk_exit_code(done: int, errors: list[KvtuiError]) -> Exit:
    """The exit code of several changes: partly done is 4, but refused as a whole is that refusal's own: read-only,
    or what the store cannot do."""
    if not errors:
        return Exit.DONE
    if done == 0:
        codes = {exit_code(error) for error in errors}
        if codes in ({Exit.DENIED}, {Exit.UNSUPPORTED}) or len(errors) == 1:
            return codes.pop()
    return Exit.PARTLY
