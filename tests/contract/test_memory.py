"""The reference backend keeps the contract, with everything switched on and with each thing switched off."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from kvtui.backends.contract import Backend
from kvtui.backends.factory import StoreState
from kvtui.backends.memory import ALL, MemoryBackend, MemoryFactory, MemoryStore, Role
from kvtui.domain.capability import BackendInfo, Capability
from kvtui.domain.metadata import MetadataField, MetadataPatch
from kvtui.domain.secret import History, Listing, Secret, Version
from kvtui.domain.value import Fields, SecretValue
from kvtui.testing import BackendConformance

WHOLE = frozenset(Capability) - {
    Capability.METADATA_WITH_VALUE,
    Capability.REREAD,
    Capability.NAMESPACES,
    Capability.KEY_SLOTS,
    Capability.BACKUP,
    Capability.SEARCH,
}
"""What the store in memory can do, stated once more on its own: one that loses an ability fails."""


class TestMemory(BackendConformance):
    capabilities = WHOLE

    def make(self) -> Backend:
        return MemoryBackend(user="ann")

    def second(self, backend: Backend) -> Backend:
        assert isinstance(backend, MemoryBackend)
        return backend.connect()

    def reopen(self, backend: Backend) -> Backend:
        assert isinstance(backend, MemoryBackend)
        return backend.connect()

    def without(self, capability: Capability) -> Backend:
        return MemoryBackend(capabilities=ALL - {capability})

    def deny(self, backend: Backend, folder: str) -> Backend:
        assert isinstance(backend, MemoryBackend)
        backend._store.denied.add(folder)
        return backend.connect()

    def plant(self, history: History) -> Backend:
        return MemoryBackend(MemoryStore([history]))

    def role(self, backend: Backend) -> str:
        assert isinstance(backend, MemoryBackend)
        backend._store.lent.roles["database/creds/readonly"] = Role()
        return "database/creds/readonly"

    def fixed_role(self, backend: Backend) -> str:
        assert isinstance(backend, MemoryBackend)
        backend._store.lent.roles["database/creds/fixed"] = Role(renewable=False)
        return "database/creds/fixed"


class TestMemoryWithOneTextPerPath(BackendConformance):
    """A store like the plainest HTTP ones."""

    capabilities = frozenset(
        {Capability.LIST, Capability.READ, Capability.WRITE, Capability.DELETE, Capability.DESTROY}
    )
    machine_examples = 10

    def make(self) -> Backend:
        return MemoryBackend(capabilities=self.capabilities)


class TestMemoryThatGivesNothingBack(BackendConformance):
    """A store of values that only programs running there can read."""

    capabilities = frozenset(
        {
            Capability.LIST,
            Capability.WRITE,
            Capability.DELETE,
            Capability.CONTAINERS,
            Capability.METADATA,
        }
    )
    machine_examples = 5

    def make(self) -> Backend:
        return MemoryBackend(capabilities=self.capabilities)


class TestMemoryWithOwnersThatCannotList(BackendConformance):
    """A store that keeps two things about a secret, told with each new value."""

    capabilities = frozenset(
        {
            Capability.READ,
            Capability.WRITE,
            Capability.BYTES,
            Capability.METADATA,
            Capability.METADATA_WITH_VALUE,
            Capability.VERSIONS,
            Capability.LEASES,
            Capability.ROTATE,
        }
    )
    machine_examples = 5

    def make(self) -> Backend:
        return MemoryBackend(
            capabilities=self.capabilities,
            metadata_fields={MetadataField.OWNER, MetadataField.ROTATION},
            makes_values=True,
        )

    def reopen(self, backend: Backend) -> Backend:
        assert isinstance(backend, MemoryBackend)
        return backend.connect()

    def role(self, backend: Backend) -> str:
        assert isinstance(backend, MemoryBackend)
        backend._store.lent.roles["etl-reader"] = Role()
        return "etl-reader"


class TestMemoryThatSearchesByItself(BackendConformance):
    """A store that finds what it cannot list, and gives values to nobody in between."""

    capabilities = frozenset(
        {
            Capability.READ,
            Capability.WRITE,
            Capability.FIELDS,
            Capability.DELETE,
            Capability.UNDELETE,
            Capability.VERSIONS,
            Capability.REREAD,
            Capability.SEARCH,
            Capability.COPY,
            Capability.ROTATE,
            Capability.EVENTS,
            Capability.AUDIT,
        }
    )
    machine_examples = 5

    def make(self) -> Backend:
        return MemoryBackend(capabilities=self.capabilities)


class FiveMethods(Backend):
    """The least a store may be: everything else is the contract's default."""

    def __init__(self) -> None:
        self.inner = MemoryBackend(capabilities={Capability.LIST, Capability.READ, Capability.WRITE})

    def info(self) -> BackendInfo:
        return self.inner.info()

    def list(self, folder: str = "") -> Listing:
        return self.inner.list(folder)

    def read(self, path: str, version: int | None = None) -> Secret:
        return self.inner.read(path, version)

    def write(
        self, path: str, fields: Fields, *, metadata: MetadataPatch = MetadataPatch(), expected: int | None = None
    ) -> Version:
        return self.inner.write(path, fields, metadata=metadata, expected=expected)

    def close(self) -> None:
        self.inner.close()


class TestDefaultsOfTheContract(BackendConformance):
    capabilities = frozenset({Capability.LIST, Capability.READ, Capability.WRITE})
    machine_examples = 5

    def make(self) -> Backend:
        return FiveMethods()


class IndexWithoutTextSearch(MemoryBackend):
    find = Backend.find
    walk = Backend.walk
    write_many = Backend.write_many


class TestDefaultsOnAFullStore(BackendConformance):
    capabilities = WHOLE
    machine_examples = 5

    def make(self) -> Backend:
        return IndexWithoutTextSearch()


def test_versions_and_metadata_tell_who_wrote_and_when() -> None:
    moments = iter([datetime(2024, 1, day, tzinfo=UTC) for day in (1, 2, 3, 4)])
    store = MemoryBackend(clock=lambda: next(moments), user="ann")
    first = store.write("a", {"value": SecretValue("x")})
    store.write("a", {"value": SecretValue("y")})
    store.write_metadata("a", MetadataPatch(description="d"))
    store.delete("a")
    assert (first.created_at, first.created_by) == (datetime(2024, 1, 1, tzinfo=UTC), "ann")
    metadata = store.metadata("a")
    assert (metadata.created_at, metadata.created_by) == (first.created_at, "ann")
    assert metadata.updated_at == datetime(2024, 1, 3, tzinfo=UTC)
    deleted = store.versions("a")[1]
    assert (deleted.deleted_at, deleted.deleted_by) == (datetime(2024, 1, 4, tzinfo=UTC), "ann")


def test_stores_of_one_name_are_one_store_and_others_are_not() -> None:
    factory = MemoryFactory()
    assert factory.probe({"name": "a"}) is StoreState.READY
    opened: Callable[[Mapping[str, Any]], Backend] = factory.open
    opened({"name": "a"}).write("x", {"value": SecretValue("1")})
    assert [entry.path for entry in opened({"name": "a"}).walk()] == ["x"]
    assert not list(opened({"name": "b"}).walk())
    assert not list(opened({}).walk())
    assert opened({"name": "a"}).info().location == "memory:a"
