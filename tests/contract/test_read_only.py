"""The read-only wrapper reads like what it wraps and lets no write through."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from kvtui.backends.contract import Backend
from kvtui.backends.delegating import DelegatingBackend
from kvtui.backends.memory import MemoryBackend, MemoryStore
from kvtui.backends.read_only import ReadOnlyBackend
from kvtui.domain.capability import WRITING, Capability
from kvtui.domain.errors import Locked, PermissionDenied
from kvtui.domain.secret import History
from kvtui.testing import BackendConformance

REFUSED = {
    "write",
    "write_many",
    "write_metadata",
    "patch",
    "write_retention",
    "check",
    "write_histories",
    "write_history",
    "delete",
    "undelete",
    "destroy",
    "move",
    "create_container",
    "delete_container",
    "add_key_slot",
    "add_recovery_key",
    "remove_key_slot",
    "replace_key_slot",
    "issue",
    "renew",
    "revoke",
    "rotate",
    "copy",
    "share",
    "unwrap",
}


class TestReadOnlyMemory(BackendConformance):
    capabilities = frozenset(
        {
            Capability.LIST,
            Capability.READ,
            Capability.FIELDS,
            Capability.TYPED_VALUES,
            Capability.BYTES,
            Capability.METADATA,
            Capability.VERSIONS,
            Capability.CHECK_AND_SET,
            Capability.HISTORY,
            Capability.TRASH,
            Capability.INDEX,
            Capability.CHANGE_SIGNAL,
            Capability.LEASES,
            Capability.RENEW_LEASES,
            Capability.EVENTS,
            Capability.AUDIT,
            Capability.LEGACY,
        }
    )
    read_only = True

    def make(self) -> Backend:
        return ReadOnlyBackend(MemoryBackend())

    def seed(self, backend: Backend) -> Backend:
        assert isinstance(backend, ReadOnlyBackend)
        return backend._inner

    def second(self, backend: Backend) -> Backend:
        inner = backend._inner if isinstance(backend, ReadOnlyBackend) else backend
        assert isinstance(inner, MemoryBackend)
        return inner.connect()

    def reopen(self, backend: Backend) -> Backend:
        return ReadOnlyBackend(self.second(backend))

    def without(self, capability: Capability) -> Backend | None:
        if capability in WRITING:
            return None  # refused before it could be unsupported
        return ReadOnlyBackend(MemoryBackend(capabilities=set(Capability) - {capability}))

    def plant(self, history: History) -> Backend:
        return ReadOnlyBackend(MemoryBackend(MemoryStore([history])))


class Recorder(Backend):
    """Answers every call with its own name and remembers it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattribute__(self, name: str) -> Any:
        if name.startswith("_") or name in ("calls", "info"):
            return super().__getattribute__(name)
        return lambda *args, **kwargs: self.calls.append((name, args, kwargs)) or ([] if name == "limits" else name)

    def info(self) -> Any:
        return MemoryBackend().info()

    # Abstract in the contract; __getattribute__ answers them.
    list = read = write = close = None  # type: ignore[assignment]


def _methods() -> list[str]:
    return [name for name, _ in inspect.getmembers(Backend, inspect.isfunction) if not name.startswith("_")]


def _arguments(method: Callable[..., Any]) -> list[str]:
    parameters = list(inspect.signature(method).parameters.values())[1:]
    return [parameter.name for parameter in parameters if parameter.kind is not parameter.KEYWORD_ONLY]


@pytest.mark.parametrize("name", sorted(set(_methods()) - {"info", "can", "why_not"}))
def test_every_method_of_the_contract_is_delegated_or_refused(name: str) -> None:
    refusing_or_not = ReadOnlyBackend if name in REFUSED else DelegatingBackend
    assert name in vars(refusing_or_not), f"{name} would run the default of the contract instead of the inner store's"
    inner = Recorder()
    arguments: list[Any] = _arguments(getattr(Backend, name))
    parameters = inspect.signature(getattr(Backend, name)).parameters.values()
    named: dict[str, Any] = {each.name: each.name for each in parameters if each.kind is each.KEYWORD_ONLY}
    if name == "write_history":
        arguments = [History("app", None, ())]  # type: ignore[arg-type]
    call = getattr(ReadOnlyBackend(inner), name)
    if name in REFUSED:
        with pytest.raises(PermissionDenied, match="read-only"):
            call(*arguments)
        assert inner.calls == []
    else:
        assert call(*arguments, **named) in (name, None, [])
        assert inner.calls == [(name, tuple(arguments), named)]


@pytest.mark.parametrize("name", sorted(set(_methods()) - {"info", "can", "why_not"}))
def test_a_store_handed_on_is_asked_with_the_same_arguments(name: str) -> None:
    assert name in vars(DelegatingBackend), f"{name} would run the default of the contract instead of the inner store's"
    inner = Recorder()
    arguments: list[Any] = _arguments(getattr(Backend, name))
    parameters = inspect.signature(getattr(Backend, name)).parameters.values()
    named: dict[str, Any] = {each.name: each.name for each in parameters if each.kind is each.KEYWORD_ONLY}
    assert getattr(DelegatingBackend(inner), name)(*arguments, **named) in (name, None, [])
    assert inner.calls == [(name, tuple(arguments), named)]


@pytest.mark.parametrize("name", [name for name, each in vars(Backend).items() if isinstance(each, property)])
def test_every_property_of_the_contract_is_the_inner_store_s(name: str) -> None:
    assert name in vars(DelegatingBackend) or name in {"checks_writes", "describes_writes"}  # these ask `can`


def test_what_is_refused_is_named_in_info_with_its_reason() -> None:
    info = ReadOnlyBackend(MemoryBackend(capabilities=Capability)).info()
    assert info.read_only
    assert not info.capabilities & WRITING
    assert {capability: info.reasons[capability] for capability in WRITING} == dict.fromkeys(
        WRITING, "This profile is read-only."
    )
    assert Capability.READ in info.capabilities


def test_a_reason_is_not_given_for_what_the_store_never_had() -> None:
    info = ReadOnlyBackend(MemoryBackend(capabilities={Capability.READ, Capability.WRITE})).info()
    assert set(info.reasons) == {Capability.WRITE}


def test_containers_of_a_read_only_store_are_listed() -> None:
    inner = MemoryBackend()
    inner.create_container("box")
    assert list(ReadOnlyBackend(inner).containers()) == ["box"]


def test_a_closed_read_only_store_is_locked_rather_than_read_only() -> None:
    store = ReadOnlyBackend(MemoryBackend())
    store.close()
    with pytest.raises(Locked):
        store.delete("app")
