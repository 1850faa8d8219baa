"""Which request goes where."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tests.doubles.server import Reply
from tests.doubles.worker.access import Actor
from tests.doubles.worker.script import decode


@dataclass(frozen=True)
class Call:
    """A request that found its handler. `names` are the decoded parts of its path."""

    actor: Actor
    names: tuple[str, ...]
    body: bytes
    query: str


@dataclass(frozen=True)
class Route:
    method: str
    pattern: str
    task: str
    """Follows "Failed to" where the handler fails."""
    handler: Callable[[Call], Reply]
    is_deprecated: bool = False

    def match(self, method: str, path: str) -> tuple[str, ...] | None:
        """The decoded names in the path. Raises UriError."""
        found = re.fullmatch(self.pattern, path) if method == self.method else None
        return None if found is None else tuple(decode(group) for group in found.groups(default=""))
