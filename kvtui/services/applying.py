"""Doing the changes of a file one after the other, so that a run that was killed, repeated, does exactly the rest.

Before each change the record says so, after it that it is done. Where a run was killed in between, what is there tells
whether it was done: values and states are compared, and what is gone or moved was there when the run began.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from kvtui.domain import json_text
from kvtui.domain import path as paths
from kvtui.domain.capability import Capability
from kvtui.domain.codec import encode_fields
from kvtui.domain.errors import AlreadyExists, Conflict, KvtuiError, NotFound, PermissionDenied, Unavailable
from kvtui.domain.json_text import Json
from kvtui.domain.metadata import Metadata
from kvtui.domain.secret import Outline, Secret, VersionState
from kvtui.domain.value import Fields, like_fields
from kvtui.services.batch_record import BatchRecord, Row
from kvtui.services.change_file import Step, resolved
from kvtui.services.changes import Change, Op, prepared_on
from kvtui.services.diff import FieldDiff, MetadataDiff, compare_fields, compare_metadata
from kvtui.services.references import Resolver
from kvtui.services.session import Session

REPEATED_WITHIN = timedelta(days=1)
"""How long after its begin a run that was not finished is gone on with unasked, when the same is to be done again."""
_TAKES_AWAY = {Op.DELETE, Op.DESTROY, Op.MOVE}
"""Not done after a change that failed to take values from elsewhere: they may be what is taken away."""
_TRIES = 8
"""How often a write is prepared again when others keep writing the same secret in between."""


@dataclass(frozen=True, slots=True)
class Task:
    """A change of the file, where it is done. `other` is the store of `to`."""

    step: Step
    session: Session
    path: str
    other: Session
    to: str = ""

    @property
    def is_native(self) -> bool:
        """Whether the store moves or copies all versions by itself, at once."""
        can = self.session.can
        return self.session is self.other and can(Capability.MOVE) and can(Capability.HISTORY)


@dataclass(frozen=True, slots=True)
class TaskDone:
    """`version` is what is the newest one then, where something was written. `unchanged`: it was so already."""

    task: Task
    version: int | None = None
    unchanged: bool = False
    lost: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class TaskFailed:
    task: Task
    error: KvtuiError


@dataclass(frozen=True, slots=True)
class Plan:
    """What one change would do. `base` is the version it would be done on, 0 for none, None where that is not known."""

    task: Task
    base: int | None = None
    fields: Sequence[FieldDiff] = ()
    metadata: Sequence[MetadataDiff] = ()
    notes: Sequence[str] = ()


def with_values(tasks: Sequence[Task], resolver: Resolver) -> Sequence[Task]:
    """With what the file only refers to: all of it, or the error of `resolved`."""
    steps = resolved([task.step for task in tasks], resolver)
    return [replace(task, step=step) for task, step in zip(tasks, steps, strict=True)]


# -- looking


def plan(tasks: Sequence[Task]) -> Iterator[Plan]:
    """What would be done, and what is known against it; nothing is."""
    touched: dict[tuple[int, str], int] = {}
    for number, task in enumerate(tasks, start=1):
        before = touched.get((id(task.session), task.path))
        yield Plan(task, notes=[f"After change {before}."]) if before else _planned(task)
        for session, path in [(task.session, task.path), (task.other, task.to)]:
            touched[id(session), path] = number


def _planned(task: Task) -> Plan:
    notes = [said for said in [task.session.backend.caution(task.path)] if said]
    try:
        secret, outline = _seen(task)
    except KvtuiError as error:
        return Plan(task, notes=[*notes, f"It cannot be looked at: {error.message}"])
    base = outline.current if outline is not None else 0
    step = task.step
    if step.base_version not in {None, base}:
        notes.append(f"It is at version {base} now, not {step.base_version}: a conflict.")
    if outline is None and step.op is not Op.SET:
        notes.append("Nothing is there.")
    if task.to:
        notes += _arriving(task)
    fields: Sequence[FieldDiff] = ()
    if step.fields is not None:
        old = secret.fields if secret is not None else {}
        fields = compare_fields(old, {**old, **step.fields}, ordered=task.session.info().keeps_order)
    metadata = outline.metadata if outline is not None else Metadata()
    described = compare_metadata(metadata, step.metadata.apply(metadata)) if step.metadata else ()
    return Plan(task, base, fields, described, notes)


def _seen(task: Task) -> tuple[Secret | None, Outline | None]:
    """What is there: with its values only where a comparison needs them."""
    try:
        if task.step.op is Op.SET and task.session.can(Capability.READ):
            secret = task.session.backend.read(task.path)
            return secret, secret.outline()
        return None, task.session.backend.outline(task.path)
    except NotFound:
        return None, None


def _arriving(task: Task) -> list[str]:
    notes = []
    try:
        task.other.backend.outline(task.to)
        notes.append("Something is at the target already; it will be left alone.")
    except NotFound:
        pass
    except KvtuiError as error:
        notes.append(f"The target cannot be looked at: {error.message}")
    if not task.is_native:
        try:
            notes += [loss.what for loss in task.session.losses(task.path, task.other, task.to)]
        except NotFound:
            pass
        except KvtuiError as error:
            notes.append(f"It cannot be done: {error.message}")
    return notes


# -- doing


class Run:
    """All changes of a file. `begun_at` is when a run that is gone on with began, None for a new one."""

    def __init__(self, tasks: Sequence[Task], resolver: Resolver, *, resume: bool = False, anew: bool = False) -> None:
        self._tasks = [*tasks]
        self._resolver = resolver
        sessions = {id(task.session): task.session for task in tasks}
        self._records = {key: BatchRecord.of(session, _name(tasks, session)) for key, session in sessions.items()}
        self._done: set[int] = set()
        self._doubtful: set[int] = set()
        self.begun_at: datetime | None = None
        self._resume, self._anew = resume, anew

    @property
    def done_before(self) -> int:
        """How many changes an earlier run has done."""
        return len(self._done)

    @contextmanager
    def under_way(self) -> Iterator[Iterator[TaskDone | TaskFailed]]:
        """One result for each change, as it goes. Raises Unavailable where another process does the same, and as
        `resolved`: then nothing was done."""
        with ExitStack() as held:
            for record in self._records.values():
                held.enter_context(record.held())
            self._take_up()
            try:
                self._resolve()
            except KvtuiError:
                self._drop_if_over()
                raise
            yield self._results()

    def _resolve(self) -> None:
        """Of what is done nothing is read again: it may be gone since, by the same file."""
        left = [number for number in range(len(self._tasks)) if number not in self._done]
        found = with_values([self._tasks[number] for number in left], self._resolver)
        for number, task in zip(left, found, strict=True):
            self._tasks[number] = task

    def _take_up(self) -> None:
        rows = {key: record.rows() for key, record in self._records.items()}
        begun = [_begun(self._records[key], found) for key, found in rows.items() if found]
        old = bool(begun) and datetime.now(UTC) - min(begun) > REPEATED_WITHIN
        if self._anew or (old and not self._resume):
            for record in self._records.values():
                record.forget()
            begun = []
        if not begun:
            for record in self._records.values():
                record.add({"at": datetime.now(UTC).isoformat()})
            return
        self.begun_at = min(begun)
        for key, found in rows.items():
            if not found:
                self._records[key].add({"at": self.begun_at.isoformat()})
            for row in found[1:]:
                number, what = row.get("of"), row.get("is")
                if type(number) is not int or what not in {"begun", "done", "refused"}:
                    raise self._records[key].unreadable()
                (self._done.add if what == "done" else self._done.discard)(number)
                (self._doubtful.add if what == "begun" else self._doubtful.discard)(number)

    def _results(self) -> Iterator[TaskDone | TaskFailed]:
        not_taken = 0
        for number, task in enumerate(self._tasks):
            if number in self._done and self._stands(number):
                yield TaskDone(task, unchanged=True)
                continue
            if not_taken and task.step.op in _TAKES_AWAY:
                message = f"Left alone, as change {not_taken}, which takes values from elsewhere, was not done."
                yield TaskFailed(task, KvtuiError(message, hint="See to that one, and run the file again."))
                continue
            record = self._records[id(task.session)]
            record.add({"is": "begun", "of": number})
            try:
                result = _do(task, doubtful=number in self._doubtful)
            except KvtuiError as error:
                if not isinstance(error, Unavailable):  # of what was lost on the way nobody knows
                    record.add({"is": "refused", "of": number})
                    self._doubtful.discard(number)
                else:
                    self._doubtful.add(number)
                self._done.discard(number)
                not_taken = not_taken or (number + 1 if task.step.sources else 0)
                yield TaskFailed(task, error)
            else:
                record.add({"is": "done", "of": number}, durable=False)  # what is there tells it too
                self._done.add(number)
                self._doubtful.discard(number)
                yield result
        self._drop_if_over()

    def _drop_if_over(self) -> None:
        if len(self._done) == len(self._tasks) or not (self._done or self._doubtful):
            for record in self._records.values():
                record.drop()

    def _stands(self, number: int) -> bool:
        """Whether what was done is still so. Where the store has no key the file may hold other values since, which
        the record does not know; of a path that several changes are about only the last could tell."""
        task = self._tasks[number]
        places = [(id(each.session), each.path) for each in self._tasks] + [
            (id(each.other), each.to) for each in self._tasks if each.to
        ]
        if task.step.op is not Op.SET or task.step.sources or places.count((id(task.session), task.path)) > 1:
            return True
        return not task.session.can(Capability.READ) or _holds(task, _read(task))


def _begun(record: BatchRecord, rows: Sequence[Row]) -> datetime:
    """When the run of a record began. Raises Corrupt: one that is not sealed can be changed by others."""
    try:
        begun = datetime.fromisoformat(rows[0]["at"])
    except (KeyError, TypeError, ValueError):
        raise record.unreadable() from None
    return begun if begun.tzinfo is not None else begun.replace(tzinfo=UTC)


def _name(tasks: Sequence[Task], session: Session) -> str:
    """The same for the same file. Where the store has no key, values have no part in it: a record of them without one
    could be guessed at."""
    key = BatchRecord.of(session, "").key
    rows: list[Json] = []
    for task in tasks:
        step = task.step
        own = {name: value for name, value in (step.fields or {}).items() if name not in step.sources}
        values = "" if key is None or not own else encode_fields(own).decode("ascii")
        sources: Json = {name: str(want.reference) for name, want in step.sources.items()}
        described = repr(step.metadata)
        rows.append([step.op.value, step.path, step.to, step.base_version, [*own], sources, described, values])
    text = json_text.dump(rows).encode("ascii")
    digest = hashlib.sha256(text).hexdigest() if key is None else hmac.digest(key, text, "sha256").hex()
    return f"apply-{digest[:32]}"


def _do(task: Task, *, doubtful: bool) -> TaskDone:
    """`doubtful`: a run was killed while it did this."""
    match task.step.op:
        case Op.SET:
            return _set(task)
        case Op.META:
            return _describe(task)
        case Op.DELETE | Op.UNDELETE | Op.DESTROY:
            return _flip(task, doubtful=doubtful)
        case Op.MOVE | Op.COPY:
            return _relocate(task, doubtful=doubtful)


def _set(task: Task) -> TaskDone:
    step, session = task.step, task.session
    for _ in range(_TRIES):
        secret = _read(task) if session.can(Capability.READ) else None
        current = secret.current if secret is not None else 0
        if _holds(task, secret) and step.base_version in {None, current, current - 1}:
            return TaskDone(task, current, unchanged=True)
        old = secret.fields if secret is not None and secret.version.state is VersionState.LIVE else {}
        fields: Fields = {**old, **(step.fields or {})}
        known = session.can(Capability.READ)
        base = step.base_version if step.base_version is not None or not known else current
        change = Change(Op.SET, task.path, fields=fields, metadata=step.metadata, base_version=base)
        try:
            applied = session.apply(prepared_on(change, secret))
        except Conflict as conflict:
            if step.base_version is not None:
                raise
            last = conflict
        else:
            return TaskDone(task, applied.version.number if applied.version else None)
    raise last


def _read(task: Task) -> Secret | None:
    try:
        return task.session.backend.read(task.path)
    except NotFound:
        return None


def _holds(task: Task, secret: Secret | None) -> bool:
    """Whether a secret already is as a change would make it."""
    step = task.step
    if secret is None or secret.version.state is not VersionState.LIVE:
        return False
    named = {name: value for name, value in secret.fields.items() if name in (step.fields or {})}
    return like_fields(named, step.fields or {}) and step.metadata.apply(secret.metadata) == secret.metadata


def _describe(task: Task) -> TaskDone:
    step, session = task.step, task.session
    current = _check_base(task)
    metadata = session.backend.metadata(task.path)
    if step.metadata.apply(metadata) == metadata:
        return TaskDone(task, current, unchanged=True)
    session.apply(Change(Op.META, task.path, metadata=step.metadata, base_version=step.base_version))
    return TaskDone(task, current)


def _check_base(task: Task) -> int:
    """The current version. Raises Conflict, NotFound."""
    current = task.session.backend.outline(task.path).current
    base = task.step.base_version
    if base not in {None, current}:
        raise Conflict(
            f"It is at version {current} now, not {base}.",
            expected=base or 0,
            actual=current,
            hint="Look at it again, then repeat.",
            path=task.path,
        )
    return current


def _flip(task: Task, *, doubtful: bool) -> TaskDone:
    step, session = task.step, task.session
    try:
        outline = session.backend.outline(task.path)
    except PermissionDenied:  # of a token that may change what it may not see
        outline = None
    except NotFound:
        if doubtful and step.op is not Op.UNDELETE:
            return TaskDone(task, unchanged=True)
        raise
    wanted = {Op.DELETE: VersionState.DELETED, Op.UNDELETE: VersionState.LIVE}.get(step.op)
    if outline is not None and outline.version.state is wanted and step.base_version in {None, outline.current}:
        return TaskDone(task, outline.current, unchanged=True)
    session.apply(Change(step.op, task.path, base_version=step.base_version))
    return TaskDone(task, None if outline is None or step.op is Op.DESTROY else outline.current)


def _relocate(task: Task, *, doubtful: bool) -> TaskDone:
    step, session, other = task.step, task.session, task.other
    paths.check_new(task.to)
    try:
        _check_base(task)
    except NotFound:
        if doubtful and step.op is Op.MOVE and (version := _current(other, task.to)):
            return TaskDone(task, version, unchanged=True)
        raise
    if task.is_native:
        if doubtful and step.op is Op.COPY and _is_copied(task):
            return TaskDone(task, _current(other, task.to), unchanged=True)
        session.apply(Change(step.op, task.path, to=task.to, base_version=step.base_version))
        return TaskDone(task, _current(other, task.to))
    carried = session.carry(task.path, other, task.to, move=step.op is Op.MOVE, resume=doubtful)
    return TaskDone(task, carried.version, lost=[loss.what for loss in carried.lost if not loss.slight])


def _is_copied(task: Task) -> bool:
    from kvtui.services.carrying import begun  # noqa: PLC0415 - most runs are not killed

    try:
        there, versions = begun(task.session.backend, task.path, task.other.backend, task.to)
    except AlreadyExists:
        return False
    return there == versions


def _current(session: Session, path: str) -> int:
    try:
        return session.backend.outline(path).current
    except NotFound:
        return 0
