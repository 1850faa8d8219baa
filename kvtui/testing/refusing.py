"""Capabilities: what a store has not, or what is switched off, it refuses by name; a read-only one all that writes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

import pytest

from kvtui.backends.contract import Backend
from kvtui.domain.capability import WRITING, Capability
from kvtui.domain.credential import Credential
from kvtui.domain.errors import (
    Unsupported,
)
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.retention import Retention
from kvtui.domain.value import SecretValue
from kvtui.testing.lifecycle import OLD
from kvtui.testing.suite import Suite, holds, needs_hook, of_read_only, one, refusal

SLOT = Credential(passphrase=SecretValue("another passphrase"))


def _patch(store: Backend) -> MetadataPatch:
    """Something that the store keeps, if it keeps anything."""
    return MetadataPatch(description="x", owner="x").only(store.info().metadata_fields)


def _describe(store: Backend) -> object:
    return store.write("app/db", one("x"), metadata=_patch(store))


def _check_and_set(store: Backend) -> object:
    return store.write("app/db", one("x"), expected=1)


def _read_old(store: Backend) -> object:
    return store.read("app/db", 1)


def _find(store: Backend) -> object:
    return store.find("x", 1)


_INSTEAD: Mapping[Capability, Capability] = MappingProxyType(
    {
        Capability.CHECK_AND_SET: Capability.REREAD,
        Capability.EDIT_METADATA: Capability.METADATA_WITH_VALUE,
        Capability.INDEX: Capability.SEARCH,
    }
)
_EITHER_WAY = (_check_and_set, _describe, _find)
"""What a store does that has one of two."""

READS: Mapping[Capability, tuple[Callable[[Backend], object], ...]] = MappingProxyType(
    {
        Capability.LIST: (lambda store: store.list(), lambda store: list(store.walk())),
        Capability.READ: (lambda store: store.read("app/db"),),
        Capability.VERSIONS: (lambda store: store.versions("app/db"), _read_old),
        Capability.METADATA: (lambda store: store.metadata("app/db"),),
        Capability.RETENTION: (lambda store: store.retention("app/db"),),
        Capability.HISTORY: (lambda store: store.read_history("app/db"),),
        Capability.TRASH: (lambda store: list(store.trash()),),
        Capability.INDEX: (lambda store: list(store.index()), _find),
        Capability.NAMESPACES: (lambda store: store.namespaces(),),
        Capability.CHANGE_SIGNAL: (lambda store: store.change_token(),),
        Capability.KEY_SLOTS: (lambda store: store.key_slots(), lambda store: store.export_page_key()),
        Capability.BACKUP: (lambda store: store.backup(Path("/nowhere/backup")),),
        Capability.LEASES: (
            lambda store: store.roles(),
            lambda store: store.leases(),
        ),
        Capability.RENEW_LEASES: (lambda store: store.look_up_lease("roles/x/1"),),
        Capability.EVENTS: (lambda store: store.events(),),
        Capability.AUDIT: (lambda store: store.audit(),),
        Capability.LEGACY: (lambda store: store.legacy(),),
        Capability.SHARE: (lambda store: store.look_into(SecretValue("x")),),
    }
)
WRITES: Mapping[Capability, tuple[Callable[[Backend], object], ...]] = MappingProxyType(
    {
        Capability.WRITE: (lambda store: store.write("app/db", one("x")),),
        Capability.FIELDS: (lambda store: store.write("app/db", {"a": SecretValue("x"), "b": SecretValue("y")}),),
        Capability.TYPED_VALUES: (lambda store: store.write("app/db", one(1)),),
        Capability.BYTES: (lambda store: store.write("app/db", one(b"x")),),
        Capability.EDIT_METADATA: (
            lambda store: store.write_metadata("app/db", _patch(store)),
            _describe,
        ),
        Capability.RETENTION: (
            lambda store: store.write_retention("app/db", Retention(max_versions=3)),
            lambda store: store.write_metadata("app/db", _patch(store), Retention(max_versions=3)),
        ),
        Capability.PATCH: (lambda store: store.patch("app/db", one("y")),),
        Capability.CHECK_AND_SET: (_check_and_set,),
        Capability.DELETE: (lambda store: store.delete("app/db"),),
        Capability.UNDELETE: (lambda store: store.undelete("app/db"),),
        Capability.DESTROY: (lambda store: store.destroy("app/db"), lambda store: store.destroy("app/db", [1])),
        Capability.MOVE: (lambda store: store.move("app/db", "app/other"),),
        Capability.HISTORY: (lambda store: store.write_history(OLD),),
        Capability.CONTAINERS: (
            lambda store: store.create_container("box"),
            lambda store: store.delete_container("app"),
        ),
        Capability.KEY_SLOTS: (
            lambda store: store.add_key_slot(SLOT),
            lambda store: store.add_recovery_key(),
            lambda store: store.remove_key_slot("1"),
            lambda store: store.replace_key_slot(SLOT, SLOT),
        ),
        Capability.LEASES: (lambda store: store.issue("roles/x"),),
        Capability.RENEW_LEASES: (
            lambda store: store.renew("roles/x/1"),
            lambda store: store.revoke("roles/x/1"),
        ),
        Capability.COPY: (
            lambda store: store.copy("app/db", "app/other"),
            lambda store: store.copy("app/db", "app/other", move=True, overwrite=True),
        ),
        Capability.ROTATE: (lambda store: store.rotate("app/db"), lambda store: store.rotate("app/db", one("y"))),
        Capability.SHARE: (
            lambda store: store.share(one("x"), timedelta(minutes=1)),
            lambda store: store.unwrap(SecretValue("x")),
        ),
    }
)
"""What needs which capability."""


class RefusingConformance(Suite):
    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Where it is stated what the store can do, only the rest is tried."""
        if metafunc.function.__name__ == "test_what_is_missing_raises_unsupported_with_its_name":
            metafunc.parametrize("capability", [each for each in Capability if each not in (self.capabilities or ())])

    def test_what_is_missing_raises_unsupported_with_its_name(self, store: Backend, capability: Capability) -> None:
        if store.can(capability):
            pytest.skip("this store has it")
        self._refuses(store, capability)

    @pytest.mark.parametrize("capability", list(Capability))
    @needs_hook("without")
    def test_what_is_switched_off_raises_unsupported_with_its_name(self, capability: Capability) -> None:
        store = self.without(capability)
        if store is None:
            pytest.skip("this store cannot switch it off")
        with store:
            assert not store.can(capability)
            self._refuses(store, capability)

    def _refuses(self, store: Backend, capability: Capability) -> None:
        given = self.seed(store)
        if given.can(Capability.WRITE):
            given.write("app/db", one("x"))
        read_only = store.info().read_only
        if read_only and capability in WRITING:
            pytest.skip("what writes is refused by a read-only store, whoever could do it")
        calls = [*READS.get(capability, ()), *(() if read_only else WRITES.get(capability, ()))]
        instead = _INSTEAD.get(capability)
        if instead is not None and store.can(instead):
            calls = [call for call in calls if call not in _EITHER_WAY]
        if not store.can(Capability.READ):
            calls = [call for call in calls if call is not _read_old]
        if capability is Capability.CONTAINERS and not read_only:
            calls.append(lambda store: store.containers())
        for call in calls:
            with pytest.raises(Unsupported) as caught:
                call(store)
            assert caught.value.capability == capability.value
            assert caught.value.message
        if given.can(Capability.WRITE) and store.can(Capability.READ):
            assert holds(store.read("app/db"), one("x"))

    @pytest.mark.parametrize("capability", list(WRITES))
    @of_read_only
    def test_a_read_only_store_refuses_what_writes(self, store: Backend, capability: Capability) -> None:
        if not store.info().read_only:
            pytest.skip("this store is written")
        given = self.seed(store)
        given.write("app/db", one("x"))
        before = given.change_token() if given.can(Capability.CHANGE_SIGNAL) else 0
        for call in WRITES[capability]:
            with pytest.raises(refusal(store)):
                call(store)
        assert holds(store.read("app/db"), one("x"))
        if given.can(Capability.CHANGE_SIGNAL):
            assert given.change_token() == before

    def test_info_is_plain_data_that_tells_why_something_is_missing(self, store: Backend) -> None:
        info = store.info()
        assert info == store.info()
        assert info.kind
        assert info.location
        assert info.capabilities <= frozenset(Capability)
        assert not info.capabilities & info.reasons.keys()
        assert all(store.can(capability) == (capability in info.capabilities) for capability in Capability)
