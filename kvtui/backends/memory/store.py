"""What is in the memory behind the connections to one store: every secret with its versions, encoded."""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from threading import Condition, RLock
from types import MappingProxyType

from kvtui.backends.memory.lending import Lent
from kvtui.backends.not_found import missing_version
from kvtui.domain import path as paths
from kvtui.domain.codec import encode_fields
from kvtui.domain.errors import Conflict, InvalidInput
from kvtui.domain.event import Event
from kvtui.domain.metadata import Metadata
from kvtui.domain.retention import Retention
from kvtui.domain.secret import (
    Entry,
    EntryKind,
    History,
    Indexed,
    Version,
    VersionState,
    due_of,
)


@dataclass(slots=True)
class Kept:
    """One version; `data` is its encoded fields, None once destroyed."""

    version: Version
    data: bytes | None = field(repr=False)


@dataclass(slots=True)
class Held:
    """One secret; versions ascending, so the last is the current one."""

    metadata: Metadata
    versions: dict[int, Kept]

    @property
    def current(self) -> Version:
        return self.versions[next(reversed(self.versions))].version


class MemoryStore:
    """The data behind one or more connections. `histories` are there from the start, whatever their names look like:
    so a store holds what other programs wrote into it."""

    def __init__(self, histories: Iterable[History] = ()) -> None:
        self.lock = RLock()
        self.secrets: dict[str, Held] = {}
        self.containers: set[str] = set()
        self.denied: set[str] = set()
        """Folders that may not be listed, with all below them; what is in them may be read."""
        self.changes = 0
        self.log: list[Event] = []
        """What was done, the oldest first; `news` is told of each."""
        self.news = Condition(self.lock)
        self.retention: dict[str, Retention] = {}
        self.lent = Lent()
        self.key = secrets.token_bytes(32)
        for history in histories:
            self.secrets[paths.check(history.path)] = from_history(history)
        self.old_names = {path for path in self.secrets if not unicodedata.is_normalized("NFC", path)}


def version_of(path: str, secret: Held, number: int) -> Kept:
    if number not in secret.versions:
        raise missing_version(path, number)
    return secret.versions[number]


def conflict(path: str, expected: int, actual: int) -> Conflict:
    return Conflict(
        f"The current version is {actual}, not {expected}." if actual else "There is no such secret (any more).",
        expected=expected,
        actual=actual,
        hint="Read it again and repeat the change.",
        path=path,
    )


def entry_of(path: str, secret: Held) -> Entry:
    known, current = secret.metadata, secret.current
    return Entry(path, EntryKind.SECRET, known.type, current.state, due_of(known, current))


def indexed_of(path: str, secret: Held) -> Indexed:
    known = secret.metadata
    return Indexed(path, known.type, known.description, known.tags, known.owner, secret.current.state)


def from_history(history: History) -> Held:
    """Raises InvalidInput unless versions ascend from 1 and just the destroyed ones have no fields."""
    numbers = [stored.version.number for stored in history.versions]
    if not numbers or numbers[0] < 1 or numbers != sorted(set(numbers)):
        raise InvalidInput("Versions must ascend from 1.", hint="Restore them in order.")
    if any((one.fields is None) != (one.version.state is VersionState.DESTROYED) for one in history.versions):
        raise InvalidInput("Just a destroyed version has no fields.", hint="Restore it as destroyed.")
    versions = {
        stored.version.number: Kept(
            stored.version._replace(expires_at=None), None if stored.fields is None else encode_fields(stored.fields)
        )
        for stored in history.versions
    }
    return Held(history.metadata._replace(custom=MappingProxyType(dict(history.metadata.custom))), versions)
