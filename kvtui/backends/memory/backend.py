"""A connection to a store in memory: each promise of the contract kept in the plainest way."""

from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from kvtui.backends.checking import check_kept, needs
from kvtui.backends.memory.lending import Lending, Lent
from kvtui.backends.memory.serving import Serving
from kvtui.backends.memory.showing import Showing
from kvtui.backends.memory.store import (
    Held,
    Kept,
    MemoryStore,
    conflict,
    from_history,
    version_of,
)
from kvtui.backends.not_found import missing, missing_folder
from kvtui.domain import path as paths
from kvtui.domain.capability import BackendInfo, Capability
from kvtui.domain.codec import decode_fields, encode_fields
from kvtui.domain.errors import AlreadyExists, Conflict, InvalidInput, InvalidPath, Locked, NotFound
from kvtui.domain.event import Event
from kvtui.domain.metadata import ALL_FIELDS, Metadata, MetadataField, MetadataPatch
from kvtui.domain.retention import UNLIMITED, Retention
from kvtui.domain.secret import (
    History,
    Secret,
    StoredVersion,
    Version,
    VersionState,
)
from kvtui.domain.value import Fields

_SECOND_BEST = frozenset({Capability.REREAD, Capability.METADATA_WITH_VALUE, Capability.SEARCH})
_POSSIBLE = frozenset(Capability) - {Capability.KEY_SLOTS, Capability.BACKUP, Capability.NAMESPACES}
ALL = _POSSIBLE - _SECOND_BEST
"""What this backend can do: everything, but it has no key slots, as nothing is locked, and needs no second best."""


def _now() -> datetime:
    return datetime.now(UTC)


class MemoryBackend(Showing, Lending, Serving):
    """A connection. `capabilities` switches the others off; `clock` gives aware UTC; `user` is who writes."""

    def __init__(
        self,
        store: MemoryStore | None = None,
        *,
        capabilities: Iterable[Capability] = ALL,
        clock: Callable[[], datetime] = _now,
        user: str | None = None,
        location: str = "memory",
        metadata_fields: Iterable[MetadataField] = ALL_FIELDS,
        makes_values: bool = False,
    ) -> None:
        self._store = store or MemoryStore()
        able = _POSSIBLE.intersection(capabilities)
        self._info = BackendInfo(
            "memory",
            location,
            able,
            unlisted=Capability.LIST not in able,
            metadata_fields=frozenset(metadata_fields),
            makes_values=makes_values,
        )
        self._clock = clock
        self._user = user
        self._seen: dict[str, int] = {}
        self._issued: dict[str, None] = {}
        self._interrupted: dict[int, bool] = {}
        self._log = self._store.log
        self._news = self._store.news
        self._closed = False

    def connect(self) -> MemoryBackend:
        """Another connection to the same store."""
        info = self._info
        return MemoryBackend(
            self._store,
            capabilities=info.capabilities,
            clock=self._clock,
            user=self._user,
            location=info.location,
            metadata_fields=info.metadata_fields,
            makes_values=info.makes_values,
        )

    def info(self) -> BackendInfo:
        if self._closed:
            raise Locked("This store is closed.", hint="Open it again.")
        return self._info._replace(varies=True) if self._store.denied else self._info

    def close(self) -> None:
        with self._news:
            self._closed = True
            self._news.notify_all()

    def read(self, path: str, version: int | None = None) -> Secret:
        with self._using(Capability.READ, path):
            secret = self._find(path)
            self._seen[path] = secret.current.number
            if version is not None and not self.can(Capability.VERSIONS):
                self._lacks(Capability.VERSIONS, path)
            current = secret.current.number
            kept = version_of(path, secret, current if version is None else version)
            live = kept.version.state is VersionState.LIVE and kept.data is not None
            fields = decode_fields(kept.data) if live and kept.data else {}
            return Secret(path, kept.version, fields, secret.metadata, current)

    def write(
        self, path: str, fields: Fields, *, metadata: MetadataPatch = MetadataPatch(), expected: int | None = None
    ) -> Version:
        data = encode_fields(fields)
        with self._using(Capability.WRITE, path) as held:
            self._check_holdable(path, fields, metadata, expected)
            secret = held.get(paths.check(path))
            current = secret.current.number if secret else 0
            if secret is None:
                self._check_new(path)
            if expected is not None and (expected != current or self._changed_since_read(path, current)):
                raise conflict(path, expected, current)
            now = self._clock()
            if secret is None:
                secret = held[path] = Held(Metadata(created_at=now, created_by=self._user), {})
            version = Version(current + 1, created_at=now, created_by=self._user)
            secret.versions[version.number] = Kept(version, data)
            secret.metadata = metadata.apply(secret.metadata)._replace(updated_at=now)
            self._did("write", path)
            self._seen[path] = version.number
            return version

    def _changed_since_read(self, path: str, current: int) -> bool:
        """What a store without version numbers goes by."""
        return not self.can(Capability.CHECK_AND_SET) and self._seen.get(path, current) != current

    def patch(self, path: str, fields: Fields, *, expected: int | None = None) -> Version:
        with self._using(Capability.PATCH, path):
            secret = self.read(path)
            if secret.version.state is not VersionState.LIVE:
                raise missing(path)
            return self.write(path, {**secret.fields, **fields}, expected=expected)

    def metadata(self, path: str) -> Metadata:
        with self._using(Capability.METADATA, path):
            return self._find(path).metadata

    def write_metadata(self, path: str, patch: MetadataPatch, retention: Retention | None = None) -> Metadata:
        with self._using(Capability.EDIT_METADATA if retention is None else Capability.RETENTION, path):
            if not self.can(Capability.EDIT_METADATA):
                self._lacks(Capability.EDIT_METADATA, path)
            check_kept(self.info(), patch, path)
            secret = self._find(path)
            if retention is not None:
                self.write_retention(path, retention)
            secret.metadata = patch.apply(secret.metadata)._replace(updated_at=self._clock())
            self._did("metadata", path)
            return secret.metadata

    def retention(self, path: str) -> Retention:
        with self._using(Capability.RETENTION, path):
            self._find(path)
            return self._store.retention.get(path, UNLIMITED)

    def write_retention(self, path: str, change: Retention) -> None:
        with self._using(Capability.RETENTION, path):
            if (change.max_versions or 0) < 0:
                raise InvalidInput("That is no number of versions.", hint="0 is the store's own.", path=path)
            before = self._store.retention.get(paths.check(path), UNLIMITED)
            self._store.retention[path] = before.changed(change)
            self._did("retention", path)

    def versions(self, path: str) -> Sequence[Version]:
        with self._using(Capability.VERSIONS, path):
            return tuple(kept.version for kept in self._find(path).versions.values())

    def delete(self, path: str, versions: Sequence[int] = ()) -> None:
        with self._using(Capability.DELETE, path):
            if not self.can(Capability.UNDELETE):  # then "deleted" would promise what cannot be done
                self._destroy(path, versions)
                return
            for kept in self._chosen(path, versions):
                if kept.version.state is VersionState.LIVE:
                    now = self._clock()
                    kept.version = kept.version._replace(
                        state=VersionState.DELETED, deleted_at=now, deleted_by=self._user
                    )
                    self._did("delete", path)

    def undelete(self, path: str, versions: Sequence[int] = ()) -> None:
        with self._using(Capability.UNDELETE, path):
            chosen = self._chosen(path, versions)
            for kept in chosen:
                if kept.version.state is VersionState.DESTROYED:
                    number = kept.version.number
                    raise NotFound(
                        f"Version {number} is destroyed.",
                        hint="Nothing brings it back.",
                        path=path,
                        state="destroyed",
                        version=number,
                    )
            for kept in chosen:
                if kept.version.state is VersionState.DELETED:
                    kept.version = kept.version._replace(state=VersionState.LIVE, deleted_at=None, deleted_by=None)
                    self._did("undelete", path)

    def destroy(self, path: str, versions: Sequence[int] = ()) -> None:
        with self._using(Capability.DESTROY, path):
            self._destroy(path, versions)

    def move(self, source: str, target: str) -> None:
        with self._using(Capability.MOVE, source) as held:
            self._find(source)
            self._check_free(target)
            held[target] = held.pop(source)
            if source in self._store.retention:
                self._store.retention[target] = self._store.retention.pop(source)
            self._did("move", source)

    def read_history(self, path: str) -> History:
        with self._using(Capability.HISTORY, path):
            secret = self._find(path)
            versions = tuple(
                StoredVersion(kept.version, None if kept.data is None else decode_fields(kept.data))
                for kept in secret.versions.values()
            )
            return History(path, secret.metadata, versions)

    def write_history(self, history: History) -> None:
        with self._using(Capability.HISTORY, history.path) as held:
            secret = from_history(history)
            self._check_free(history.path)
            held[history.path] = secret
            self._did("write", history.path)

    def containers(self) -> Sequence[str]:
        with self._using(Capability.CONTAINERS) as held:
            folders = {path.partition("/")[0] for path in held if "/" in path}
            return tuple(sorted(folders | self._store.containers))

    def create_container(self, name: str) -> None:
        with self._using(Capability.CONTAINERS, name):
            paths.check_new(name)
            if "/" in name:
                raise InvalidPath("A container has no slash in its name.", hint="Name one top folder.", path=name)
            if name in self.containers():
                raise AlreadyExists("This container exists.", hint="Use it, or choose another name.", path=name)
            self._refuse_twins(name)
            self._store.containers.add(name)
            self._did("create", name)

    def delete_container(self, name: str) -> None:
        with self._using(Capability.CONTAINERS, name) as held:
            if name not in self.containers():
                raise missing_folder(name)
            if inside := sum(paths.is_under(path, name) for path in held):
                raise Conflict(
                    f"The container holds secrets ({inside}).",
                    expected=0,
                    actual=inside,
                    hint="Move or destroy them first.",
                    path=name,
                )
            self._store.containers.remove(name)
            self._did("delete", name)

    def change_token(self) -> int:
        with self._using(Capability.CHANGE_SIGNAL):
            return self._store.changes

    def derive_key(self, purpose: str) -> bytes | None:
        self.info()
        return hmac.digest(self._store.key, purpose.encode(), "sha256")

    @contextmanager
    def _lending(self, capability: Capability) -> Iterator[Lent]:
        with self._using(capability):
            yield self._store.lent

    @contextmanager
    def _using(self, capability: Capability, path: str | None = None) -> Iterator[dict[str, Held]]:
        """The secrets, with nobody else at them. Raises Locked, Unsupported."""
        with self._store.lock:
            if not self.can(capability):
                self._lacks(capability, path)
            yield self._store.secrets

    def _did(self, act: str, path: str) -> None:
        """Whoever listens hears of it."""
        self._store.changes += 1
        self._log.append(Event(_now(), act, path, self._user))
        self._news.notify_all()

    def _find(self, path: str) -> Held:
        secret = self._store.secrets.get(paths.check(path))
        if secret is None:
            raise missing(path)
        return secret

    def _chosen(self, path: str, versions: Sequence[int]) -> Sequence[Kept]:
        secret = self._find(path)
        return [version_of(path, secret, number) for number in versions or [secret.current.number]]

    def _destroy(self, path: str, versions: Sequence[int]) -> None:
        chosen = self._chosen(path, versions)
        if versions:
            for kept in chosen:
                kept.version = kept.version._replace(state=VersionState.DESTROYED)
                kept.data = None
        else:
            del self._store.secrets[path]
            self._store.retention.pop(path, None)
        self._did("destroy", path)

    def _check_free(self, path: str) -> None:
        if paths.check(path) in self._store.secrets:
            raise AlreadyExists("A secret is already there.", hint="Choose another path.", path=path)
        self._check_new(path)

    def _check_new(self, path: str) -> None:
        self._refuse_twins(paths.check_new(path))

    def _refuse_twins(self, path: str) -> None:
        """Raise AlreadyExists when a name along the path is there already in another normal form."""
        for old in self._store.old_names & self._store.secrets.keys():
            for existing, new in zip(old.split("/"), path.split("/"), strict=False):
                if existing != new:
                    if unicodedata.normalize("NFC", existing) == new:
                        raise AlreadyExists(
                            "A name that looks the same is already there.", hint="Use that one.", path=path
                        )
                    break

    def _check_holdable(self, path: str, fields: Fields, patch: MetadataPatch, expected: int | None) -> None:
        """Raise Unsupported for what this store, with its capabilities, cannot keep."""
        needed = [*needs(fields)]
        if patch and not self.describes_writes:
            needed.append(Capability.EDIT_METADATA)
        if expected is not None and not self.checks_writes:
            needed.append(Capability.CHECK_AND_SET)
        for capability in needed:
            if not self.can(capability):
                self._lacks(capability, path)
        check_kept(self.info(), patch, path)
