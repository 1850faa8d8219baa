"""Rotating several secrets so that a run that was killed is gone on with: none twice, none forgotten, all taken back.

    for each: make -> take note -> write -> take note -> take note -> hook -> take note -> read back -> take note

Killed between the first two notes, what is there tells whether the new value was written: by a keyed hash of it where
that can be kept safely, else by the number of the version. Killed before the hook, it runs with the value that is
there. Killed while it ran, nothing tells how far it came: it runs again, which is said. So it runs at least once.
The record stays after the end, so that all of it can be taken back, until the next batch.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Self

from kvtui.domain import json_text
from kvtui.domain.capability import Capability
from kvtui.domain.errors import Conflict, InvalidInput, KvtuiError, NotFound, Unavailable
from kvtui.domain.json_text import Json
from kvtui.domain.secret import Secret, VersionState
from kvtui.domain.value import SecretValue, like_fields
from kvtui.services.batch_record import BatchRecord, Row
from kvtui.services.changes import Change, Op
from kvtui.services.generator import Recipe, entropy_bits
from kvtui.services.journal import Act
from kvtui.services.rotation import (
    Make,
    RotationOutcome,
    RotationResult,
    Step,
    go_through,
    rotate,
    tell_hook,
    verify,
)
from kvtui.services.server_rotation import rotate_there
from kvtui.services.session import Session

REPEATED_WITHIN = timedelta(days=1)
"""How long after its begin a batch that was not finished is gone on with unasked, when the same is asked for again."""
_PREFIX = "rotate-"
_HARD_TO_GUESS = 80.0
"""Bits from which a hash of a generated value tells nothing to whoever reads a record that is not sealed."""

Targets = Sequence[tuple[str, str | None]]


class How(NamedTuple):
    """Where new values come from: a recipe, or (None) from elsewhere; `there`: the store itself rotates."""

    recipe: Recipe | None = None
    there: bool = False


@dataclass(slots=True)
class _Item:
    """How far one secret has come."""

    base: int | None = None
    field: str = ""
    seen: str = ""
    version: int | None = None
    told: bool | None = None
    """Whether the hook was content; None where it was not begun."""
    done: bool = False
    back: bool = False


class RotationBatch:
    """One batch of one store; see `begin` and `all_of`."""

    def __init__(self, session: Session, record: BatchRecord, rows: Sequence[Row]) -> None:
        self._session, self._record = session, record
        try:
            first = rows[0]
            self.begun_at = datetime.fromisoformat(first["at"])
            self.targets: Targets = [(path, field) for path, field in first["targets"]]
            recipe = first["recipe"]
            self.how = How(None if recipe is None else _recipe(recipe), first["there"])
            self._salt: str = first["salt"]
            self._take(rows)
        except (LookupError, TypeError, ValueError):
            raise record.unreadable() from None

    def _take(self, rows: Sequence[Row]) -> None:
        self._items = [_Item() for _ in self.targets]
        self._is_ended = False
        for row in rows[1:]:
            self._take_note(row)

    @classmethod
    def begin(cls, session: Session, targets: Targets, how: How, *, resume: bool = False, anew: bool = False) -> Self:
        """The batch of these: gone on with where the same was begun within a day, or whenever with `resume`. Raises
        Unavailable where another process does it."""
        record = BatchRecord.of(session, _name(session, targets, how))
        with record.held():
            rows = record.rows()
            if rows and not anew:
                found = cls(session, record, rows)
                if not found.is_finished and (resume or datetime.now(UTC) - found.begun_at < REPEATED_WITHIN):
                    return found
            record.forget()
            first: Row = {
                "at": datetime.now(UTC).isoformat(),
                "targets": [[path, field] for path, field in targets],
                "recipe": None if how.recipe is None else asdict(how.recipe),
                "there": how.there,
                "salt": secrets.token_hex(16),
            }
            record.add(first)
        for other in cls.all_of(session):
            if other.is_finished and other._record.name != record.name:  # noqa: SLF001 - one of our own
                with suppress(Unavailable):  # another process takes it back
                    other.forget()
        return cls(session, record, [first])

    @classmethod
    def all_of(cls, session: Session) -> Sequence[Self]:
        """Those there is a record of, the one begun last at the end."""
        records = BatchRecord.all_of(session, _PREFIX)
        found = [cls(session, record, rows) for record in records if (rows := record.rows())]
        return sorted(found, key=lambda batch: batch.begun_at)

    @property
    def done(self) -> int:
        """How many are rotated."""
        return sum(item.done for item in self._items)

    @property
    def is_begun(self) -> bool:
        """Whether any was, or may have been, touched."""
        return any(item.base is not None or item.done for item in self._items)

    @property
    def is_finished(self) -> bool:
        return self._is_ended

    def end(self) -> None:
        """It is not gone on with; it can still be taken back. Raises as `going_on`."""
        with self._held():
            self.note("end", 0)

    def forget(self) -> None:
        """It is neither gone on with nor taken back. Raises Unavailable where another process does it."""
        with self._record.held():
            self._record.drop()

    @contextmanager
    def going_on(self, make: Make | None) -> Iterator[Iterator[RotationOutcome]]:
        """Rotate those that are not, yielding as it goes; one that fails leaves the others alone. Raises Unavailable
        where another process does it, or has ended it since."""
        with self._held():
            yield (self._rotated(number, make) for number, item in enumerate(self._items) if not item.done)
            if self.done == len(self._items):  # and whoever asked for it has been told
                self.note("end", 0)

    @contextmanager
    def taking_back(self) -> Iterator[Iterator[RotationOutcome]]:
        """Write the values before as the next version, where nobody has written since. Raises as `going_on`."""
        with self._held():
            yield self._all_back()

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Alone with the record, and as far as it is by now."""
        with self._record.held():
            rows = self._record.rows()
            if not rows or rows[0].get("salt") != self._salt:
                hint = "Look at the secrets, then repeat."
                raise Unavailable("Another process has ended this since.", hint=hint, retryable=False)
            self._take(rows)
            yield

    # -- rotating

    def _rotated(self, number: int, make: Make | None) -> RotationOutcome:
        path, field = self.targets[number]
        try:
            version = self._written_before(number)
            result = self._new(number, path, field, make) if version is None else self._after(number, path, version)
        except KvtuiError as error:
            if not isinstance(error, Unavailable):  # of what was lost on the way nobody knows
                self.note("refused", number)
            return RotationOutcome(path, error=error)
        if result.error is None:
            self.note("done", number)
        return RotationOutcome(path, result, result.error)

    def _new(self, number: int, path: str, field: str | None, make: Make | None) -> RotationResult:
        watch = _Watch(self, number)
        if self.how.there:
            return rotate_there(self._session, path, field=field, make=make, watch=watch)
        if make is None:
            raise InvalidInput("The new values came from elsewhere.", hint="Say again where from.", path=path)
        return rotate(self._session, path, field=field, make=make, watch=watch)

    def _after(self, number: int, path: str, version: int) -> RotationResult:
        """What is left to do for one whose new value was written before: the hook, and reading back."""
        session, item = self._session, self._items[number]
        name, hook = item.field, bool(session.profile.after_rotate) and not item.told
        if not session.can(Capability.READ, path):
            if hook:
                what = "It is not known how far after_rotate came" if item.told is False else "after_rotate was not run"
                hint = "Tell whoever uses it by hand, then rotate the others with --anew."
                raise InvalidInput(f"{what}, and the store gives no value back to run it with.", hint=hint, path=path)
            made = session.backend.outline(path).version
            return RotationResult(path, name, made, Step.DONE, None, note="It was written before the run was ended.")
        secret = session.backend.read(path)
        if secret.version.numbered and secret.current != version:
            missed = f", so after_rotate was not run for version {version}" if hook else ""
            note = f"Version {secret.current} was written since{missed}."
            return RotationResult(path, name, secret.version, Step.DONE, None, note=note)
        if name not in secret.fields:
            raise NotFound(f"The field {name} is gone since it was rotated.", hint="Look at its versions.", path=path)
        value = secret.fields[name]
        is_again = hook and item.told is False
        note = "after_rotate was run again: it had been begun, and not ended well." if is_again else ""

        def tell() -> None:
            if hook:
                tell_hook(session, value, path, name, version, watch=_Watch(self, number))

        step, error = go_through(tell, lambda: verify(secret, name, value, version))
        return RotationResult(path, name, secret.version, step, None, error, note=note)

    def _written_before(self, number: int) -> int | None:
        """The version that an earlier run has written, None for none. Raises Unavailable where nobody can tell."""
        item, (path, _) = self._items[number], self.targets[number]
        if item.version is not None or item.base is None:
            return item.version
        found = self._found(path, item, item.base)
        if found is not None:
            self.note("written", number, version=found)
        return found

    def _found(self, path: str, item: _Item, base: int) -> int | None:
        backend = self._session.backend
        if item.seen and self._session.can(Capability.READ, path):
            now = backend.read(path)
            if self._is_ours(now, item):
                return now.current
            if now.current <= base + 1 or not now.version.numbered:
                return None
            return base + 1 if self._is_ours(backend.read(path, base + 1), item) else None
        outline = backend.outline(path)
        if not outline.version.numbered:
            raise Unavailable(
                "The run was ended while this was rotated, and its store does not tell whether it was.",
                hint="Look at it. --anew rotates all of them.",
                path=path,
                retryable=False,
            )
        return base + 1 if outline.current > base else None

    def _is_ours(self, secret: Secret, item: _Item) -> bool:
        value = secret.fields.get(item.field)
        return value is not None and hmac.compare_digest(self._hash(value), item.seen)

    def _hash(self, value: SecretValue) -> str:
        key = hmac.digest(self._record.key or b"", self._salt.encode("ascii"), "sha256")
        return value.digest(key).hex()

    def seen(self, value: SecretValue | None) -> str:
        """A hash to know a value by, where it can be kept: in a sealed record, or of one that cannot be guessed."""
        if value is None:
            return ""
        recipe = self.how.recipe
        is_hard = recipe is not None and entropy_bits(recipe) >= _HARD_TO_GUESS
        return self._hash(value) if self._record.key is not None or is_hard else ""

    # -- taking back

    def _all_back(self) -> Iterator[RotationOutcome]:
        for number, item in enumerate(self._items):
            if item.back or (item.version is None and item.base is None):
                continue
            path, _ = self.targets[number]
            try:
                version = self._written_before(number)
                if version is None:
                    continue
                result = self._back(path, item.field, version)
            except KvtuiError as error:
                yield RotationOutcome(path, error=error)
            else:
                self.note("back", number)
                yield RotationOutcome(path, result)
        if all(item.back or item.version is None for item in self._items):
            self._record.drop()

    def _back(self, path: str, field: str, version: int) -> RotationResult:
        session = self._session
        if version < 2 or not session.can(Capability.VERSIONS, path):
            why = session.why_not(Capability.VERSIONS, path) or "There is no version before it."
            raise InvalidInput(f"It cannot be taken back: {why}", hint="Rotate it again, or set it.", path=path)
        old, now = session.backend.read(path, version - 1), session.backend.read(path)
        if old.version.state is not VersionState.LIVE:
            raise NotFound(f"Version {version - 1} is {old.version.state.value}.", hint="Undelete it first.", path=path)
        if now.current == version + 1 and like_fields(now.fields, old.fields):  # by a run that was killed
            return RotationResult(path, field, now.version, Step.DONE, None)
        if now.current != version:
            raise Conflict(
                f"It is at version {now.current} since, so it stays.",
                expected=version,
                actual=now.current,
                hint="Compare the versions.",
                path=path,
            )
        applied = session.apply(Change(Op.SET, path, fields=old.fields, base_version=version), act=Act.UNDO)
        return RotationResult(path, field, applied.version or now.version, Step.DONE, None)

    # -- the record

    def note(self, step: str, number: int, **what: Any) -> None:
        """Take note of a step of one of them."""
        row: Row = {"is": step, "of": number, **what}
        # What comes after it, the store tells too; how far the hook came, nobody else.
        self._record.add(row, durable=row["is"] in {"begun", "telling", "told"})
        self._take_note(row)

    def _take_note(self, row: Row) -> None:
        item = self._items[row["of"]]
        match row["is"]:
            case "begun":
                item.base, item.field, item.seen = row["base"], row["field"], row["seen"]
                item.version = item.told = None
            case "written":
                item.version = row["version"]
            case "telling" | "told":
                item.told = row["is"] == "told"
            case "done":
                item.done = True
            case "refused" if item.version is None:
                item.base = None
            case "back":
                item.back = True
            case "end":
                self._is_ended = True


@dataclass(frozen=True, slots=True)
class _Watch:
    """Takes note of the steps of one rotation."""

    batch: RotationBatch
    number: int

    def begun(self, base: int, field: str, value: SecretValue | None) -> None:
        self.batch.note("begun", self.number, base=base, field=field, seen=self.batch.seen(value))

    def written(self, version: int) -> None:
        self.batch.note("written", self.number, version=version)

    def telling(self) -> None:
        self.batch.note("telling", self.number)

    def told(self) -> None:
        self.batch.note("told", self.number)


def _recipe(row: Mapping[str, Any]) -> Recipe:
    return Recipe(**{**row, "required": tuple(row["required"])})


def _name(session: Session, targets: Targets, how: How) -> str:
    """The same for the same batch: names and how values are made, never a value."""
    recipe: Json = None if how.recipe is None else {key: str(value) for key, value in asdict(how.recipe).items()}
    text = json_text.dump([[[path, field] for path, field in targets], recipe, how.there]).encode("ascii")
    key = BatchRecord.of(session, "").key
    digest = hashlib.sha256(text).hexdigest() if key is None else hmac.digest(key, text, "sha256").hex()
    return f"{_PREFIX}{digest[:32]}"
