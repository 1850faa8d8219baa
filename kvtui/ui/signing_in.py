"""Asking for what opens a store on a server: when it is opened, and later over whatever is on the screen. Loaded when
it is first needed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from kvtui.domain.errors import AuthenticationRequired
from kvtui.ui.dialogs.sign_in import SignInDialog

if TYPE_CHECKING:
    from kvtui.ui.entering import EnteringApp


async def sign_in(app: EnteringApp, note: str, error: AuthenticationRequired) -> None:
    """Open the session's store; whoever leaves that sees why it is not open."""

    def signed_in(done: bool | None) -> None:
        app.call_later(app.show_main if done else partial(app.show_problem, error))

    await app.show_only(None)
    app.push_screen(SignInDialog(app.session, note), signed_in)


def sign_in_again(app: EnteringApp, error: AuthenticationRequired) -> None:
    """Open it again; forms, staged changes and marks stay."""
    if any(isinstance(screen, SignInDialog) for screen in app.screen_stack):
        return

    def signed_in(done: bool | None) -> None:
        main = app.main
        if main is not None:
            main.signed_in_again() if done else main.say(str(error), failed=True)

    app.push_screen(SignInDialog(app.session, error.message), signed_in)
