"""The one tree of errors.

Every error carries a *message* (what happened), a *hint* (what to do), the *path* it is about and whether trying again
makes sense. None of them ever holds a value, a token or a response body: they are shown, logged and printed as JSON.

    KvtuiError
     +- NotFound              nothing there; `state` says "deleted" when it can be undeleted
     +- AlreadyExists         something is there and may not be replaced
     +- Conflict              somebody else wrote: expected and actual version
     +- InvalidPath           no path can look like this
     +- InvalidInput          any other input that cannot be used as it is
     +- PermissionDenied      the store, the profile (read-only) or the file system refuses
     |   +- Undisclosed       refused, or nothing there: the store does not tell which; a NotFound too
     +- AuthenticationRequired  not signed in
     |   +- WrongCredential   a passphrase, key file or recovery key that opens nothing
     +- Locked                the vault is locked
     +- RateLimited           try again after `retry_after` seconds
     +- Unavailable           the store or a tool cannot be reached now
     +- Corrupt               stored bytes are not what was written
     +- Unsupported           this store cannot do that
"""

from __future__ import annotations

from typing import ClassVar


class KvtuiError(Exception):
    """Base of all expected errors. `kind` is the stable name scripts see."""

    kind: ClassVar[str] = "Failed"

    def __init__(self, message: str, *, hint: str = "", path: str | None = None, retryable: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.path = path
        self.retryable = retryable

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


class NotFound(KvtuiError):
    kind = "NotFound"

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        path: str | None = None,
        state: str | None = None,
        version: int | None = None,
    ) -> None:
        super().__init__(message, hint=hint, path=path)
        self.state = state
        self.version = version


class AlreadyExists(KvtuiError):
    kind = "AlreadyExists"


class Conflict(KvtuiError):
    """The version the change was based on is not the current one. Versions are numbers; 0 means "does not exist"."""

    kind = "Conflict"

    def __init__(self, message: str, *, expected: int, actual: int, hint: str = "", path: str | None = None) -> None:
        super().__init__(message, hint=hint, path=path)
        self.expected = expected
        self.actual = actual


class InvalidPath(KvtuiError):
    kind = "InvalidPath"


class InvalidInput(KvtuiError):
    kind = "InvalidInput"


class PermissionDenied(KvtuiError):
    kind = "PermissionDenied"


class Undisclosed(PermissionDenied, NotFound):
    """What may be missing may be written. Scripts see PermissionDenied, which is never less than the truth."""


class AuthenticationRequired(KvtuiError):
    kind = "AuthenticationRequired"


class WrongCredential(AuthenticationRequired):
    """Scripts see AuthenticationRequired: which part was wrong is not told."""


class Locked(KvtuiError):
    kind = "Locked"


class RateLimited(KvtuiError):
    """`retry_after` is in seconds."""

    kind = "RateLimited"

    def __init__(self, message: str, *, retry_after: float, hint: str = "", path: str | None = None) -> None:
        super().__init__(message, hint=hint, path=path, retryable=True)
        self.retry_after = retry_after


class Unavailable(KvtuiError):
    kind = "Unavailable"

    def __init__(self, message: str, *, hint: str = "", path: str | None = None, retryable: bool = True) -> None:
        super().__init__(message, hint=hint, path=path, retryable=retryable)


class Corrupt(KvtuiError):
    kind = "Corrupt"


class Unsupported(KvtuiError):
    """`capability` is the value of the `Capability` that is missing here."""

    kind = "Unsupported"

    def __init__(self, message: str, *, capability: str, hint: str = "", path: str | None = None) -> None:
        super().__init__(message, hint=hint, path=path)
        self.capability = capability


def told(error: Exception) -> KvtuiError:
    """As it can be told: the message of what nobody foresaw may quote what was being worked on."""
    if isinstance(error, KvtuiError):
        return error
    return KvtuiError(f"Something went wrong inside kvtui ({type(error).__name__}).", hint="Report it.")
