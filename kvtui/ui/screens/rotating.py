"""Rotating one secret with a value seen before, or several with new ones each. Loaded when it is first asked for."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from kvtui.domain import codec
from kvtui.domain.errors import KvtuiError
from kvtui.domain.secret import VersionState
from kvtui.domain.value import SecretValue
from kvtui.services.changes import Change, Op
from kvtui.services.generator import generate
from kvtui.services.journal import Act
from kvtui.services.rotation import rotate, rotate_many
from kvtui.ui.dialogs.rotate import RotateDialog, Rotation
from kvtui.ui.dialogs.rotate_many import BatchRotateDialog, BatchRotation

if TYPE_CHECKING:
    from kvtui.ui.screens.main import MainScreen


async def rotate_selected(screen: MainScreen) -> None:
    secret = await screen.newest()

    def decided(rotation: Rotation | None) -> None:
        if rotation is not None:
            screen.work(partial(_rotate_one, screen, secret.path, rotation), "write", "rotate", exclusive=False)

    screen.app.push_screen(RotateDialog(secret, screen.fields.field, reveal_seconds=screen.ui.reveal_seconds), decided)


async def _rotate_one(screen: MainScreen, path: str, rotation: Rotation) -> None:
    make = partial(_given, rotation.value)
    result = await screen.call(rotate, screen.session, path, field=rotation.field, make=make)
    await screen.reload_around(Change(Op.SET, path))
    await screen.read_secret(path)
    number = f": version {result.version.number}" if result.version.numbered else ""
    said = [f"Rotated {rotation.field}{number}."]
    if result.undo is not None:
        said.append("u takes it back.")
    failed = result.error is not None
    if result.error is not None:
        said.append(str(result.error))
    if rotation.copy:
        try:
            said.append(await _copy(screen, path, rotation.field))
        except KvtuiError as error:
            said.append(f"Not copied: {error}")
            failed = True
    screen.say(" ".join(said), failed=failed)


async def _copy(screen: MainScreen, path: str, field: str) -> str:
    """Copies what was written; says what became of that."""
    secret = await screen.call(screen.session.backend.read, path)
    value = await screen.call(screen.session.disclose, Act.COPY, secret, field)
    copied = await screen.call(screen.kvtui.copy, codec.to_bytes(value))
    return copied.message


def _given(value: SecretValue) -> SecretValue:
    return value


async def rotate_marked(screen: MainScreen) -> None:
    targets = await screen.targets({VersionState.LIVE})
    fields = {path: list((await screen.call(screen.session.backend.outline, path)).fields) for path in targets}

    def decided(batch: BatchRotation | None) -> None:
        if batch is not None:
            screen.work(partial(_rotate_batch, screen, batch), "write", "rotate", exclusive=False)

    screen.app.push_screen(BatchRotateDialog(fields), decided)


async def _rotate_batch(screen: MainScreen, batch: BatchRotation) -> None:
    steps = rotate_many(screen.session, batch.targets, make=partial(generate, batch.recipe))
    outcomes = await screen.each(steps, len(batch.targets))
    screen.path_tree.clear_marks()
    await screen.reload()
    failed = [(outcome.path, str(outcome.error)) for outcome in outcomes if outcome.error is not None]
    screen.tell_counts(len(outcomes), len(batch.targets), failed)
