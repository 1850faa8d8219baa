"""What the safety tests put into stores: a few plain secrets with a sentinel, and every hostile string everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from types import MappingProxyType

from kvtui.backends.contract import Backend
from kvtui.backends.memory import MemoryBackend, MemoryStore
from kvtui.domain import path as paths
from kvtui.domain.errors import InvalidPath
from kvtui.domain.metadata import Metadata
from kvtui.domain.secret import History, StoredVersion, Version, VersionState
from kvtui.domain.value import SecretValue
from tests.support.hostile import BY_CATEGORY, HOSTILE, HostileString

SENTINEL = "SENTINEL-hunter2-value"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

SHORT = [entry for entry in HOSTILE if len(entry.value) <= 4_000]
"""Every hostile string but the very long ones, which have tests of their own."""


def fill(backend: Backend, sentinel: str = SENTINEL) -> None:
    """`app/db` with the sentinel in `password`, two versions; `app/api` and `top` beside it."""
    backend.write("app/db", {"password": SecretValue(sentinel), "user": SecretValue("admin")})
    backend.write("app/db", {"password": SecretValue(sentinel), "user": SecretValue("root")})
    backend.write("app/api", {"value": SecretValue("one")})
    backend.write("top", {"value": SecretValue("three")})


def as_path(entry: HostileString) -> str | None:
    """The string as the path of something that is there already; None where no store can hold it."""
    segments = [segment for segment in entry.value.split("/") if segment not in {"", ".", ".."}]
    try:
        return paths.check("/".join(segments)[:200])
    except InvalidPath:
        return None


def history(path: str, fields: dict[str, SecretValue], metadata: Metadata | None = None, by: str = "") -> History:
    """A secret with one version, times and names as some other program may have written them."""
    version = Version(1, VersionState.LIVE, NOW, by or None)
    return History(path, metadata or Metadata(created_at=NOW, updated_at=NOW), [StoredVersion(version, fields)])


def sample(each: int = 4) -> list[HostileString]:
    """The first few of each category."""
    return [entry for entries in BY_CATEGORY.values() for entry in entries[:each] if entry in SHORT]


def hostile_store(entries: Sequence[HostileString] = SHORT) -> MemoryBackend:
    """These hostile strings as value, field, tag, custom pair, author, secret name and folder name.

    Folders: `names` and `folders` hold what they say; the secrets `values`, `keys`, `described` and `authors` the rest.
    """
    texts = [entry.value for entry in entries]
    known = [path for path in map(as_path, entries) if path]
    unique = list(dict.fromkeys(texts))
    custom = MappingProxyType({text[:200]: text for text in unique})
    described = Metadata(
        description=" ".join(texts[:200]), tags=tuple(unique[:200]), owner=texts[0], created_by=texts[1], custom=custom
    )
    values = {f"v{index:03}": SecretValue(text) for index, text in enumerate(texts)}
    authors = [
        StoredVersion(Version(number, VersionState.LIVE, NOW, text), {"value": SecretValue("x")})
        for number, text in enumerate(texts, 1)
    ]
    histories = [
        history("values", values),
        history("keys", {text: SecretValue("x") for text in unique}),
        history("described", {"value": SecretValue("x")}, described),
        History("authors", Metadata(), authors),
        *(history(f"names/{path}", {"value": SecretValue("x")}) for path in dict.fromkeys(known)),
        *(history(f"folders/{path}/inner", {"value": SecretValue("x")}) for path in dict.fromkeys(known)),
    ]
    return MemoryBackend(MemoryStore(histories))
