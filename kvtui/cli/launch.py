"""Opening the screen: the one place where the command line touches the user interface."""

from __future__ import annotations

import gc

from kvtui.cli.context import Context
from kvtui.domain.errors import Unavailable
from kvtui.hardening import typing_unseen
from kvtui.services.session import Opening, Session

_YOUNG = 700
"""New objects at which a screen looks for garbage, Python's own number: often, and not for long."""


def require_terminal(context: Context) -> None:
    """Raise Unavailable where no screen can be drawn."""
    # Textual draws on standard error: redirected, what is revealed would end in a file.
    if not (context.is_interactive and context.out.is_terminal and context.out.errors_on_terminal):
        raise Unavailable(
            "The screen needs a terminal.", hint="Run kvtui in one, or use a command: kvtui --help.", retryable=False
        )


def launch(context: Context, path: str | None = None, *, session: Session | None = None) -> int:
    """The screen on the current profile or on an open session, at a path. Returns the exit code."""
    require_terminal(context)
    with typing_unseen():
        return _launch(context, path, session)


def _launch(context: Context, path: str | None, session: Session | None) -> int:
    profiles, config = context.profiles, context.config
    context.keymap()
    opening = None
    if session is None:
        session = Session(profiles.current)
        # Deriving the key keeps one processor busy and Python free: the screen loads meanwhile.
        opening = Opening(session, context.given_credential())
    gc.disable()  # what a start makes stays: looking through it again and again is a tenth of it
    gc.set_threshold(_YOUNG)
    try:
        from kvtui.ui.app import run  # noqa: PLC0415 - Textual is loaded for the screen alone

        return run(profiles, config, path=path, session=session, opening=opening)
    finally:
        if opening is not None:
            opening.leave()
