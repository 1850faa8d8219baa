"""Copying and moving a secret with all its versions, within a store or from one store into another.

pack (read all of it) -> fit (what arrives, and what cannot) -> deliver -> verify -> only then is the source touched

A run that was killed is resumed by what is there: a target that holds the first versions of what is to arrive, and
nothing else, is gone on with.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from kvtui.backends.contract import Backend
from kvtui.domain import path as paths
from kvtui.domain.capability import Capability
from kvtui.domain.errors import AlreadyExists, Conflict, Corrupt, InvalidInput, NotFound
from kvtui.domain.metadata import Metadata, MetadataPatch
from kvtui.domain.retention import UNLIMITED, Retention
from kvtui.domain.secret import History, StoredVersion, Version, VersionState
from kvtui.domain.value import Fields, SecretValue

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


@dataclass(frozen=True, slots=True)
class Parcel:
    """What will be in the target, and what is lost on the way. `whole`: its history can be written as one."""

    versions: tuple[StoredVersion, ...]
    metadata: Metadata
    patch: MetadataPatch
    retention: Retention
    whole: bool
    lost: tuple[Loss, ...]

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
    can = _abilities(source, path)
    retention = source.retention(path) if C.RETENTION in can else UNLIMITED
    if C.HISTORY in can:
        history = source.read_history(path)
        current = history.versions[-1].version.number
        return Packed(path, history.metadata, tuple(history.versions), retention, current)
    if C.VERSIONS in can:
        versions = tuple(_stored(source, path, version) for version in source.versions(path))
        return Packed(path, source.metadata(path), versions, retention, versions[-1].version.number)
    secret = source.read(path)
    stored = StoredVersion(secret.version, secret.fields if secret.version.state is LIVE else None)
    return Packed(path, secret.metadata, (stored,), retention, secret.current)


def _stored(source: Backend, path: str, version: Version) -> StoredVersion:
    if version.state is not LIVE:
        return StoredVersion(version, None)
    secret = source.read(path, version.number)
    return StoredVersion(secret.version, secret.fields if secret.version.state is LIVE else None)


def fit(packed: Packed, target: Backend, to: str) -> Parcel:
    """What of it the target can hold. Nothing is written. Raises InvalidInput, Unsupported for values it cannot keep,
    NotFound where there is nothing to carry at all."""
    can = _abilities(target, to)
    lost: list[Loss] = []
    versions = _readable(packed, lost)
    whole = C.HISTORY in can
    if not whole:
        versions = _numbered(versions, lost, can) if C.VERSIONS in can else _newest(packed, versions, lost)
        if any(stored.version.created_at or stored.version.created_by for stored in packed.versions):
            lost.append(Loss("Times and authors of versions are set anew.", slight=True))
    metadata, patch = _described(packed, target, to, can, lost)
    for stored in versions:
        if stored.fields is not None:
            target.check(to, stored.fields)
    return Parcel(versions, metadata, patch, _retained(packed, len(versions), target, can, lost), whole, tuple(lost))


def _readable(packed: Packed, lost: list[Loss]) -> tuple[StoredVersion, ...]:
    kept_back = [one.version.number for one in packed.versions if one.fields is None and one.version.state is DELETED]
    if not kept_back:
        return packed.versions
    lost.append(
        Loss(f"Deleted versions ({_numbers(kept_back)}) cannot be read: they arrive destroyed. Undelete them first.")
    )
    return tuple(
        replace(one, version=replace(one.version, state=DESTROYED)) if one.version.number in kept_back else one
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
        replace(one, version=replace(one.version, number=number)) for number, one in enumerate(versions, start=1)
    )


def _newest(packed: Packed, versions: tuple[StoredVersion, ...], lost: list[Loss]) -> tuple[StoredVersion, ...]:
    newest = versions[-1]
    if newest.version.state is not LIVE or newest.fields is None:
        raise NotFound(
            f"The newest version is {newest.version.state.value}, and the target keeps no other.",
            hint="Undelete it first.",
            path=packed.path,
            state=newest.version.state.value,
            version=packed.current,
        )
    if len(versions) > 1:
        lost.append(Loss(f"The target keeps one version: {len(versions) - 1} older ones do not arrive."))
    return (replace(newest, version=replace(newest.version, number=1)),)


def _described(
    packed: Packed, target: Backend, to: str, can: Collection[Capability], lost: list[Loss]
) -> tuple[Metadata, MetadataPatch]:
    patch = MetadataPatch.replacing(packed.metadata)
    if not patch:
        return packed.metadata, patch
    if C.EDIT_METADATA not in can:
        lost.append(Loss("The target keeps no type, description, tags, owner or custom pairs."))
        return Metadata(), MetadataPatch()
    try:
        target.check(to, {"value": SecretValue("")}, patch)
    except InvalidInput as error:
        lost.append(Loss(f"What is known about it does not arrive: {error.message}"))
        return Metadata(), MetadataPatch()
    return packed.metadata, patch


def _retained(packed: Packed, count: int, target: Backend, can: Collection[Capability], lost: list[Loss]) -> Retention:
    """The settings in the target: those of the source, and room for all versions."""
    keeps = target.info().keeps_versions
    most = packed.retention.max_versions or 0
    if keeps is not None and count > (most or keeps):
        most = count
    wanted = replace(packed.retention, max_versions=most)
    if wanted == UNLIMITED:
        return Retention()
    if C.RETENTION in can:
        return wanted
    if keeps is not None and count > keeps:
        lost.append(Loss(f"The target keeps the newest {keeps} versions of {count}."))
    if packed.retention != UNLIMITED:
        lost.append(Loss("How many versions are kept, and how long, is not carried over."))
    return Retention()


def deliver(parcel: Parcel, target: Backend, to: str, *, resume: bool = False) -> int:
    """Write it where nothing is; with `resume`, also where a killed run left its beginning. The newest version's
    number. Raises AlreadyExists, Conflict where somebody else writes there meanwhile."""
    start = _begun(parcel, target, to) if resume else 0
    if not start and _current(target, to):
        raise AlreadyExists("Something is there.", hint="Choose another path, or overwrite it.", path=to)
    if parcel.whole:
        if not start:
            target.write_history(History(to, parcel.metadata, parcel.versions))
        return parcel.versions[-1].version.number
    if parcel.retention.max_versions:
        target.write_retention(to, Retention(max_versions=parcel.retention.max_versions))
    last = parcel.versions[-1].version.number
    for stored in parcel.versions[start:]:
        number = stored.version.number
        fields: Fields = stored.fields if stored.fields is not None else {}
        expected = number - 1 if target.checks_writes else None
        target.write(to, fields, metadata=parcel.patch if number == last else MetadataPatch(), expected=expected)
    _bring_into_state(parcel, target, to)
    if parcel.retention != Retention():
        target.write_retention(to, parcel.retention)
    return last


def _bring_into_state(parcel: Parcel, target: Backend, to: str) -> None:
    act: tuple[tuple[VersionState, Callable[[str, Sequence[int]], None]], ...] = (
        (DESTROYED, target.destroy),
        (DELETED, target.delete),
    )
    for state, bring in act:
        numbers = [stored.version.number for stored in parcel.versions if stored.version.state is state]
        if numbers:
            bring(to, numbers)


def _begun(parcel: Parcel, target: Backend, to: str) -> int:
    """How many versions a killed run has written. Raises AlreadyExists where something else is there."""
    current = _current(target, to)
    if not current:
        return 0
    if current > len(parcel.versions) or not _holds(parcel.versions[:current], target, to, finished=False):
        raise AlreadyExists("Something else is there.", hint="Choose another path, or overwrite it.", path=to)
    return current


def verify(parcel: Parcel, target: Backend, to: str) -> None:
    """Read it back. Raises Corrupt where it is not what was sent."""
    if not _holds(parcel.versions, target, to, finished=True):
        raise Corrupt("The copy is not what was sent.", hint="The source was left as it is. Look at both.", path=to)


def _holds(versions: Sequence[StoredVersion], target: Backend, to: str, *, finished: bool) -> bool:
    can = _abilities(target, to)
    if C.VERSIONS not in can:
        wanted = versions[-1].fields or {}
        return _same(wanted, target.read(to).fields)
    states = {version.number: version.state for version in target.versions(to)}
    for stored in versions:
        number, state = stored.version.number, states.get(stored.version.number)
        if finished and state is not stored.version.state:
            return False
        if state is not LIVE:
            if stored.version.state is LIVE:
                return False
            continue
        if not _same(stored.fields or {}, target.read(to, number).fields):
            return False
    return True


def _same(wanted: Fields, found: Fields) -> bool:
    """The same names and values, in any order: a server may sort them."""
    return set(wanted) == set(found) and all(wanted[name].like(found[name]) for name in wanted)


def carry(
    source: Backend,
    path: str,
    target: Backend,
    to: str,
    *,
    move: bool = False,
    overwrite: bool = False,
    resume: bool = False,
    lossy: bool = False,
) -> Carried:
    """Copy or move one secret. A move that would lose something is refused unless `lossy`, and then leaves the source
    deleted rather than destroyed, where that can be taken back.

    Raises AlreadyExists, Conflict, InvalidInput, Unsupported, NotFound, Corrupt; the source is as it was then."""
    paths.check_new(to)
    if source is target and path == to:
        raise InvalidInput("Source and target are the same.", hint="Choose another path.", path=to)
    packed = pack(source, path)
    parcel = fit(packed, target, to)
    if move and parcel.grave and not lossy:
        what = " ".join(loss.what for loss in parcel.grave)
        raise InvalidInput(f"Not moved, as something would be lost: {what}", hint="Copy it instead.", path=path)
    if overwrite and (current := _current(target, to)):
        number, lost = _write_over(packed, parcel, target, to, current)
    else:
        number, lost = deliver(parcel, target, to, resume=resume), parcel.lost
        verify(parcel, target, to)
    if move:
        _take_away(source, packed, for_good=not any(not loss.slight for loss in lost))
    return Carried(number, lost)


def _write_over(packed: Packed, parcel: Parcel, target: Backend, to: str, current: int) -> tuple[int, tuple[Loss, ...]]:
    """The newest values as the next version of what is there."""
    newest = packed.versions[-1]
    if newest.fields is None:
        raise NotFound("Its newest version has no values.", hint="Undelete it first.", path=packed.path)
    before = target.metadata(to) if C.METADATA in _abilities(target, to) else None
    patch = MetadataPatch.replacing(parcel.metadata, before) if parcel.patch else MetadataPatch()
    version = target.write(to, newest.fields, metadata=patch, expected=current if target.checks_writes else None)
    secret = target.read(to)
    if secret.version.number == version.number and not _same(newest.fields, secret.fields):
        raise Corrupt("The copy is not what was sent.", hint="The source was left as it is. Look at both.", path=to)
    older = len(packed.versions) - 1
    return version.number, (Loss(f"{older} older versions were not carried over."),) if older else ()


def _take_away(source: Backend, packed: Packed, *, for_good: bool) -> None:
    """Remove what has arrived. Raises Conflict where it was written to since it was read: then it stays."""
    current = _current(source, packed.path)
    if current != packed.current:
        raise Conflict(
            "It was changed while it was copied, so it stays. The copy is complete as of then.",
            expected=packed.current,
            actual=current,
            hint="Look at both.",
            path=packed.path,
        )
    can = _abilities(source, packed.path)
    if C.DESTROY in can and (for_good or C.UNDELETE not in can):
        source.destroy(packed.path)
    elif C.UNDELETE in can and C.VERSIONS in can:
        live = [stored.version.number for stored in packed.versions if stored.version.state is LIVE]
        source.delete(packed.path, live)
    else:
        source.delete(packed.path)


def _current(store: Backend, path: str) -> int:
    """The newest version's number, 0 where nothing is."""
    try:
        return store.outline(path).current
    except NotFound:
        return 0


def _abilities(store: Backend, path: str) -> frozenset[Capability]:
    """What can be done at a path: by the store, its engine there, and the token."""
    info = store.info()
    if not info.varies:
        return info.capabilities
    (limits,) = store.limits([path])
    return info.capabilities - limits.keys()


def _numbers(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:10]))
    return shown if len(numbers) <= 10 else f"{shown} and {len(numbers) - 10} more"
