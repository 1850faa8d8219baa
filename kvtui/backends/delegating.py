"""What stands between a store and whoever uses it hands on every call; it overrides what it is there for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from kvtui.backends.contract import Backend
from kvtui.domain.capability import BackendInfo, Capability
from kvtui.domain.credential import Credential, KeySlot, SignedIn
from kvtui.domain.metadata import Metadata, MetadataPatch
from kvtui.domain.progress import Progress, silent
from kvtui.domain.secret import (
    Deleted,
    Entry,
    Found,
    History,
    Indexed,
    Listing,
    Outline,
    Scheduled,
    Secret,
    Skip,
    Version,
    Write,
    Written,
)
from kvtui.domain.value import Fields, SecretValue

if TYPE_CHECKING:
    from kvtui.domain.backup import BackedUp
    from kvtui.domain.event import Audit, Event
    from kvtui.domain.lease import Issued, Lease
    from kvtui.domain.retention import Retention
    from kvtui.domain.wrapping import Wrapped


class DelegatingBackend(Backend):
    """The inner store, as it is."""

    def __init__(self, inner: Backend) -> None:
        self._inner = inner

    def info(self) -> BackendInfo:
        return self._inner.info()

    def limits(self, places: Sequence[str]) -> Sequence[Mapping[Capability, str]]:
        return self._inner.limits(places)

    def why_not(self, capability: Capability, path: str | None = None) -> str:
        return super().why_not(capability) or self._inner.why_not(capability, path)

    def close(self) -> None:
        self._inner.close()

    def list(self, folder: str = "") -> Listing:
        return self._inner.list(folder)

    def list_parts(self, folder: str = "") -> Iterator[Listing]:
        return self._inner.list_parts(folder)

    def interruptible(self) -> AbstractContextManager[Callable[[], None]]:
        return self._inner.interruptible()

    def walk(self, folder: str = "", *, skipped: Skip | None = None) -> Iterator[Entry]:
        return self._inner.walk(folder, skipped=skipped)

    def index(self, folder: str = "", *, skipped: Skip | None = None) -> Iterator[Indexed]:
        return self._inner.index(folder, skipped=skipped)

    def scheduled(self, folder: str = "", *, skipped: Skip | None = None) -> Iterator[Scheduled]:
        return self._inner.scheduled(folder, skipped=skipped)

    def find(self, text: str, limit: int, *, skipped: Skip | None = None) -> Sequence[Indexed]:
        return self._inner.find(text, limit, skipped=skipped)

    def read(self, path: str, version: int | None = None) -> Secret:
        return self._inner.read(path, version)

    def outline(self, path: str, version: int | None = None) -> Outline:
        return self._inner.outline(path, version)

    def caution(self, path: str) -> str:
        return self._inner.caution(path)

    def references(self, path: str, field: str | None = None) -> Sequence[str]:
        return self._inner.references(path, field)

    def place(self, path: str) -> str:
        return self._inner.place(path)

    def caveats(self, secret: Secret) -> Mapping[str, str]:
        return self._inner.caveats(secret)

    def metadata(self, path: str) -> Metadata:
        return self._inner.metadata(path)

    def retention(self, path: str) -> Retention:
        return self._inner.retention(path)

    def versions(self, path: str) -> Sequence[Version]:
        return self._inner.versions(path)

    def trash(self, *, skipped: Skip | None = None) -> Iterator[Deleted]:
        return self._inner.trash(skipped=skipped)

    def read_history(self, path: str) -> History:
        return self._inner.read_history(path)

    def read_many(self, wanted: Iterable[str]) -> Iterator[Found]:
        return self._inner.read_many(wanted)

    def containers(self) -> Sequence[str]:
        return self._inner.containers()

    def namespaces(self) -> Sequence[str]:
        return self._inner.namespaces()

    @property
    def signed_in(self) -> SignedIn | None:
        return self._inner.signed_in

    def store_sign_in(self) -> str:
        return self._inner.store_sign_in()

    def sign_out(self) -> None:
        self._inner.sign_out()

    def keep_alive(self) -> None:
        self._inner.keep_alive()

    def condition(self) -> str:
        return self._inner.condition()

    @property
    def clock_skew(self) -> timedelta | None:
        return self._inner.clock_skew

    def change_token(self) -> int:
        return self._inner.change_token()

    def key_slots(self) -> Sequence[KeySlot]:
        return self._inner.key_slots()

    def export_page_key(self) -> SecretValue:
        return self._inner.export_page_key()

    def backup(self, file: Path, *, overwrite: bool = False, progress: Progress = silent) -> BackedUp:
        return self._inner.backup(file, overwrite=overwrite, progress=progress)

    def roles(self) -> Sequence[str]:
        return self._inner.roles()

    def leases(self, known: Sequence[Lease] = ()) -> Sequence[Lease]:
        return self._inner.leases(known)

    def look_up_lease(self, lease_id: str) -> Lease:
        return self._inner.look_up_lease(lease_id)

    def events(self) -> Iterator[Event]:
        return self._inner.events()

    def audit(self, folder: str = "", *, offset: int = 0, limit: int = 100) -> Audit:
        return self._inner.audit(folder, offset=offset, limit=limit)

    def legacy(self) -> SecretValue:
        return self._inner.legacy()

    def look_into(self, token: SecretValue) -> Wrapped:
        return self._inner.look_into(token)

    def derive_key(self, purpose: str) -> bytes | None:
        return self._inner.derive_key(purpose)

    @property
    def notes(self) -> Sequence[str]:
        return self._inner.notes

    @property
    def unverified(self) -> bool:
        return self._inner.unverified

    def verify(self, *, gently: bool = False, progress: Progress = silent) -> Sequence[str]:
        return self._inner.verify(gently=gently, progress=progress)

    def write(
        self, path: str, fields: Fields, *, metadata: MetadataPatch = MetadataPatch(), expected: int | None = None
    ) -> Version:
        return self._inner.write(path, fields, metadata=metadata, expected=expected)

    def check(self, path: str, fields: Fields, metadata: MetadataPatch = MetadataPatch()) -> None:
        self._inner.check(path, fields, metadata)

    def write_many(self, writes: Iterable[Write]) -> Iterator[Written]:
        return self._inner.write_many(writes)

    def write_histories(self, histories: Iterable[History]) -> Iterator[Written]:
        return self._inner.write_histories(histories)

    def patch(self, path: str, fields: Fields, *, expected: int | None = None) -> Version:
        return self._inner.patch(path, fields, expected=expected)

    def write_metadata(self, path: str, patch: MetadataPatch, retention: Retention | None = None) -> Metadata:
        return self._inner.write_metadata(path, patch, retention)

    def write_retention(self, path: str, change: Retention) -> None:
        self._inner.write_retention(path, change)

    def write_history(self, history: History) -> None:
        self._inner.write_history(history)

    def delete(self, path: str, versions: Sequence[int] = ()) -> None:
        self._inner.delete(path, versions)

    def undelete(self, path: str, versions: Sequence[int] = ()) -> None:
        self._inner.undelete(path, versions)

    def destroy(self, path: str, versions: Sequence[int] = ()) -> None:
        self._inner.destroy(path, versions)

    def move(self, source: str, target: str) -> None:
        self._inner.move(source, target)

    def create_container(self, name: str) -> None:
        self._inner.create_container(name)

    def delete_container(self, name: str) -> None:
        self._inner.delete_container(name)

    def add_key_slot(self, credential: Credential, label: str = "") -> KeySlot:
        return self._inner.add_key_slot(credential, label)

    def add_recovery_key(self, label: str = "") -> tuple[KeySlot, SecretValue]:
        return self._inner.add_recovery_key(label)

    def remove_key_slot(self, slot_id: str) -> None:
        self._inner.remove_key_slot(slot_id)

    def replace_key_slot(self, old: Credential, new: Credential) -> KeySlot:
        return self._inner.replace_key_slot(old, new)

    def issue(self, role: str, ttl: timedelta | None = None) -> Issued:
        return self._inner.issue(role, ttl)

    def renew(self, lease_id: str, increment: timedelta | None = None) -> Lease:
        return self._inner.renew(lease_id, increment)

    def revoke(self, lease_id: str) -> None:
        self._inner.revoke(lease_id)

    def rotate(self, path: str, fields: Fields | None = None) -> Version:
        return self._inner.rotate(path, fields)

    def copy(self, source: str, target: str, *, move: bool = False, overwrite: bool = False) -> None:
        self._inner.copy(source, target, move=move, overwrite=overwrite)

    def share(self, fields: Fields, ttl: timedelta) -> Wrapped:
        return self._inner.share(fields, ttl)

    def unwrap(self, token: SecretValue) -> Fields:
        return self._inner.unwrap(token)
