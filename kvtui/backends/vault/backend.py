"""The mounts of a server as one store: each path belongs to a mount, and each mount's engine does what it can."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import timedelta
from types import MappingProxyType

from kvtui.backends.http.walk import each_in_order
from kvtui.backends.not_found import missing, missing_folder
from kvtui.backends.vault import health, rights
from kvtui.backends.vault.api import VaultApi
from kvtui.backends.vault.capabilities import AT_BEST, OF_THE_SERVER, ON_DETAILS
from kvtui.backends.vault.engine import Engine, Known, Place, Versioned, folder_entry, is_name, must_be_possible
from kvtui.backends.vault.kv1 import Kv1
from kvtui.backends.vault.kv2 import KEPT, Kv2
from kvtui.backends.vault.leases import Leasing
from kvtui.backends.vault.mounts import Mount, Mounts
from kvtui.backends.vault.surveying import Surveying, left_out
from kvtui.backends.vault.token import Keeper
from kvtui.backends.vault.wrapping import Wrapping
from kvtui.domain import path as paths
from kvtui.domain.capability import BackendInfo, Capability
from kvtui.domain.credential import SignedIn
from kvtui.domain.errors import (
    AlreadyExists,
    InvalidInput,
    InvalidPath,
    Locked,
    NotFound,
    PermissionDenied,
    Unsupported,
)
from kvtui.domain.lease import Lease
from kvtui.domain.metadata import Metadata, MetadataPatch
from kvtui.domain.retention import Retention
from kvtui.domain.secret import (
    Listing,
    Outline,
    Secret,
    Version,
)
from kvtui.domain.value import Fields

_ENGINES: Mapping[int, type[Engine]] = MappingProxyType({1: Kv1, 2: Kv2})
_OF_ALL = OF_THE_SERVER | {Capability.INDEX, Capability.TRASH}
"""What does not differ from one path to another."""
_NO_BYTES = "The server keeps JSON, and bytes are none: store them as base64 text."


class VaultBackend(Surveying, Leasing, Wrapping):
    """`root` is a folder of the server that is the root here; "" for all of its mounts. `width` requests at a time."""

    def __init__(
        self,
        api: VaultApi,
        mounts: Mounts,
        *,
        location: str,
        root: str = "",
        width: int = 10,
        keeper: Keeper | None = None,
        warning: str = "",
    ) -> None:
        self._api = api
        self._keeper = keeper
        self._mounts = mounts
        self.root = root.strip("/")
        self._width = width
        self._engines: dict[str, Engine] = {}
        self._issued: dict[str, Lease] = {}
        self._closed = False
        self._info = BackendInfo(
            kind="vault",
            location=location,
            capabilities=self._capabilities(),
            reasons=MappingProxyType({Capability.BYTES: _NO_BYTES}),
            varies=True,
            keeps_versions=KEPT,
            keeps_order=False,
            warning=warning,
        )

    def _capabilities(self) -> frozenset[Capability]:
        """What the engines of the mounts that are known can do together; the best where none is known yet."""
        mounts = [mount for mount in self._mounts.all() if self._concerns(mount)]
        if not mounts and self.root and (mount := self._mounts.of(self.root)) is not None:
            mounts = [mount]
        if not mounts:
            return AT_BEST - ON_DETAILS
        engines = [self._engine_of(mount) for mount in mounts]
        can = OF_THE_SERVER.union(*(engine.capabilities for engine in engines))
        versioned = [engine.versioned for engine in engines if engine.versioned is not None]
        with closing(each_in_order(lambda engine: engine.has_details, versioned, width=self._width)) as details:
            if versioned and all(details):
                can |= ON_DETAILS
        return can

    def _concerns(self, mount: Mount) -> bool:
        root = self.root
        return mount.path == root or paths.is_under(mount.path, root) or paths.is_under(root, mount.path)

    def info(self) -> BackendInfo:
        self._check_open()
        return self._info

    @property
    def clock_skew(self) -> timedelta | None:
        return self._api.clock_skew

    def close(self) -> None:
        self._closed = True
        self._api.close()
        if self._keeper is not None:
            self._keeper.forget()

    @property
    def signed_in(self) -> SignedIn | None:
        return None if self._keeper is None else self._keeper.signed_in

    def store_sign_in(self) -> str:
        self._check_open()
        return super().store_sign_in() if self._keeper is None else self._keeper.store()

    def sign_out(self) -> None:
        self._check_open()
        if self._keeper is None:
            super().sign_out()
        else:
            self._keeper.end()

    def keep_alive(self) -> None:
        self._check_open()
        if self._keeper is not None:
            self._keeper.keep()

    def condition(self) -> str:
        self._check_open()
        found = health.look(self._api)
        return "" if found.state.serves or found.state is health.State.UNKNOWN else found.state.brief

    @property
    def notes(self) -> Sequence[str]:
        return self._keeper.notes if self._keeper is not None else ()

    def namespaces(self) -> Sequence[str]:
        self._check_open()
        for where in ("sys/internal/ui/namespaces", "sys/namespaces"):
            try:
                names = self._api.keys(where)
            except (PermissionDenied, Unsupported):
                continue
            if names:
                return sorted(name.strip("/") for name in names)
        return ()

    # Listing

    def list(self, folder: str = "") -> Listing:
        return self._listed(folder)

    def _listed(self, folder: str, noted: dict[str, Known] | None = None) -> Listing:
        self._check_open()
        folder = paths.check_folder(folder)
        must_be_possible_folder(folder)
        if not folder:
            self._mounts.renew()
        found = self._children(folder, noted)
        if not found.entries and folder and not self._is_mount(folder):
            raise missing_folder(folder)
        return found

    def _children(self, folder: str, noted: dict[str, Known] | None = None) -> Listing:
        self.keep_alive()  # a long walk may not outlive the token
        odd = 0
        whole = self._whole(folder)
        mount = self._mounts.of(whole) if whole else None
        if mount is not None:
            entries = self._engine_of(mount).entries(self._place(mount, folder), noted)
            known = [entry for entry in entries if is_name(paths.relative(entry.path, folder))]
            odd = len(entries) - len(known)
            found = {(entry.path, entry.is_folder): entry for entry in known}
        else:
            below = [mount.path for mount in self._mounts.all() if paths.is_under(mount.path, whole)]
            names = {paths.relative(path, whole).partition("/")[0] for path in below}
            found = {(path, True): folder_entry(path) for path in (paths.join(folder, name) for name in names)}
        rows = tuple(found[key] for key in sorted(found, key=lambda key: (key[0], not key[1])))
        return Listing(folder, rows, complete=not odd, note=left_out(odd) if odd else "")

    # Reading

    def read(self, path: str, version: int | None = None) -> Secret:
        engine, at = self._readable(path, version)
        return engine.read(at, version)

    def outline(self, path: str, version: int | None = None) -> Outline:
        engine, at = self._readable(path, version)
        return engine.outline(at, version)

    def _readable(self, path: str, version: int | None) -> tuple[Engine, Place]:
        engine, at = self._engine(paths.check(path))
        must_be_possible(path)
        if version is not None and not 0 < version < 2**63:
            raise NotFound(f"No version {version}.", hint="See kvtui versions PATH.", path=path, version=version)
        if version is not None and Capability.VERSIONS not in engine.capabilities:
            raise self._unsupported(engine, Capability.VERSIONS, path)
        return engine, at

    def metadata(self, path: str) -> Metadata:
        engine, at = self._versioned(path, Capability.METADATA)
        return engine.known(at).metadata

    def versions(self, path: str) -> Sequence[Version]:
        engine, at = self._versioned(path, Capability.VERSIONS)
        return engine.known(at).versions

    def limits(self, places: Sequence[str]) -> Sequence[Mapping[Capability, str]]:
        self._check_open()
        found = [self._engine_or_none(place) for place in places]
        wanted = [{**engine.rights(at), **rights.SHARING} if engine else {} for engine, at in found]
        refused = rights.ask(self._api, wanted)
        return [
            {**self._lacked_by(engine), **rights.without_reading(why)} if engine else {}
            for (engine, _), why in zip(found, refused, strict=True)
        ]

    def _engine_or_none(self, path: str) -> tuple[Engine | None, Place]:
        """The engine of a secret's or folder's path; None above the mounts."""
        whole = self._whole(path.removesuffix("/"))
        mount = self._mounts.of(whole) if whole else None
        if mount is None:
            return None, Place(path, "")
        at = self._place(mount, path.removesuffix("/"))
        return self._engine_of(mount), Place(path, f"{at.key}/" if at.key and path.endswith("/") else at.key)

    def _lacked_by(self, engine: Engine) -> Mapping[Capability, str]:
        lacking = self._info.capabilities - engine.capabilities - _OF_ALL
        return {capability: engine.why(capability) for capability in lacking}

    def why_not(self, capability: Capability, path: str | None = None) -> str:
        """By the engine of a path, for which a mount that is not known yet is asked for once."""
        engine, _ = (None, None) if path is None or capability in _OF_ALL else self._engine_or_none(path)
        if engine is None or capability in engine.capabilities:
            return super().why_not(capability)
        return engine.why(capability)

    def caveats(self, secret: Secret) -> Mapping[str, str]:
        return self._engine(secret.path)[0].caveats(secret.fields)

    # Writing

    def check(self, path: str, fields: Fields, metadata: MetadataPatch = MetadataPatch()) -> None:
        super().check(path, fields)
        engine, _ = self._engine(path)
        if metadata and Capability.EDIT_METADATA not in engine.capabilities:
            raise self._unsupported(engine, Capability.EDIT_METADATA, path)
        engine.check(path, fields, metadata)

    def retention(self, path: str) -> Retention:
        engine, at = self._versioned(path, Capability.RETENTION)
        return engine.retention(at)

    def write_retention(self, path: str, change: Retention) -> None:
        engine, at = self._versioned(path, Capability.RETENTION)
        engine.write_retention(at, change)

    def write(
        self, path: str, fields: Fields, *, metadata: MetadataPatch = MetadataPatch(), expected: int | None = None
    ) -> Version:
        self.check(path, fields, metadata)
        engine, at = self._engine(path)
        if not _is_plain(path) and self._is_new(engine, at, expected):
            paths.check_new(path)
            self._refuse_twins(path)
        return engine.write(at, fields, metadata, expected)

    def _is_new(self, engine: Engine, at: Place, expected: int | None) -> bool:
        """Whether a write makes a secret. Asked on the server only for names that a new one may not have, or that may
        have a twin."""
        if not at.path.isprintable():
            return True
        if expected is not None:
            return expected == 0
        try:
            engine.read(at, None)
        except NotFound:
            return True
        return False

    def _refuse_twins(self, path: str) -> None:
        """Raise AlreadyExists where a name along the path is there already in another normal form."""
        for place in (*paths.ancestors(path), path):
            name = paths.name(place)
            if name.isascii():
                continue
            try:
                siblings = {entry.name for entry in self.list(paths.parent(place)).entries}
            except NotFound:
                return  # nothing there yet
            except PermissionDenied:
                continue  # may not be listed
            if name not in siblings and name in {unicodedata.normalize("NFC", each) for each in siblings}:
                raise AlreadyExists("A name that looks the same is already there.", hint="Use that one.", path=path)

    def patch(self, path: str, fields: Fields, *, expected: int | None = None) -> Version:
        engine, at = self._versioned(path, Capability.PATCH)
        return engine.patch(at, fields, expected)

    def write_metadata(self, path: str, patch: MetadataPatch, retention: Retention | None = None) -> Metadata:
        if retention is not None:
            self._versioned(path, Capability.RETENTION)
        engine, at = self._versioned(path, Capability.EDIT_METADATA)
        return engine.write_metadata(at, patch, retention)

    def delete(self, path: str, versions: Sequence[int] = ()) -> None:
        engine, at = self._engine(paths.check(path))
        must_be_possible(path)
        engine.delete(at, versions)

    def undelete(self, path: str, versions: Sequence[int] = ()) -> None:
        engine, at = self._versioned(path, Capability.UNDELETE)
        engine.undelete(at, versions)

    def destroy(self, path: str, versions: Sequence[int] = ()) -> None:
        engine, at = self._versioned(path, Capability.DESTROY)
        engine.destroy(at, versions)

    # Which mount

    def _whole(self, path: str) -> str:
        return "/".join(part for part in (self.root, path) if part)

    def _engine_of(self, mount: Mount) -> Engine:
        engine = self._engines.get(mount.path)
        if engine is None:
            engine = self._engines.setdefault(mount.path, _ENGINES[mount.version](self._api, mount.path))
        return engine

    def _place(self, mount: Mount, path: str) -> Place:
        whole = self._whole(path)
        return Place(path, "" if whole == mount.path else paths.relative(whole, mount.path))

    def _engine(self, path: str) -> tuple[Engine, Place]:
        """The engine a secret's path is in, asked for on the way to the server: the time to renew the token, so that
        long work does not outlive it. Raises NotFound where no mount is."""
        self.keep_alive()
        mount = self._mounts.of(self._whole(path))
        if mount is None:
            hint = "Check the path, and what the token's policies allow."
            raise NotFound("No mount that this token may see has this path.", hint=hint, path=path)
        if mount.path == self._whole(path):
            raise missing(path)
        return self._engine_of(mount), self._place(mount, path)

    def _versioned(self, path: str, capability: Capability) -> tuple[Versioned, Place]:
        """The engine for what only one that keeps versions does. Raises NotFound, Unsupported."""
        engine, at = self._engine(paths.check(path))
        if engine.versioned is None:
            raise self._unsupported(engine, capability, path)
        must_be_possible(path)
        return engine.versioned, at

    def _is_mount(self, folder: str) -> bool:
        whole = self._whole(folder)
        return any(mount.path == whole for mount in self._mounts.all())

    def _unsupported(self, engine: Engine, capability: Capability, path: str) -> Unsupported:
        return Unsupported(engine.why(capability), capability=capability.value, hint="See kvtui backends.", path=path)

    def _check_open(self) -> None:
        if self._closed:
            raise Locked("The connection is closed.", hint="Open the profile again.")


def must_be_possible_folder(folder: str) -> None:
    if not folder.isprintable():
        raise missing_folder(folder)


def _is_plain(path: str) -> bool:
    """Whether a new path is certainly fine: printable ASCII."""
    if not path.isascii():
        return False
    try:
        paths.check_new(path)
    except (InvalidPath, InvalidInput):
        return False
    return True
