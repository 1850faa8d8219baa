"""What a change leaves and what it is checked against, in words for whoever decides: on the screen and in a shell.

Blocking: the store may be asked for what holds at the path.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from kvtui.domain.capability import Capability
from kvtui.domain.errors import PermissionDenied
from kvtui.domain.metadata import format_duration
from kvtui.services.describing import retention_of

if TYPE_CHECKING:
    from kvtui.backends.contract import Backend
    from kvtui.domain.retention import Retention

C = Capability


def how_checked(backend: Backend, path: str, *, cautioned: bool = False) -> str:
    """How a write here is kept from overwriting what others wrote, what it leaves, and what else to know, unless that
    was said; "" where every version is kept and checked."""
    said = [] if cautioned else _cautions(backend, path)
    if why := backend.why_not(C.VERSIONS, path):
        said.append(f"{why.removesuffix('.')}: the value before is gone once this is written.")
    if not backend.can(C.CHECK_AND_SET, path):
        reads = backend.can(C.READ, path)
        said.append(
            "It is read again just before the write; a change in between is not noticed."
            if reads
            else "Nothing is checked: whatever is there is overwritten."
        )
    return " ".join(said)


def can_come_back(backend: Backend, path: str) -> bool:
    """Whether what is deleted here can be undeleted."""
    return backend.can(C.UNDELETE, path)


def deleting(backend: Backend, path: str, lost: str = "") -> str:
    """What stays of what is deleted, and for how long. `lost`: why it cannot be undeleted, where that was asked."""
    if lost:
        return " ".join([f"It cannot be undeleted. {lost}", *_cautions(backend, path)])
    if not can_come_back(backend, path):
        return " ".join(["It is deleted for good: this store keeps nothing of it.", *_cautions(backend, path)])
    settings = _settings(backend, path)
    said = ["It can be undeleted."]
    if backend.info().keeps_versions is not None or (settings is not None and settings.max_versions):
        said = ["It can be undeleted until newer versions push it out."]
    said += _cautions(backend, path)
    if after := _deadline(settings):
        said.append(f"Versions here are deleted by themselves after {format_duration(after)} anyway.")
    return " ".join(said)


def undeleting(backend: Backend, path: str) -> str:
    """What will be after an undelete."""
    if after := _deadline(_settings(backend, path)):
        return f"Its values can be read again, until it is deleted by itself in {format_duration(after)}."
    return "Its values can be read again."


def destroying(backend: Backend, path: str, versions: Sequence[int]) -> str:
    """What is removed, and what stays taken."""
    if versions:
        numbers = ", ".join(map(str, versions))
        some = f"the numbers {numbers} stay" if len(versions) > 1 else f"the number {numbers} stays"
        return f"Its values are removed; {some} taken. This cannot be undone."
    count = 0
    if backend.can(C.VERSIONS, path):
        with suppress(PermissionDenied):
            count = len(backend.versions(path))
    every = f"All {count} versions" if count > 1 else "Its one version" if count else "All versions"
    rest = " and its metadata" if backend.can(C.METADATA, path) else ""
    return " ".join([f"{every}{rest} are removed. This cannot be undone.", *_cautions(backend, path)])


def cautions(backend: Backend, paths: Iterable[str]) -> Mapping[str, str]:
    """What to know before something is changed, of those places where there is something to know."""
    return {path: said for path in paths if (said := backend.caution(path))}


def _cautions(backend: Backend, path: str) -> list[str]:
    caution = backend.caution(path)
    return [caution] if caution else []


def _settings(backend: Backend, path: str) -> Retention | None:
    """None where the store has none, or this token may not see them."""
    try:
        return retention_of(backend, path)
    except PermissionDenied:
        return None


def _deadline(settings: Retention | None) -> timedelta | None:
    return settings.delete_after or None if settings is not None else None
