"""What a look at many folders left out, and what that means: whoever looks says so, whoever changes something stops."""

from __future__ import annotations

from collections.abc import Sequence

from kvtui.backends.contract import Backend
from kvtui.domain.errors import KvtuiError, PermissionDenied, Unavailable
from kvtui.domain.secret import Entry, EntryKind, Skipped

_NAMED = 3
"""How many are named in a sentence. All are in `places`."""
_HINT = "Nothing was changed. Act on folders that you may list, or ask for the right to list these."


class LeftOut:
    """To be given as `skipped`; true once something was left out."""

    def __init__(self) -> None:
        self.places: list[Skipped] = []
        self._seen: set[tuple[str, EntryKind]] = set()

    def __call__(self, what: Skipped) -> None:
        if (what.path, what.kind) not in self._seen:
            self._seen.add((what.path, what.kind))
            self.places.append(what)

    def __len__(self) -> int:
        return len(self.places)

    @property
    def counts(self) -> str:
        """`2 denied, 1 failed`; empty where nothing was left out."""
        denied = sum(isinstance(what.error, PermissionDenied) for what in self.places)
        counted = {"denied": denied, "failed": len(self.places) - denied}
        return ", ".join(f"{count} {how}" for how, count in counted.items() if count)

    @property
    def told(self) -> str:
        """`3 folders were not listed: 2 denied, 1 failed (secret/prod: ...)`, which names the first few."""
        places = list(self.places)
        folders = sum(what.kind is EntryKind.FOLDER for what in places)
        parts = [_count(folders, "folder", "not listed"), _count(len(places) - folders, "secret", "not looked at")]
        named = [f"{what.path or 'the root'}: {what.error.message}" for what in places[:_NAMED]]
        more = " …" if len(places) > _NAMED else ""
        return f"{' and '.join(filter(None, parts))}: {self.counts} ({' '.join(named)}{more})"

    def refusal(self, hint: str = _HINT) -> KvtuiError:
        """Why nothing is changed or carried away. PermissionDenied where all of it was, else Unavailable."""
        errors = [what.error for what in self.places]
        path = self.places[0].path or None
        if all(isinstance(error, PermissionDenied) for error in errors):
            return PermissionDenied(f"{self.told}.", hint=hint, path=path)
        retryable = all(error.retryable for error in errors if not isinstance(error, PermissionDenied))
        return Unavailable(f"{self.told}.", hint=hint, path=path, retryable=retryable)


def _count(number: int, what: str, how: str) -> str:
    if not number:
        return ""
    return f"1 {what} was {how}" if number == 1 else f"{number:,} {what}s were {how}"


def all_below(backend: Backend, folder: str) -> Sequence[Entry]:
    """Every secret below a folder, for whoever changes them or carries them away: all or none.

    Raises as `Backend.walk`, and where folders in it cannot be listed an error that names them.
    """
    left_out = LeftOut()
    found = list(backend.walk(folder, skipped=left_out))
    if left_out:
        raise left_out.refusal()
    return found
