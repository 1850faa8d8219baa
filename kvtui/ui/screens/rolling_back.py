"""Writing the values of an old version as the newest one. Loaded when it is first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvtui.domain.errors import InvalidInput
from kvtui.domain.secret import VersionState
from kvtui.services.changes import Change, Op
from kvtui.services.journal import Act
from kvtui.ui.dialogs.confirm import ConfirmDialog
from kvtui.ui.show import say

if TYPE_CHECKING:
    from kvtui.ui.screens.changing import Changing


async def roll_back(screen: Changing) -> None:
    """To the version under the cursor in Versions, elsewhere to the one that is shown; asks first."""
    secret = await screen.selected()
    path = secret.path
    number = screen.version_list.version if screen.tab == "versions" else secret.version.number
    newest = await screen.call(screen.session.backend.read, path)
    if number is None or number == newest.current:
        raise InvalidInput(
            "That is the current version already.", hint="Choose an older one in Versions (v), then press b."
        )
    old = await screen.call(screen.session.backend.read, path, number)
    if old.version.state is not VersionState.LIVE:
        raise InvalidInput(
            f"Version {number} is {old.version.state.value}.", hint="Only a live version can be restored."
        )
    question = say(
        "Write the values of version [b]$old[/b] of [b]$path[/b] as its new version [b]$new[/b]?",
        old=str(number),
        path=path,
        new=str(newest.current + 1),
    )
    if caution := await screen.call(screen.session.backend.caution, path):
        question += say(" $caution", caution=caution)
    change = Change(Op.SET, path, fields=old.fields, base_version=newest.current)

    def decided(yes: bool | None) -> None:
        if yes:
            screen.apply(change, newest, Act.ROLLBACK)

    screen.app.push_screen(ConfirmDialog("Roll back", question, "Roll back"), decided)
