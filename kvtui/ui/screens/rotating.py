"""Rotating one secret with a value seen before, or several with new ones each. Loaded when it is first asked for."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from kvtui.domain import codec
from kvtui.domain.capability import Capability
from kvtui.domain.errors import KvtuiError
from kvtui.domain.secret import VersionState
from kvtui.domain.value import SecretValue
from kvtui.services.changes import Change, Op
from kvtui.services.generator import Recipe, generate
from kvtui.services.journal import Act
from kvtui.services.rotation import rotate
from kvtui.services.rotation_batch import How, RotationBatch
from kvtui.ui.dialogs.confirm import ConfirmDialog
from kvtui.ui.dialogs.rotate import RotateDialog, Rotation, There
from kvtui.ui.dialogs.rotate_many import BatchRotateDialog, BatchRotation
from kvtui.ui.show import say
from kvtui.ui.widgets.panes import when

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
    how = How(batch.recipe, batch.there)
    begin = partial(RotationBatch.begin, screen.session, batch.targets, how, anew=True)
    await _go_on(screen, await screen.call(begin))


async def _go_on(screen: MainScreen, batch: RotationBatch) -> None:
    """Rotate those that are left. The record of it is kept, so that it can be gone on with after a crash."""
    recipe = batch.how.recipe or Recipe()
    makes = batch.how.there and screen.session.info().makes_values
    planned = len(batch.targets) - batch.done
    with batch.going_on(None if makes else partial(generate, recipe)) as steps:
        outcomes = await screen.each(steps, planned)
    await screen.call(batch.end)  # only a crash or a lock keeps it from here
    screen.together = [one.result.undo for one in outcomes if one.result is not None and one.result.undo is not None]
    screen.path_tree.clear_marks()
    await screen.reload()
    failed = [(outcome.path, str(outcome.error)) for outcome in outcomes if outcome.error is not None]
    screen.tell_counts(len(outcomes), planned, failed)


async def take_batch_back(screen: MainScreen) -> None:
    """The values before of all that were rotated together, the last one first."""
    session, changes, screen.together = screen.session, [*screen.together], ()
    failed: list[tuple[str, str]] = []

    def back() -> Iterator[str]:
        while changes and session.undoable == changes[-1]:
            change = changes.pop()
            try:
                session.undo()
            except KvtuiError as error:
                failed.append((change.path, str(error)))
            yield change.path

    planned = len(changes)
    done = await screen.each(back(), planned)
    await screen.reload()
    screen.report(f"Taken back: {len(done) - len(failed)} of {planned}.", failed)


async def offer_to_go_on(screen: MainScreen) -> None:
    """Ask about batches that were begun and not finished, such as by a run that was killed."""
    batches = await screen.call(RotationBatch.all_of, screen.session)
    begun = next((batch for batch in reversed(batches) if not batch.is_finished and batch.is_begun), None)
    if begun is None or begun.how.recipe is None:
        return

    def decided(yes: bool | None) -> None:
        if yes:
            screen.work(partial(_go_on, screen, begun), "write", "rotate", exclusive=False)

    question = say(
        "A rotation of [b]$count[/b] secrets, begun $when, was ended after $done. Rotate the others too?",
        count=str(len(begun.targets)),
        when=when(begun.begun_at, screen.now),
        done=str(begun.done),
    )
    screen.app.push_screen(ConfirmDialog("Rotate", question, "Go on", cancel="Later"), decided)
