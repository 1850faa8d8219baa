"""Opening the screen: the one place where the command line touches the user interface."""

from __future__ import annotations

import gc
import threading

from kvtui.backends.factory import StoreState
from kvtui.cli.context import Context
from kvtui.domain.credential import Credential
from kvtui.domain.errors import Unavailable
from kvtui.hardening import typing_unseen
from kvtui.services.session import Session

_YOUNG = 700
"""New objects at which a screen looks for garbage, Python's own number: often, and not for long."""
_LEAVING = 2.0
"""Seconds that the end of an opening is waited for, longer than deriving a key takes."""


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
        opening = Opening(session, context.given_credential())
    gc.disable()  # what a start makes stays: looking through it again and again is a tenth of it
    gc.set_threshold(_YOUNG)
    try:
        from kvtui.ui.app import run  # noqa: PLC0415 - Textual is loaded for the screen alone

        return run(profiles, config, path=path, session=session, opened=opening.result if opening else None)
    finally:
        if opening is not None:
            opening.leave()


class Opening:
    """A session being entered on a thread while the screen loads: deriving the key leaves Python free."""

    def __init__(self, session: Session, credential: Credential | None) -> None:
        self._state: StoreState | None = None
        self._error: Exception | None = None
        if credential is not None:
            session.profile.factory.prepare()
        self._thread = threading.Thread(target=self._enter, args=(session, credential), name="opening", daemon=True)
        self._thread.start()

    def _enter(self, session: Session, credential: Credential | None) -> None:
        try:
            self._state = session.enter(credential)
        except Exception as error:  # noqa: BLE001 - raised where the result is asked for
            self._error = error

    def leave(self) -> None:
        """Nobody asks for the result any more. A moment is waited for the end, as a program must not end under a thread
        that loads a library; a server that does not answer is not waited for."""
        self._thread.join(_LEAVING)

    def result(self) -> StoreState:
        """Wait for it. Raises what entering raised."""
        self._thread.join()
        if self._state is None:
            raise self._error or RuntimeError("the store was not opened")
        return self._state
