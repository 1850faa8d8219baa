"""Rotating one secret with a value seen before, or several with new ones each. Loaded when it is first asked for."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from kvtui.domain import codec
from kvtui.domain.capability import Capability
from kvtui.domain.errors import KvtuiError
from kvtui.domain.secret import VersionState
from kvtui.domain.value import SecretValue
from kvtui.services.changes import Change, Op
from kvtui.services.generator import generate
from kvtui.services.journal import Act
from kvtui.services.rotation import rotate, rotate_many
from kvtui.ui.dialogs.rotate import RotateDialog, Rotation, There
from kvtui.ui.dialogs.rotate_many import BatchRotateDialog, BatchRotation

if TYPE_CHECKING:
    from kvtui.ui.screens.main import MainScreen


def _there(screen: MainScreen, path: str | None = None) -> There:
    session = screen.session
    if not session.can(Capability.ROTATE, path):
        return There.NOTHING
    return There.MAKES if session.info().makes_values else There.TAKES


async def rotate_selected(screen: MainScreen) -> None:
    secret = await screen.newest()
    caution = await screen.call(screen.session.backend.caution, secret.path)

    def decided(rotation: Rotation | None) -> None:
        if rotation is not None:
            screen.work(partial(_rotate_one, screen, secret.path, rotation), "write", "rotate", exclusive=False)

    dialog = RotateDialog(
        secret,
        screen.fields.field,
        there=_there(screen, secret.path),
        unread=not screen.session.can(Capability.READ),
        caution=caution,
        reveal_seconds=screen.ui.reveal_seconds,
    )
    screen.app.push_screen(dialog, decided)


async def _rotate_one(screen: MainScreen, path: str, rotation: Rotation) -> None:
    make = None if rotation.value is None else partial(_given, rotation.value)
    if rotation.there or make is None:
        from kvtui.services.server_rotation import rotate_there  # noqa: PLC0415 - few stores rotate

        result = await screen.call(rotate_there, screen.session, path, field=rotation.field, make=make)
    else:
        result = await screen.call(rotate, screen.session, path, field=rotation.field, make=make)
    await screen.reload_around(Change(Op.SET, path))
    await screen.read_secret(path)
    number = f": version {result.version.number}" if result.version.numbered else ""
    where = " on the server" if rotation.there else ""
    said = [f"Rotated {rotation.field}{where}{number}.", *filter(None, [result.note])]
    if result.undo is not None:
        said.append("u takes it back.")
    failed = result.error is not None
    if result.error is not None:
        said.append(str(result.error))
    if rotation.copy:
        try:
            said.append(await _copy(screen, path, rotation))
        except KvtuiError as error:
            said.append(f"Not copied: {error}")
            failed = True
    screen.say(" ".join(said), failed=failed)


async def _copy(screen: MainScreen, path: str, rotation: Rotation) -> str:
    """Copies what was written; says what became of that."""
    if rotation.value is not None and not screen.session.can(Capability.READ):  # it is known here alone
        await screen.call(screen.session.journal.record, Act.COPY, path, field=rotation.field)
        value = rotation.value
    else:
        secret = await screen.call(screen.session.backend.read, path)
        value = await screen.call(screen.session.disclose, Act.COPY, secret, rotation.field)
    copied = await screen.call(screen.kvtui.copy, codec.to_bytes(value))
    return copied.message


def _given(value: SecretValue) -> SecretValue:
    return value


async def rotate_marked(screen: MainScreen) -> None:
    targets = await screen.targets({VersionState.LIVE})
    backend = screen.session.backend
    fields = {path: list((await screen.call(backend.outline, path)).fields) for path in targets}
    cautions = {path: await screen.call(backend.caution, path) for path in targets}

    def decided(batch: BatchRotation | None) -> None:
        if batch is not None:
            screen.work(partial(_rotate_batch, screen, batch), "write", "rotate", exclusive=False)

    unread = not screen.session.can(Capability.READ)
    dialog = BatchRotateDialog(fields, there=_there(screen), unread=unread, cautions=cautions)
    screen.app.push_screen(dialog, decided)


async def _rotate_batch(screen: MainScreen, batch: BatchRotation) -> None:
    make = partial(generate, batch.recipe)
    if batch.there:
        from kvtui.services.server_rotation import rotate_many_there  # noqa: PLC0415

        made = None if screen.session.info().makes_values else make
        steps = rotate_many_there(screen.session, batch.targets, make=made)
    else:
        steps = rotate_many(screen.session, batch.targets, make=make)
    outcomes = await screen.each(steps, len(batch.targets))
    screen.path_tree.clear_marks()
    await screen.reload()
    failed = [(outcome.path, str(outcome.error)) for outcome in outcomes if outcome.error is not None]
    screen.tell_counts(len(outcomes), len(batch.targets), failed)
