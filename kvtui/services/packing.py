"""What a secret with all its versions becomes in another place: read whole, then fitted to what is kept there. Nothing
is written."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from kvtui.backends.contract import Backend
from kvtui.domain.capability import Capability
from kvtui.domain.errors import InvalidInput, NotFound
from kvtui.domain.metadata import Metadata, MetadataPatch
from kvtui.domain.retention import UNLIMITED, Retention
from kvtui.domain.secret import History, StoredVersion, Version, VersionState
from kvtui.domain.value import SecretValue

MOST_FILLED = 100
"""Gaps in the numbers that are filled with destroyed versions; beyond, versions get new numbers."""

LIVE, DELETED, DESTROYED = VersionState.LIVE, VersionState.DELETED, VersionState.DESTROYED
C = Capability


@dataclass(frozen=True, slots=True)
class Loss:
    """What does not arrive, in words. `slight`: nothing anybody would need to go on working, such as old times."""

    what: str
    slight: bool = False

    def __str__(self) -> str:
        return self.what


@dataclass(frozen=True, slots=True)
class Packed:
    """All that could be read of a secret. A deleted version without fields is one whose values its store keeps back."""

    path: str
    metadata: Metadata
    versions: tuple[StoredVersion, ...]
    retention: Retention
    current: int
    lost: tuple[Loss, ...] = ()
    """What its store does not give away."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """What will be in the target, and what is lost on the way. `whole`: its history can be written as one. `patch` is
    what makes the metadata there `metadata`. `over`: a single version, written as the next of what is there."""

    versions: tuple[StoredVersion, ...]
    metadata: Metadata
    patch: MetadataPatch
    retention: Retention
    whole: bool
    lost: tuple[Loss, ...]
    over: bool = False
    older: Loss | None = None
    """The one of `lost` that tells of older versions, where one is written over what is there."""

    @property
    def grave(self) -> tuple[Loss, ...]:
        return tuple(loss for loss in self.lost if not loss.slight)


@dataclass(frozen=True, slots=True)
class Carried:
    """The newest version in the target, and what did not arrive."""

    version: int
    lost: tuple[Loss, ...]


def pack(source: Backend, path: str) -> Packed:
    """Read all of a secret. Raises NotFound, and as reading does."""
    can = abilities(source, path)
    retention = source.retention(path) if C.RETENTION in can else UNLIMITED
    if C.HISTORY in can:
        history = source.read_history(path)
        current = history.versions[-1].version.number
        return Packed(path, history.metadata, tuple(history.versions), retention, current)
    if C.VERSIONS in can:
        versions = tuple(_stored(source, path, version) for version in source.versions(path))
        if not versions:  # settings for a path where nothing was written yet
            raise NotFound("It has no versions yet.", hint="There is nothing to carry.", path=path)
        lost: list[Loss] = []
        if C.METADATA in can:
            metadata = source.metadata(path)
        else:
            metadata = Metadata()
            lost.append(Loss(f"What is known about it does not arrive: {source.why_not(C.METADATA, path)}"))
        oldest = versions[0].version.number
        if source.info().probes_versions and oldest > 1:
            lost.append(Loss(f"Versions before {oldest} do not arrive, if there are any: they are not looked for."))
        return Packed(path, metadata, versions, retention, versions[-1].version.number, tuple(lost))
    secret = source.read(path)
    stored = StoredVersion(
        secret.version._replace(numbered=True), secret.fields if secret.version.state is LIVE else None
    )
    return Packed(path, secret.metadata, (stored,), retention, secret.current)


def as_history(packed: Packed) -> tuple[History, tuple[Loss, ...]]:
    """All versions of it as one history, and what of them could not be read."""
    lost: list[Loss] = []
    versions = _readable(packed, lost)
    return History(packed.path, packed.metadata, versions), tuple(lost)


def _stored(source: Backend, path: str, version: Version) -> StoredVersion:
    if version.state is not LIVE:
        return StoredVersion(version, None)
    secret = source.read(path, version.number)
    return StoredVersion(secret.version, secret.fields if secret.version.state is LIVE else None)


def fit(packed: Packed, target: Backend, to: str) -> Parcel:
    """What of it the target can hold where nothing is yet. Raises InvalidInput, Unsupported for values it cannot keep,
    NotFound where there is nothing to carry at all."""
    can = abilities(target, to)
    lost = [*packed.lost, *_unchecked(can)]
    versions = _readable(packed, lost)
    whole = C.HISTORY in can
    if not whole:
        versions = _numbered(versions, lost, can) if C.VERSIONS in can else _newest(packed, versions, lost)
        if any(stored.version.created_at or stored.version.created_by for stored in packed.versions):
            lost.append(Loss("Times and authors of versions are set anew.", slight=True))
    if any(stored.version.expires_at for stored in packed.versions):
        lost.append(Loss("Versions that would have been deleted by themselves stay.", slight=True))
    metadata, patch = _described(packed, target, to, can, lost)
    for stored in versions:
        if stored.fields is not None:
            target.check(to, stored.fields)
    return Parcel(versions, metadata, patch, _retained(packed, len(versions), target, can, lost), whole, tuple(lost))


def fit_over(packed: Packed, target: Backend, to: str) -> Parcel:
    """The newest values as the next version of what is there, whose settings stay. Raises as `fit`."""
    can = abilities(target, to)
    lost = [*packed.lost, *_unchecked(can)]
    newest = packed.versions[-1]
    fields = newest.fields
    if newest.version.state is not LIVE or fields is None:
        raise _not_live(packed)
    before = target.metadata(to) if C.METADATA in can else None
    metadata, patch = _described(packed, target, to, can, lost, before=before)
    target.check(to, fields, patch)
    count = len(packed.versions) - 1
    older = Loss(f"{_counted(count, 'older version')} not carried over.") if count else None
    every = (*lost, older) if older else tuple(lost)
    return Parcel((newest,), metadata, patch, Retention(), whole=False, lost=every, over=True, older=older)


def _unchecked(can: Collection[Capability]) -> list[Loss]:
    return [] if C.READ in can else [Loss("Values cannot be read back there, so what arrives is not compared.")]


def _readable(packed: Packed, lost: list[Loss]) -> tuple[StoredVersion, ...]:
    kept_back = [one.version.number for one in packed.versions if one.fields is None and one.version.state is DELETED]
    if not kept_back:
        return packed.versions
    lost.append(
        Loss(f"Deleted versions ({_numbers(kept_back)}) cannot be read: they arrive destroyed. Undelete them first.")
    )
    return tuple(
        one._replace(version=one.version._replace(state=DESTROYED)) if one.version.number in kept_back else one
        for one in packed.versions
    )


def _numbered(
    versions: tuple[StoredVersion, ...], lost: list[Loss], can: Collection[Capability]
) -> tuple[StoredVersion, ...]:
    """Versions from 1 on without a gap: the gaps become destroyed versions, or the numbers change."""
    last = versions[-1].version.number
    there = {one.version.number: one for one in versions}
    gaps = last - len(there)
    destroyed = [one.version.number for one in versions if one.fields is None]
    if C.DESTROY in can and gaps <= MOST_FILLED:
        return tuple(
            there.get(number) or StoredVersion(Version(number, DESTROYED), None) for number in range(1, last + 1)
        )
    if gaps:
        lost.append(Loss("Its versions get new numbers, from 1.", slight=True))
    if C.DESTROY not in can:
        if destroyed:
            lost.append(Loss("Destroyed versions leave no trace.", slight=True))
        versions = tuple(one for one in versions if one.fields is not None)
    return tuple(
        one._replace(version=one.version._replace(number=number)) for number, one in enumerate(versions, start=1)
    )


def _newest(packed: Packed, versions: tuple[StoredVersion, ...], lost: list[Loss]) -> tuple[StoredVersion, ...]:
    newest = versions[-1]
    if newest.version.state is not LIVE or newest.fields is None:
        raise _not_live(packed)
    if len(versions) > 1:
        older = "1 older one does" if len(versions) == 2 else f"{len(versions) - 1} older ones do"
        lost.append(Loss(f"The target keeps one version: {older} not arrive."))
    return (newest._replace(version=newest.version._replace(number=1)),)


def _not_live(packed: Packed) -> NotFound:
    state = packed.versions[-1].version.state.value
    return NotFound(
        f"The newest version is {state}, and no other would arrive.",
        hint="Undelete it first.",
        path=packed.path,
        state=state,
        version=packed.current,
    )


def _described(
    packed: Packed,
    target: Backend,
    to: str,
    can: frozenset[Capability],
    lost: list[Loss],
    *,
    before: Metadata | None = None,
) -> tuple[Metadata, MetadataPatch]:
    patch = MetadataPatch.replacing(packed.metadata, before)
    if not patch:
        return packed.metadata, patch
    if can.isdisjoint({C.EDIT_METADATA, C.METADATA_WITH_VALUE}):
        lost.append(Loss("The target keeps no type, description, tags, owner or custom pairs."))
        return Metadata(), MetadataPatch()
    kept = patch.only(target.info().metadata_fields)
    try:
        if kept:
            target.check(to, {"value": SecretValue("x")}, kept)
    except InvalidInput as error:
        lost.append(Loss(f"What is known about it does not arrive: {error.message}"))
        return Metadata(), MetadataPatch()
    if kept == patch:
        return packed.metadata, patch
    lost.append(Loss(f"The target keeps no {', '.join(sorted(patch.fields - kept.fields))}."))
    return kept.apply(before or Metadata()), kept


def _retained(packed: Packed, count: int, target: Backend, can: Collection[Capability], lost: list[Loss]) -> Retention:
    """The settings in the target: those of the source, and room for all versions."""
    keeps = target.info().keeps_versions
    most = packed.retention.max_versions or 0
    if keeps is not None and count > (most or keeps):
        most = count
    wanted = packed.retention._replace(max_versions=most)
    if wanted == UNLIMITED:
        return Retention()
    if C.RETENTION in can:
        if packed.retention.max_versions and most != packed.retention.max_versions:
            lost.append(Loss(f"Max versions becomes {most} so that all arrive.", slight=True))
        return wanted
    if keeps is not None and count > keeps:
        lost.append(Loss(f"The target keeps the newest {keeps} versions of {count}."))
    if packed.retention != UNLIMITED:
        lost.append(Loss("How many versions are kept, and how long, is not carried over."))
    return Retention()


def abilities(store: Backend, path: str) -> frozenset[Capability]:
    """What can be done at a path: by the store, its engine there, and the token."""
    info = store.info()
    if not info.varies:
        return info.capabilities
    (limits,) = store.limits([path])
    return info.capabilities - limits.keys()


def _numbers(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:10]))
    return shown if len(numbers) <= 10 else f"{shown} and {len(numbers) - 10} more"


def _counted(count: int, what: str) -> str:
    return f"1 {what} is" if count == 1 else f"{count} {what}s are"
