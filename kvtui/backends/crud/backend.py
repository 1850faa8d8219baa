"""The providers behind the service as one store: each path belongs to one, and each does what it can."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import timedelta
from types import MappingProxyType

from kvtui.backends import one_by_one
from kvtui.backends.checking import check_kept
from kvtui.backends.contract import Backend
from kvtui.backends.crud import bulk, carrying, listing, watching
from kvtui.backends.crud.api import CrudApi
from kvtui.backends.crud.capabilities import AT_BEST, OF_THE_SERVICE
from kvtui.backends.crud.engine import NO_BYTES, Engine
from kvtui.backends.crud.failures import NOT_HERE
from kvtui.backends.crud.kv2 import KEPT, Kv2
from kvtui.backends.crud.places import Place, Places
from kvtui.backends.crud.sealed import Issuing, Sealed
from kvtui.backends.crud.yaml_tree import YamlTree
from kvtui.backends.http.transport import Calls, together
from kvtui.backends.http.walk import each_in_order
from kvtui.backends.not_found import missing, missing_folder, missing_version
from kvtui.backends.vault import numbers
from kvtui.domain import path as paths
from kvtui.domain.canonical_uri import InvalidUri
from kvtui.domain.capability import BackendInfo, Capability
from kvtui.domain.errors import InvalidInput, InvalidPath, KvtuiError, Locked, Unsupported
from kvtui.domain.event import Audit, Event
from kvtui.domain.metadata import Metadata, MetadataField, MetadataPatch
from kvtui.domain.retention import Retention
from kvtui.domain.secret import Entry, Found, Indexed, Listing, Outline, Secret, Skip, Version, Write, Written
from kvtui.domain.value import Fields

_REASONS = MappingProxyType(
    {
        Capability.BYTES: NO_BYTES,
        Capability.LIST: Kv2.reasons[Capability.LIST],
        Capability.INDEX: Kv2.reasons[Capability.INDEX],
        Capability.CHECK_AND_SET: "The service writes over whatever is there: kvtui looks again just before it.",
        Capability.HISTORY: "The service adds versions as they are written, not as another store had them.",
        Capability.MOVE: "The service moves the newest values alone, and not as one step.",
        **YamlTree.reasons,
    }
)


class CrudBackend(Backend):
    def __init__(self, api: CrudApi, places: Places, *, warning: str = "") -> None:
        self._api = api
        self._places = places
        self._kv2, self._yaml = Kv2(api), YamlTree(api)
        self._sealed, self._issuing = Sealed(api), Issuing(api)
        self._closed = False
        shown = [uri for _, uri in places.searched()]
        engines = {self._engine_by(uri.provider) for uri in shown} or {self._kv2, self._yaml}
        can = OF_THE_SERVICE.union(*(engine.capabilities for engine in engines))
        if places.roots:
            can |= {Capability.LIST}
        elif not shown:
            can -= {Capability.LIST, Capability.INDEX}
        self._info = BackendInfo(
            kind="crud",
            location=f"{api.address}{f' {places.root}' if places.root is not None else ''}",
            capabilities=can,
            varies=True,
            unlisted=self._yaml not in engines or len(engines) > 1 or not shown,
            keeps_versions=KEPT,
            keeps_order=False,
            metadata_fields=frozenset({MetadataField.OWNER}),
            warning=warning,
            reasons=_told(_REASONS, can),
        )

    def info(self) -> BackendInfo:
        self._check_open()
        return self._info

    @property
    def clock_skew(self) -> timedelta | None:
        return self._api.clock_skew

    def close(self) -> None:
        self._closed = True
        self._api.close()

    def interruptible(self) -> AbstractContextManager[Callable[[], None]]:
        return _interruptible()

    # What can be done where

    def why_not(self, capability: Capability, path: str | None = None) -> str:
        lacking = super().why_not(capability)
        at = None if path is None else self._places.find(path.removesuffix("/"))
        if at is None or capability in OF_THE_SERVICE or self._is_above(at.path):
            return lacking
        if lacking and capability not in AT_BEST:
            return lacking
        return self._engine_by(at.uri.provider).why_not(capability)

    def limits(self, places: Sequence[str]) -> Sequence[Mapping[Capability, str]]:
        info = self.info()
        each = sorted(info.capabilities - OF_THE_SERVICE)
        return [{one: why for one in each if (why := self.why_not(one, place))} for place in places]

    def caveats(self, secret: Secret) -> Mapping[str, str]:
        self._check_open()
        at = self._places.find(secret.path)
        if at is not None and self._engine_by(at.uri.provider) is self._kv2:
            return numbers.rounded(secret.fields)
        return super().caveats(secret)

    def references(self, path: str, field: str | None = None) -> Sequence[str]:
        self._check_open()
        at = self._places.find(path)
        if at is None:
            return ()
        try:
            return (str(at.uri.key(field)),)
        except InvalidUri:
            return ()  # a field that no URI can name

    # Listing and searching

    def list(self, folder: str = "") -> Listing:
        self._check_open()
        folder = paths.check_folder(folder)
        if self._is_above(folder):
            return listing.above(self._yaml, self._places, folder)
        return listing.listed(self._yaml, self._listable(folder), is_root=self._places.is_root(folder))

    def walk(self, folder: str = "", *, skipped: Skip | None = None) -> Iterator[Entry]:
        self._check_open()
        folder = paths.check_folder(folder)
        if self._is_above(folder):
            return iter(listing.walk_roots(self._yaml, self._places, folder, self.why_not, skipped))
        is_root = self._places.is_root(folder)
        return iter(listing.walk(self._yaml, self._listable(folder), is_root=is_root, skipped=skipped))

    def index(self, folder: str = "", *, skipped: Skip | None = None) -> Iterator[Indexed]:
        if not self.can(Capability.INDEX):
            self._lacks(Capability.INDEX, folder)
        return (Indexed(entry.path) for entry in self.walk(folder, skipped=skipped))

    def find(self, text: str, limit: int, *, skipped: Skip | None = None) -> Sequence[Indexed]:
        self._check_open()
        return listing.find(self._api, self._places, text, limit, skipped)

    def _listable(self, folder: str) -> Place:
        """Raises NotFound where no folder can be, Unsupported where none is listed."""
        at = self._places.find(folder)
        if at is None and not folder:
            self._lacks(Capability.LIST, folder)
        if at is None:
            raise missing_folder(folder)
        engine = self._engine_by(at.uri.provider)
        if Capability.LIST not in engine.capabilities:
            engine.lacks(Capability.LIST, folder)
        return at

    def _is_above(self, folder: str) -> bool:
        """Whether a folder is there because of the roots below it alone."""
        return bool(self._places.below(folder))

    # Reading

    def read(self, path: str, version: int | None = None) -> Secret:
        engine, at = self._readable(path, version)
        return engine.read(at, version)

    def outline(self, path: str, version: int | None = None) -> Outline:
        engine, at = self._readable(path, version)
        return engine.outline(at, version)

    def _readable(self, path: str, version: int | None) -> tuple[Engine, Place]:
        engine, at = self._found(path)
        if version is not None and not 0 < version < 2**31:
            if Capability.VERSIONS not in engine.capabilities:
                engine.lacks(Capability.VERSIONS, path)
            raise missing_version(path, version)
        return engine, at

    def read_many(self, wanted: Iterable[str]) -> Iterator[Found]:
        """Several at a time."""
        with closing(each_in_order(self._look_up, wanted, width=bulk.WIDTH)) as found:
            yield from found

    def _look_up(self, path: str) -> Found:
        return next(one_by_one.read_many(self, [path]))

    def metadata(self, path: str) -> Metadata:
        engine, at = self._versioned(path, Capability.METADATA)
        return engine.known(at).metadata

    def versions(self, path: str) -> Sequence[Version]:
        engine, at = self._versioned(path, Capability.VERSIONS)
        return engine.versions(at)

    # Writing

    def check(self, path: str, fields: Fields, metadata: MetadataPatch = MetadataPatch()) -> None:
        super().check(path, fields)
        engine, _ = self._new(path)
        if metadata:
            if Capability.EDIT_METADATA not in engine.capabilities:
                engine.lacks(Capability.EDIT_METADATA, path)
            check_kept(self.info(), metadata, path)
        engine.check(path, fields, metadata)

    def write(
        self, path: str, fields: Fields, *, metadata: MetadataPatch = MetadataPatch(), expected: int | None = None
    ) -> Version:
        self.check(path, fields, metadata)
        engine, at = self._new(path)
        return engine.write(at, fields, metadata, expected)

    def write_many(self, writes: Iterable[Write]) -> Iterator[Written]:
        """Those to KVv2 that tell no owner go together."""
        waiting: list[bulk.Planned] = []
        for write in writes:
            planned = self._planned(write)
            if planned is not None:
                waiting.append(planned)
                if len(waiting) < bulk.MOST:
                    continue
            yield from bulk.together(self._api, self._kv2, waiting)
            waiting = []
            if planned is None:
                yield from super().write_many([write])
        yield from bulk.together(self._api, self._kv2, waiting)

    def _planned(self, write: Write) -> bulk.Planned | None:
        """None for one that is to be made alone."""
        try:
            self.check(write.path, write.fields, write.metadata)
            engine, at = self._new(write.path)
        except Locked:
            raise
        except KvtuiError as error:
            return bulk.Planned(write, error=error)
        alone = engine is not self._kv2 or write.metadata
        return None if alone else bulk.Planned(write, at)

    def write_metadata(self, path: str, patch: MetadataPatch, retention: Retention | None = None) -> Metadata:
        if retention is not None:
            self._lacks(Capability.RETENTION, path)
        engine, at = self._versioned(path, Capability.EDIT_METADATA)
        check_kept(self.info(), patch, path)
        return engine.write_metadata(at, patch)

    def delete(self, path: str, versions: Sequence[int] = ()) -> None:
        engine, at = self._found(path)
        engine.delete(at, versions)

    def undelete(self, path: str, versions: Sequence[int] = ()) -> None:
        engine, at = self._versioned(path, Capability.UNDELETE)
        engine.undelete(at, versions)

    def destroy(self, path: str, versions: Sequence[int] = ()) -> None:
        engine, at = self._versioned(path, Capability.DESTROY)
        engine.destroy(at, versions)

    def rotate(self, path: str, fields: Fields | None = None) -> Version:
        engine, at = self._found(path)
        if not fields:
            raise InvalidInput("The service makes no values.", hint="Give the new ones.", path=path)
        self.check(path, fields)
        return engine.rotate(at, fields)

    def copy(self, source: str, target: str, *, move: bool = False, overwrite: bool = False) -> None:
        engine, at = self._found(source)
        to_engine, to = self._new(paths.check(target))
        for one, path in ((engine, source), (to_engine, target)):
            if Capability.COPY not in one.capabilities:
                one.lacks(Capability.COPY, path)
        sides = carrying.Side(at, engine), carrying.Side(to, to_engine)
        carrying.carry(self._api, *sides, move=move, overwrite=overwrite)

    # What is done

    def events(self) -> Iterator[Event]:
        with self._noticing(Capability.EVENTS):
            return watching.events(self._api, self._places)

    def audit(self, folder: str = "", *, offset: int = 0, limit: int = 100) -> Audit:
        folder = paths.check_folder(folder)
        with self._noticing(Capability.AUDIT):
            return watching.audit(self._api, self._places, folder, offset, limit)

    @contextmanager
    def _noticing(self, capability: Capability) -> Iterator[None]:
        """That the service does not tell this where it runs is remembered."""
        if not self.can(capability):
            self._lacks(capability)
        try:
            yield
        except Unsupported as error:
            if error.message == NOT_HERE:
                can = self._info.capabilities - {capability}
                reasons = _told({**self._info.reasons, capability: NOT_HERE}, can)
                self._info = self._info._replace(capabilities=can, reasons=reasons)
            raise

    # Which provider

    def _engine_by(self, provider: str) -> Engine:
        match provider:
            case "openbao" | "hashicorp":
                return self._kv2
            case "yaml":
                return self._yaml
            case "db":
                return self._issuing
        return self._sealed

    def _found(self, path: str) -> tuple[Engine, Place]:
        """Raises NotFound for a path that no secret can have."""
        self._check_open()
        at = self._places.find(paths.check(path))
        if at is None or (not at.uri.path and at.uri.provider != "yaml"):
            raise missing(path)
        return self._engine_by(at.uri.provider), at

    def _new(self, path: str) -> tuple[Engine, Place]:
        """Raises InvalidPath for a path that no secret can have."""
        self._check_open()
        at = self._places.new(paths.check(path))
        if not at.uri.path and at.uri.provider != "yaml":
            raise InvalidPath("This is a mount, and no secret.", hint="Name a secret below it.", path=path)
        return self._engine_by(at.uri.provider), at

    def _versioned(self, path: str, capability: Capability) -> tuple[Kv2, Place]:
        """For what only an engine that keeps versions does. Raises NotFound, Unsupported."""
        engine, at = self._found(path)
        if not isinstance(engine, Kv2):
            engine.lacks(capability, path)
        return engine, at

    def _check_open(self) -> None:
        if self._closed:
            raise Locked("The connection is closed.", hint="Open the profile again.")


def _told(reasons: Mapping[Capability, str], can: Collection[Capability]) -> Mapping[Capability, str]:
    return MappingProxyType({capability: why for capability, why in reasons.items() if capability not in can})


@contextmanager
def _interruptible() -> Iterator[Callable[[], None]]:
    calls = Calls()
    with together(calls):
        yield calls.end
