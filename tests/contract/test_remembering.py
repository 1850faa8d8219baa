"""A store that cannot list, seen by what was used of it: it keeps every promise, and says that it is not all."""

import inspect
from bisect import insort
from collections.abc import Sequence
from typing import Any

import pytest

from kvtui.backends.contract import Backend
from kvtui.backends.memory import MemoryBackend, MemoryStore
from kvtui.backends.memory.backend import ALL
from kvtui.backends.remembering import NOTE, RememberingBackend
from kvtui.domain.capability import Capability
from kvtui.domain.errors import Locked, NotFound, Undisclosed
from kvtui.domain.metadata import Metadata
from kvtui.domain.secret import EntryKind, History, Secret, StoredVersion, Version
from kvtui.domain.value import SecretValue
from kvtui.testing import BackendConformance

UNLISTED = ALL - {Capability.LIST, Capability.INDEX, Capability.TRASH, Capability.CONTAINERS}


class InMemory:
    def __init__(self, *paths: str) -> None:
        self.known = sorted(paths)
        self.saves = 0

    def paths(self) -> Sequence[str]:
        return self.known

    def add(self, path: str) -> None:
        if path not in self.known:
            insort(self.known, path)

    def drop(self, path: str) -> None:
        if path in self.known:
            self.known.remove(path)

    def save(self) -> None:
        self.saves += 1


class TestRememberingMemory(BackendConformance):
    """Two connections of one machine remember together, as two runs of the program do."""

    capabilities = frozenset(Capability) - {
        Capability.METADATA_WITH_VALUE,
        Capability.REREAD,
        Capability.CONTAINERS,
        Capability.TRASH,
        Capability.INDEX,
        Capability.NAMESPACES,
        Capability.KEY_SLOTS,
        Capability.BACKUP,
        Capability.SEARCH,
    }
    tells_states = False

    def make(self) -> Backend:
        return RememberingBackend(MemoryBackend(capabilities=UNLISTED), InMemory())

    def second(self, backend: Backend) -> Backend:
        assert isinstance(backend, RememberingBackend)
        assert isinstance(backend._inner, MemoryBackend)
        return RememberingBackend(backend._inner.connect(), backend._names)

    def reopen(self, backend: Backend) -> Backend:
        return self.second(backend)

    def without(self, capability: Capability) -> Backend | None:
        if capability is Capability.LIST:
            return None  # that is what it adds
        return RememberingBackend(MemoryBackend(capabilities=UNLISTED - {capability}), InMemory())

    def plant(self, history: History) -> Backend:
        return RememberingBackend(MemoryBackend(MemoryStore([history]), capabilities=UNLISTED), InMemory(history.path))


def one(text: str) -> dict[str, SecretValue]:
    return {"value": SecretValue(text)}


@pytest.fixture
def inner() -> MemoryBackend:
    return MemoryBackend(capabilities=UNLISTED)


def test_a_remembered_listing_says_that_it_is_not_all(inner: MemoryBackend) -> None:
    store = RememberingBackend(inner, InMemory("app/db", "web"))
    listing = store.list()
    assert [(entry.path, entry.kind) for entry in listing.entries] == [
        ("app", EntryKind.FOLDER),
        ("web", EntryKind.SECRET),
    ]
    assert (listing.complete, listing.remembered, listing.note) == (False, True, NOTE)
    assert [entry.path for entry in store.walk()] == ["app/db", "web"]  # and that is no error


def test_what_is_only_asked_for_is_not_remembered(inner: MemoryBackend) -> None:
    names = InMemory()
    store = RememberingBackend(inner, names)
    with pytest.raises(NotFound):
        store.read("app/db")
    assert names.known == []


@pytest.mark.parametrize("method", ["read", "outline", "metadata", "versions", "read_history"])
def test_what_was_there_is_remembered_and_what_is_gone_forgotten(inner: MemoryBackend, method: str) -> None:
    inner.write("app/db", one("x"))
    names = InMemory("app/old")
    store = RememberingBackend(inner, names)
    getattr(store, method)("app/db")
    with pytest.raises(NotFound):
        getattr(store, method)("app/old")
    assert names.known == ["app/db"]


def test_an_old_version_that_is_missing_says_nothing_about_the_secret(inner: MemoryBackend) -> None:
    inner.write("app/db", one("x"))
    names = InMemory("app/db")
    with pytest.raises(NotFound):
        RememberingBackend(inner, names).read("app/db", 7)
    assert names.known == ["app/db"]


def test_reading_many_remembers_those_that_are_there(inner: MemoryBackend) -> None:
    inner.write("app/db", one("x"))
    names = InMemory("app/old")
    list(RememberingBackend(inner, names).read_many(["app/db", "app/old"]))
    assert names.known == ["app/db"]


def test_what_is_destroyed_or_moved_away_is_forgotten(inner: MemoryBackend) -> None:
    names = InMemory()
    store = RememberingBackend(inner, names)
    for path in ("a", "b", "c"):
        store.write(path, one("x"))
    store.destroy("a")
    store.move("b", "d")
    store.delete("c")
    assert names.known == ["c", "d"]  # a deleted one can come back


def test_deleting_for_good_forgets() -> None:
    names = InMemory()
    store = RememberingBackend(MemoryBackend(capabilities=UNLISTED - {Capability.UNDELETE}), names)
    store.write("a", one("x"))
    store.delete("a")
    assert names.known == []


def test_histories_written_are_remembered_and_saved(inner: MemoryBackend) -> None:
    names = InMemory()
    history = History("a", Metadata(), (StoredVersion(Version(1), one("x")),))
    store = RememberingBackend(inner, names)
    store.write_history(history)
    list(store.write_histories([History("b", Metadata(), history.versions), history]))
    assert names.known == ["a", "b"]
    assert names.saves


def test_a_store_that_lists_some_folders_lists_those_itself() -> None:
    class Half(MemoryBackend):
        def why_not(self, capability: Capability, path: str | None = None) -> str:
            if capability is Capability.LIST and path is not None:
                return "" if path in ("", "open") or path.startswith("open/") else "Not there."
            return super().why_not(capability, path)

    inner = Half(capabilities=ALL)
    for path in ("open/a", "hidden/b", "hidden/c"):
        inner.write(path, one("x"))
    store = RememberingBackend(inner, InMemory("hidden/b"))
    assert store.list("open").complete
    assert [entry.path for entry in store.list("hidden").entries] == ["hidden/b"]
    names = InMemory()
    assert list(RememberingBackend(inner, names).list("hidden").entries) == []  # there, as the root's listing says
    with pytest.raises(NotFound):
        RememberingBackend(inner, names).list("nowhere")


def test_a_closed_store_tells_nothing_of_what_is_remembered(inner: MemoryBackend) -> None:
    names = InMemory("app/db")
    store = RememberingBackend(inner, names)
    store.close()
    assert names.saves == 1
    with pytest.raises(Locked):
        store.list()


@pytest.mark.parametrize(
    "name", [name for name, _ in inspect.getmembers(Backend, inspect.isfunction) if name[0] != "_"]
)
def test_whatever_names_a_path_is_noticed_or_has_no_need_to_be(name: str) -> None:
    """A new method of the contract with a path has to be thought of here."""
    parameters: dict[str, Any] = dict(inspect.signature(getattr(Backend, name)).parameters)
    if "path" in parameters or "source" in parameters:
        needless = {"can", "why_not", "check", "place", "caution", "references", "audit"}
        needless |= {"retention", "write_retention"}
        assert name in vars(RememberingBackend) or name in needless


def test_a_refusal_forgets_nothing_even_where_perhaps_nothing_is_there() -> None:
    class Closed(MemoryBackend):
        def read(self, path: str, version: int | None = None) -> Secret:
            raise Undisclosed("Denied, or nothing there.", path=path)

    names = InMemory("app/db")
    store = RememberingBackend(Closed(capabilities=UNLISTED), names)
    with pytest.raises(Undisclosed):
        store.read("app/db")
    (found,) = store.read_many(["app/db"])
    assert isinstance(found.error, Undisclosed)
    assert names.known == ["app/db"]
