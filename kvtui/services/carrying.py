"""Copying and moving a secret with all its versions, within a store or from one store into another.

pack (read all of it) -> fit (what arrives, and what cannot) -> deliver -> verify -> only then is the source touched

A run that was killed is resumed by what is there: a target that holds the first versions of what is to arrive, and
nothing else, is gone on with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kvtui.backends.contract import Backend
from kvtui.domain import path as paths
from kvtui.domain.capability import Capability
from kvtui.domain.errors import AlreadyExists, Conflict, Corrupt, InvalidInput, NotFound, Unsupported
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.retention import UNLIMITED, Retention
from kvtui.domain.secret import History, StoredVersion, Version, VersionState
from kvtui.domain.value import Fields, like_fields
from kvtui.services.packing import Loss, Packed, Parcel, abilities, fit, fit_over, pack

LIVE, DELETED, DESTROYED = VersionState.LIVE, VersionState.DELETED, VersionState.DESTROYED
C = Capability


@dataclass(frozen=True, slots=True)
class Carried:
    """The newest version in the target, and what did not arrive."""

    version: int
    lost: tuple[Loss, ...]


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
    _refuse_one_name(source, path, target, to)
    if move and not source.info().read_only and not {C.DELETE, C.DESTROY} & abilities(source, path):
        raise Unsupported(source.why_not(C.DELETE, path), capability=C.DELETE.value, hint="Copy it instead.", path=path)
    packed = pack(source, path)
    parcel = prepare(packed, target, to, overwrite=overwrite)
    if move and not lossy:
        _refuse_losses(source, packed, parcel)
    if move and source is not target:
        _refuse_one_secret(packed, parcel, target, to)
    number = deliver(parcel, target, to, resume=resume)
    verify(parcel, target, to, number)
    if move:
        _take_away(source, packed, for_good=not parcel.grave)
    return Carried(number, parcel.lost)


def fitted(history: History, target: Backend) -> Parcel:
    """What would become of a whole history where nothing is yet. Nothing is written. Raises as `fit`."""
    current = history.versions[-1].version.number
    packed = Packed(history.path, history.metadata, tuple(history.versions), UNLIMITED, current)
    return fit(packed, target, history.path)


def restore(history: History, target: Backend) -> Version:
    """Write all versions of a history one after the other, and read them back; the newest one. Raises as `carry`."""
    parcel = fitted(history, target)
    number = deliver(parcel, target, history.path)
    verify(parcel, target, history.path, number)
    return parcel.versions[-1].version


def prepare(packed: Packed, target: Backend, to: str, *, overwrite: bool) -> Parcel:
    """What will be in the target; with `overwrite`, as the next version of what is there. Nothing is written. Raises as
    `fit`."""
    return (fit_over if overwrite and _current(target, to) else fit)(packed, target, to)


def begun(source: Backend, path: str, target: Backend, to: str) -> tuple[int, int]:
    """How many versions of a secret a run that was ended has left in the target, and of how many. Nothing is written.
    Raises AlreadyExists where something else is there, InvalidInput where that is the secret itself, and as `fit`."""
    _refuse_one_name(source, path, target, to)
    parcel = prepare(pack(source, path), target, to, overwrite=False)
    return _begun(parcel, target, to), len(parcel.versions)


def _refuse_one_name(source: Backend, path: str, target: Backend, to: str) -> None:
    """Raise InvalidInput where both name the same secret of one store."""
    if path != to:
        return
    here, there = source.info(), target.info()
    if source is target or (here.kind, here.location) == (there.kind, there.location):
        raise InvalidInput("Source and target are the same.", hint="Choose another path.", path=to)


def _refuse_losses(source: Backend, packed: Packed, parcel: Parcel) -> None:
    """Raise Unsupported where a move would lose something. Older versions that are not written over what is there
    stay with the source, where that can be undeleted."""
    stays = parcel.over and C.UNDELETE in abilities(source, packed.path)
    grave = [loss for loss in parcel.grave if not (stays and loss == parcel.older)]
    if grave:
        what = " ".join(loss.what for loss in grave)
        raise Unsupported(
            f"Not moved, as something would be lost: {what}",
            capability=C.HISTORY.value,
            hint="Copy it instead.",
            path=packed.path,
        )


def _refuse_one_secret(packed: Packed, parcel: Parcel, target: Backend, to: str) -> None:
    """Raise where two connections, by whatever addresses, lead to one secret: what is taken away at one end would be
    gone at the other. Versions tell by when they were made; without, two that hold the same under one name may be one.
    """
    if parcel.whole or not _current(target, to):
        return
    can = abilities(target, to)
    made = {one.version.number: one.version.created_at for one in packed.versions}
    if any(made.values()):
        if C.VERSIONS in can and made == {each.number: each.created_at for each in target.versions(to)}:
            raise InvalidInput("Source and target are the same secret.", hint="Choose another path.", path=to)
    elif _end_alike(packed.path, to) and _holds(packed.versions, target, to, finished=False):
        raise AlreadyExists(
            "It is there already, unless these are two ways to the same secret.",
            hint="Look at both, then delete one.",
            path=to,
        )


def _end_alike(one: str, other: str) -> bool:
    """A namespace may be part of a path or of an address."""
    return f"/{one}".endswith(f"/{other}") or f"/{other}".endswith(f"/{one}")


def deliver(parcel: Parcel, target: Backend, to: str, *, resume: bool = False) -> int:
    """Write it where nothing is, or over what is there; with `resume`, also where a killed run left its beginning. The
    newest version's number. Raises AlreadyExists, Conflict where somebody else writes there meanwhile."""
    if parcel.over:
        return _write_over(parcel, target, to, resume=resume)
    start = _begun(parcel, target, to) if resume else 0
    if not start and _current(target, to):
        hint = "Choose another path, overwrite it, or resume what was begun."
        raise AlreadyExists("Something is there.", hint=hint, path=to)
    last = parcel.versions[-1].version.number
    if parcel.whole:
        if not start:
            target.write_history(History(to, parcel.metadata, parcel.versions))
    else:
        _write_versions(parcel, target, to, start)
    if parcel.retention != Retention():
        target.write_retention(to, parcel.retention)
    return last


def _write_versions(parcel: Parcel, target: Backend, to: str, start: int) -> None:
    """One after the other, from `start` on; then those are deleted and destroyed that are so in the source."""
    if parcel.retention.max_versions:
        target.write_retention(to, Retention(max_versions=parcel.retention.max_versions))
    last = parcel.versions[-1].version.number
    for stored in parcel.versions[start:]:
        number = stored.version.number
        fields: Fields = stored.fields if stored.fields is not None else {}
        expected = number - 1 if target.checks_writes else None
        target.write(to, fields, metadata=parcel.patch if number == last else MetadataPatch(), expected=expected)
    are_all_there = start == len(parcel.versions)  # the killed run may have ended before their metadata
    if are_all_there and C.EDIT_METADATA in abilities(target, to) and (missing := _undescribed(parcel, target, to)):
        target.write_metadata(to, missing)
    ending = [stored for stored in parcel.versions if stored.version.state is DELETED]
    if not _holds(ending, target, to, finished=False):  # nobody can look at them afterwards
        raise _corrupt(to)
    _bring_into_state(parcel, target, to)


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
    current, last = _current(target, to), parcel.versions[-1].version.number
    if not current:
        return 0
    begun = [stored for stored in parcel.versions if stored.version.number <= current]
    could_be = current == last if parcel.whole else current <= last
    if not could_be or C.READ not in abilities(target, to) or not _holds(begun, target, to, finished=parcel.whole):
        raise AlreadyExists("Something else is there.", hint="Choose another path, or overwrite it.", path=to)
    return len(begun)


def _write_over(parcel: Parcel, target: Backend, to: str, *, resume: bool) -> int:
    """The newest values as the next version of what is there; with `resume`, unless they are."""
    current, fields = _current(target, to), parcel.versions[0].fields or {}
    if resume and not parcel.patch and C.READ in abilities(target, to) and like_fields(fields, target.read(to).fields):
        return current
    expected = current if target.checks_writes else None
    return target.write(to, fields, metadata=parcel.patch, expected=expected).number


def verify(parcel: Parcel, target: Backend, to: str, number: int) -> None:
    """Read it back, whose newest version has this number. Raises Corrupt where it is not what was sent."""
    can = abilities(target, to)
    if parcel.over:
        arrived = C.READ not in can or _is_at(parcel.versions[0], target, to, number if C.VERSIONS in can else None)
    else:
        arrived = _holds(parcel.versions, target, to, finished=True)
    if not arrived or _undescribed(parcel, target, to):
        raise _corrupt(to)


def _corrupt(to: str) -> Corrupt:
    return Corrupt("The copy is not what was sent.", hint="The source was left as it is. Look at both.", path=to)


def _undescribed(parcel: Parcel, target: Backend, to: str) -> MetadataPatch:
    """What of the metadata has not arrived."""
    if not parcel.patch or C.METADATA not in abilities(target, to):
        return MetadataPatch()
    missing = MetadataPatch.replacing(parcel.metadata, target.metadata(to))
    return missing if parcel.whole else missing.only(target.info().metadata_fields)


def _holds(versions: Sequence[StoredVersion], target: Backend, to: str, *, finished: bool) -> bool:
    """Whether these are there, as far as that can be told; `finished`: also in their states."""
    can = abilities(target, to)
    if not versions or C.READ not in can:
        return True
    if C.VERSIONS not in can:
        return _is_at(versions[-1], target, to, None)
    states = {version.number: version.state for version in target.versions(to)}
    for stored in versions:
        state = states.get(stored.version.number)
        if finished and state is not stored.version.state:
            return False
        if state is LIVE and not _is_at(stored, target, to, stored.version.number):
            return False
        if state is not LIVE and stored.version.state is LIVE:
            return False
    return True


def _is_at(stored: StoredVersion, target: Backend, to: str, number: int | None) -> bool:
    return like_fields(stored.fields or {}, target.read(to, number).fields)


def _take_away(source: Backend, packed: Packed, *, for_good: bool) -> None:
    """Remove what has arrived. Raises Conflict where it was written to since it was read: then it stays."""
    can = abilities(source, packed.path)
    current = _current(source, packed.path)
    if current != packed.current or (
        C.VERSIONS not in can and not _is_at(packed.versions[-1], source, packed.path, None)
    ):
        raise Conflict(
            "It was changed while it was copied, so it stays. The copy is complete as of then.",
            expected=packed.current,
            actual=current,
            hint="Look at both.",
            path=packed.path,
        )
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
