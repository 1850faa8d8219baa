"""All that is known of a secret besides its values, in as few requests as its store takes. Blocking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kvtui.domain.capability import Capability
from kvtui.domain.errors import PermissionDenied, Unsupported
from kvtui.domain.metadata import Metadata
from kvtui.domain.secret import Outline

if TYPE_CHECKING:
    from kvtui.backends.contract import Backend
    from kvtui.domain.retention import Retention


@dataclass(frozen=True, slots=True)
class Description:
    """`retention` is None where the store has none; `denied` where this token may not see it, and perhaps more."""

    metadata: Metadata
    retention: Retention | None = None
    denied: bool = False


def describe(backend: Backend, outline: Outline) -> Description:
    """An outline may know less than the store does: times, and what is set for this secret."""
    path, metadata = outline.path, outline.metadata
    try:
        if metadata.created_at is None and backend.can(Capability.METADATA, path):
            metadata = backend.metadata(path)
        return Description(metadata, retention_of(backend, path))
    except PermissionDenied:
        return Description(metadata, denied=True)


def retention_of(backend: Backend, path: str) -> Retention | None:
    """None where the store has none. Raises PermissionDenied, NotFound."""
    try:
        return backend.retention(path)  # also of a profile that is only read
    except Unsupported:
        return None
