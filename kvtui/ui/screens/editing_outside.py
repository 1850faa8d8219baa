"""Editing one field in an external editor. Loaded when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported

from kvtui.domain import codec, json_text
from kvtui.domain import path as paths
from kvtui.domain.errors import InvalidInput, Unavailable
from kvtui.domain.value import SecretValue, ValueType
from kvtui.editor import edit_text
from kvtui.services.changes import Change, Op
from kvtui.services.journal import Act
from kvtui.ui.show import show

if TYPE_CHECKING:
    from kvtui.ui.screens.changing import Changing


async def edit(screen: Changing) -> None:
    """Give the terminal to the editor, then review what it gave back."""
    secret = await screen.newest()
    if secret.path in screen.session.staged.paths:
        raise InvalidInput("A change of it is staged.", hint="Go on with it with e, or drop it in s.")
    field = screen.field_of(secret)
    value = screen.session.disclose(Act.REVEAL, secret, field)
    try:
        with screen.app.suspend():
            outcome = edit_text(
                codec.to_bytes(value), name_hint=paths.name(secret.path), editor=screen.ui.editor or None
            )
    except SuspendNotSupported:
        raise Unavailable("This terminal cannot be given to an editor.", hint="Edit it here with e.") from None
    screen.app.refresh()
    for note in outcome.notes:
        screen.app.notify(show(note).plain, severity="warning", markup=False)
    if outcome.content is None:
        screen.say(outcome.message)
        return
    try:
        edited = _from_editor(outcome.content, value)
    except InvalidInput as error:  # back to the form with the text, where it can be mended or made text
        as_text = {**secret.fields, field: SecretValue(outcome.content.decode())}
        screen.open_form(secret, "", Change(Op.SET, secret.path, fields=as_text, base_version=secret.current))
        screen.problem(InvalidInput(f"{error.message} It is text in this form.", hint=error.hint))
        return
    if edited.same_as(value):
        screen.say("Nothing was changed.")
        return
    change = Change(Op.SET, secret.path, fields={**secret.fields, field: edited}, base_version=secret.current)
    screen.review(change, secret)


def _from_editor(data: bytes, before: SecretValue) -> SecretValue:
    """What an editor gave back, as a value of the type it had. Raises InvalidInput where it is no JSON any more."""
    if before.type is ValueType.BYTES:
        return SecretValue(data)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return SecretValue(data)
    if before.type is ValueType.TEXT:
        return SecretValue(text)
    return SecretValue(json_text.parse(text))
