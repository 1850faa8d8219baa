"""SQLite's errors as ours, in one table. Nothing of SQLite's own text is passed on: it can quote what is stored."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType

import apsw

from kvtui.domain.errors import Corrupt, InvalidInput, KvtuiError, Locked, PermissionDenied, Unavailable

_DOCTOR = "Run kvtui doctor; restore a backup."


def closed() -> Locked:
    return Locked("The vault is locked.", hint="Open it again.")


def damaged() -> Corrupt:
    return Corrupt("The vault's database is damaged.", hint=_DOCTOR)


def foreign() -> Corrupt:
    return Corrupt("vault.db is a damaged or foreign file: it does not belong to this header.", hint=_DOCTOR)


def _full() -> Unavailable:
    return Unavailable("The disk is full.", hint="Nothing was changed. Free some space and try again.")


_OURS: dict[type[Exception], Callable[[], KvtuiError]] = {
    apsw.NotADBError: foreign,
    apsw.CorruptError: damaged,
    apsw.FormatError: damaged,
    apsw.SQLError: damaged,  # a table or column of ours is not there
    apsw.ConstraintError: damaged,  # rows checked before they are written; so what is stored contradicts itself
    apsw.MismatchError: damaged,
    apsw.NotFoundError: damaged,
    apsw.FullError: _full,
    apsw.BusyError: lambda: Unavailable("Another program is using the vault.", hint="Try again."),
    apsw.LockedError: lambda: Unavailable("Another program is using the vault.", hint="Try again."),
    apsw.ProtocolError: lambda: Unavailable("Another program is using the vault.", hint="Try again."),
    apsw.SchemaChangeError: lambda: Unavailable("Another program changed the vault's tables.", hint="Try again."),
    apsw.NoMemError: lambda: Unavailable("Not enough memory.", hint="Close other programs."),
    apsw.TooBigError: lambda: InvalidInput("This is too large for one secret.", hint="Split it."),
    apsw.ReadOnlyError: lambda: PermissionDenied("The vault may not be written.", hint="Check its owner and modes."),
    apsw.PermissionsError: lambda: PermissionDenied("The vault may not be used.", hint="Check its owner and modes."),
    apsw.AuthError: lambda: PermissionDenied("The vault may not be used.", hint="Check its owner and modes."),
    apsw.CantOpenError: lambda: PermissionDenied("vault.db cannot be opened.", hint="Check its owner and modes."),
    apsw.InterruptError: closed,
    apsw.ConnectionClosedError: closed,
    apsw.CursorClosedError: closed,
    apsw.IOError: lambda: Unavailable("The disk reports an error.", hint="Nothing was changed. Check the disk."),
}


class translated:  # noqa: N801 - reads as a verb; a class, as every read and write enters one
    """Raise ours for SQLite's."""

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, apsw.Error):
            raise translate(error) from None


def translate(error: apsw.Error) -> KvtuiError:
    for kind in type(error).__mro__:
        if kind in _OURS:
            return _OURS[kind]()
    return Unavailable(f"The vault cannot be used ({type(error).__name__}).", hint=_DOCTOR, retryable=False)


DAMAGE = (apsw.CorruptError, apsw.NotADBError, apsw.FormatError)
"""What a damaged page raises."""
