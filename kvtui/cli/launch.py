"""Opening the screen: the one place where the command line touches the user interface."""

from __future__ import annotations

import sys

from kvtui.cli.context import Context
from kvtui.domain.errors import Unavailable
from kvtui.services.session import Session


def launch(context: Context, path: str | None = None, *, session: Session | None = None) -> int:
    """The screen on the current profile or on an open session, at a path. Returns the exit code."""
    # Textual draws on standard error: redirected, what is revealed would end in a file.
    if not context.is_interactive or not context.out.is_terminal or not sys.stderr.isatty():
        raise Unavailable(
            "The screen needs a terminal.", hint="Run kvtui in one, or use a command: kvtui --help.", retryable=False
        )
    profiles, config = context.profiles, context.config
    credential = None if session is not None else context.given_credential()
    from kvtui.ui.app import run  # noqa: PLC0415 - Textual is loaded for the screen alone

    return run(profiles, config, path=path, session=session, credential=credential)
