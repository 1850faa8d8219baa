"""A store that is only read, whatever its token could do: writes are refused here, before the store hears of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, NoReturn

from kvtui.backends.contract import Backend
from kvtui.backends.delegating import DelegatingBackend
from kvtui.domain.capability import WRITING, BackendInfo, Capability
from kvtui.domain.credential import Credential, KeySlot
from kvtui.domain.errors import PermissionDenied
from kvtui.domain.metadata import Metadata, MetadataPatch
from kvtui.domain.secret import History, Version, Write, Written
from kvtui.domain.value import Fields, SecretValue

if TYPE_CHECKING:
    from kvtui.domain.lease import Issued, Lease
    from kvtui.domain.retention import Retention
    from kvtui.domain.wrapping import Wrapped

_REASON = "This profile is read-only."


class ReadOnlyBackend(DelegatingBackend):
    """Everything that reads goes to the inner store, everything that writes raises PermissionDenied. `reason` is why,
    in a sentence."""

    def __init__(self, inner: Backend, reason: str = _REASON) -> None:
        super().__init__(inner)
        self._reason = reason

    def info(self) -> BackendInfo:
        info = self._inner.info()
        refused = dict.fromkeys(WRITING & info.capabilities, self._reason)
        return info._replace(
            capabilities=info.capabilities - WRITING,
            reasons=MappingProxyType({**info.reasons, **refused}),
            read_only=True,
        )

    def limits(self, places: Sequence[str]) -> Sequence[Mapping[Capability, str]]:
        return [
            {each: why for each, why in found.items() if each not in WRITING} for found in self._inner.limits(places)
        ]

    def write_retention(self, path: str, change: Retention) -> None:
        self._refuse(path)

    def check(self, path: str, fields: Fields, metadata: MetadataPatch = MetadataPatch()) -> None:
        self._refuse(path)

    def write(
        self, path: str, fields: Fields, *, metadata: MetadataPatch = MetadataPatch(), expected: int | None = None
    ) -> Version:
        self._refuse(path)

    def write_many(self, writes: Iterable[Write]) -> Iterator[Written]:
        self._refuse()

    def write_histories(self, histories: Iterable[History]) -> Iterator[Written]:
        self._refuse()

    def patch(self, path: str, fields: Fields, *, expected: int | None = None) -> Version:
        self._refuse(path)

    def write_metadata(self, path: str, patch: MetadataPatch, retention: Retention | None = None) -> Metadata:
        self._refuse(path)

    def write_history(self, history: History) -> None:
        self._refuse(history.path)

    def delete(self, path: str, versions: Sequence[int] = ()) -> None:
        self._refuse(path)

    def undelete(self, path: str, versions: Sequence[int] = ()) -> None:
        self._refuse(path)

    def destroy(self, path: str, versions: Sequence[int] = ()) -> None:
        self._refuse(path)

    def move(self, source: str, target: str) -> None:
        self._refuse(source)

    def create_container(self, name: str) -> None:
        self._refuse(name)

    def delete_container(self, name: str) -> None:
        self._refuse(name)

    def add_key_slot(self, credential: Credential, label: str = "") -> KeySlot:
        self._refuse()

    def add_recovery_key(self, label: str = "") -> tuple[KeySlot, SecretValue]:
        self._refuse()

    def remove_key_slot(self, slot_id: str) -> None:
        self._refuse()

    def replace_key_slot(self, old: Credential, new: Credential) -> KeySlot:
        self._refuse()

    def issue(self, role: str, ttl: timedelta | None = None) -> Issued:
        self._refuse(role)

    def renew(self, lease_id: str, increment: timedelta | None = None) -> Lease:
        self._refuse()

    def revoke(self, lease_id: str) -> None:
        self._refuse()

    def rotate(self, path: str, fields: Fields | None = None) -> Version:
        self._refuse(path)

    def copy(self, source: str, target: str, *, move: bool = False, overwrite: bool = False) -> None:
        self._refuse(source)

    def share(self, fields: Fields, ttl: timedelta) -> Wrapped:
        self._refuse()

    def unwrap(self, token: SecretValue) -> Fields:
        self._refuse()

    def _refuse(self, path: str | None = None) -> NoReturn:
        self._inner.info()  # a closed store is Locked, not read-only
        if self._reason != _REASON:
            raise PermissionDenied(self._reason, hint="Nothing was changed.", path=path)
        raise PermissionDenied(
            "This profile is read-only, so nothing is written.", hint="Open it without read_only.", path=path
        )
