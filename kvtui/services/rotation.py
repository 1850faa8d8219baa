"""Rotation: a new value as a new version, whoever uses it told, and one step back if that went wrong.

    read -> make -> write with a check against the version read -> after_rotate hook -> read back and compare

Where the store gives no value back there is nothing to read: what is written is neither compared nor taken back.

Whatever fails after the write, the new version stays and the old one is in the history: the result says which step was
reached, and the session's `undo` (or kvtui rollback) takes it back.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from kvtui.domain.capability import Capability
from kvtui.domain.codec import to_bytes
from kvtui.domain.errors import Conflict, InvalidInput, KvtuiError, NotFound, Unavailable
from kvtui.domain.metadata import NOTICE, Metadata
from kvtui.domain.secret import Outline, Secret, Version, VersionState
from kvtui.domain.value import SecretValue, decode_input
from kvtui.hardening import child_environment
from kvtui.services.changes import Applied, Basis, Change, Op, prepared_on
from kvtui.services.journal import Act

if TYPE_CHECKING:
    from kvtui.services.session import Session

HOOK_SECONDS = 60.0
COMMAND_SECONDS = 60.0
MAX_OUTPUT = 1 << 20
"""Bytes a command may print as a new value."""


class Step(StrEnum):
    """How far a rotation came; the last is done."""

    WRITTEN = "written"
    """The hook failed, or what is read back is something else."""
    HOOKED = "hooked"
    """The hook was content, but reading back failed."""
    DONE = "done"


@dataclass(frozen=True, slots=True)
class RotationResult:
    """A rotation whose new version is written. `undo` is the change that takes it back, None where nothing can."""

    path: str
    field: str
    version: Version
    step: Step
    undo: Change | None
    error: KvtuiError | None = None
    note: str = ""
    """What could not be checked."""

    @property
    def done(self) -> bool:
        return self.step is Step.DONE


@dataclass(frozen=True, slots=True)
class RotationOutcome:
    """What became of one secret of a batch. `error` and no `result`: nothing was written."""

    path: str
    result: RotationResult | None = None
    error: KvtuiError | None = None


Make = Callable[[], SecretValue]
"""Where new values come from; called once for each secret."""


class Watch(Protocol):
    """Told of the steps of a rotation. What it raises ends that there."""

    def begun(self, base: int, field: str, value: SecretValue | None) -> None:
        """It will be written next, on this version; the value is None where the store makes it."""

    def written(self, version: int) -> None:
        """It is."""

    def telling(self) -> None:
        """`after_rotate` will be run next."""

    def told(self) -> None:
        """It was content."""


def rotate(
    session: Session,
    path: str,
    *,
    field: str | None = None,
    make: Make,
    hook_seconds: float = HOOK_SECONDS,
    watch: Watch | None = None,
) -> RotationResult:
    """Rotate one field of a secret; the others stay as they are.

    Raises NotFound, InvalidInput (several fields and none named; what `make` raises), Conflict (somebody wrote
    meanwhile), PermissionDenied: then nothing was written. Later failures are in the result.
    """
    if not session.can(Capability.READ):
        return _rotate_unseen(session, path, field, make, hook_seconds=hook_seconds, watch=watch)
    secret = session.backend.read(path)
    name = field_of(secret, field)
    value = make()
    if secret.fields[name].same_as(value):
        raise InvalidInput("The new value is the old one.", hint="Make another.", path=path)
    change = Change(Op.SET, path, fields={**secret.fields, name: value}, base_version=secret.current)
    applied, version = _written(session, prepared_on(change, secret), name, watch)

    def tell() -> None:
        tell_hook(session, value, path, name, version.number, seconds=hook_seconds, watch=watch)

    step, error = go_through(tell, lambda: verify(session.backend.read(path), name, value, version.number))
    return RotationResult(path, name, version, step, applied.undo, error)


def _rotate_unseen(
    session: Session, path: str, field: str | None, make: Make, *, hook_seconds: float, watch: Watch | None
) -> RotationResult:
    outline = session.backend.outline(path)
    name = field_of(outline, field)
    value = make()
    basis = Basis(numbered=outline.version.numbered)
    change = Change(Op.SET, path, fields={name: value}, base_version=outline.current, basis=basis)
    applied, version = _written(session, change, name, watch)

    def tell() -> None:
        tell_hook(session, value, path, name, version.number, seconds=hook_seconds, watch=watch)

    step, error = go_through(tell, _nothing)
    return RotationResult(path, name, version, step, applied.undo, error, note=NOT_COMPARED)


NOT_COMPARED = "This store gives no value back, so what it keeps was not compared."


def _written(session: Session, change: Change, field: str, watch: Watch | None) -> tuple[Applied, Version]:
    if watch is not None:
        watch.begun(change.base_version or 0, field, (change.fields or {})[field])
    applied = session.apply(change, act=Act.ROTATE)
    if applied.version is None:  # a SET always has one
        hint = "Look at its versions."
        raise Unavailable("The store did not say which version it wrote.", hint=hint, path=change.path)
    if watch is not None:
        watch.written(applied.version.number)
    return applied, applied.version


def go_through(tell: Callable[[], None], check: Callable[[], None]) -> tuple[Step, KvtuiError | None]:
    """What comes after the write: how far it came, and why not further."""
    step = Step.WRITTEN
    try:
        tell()
        step = Step.HOOKED
        check()
    except KvtuiError as failure:
        return step, failure
    return Step.DONE, None


def _nothing() -> None:
    """What there is to do where nothing can be checked."""


def rotate_many(
    session: Session, targets: Iterable[tuple[str, str | None]], *, make: Make, hook_seconds: float = HOOK_SECONDS
) -> Iterator[RotationOutcome]:
    """Rotate (path, field) after (path, field), yielding as it goes; one that fails leaves the others alone."""
    for path, field in targets:
        try:
            result = rotate(session, path, field=field, make=make, hook_seconds=hook_seconds)
        except KvtuiError as error:
            yield RotationOutcome(path, error=error)
        else:
            yield RotationOutcome(path, result, result.error)


def field_of(secret: Secret | Outline, field: str | None) -> str:
    """The field to rotate. Raises NotFound for a deleted secret, InvalidInput naming the fields."""
    if secret.version.state is not VersionState.LIVE:
        state = secret.version.state.value
        raise NotFound(
            f"The secret is {state}.", hint="Undelete it first.", path=secret.path, state=state, version=secret.current
        )
    names = ", ".join(secret.fields)
    if field is None:
        if len(secret.fields) == 1:
            return next(iter(secret.fields))
        many = f"It has several fields: {names}." if secret.fields else "It has no fields."
        raise InvalidInput(
            many, hint="Name one with -f FIELD." if secret.fields else "Set one first.", path=secret.path
        )
    if field not in secret.fields:
        raise InvalidInput(f"It has no field {field}.", hint=f"Its fields: {names or 'none'}.", path=secret.path)
    return field


def verify(secret: Secret, field: str, value: SecretValue, version: int) -> None:
    """Raise Conflict or Unavailable where another version than this one, or another value, is read back."""
    if secret.current != version:
        raise Conflict(
            "Somebody wrote another version right after the rotation.",
            expected=version,
            actual=secret.current,
            hint="Compare the versions.",
            path=secret.path,
        )
    if field not in secret.fields or not secret.fields[field].same_as(value):
        raise Unavailable(
            "What the store gives back is not what was written.", hint="Roll back, then rotate again.", path=secret.path
        )


def tell_hook(
    session: Session,
    value: SecretValue,
    path: str,
    field: str,
    version: int,
    *,
    seconds: float = HOOK_SECONDS,
    watch: Watch | None = None,
) -> None:
    """Run the profile's `after_rotate`, where it has one. Raises as `run_hook`."""
    if not session.profile.after_rotate:
        return
    if watch is not None:
        watch.telling()
    run_hook(session.profile.after_rotate, value, path, field, version, seconds=seconds)
    if watch is not None:
        watch.told()


def run_hook(
    argv: Sequence[str], value: SecretValue, path: str, field: str, version: int, *, seconds: float = HOOK_SECONDS
) -> None:
    """Run `after_rotate`: the new value on stdin, which secret in KVTUI_PATH, KVTUI_FIELD, KVTUI_VERSION.

    Its output is thrown away, as it may hold the value. Raises Unavailable when it cannot run, fails or takes too long.
    """
    hint = f"Version {version} stays. Put the hook right and run it by hand, or roll back to the version before."
    names = {"KVTUI_PATH": path, "KVTUI_FIELD": field, "KVTUI_VERSION": str(version)}
    try:
        code = _feed(argv, to_bytes(value), seconds, names)
    except _TooLongError:
        raise Unavailable(f"after_rotate did not end within {seconds:g} s.", hint=hint, path=path) from None
    except (OSError, ValueError) as error:
        # ValueError: a path with NUL or half a character has no place in an environment.
        raise Unavailable(f"after_rotate cannot be started ({type(error).__name__}).", hint=hint, path=path) from None
    if code:
        raise Unavailable(f"after_rotate failed ({_how(code)}).", hint=hint, path=path)


def from_command(argv: Sequence[str], *, seconds: float = COMMAND_SECONDS) -> Make:
    """New values from a command's output, one line end at its end dropped. `make` raises InvalidInput, Unavailable."""

    def make() -> SecretValue:
        try:
            code, output = _capture(argv, seconds)
        except _TooLongError:
            raise Unavailable(f"The command did not end within {seconds:g} s.", hint="Nothing was changed.") from None
        except (OSError, ValueError) as error:
            name = type(error).__name__
            raise Unavailable(f"The command cannot be started ({name}).", hint="Nothing was changed.") from None
        if code:
            raise Unavailable(f"The command failed ({_how(code)}).", hint="Nothing was changed.")
        return from_stdin(output.removesuffix(b"\n").removesuffix(b"\r"))()

    return make


def from_stdin(data: bytes) -> Make:
    """One given value: text if it is UTF-8, else bytes. `make` raises InvalidInput for none or too much."""

    def make() -> SecretValue:
        if not data:
            raise InvalidInput("The new value is empty.", hint="Nothing was changed.")
        if len(data) > MAX_OUTPUT:
            raise InvalidInput(f"The new value is longer than {MAX_OUTPUT} bytes.", hint="Nothing was changed.")
        return decode_input(data)

    return make


class _TooLongError(Exception):
    """A program was ended because its time was over."""


def _feed(argv: Sequence[str], given: bytes, seconds: float, environment: dict[str, str]) -> int:
    """Exit code of a program that gets bytes on stdin and whose output nobody sees."""
    with _started(argv, stdin=subprocess.PIPE, environment=environment) as child:
        child.communicate(given, timeout=seconds)
        return child.returncode


def _capture(argv: Sequence[str], seconds: float) -> tuple[int, bytes]:
    """Exit code and output of a program without input. Reads a little more than MAX_OUTPUT at most."""
    deadline = time.monotonic() + seconds
    output = bytearray()
    with _started(argv, stdout=subprocess.PIPE) as child, selectors.DefaultSelector() as selector:
        pipe = child.stdout
        if pipe is None:
            raise OSError
        selector.register(pipe, selectors.EVENT_READ)
        while len(output) <= MAX_OUTPUT:
            left = deadline - time.monotonic()
            if left <= 0 or not selector.select(left):
                raise _TooLongError
            chunk = os.read(pipe.fileno(), 1 << 16)
            if not chunk:
                child.wait(max(deadline - time.monotonic(), 0))
                return child.returncode, bytes(output)
            output += chunk
        raise InvalidInput(f"The command printed more than {MAX_OUTPUT} bytes.", hint="Nothing was changed.")


@contextmanager
def _started(
    argv: Sequence[str],
    *,
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
    environment: dict[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A program in a session of its own: where the body fails, it and its children are ended together."""
    child = subprocess.Popen(
        list(argv),
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.DEVNULL,
        env=child_environment() | (environment or {}),
        start_new_session=True,
    )
    with child:
        try:
            yield child
        except BaseException as error:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise _TooLongError from None
            raise


def _how(code: int) -> str:
    return f"exit code {code}" if code > 0 else f"signal {-code}"


# -- when it is due


class DueState(StrEnum):
    FRESH = "fresh"
    DUE = "due"
    OVERDUE = "overdue"


@dataclass(frozen=True, slots=True)
class Due:
    """`at` is when the interval is over, aware UTC."""

    state: DueState
    at: datetime


def due(metadata: Metadata, now: datetime, *, rotated_at: datetime | None = None) -> Due | None:
    """When a secret with an interval is to be rotated, None for one without, or of unknown age.

    `rotated_at` is when its current version was made; without it, when it was updated. Intervals are spans of elapsed
    time (90d is 90 times 24 hours), so calendars, time zones and daylight saving have no say. All times are aware.
    """
    since = rotated_at or metadata.updated_at or metadata.created_at
    if metadata.rotation is None or since is None:
        return None
    try:
        at = since.astimezone(UTC) + metadata.rotation
    except OverflowError:
        at = datetime.max.replace(tzinfo=UTC)
    left = at - now.astimezone(UTC)
    if left <= timedelta(0):
        state = DueState.OVERDUE
    elif left <= min(NOTICE, metadata.rotation / 10):
        state = DueState.DUE
    else:
        state = DueState.FRESH
    return Due(state, at)
