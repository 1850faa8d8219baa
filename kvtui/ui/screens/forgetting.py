"""Forgetting paths that are remembered of a store that cannot list. Loaded when it is first asked for."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from kvtui.ui.dialogs.confirm import ConfirmDialog
from kvtui.ui.show import say

if TYPE_CHECKING:
    from kvtui.ui.screens.browsing import Browsing


def ask_to_forget(screen: Browsing, path: str | None) -> None:
    """One path with all below it, or all there are."""

    def decided(yes: bool | None) -> None:
        if yes:
            screen.work(partial(_forget, screen, path), "write", "forget paths", exclusive=False)

    what = (
        say("Forget all paths remembered of this store?")
        if path is None
        else say("Forget [b]$path[/b] and what is remembered below it?", path=path)
    )
    question = what + say(" Nothing is deleted: any path is found again by going to it with J.")
    screen.app.push_screen(ConfirmDialog("Forget", question, "Forget"), decided)


async def _forget(screen: Browsing, path: str | None) -> None:
    count = len(await screen.call(screen.session.forget, path))
    if screen.secret is not None:
        screen.show_secret(None)
    await screen.load_folder("")
    await screen.reload()
    screen.say(f"Forgot {count} path{'s' * (count != 1)}.")
