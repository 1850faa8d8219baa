"""Versions that are found by asking for one number after the other: only when somebody wants them. Loaded when it is
first asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kvtui.domain.secret import Version
from kvtui.services.survey import Survey
from kvtui.ui.coming import batches

if TYPE_CHECKING:
    from kvtui.domain.secret import Outline
    from kvtui.ui.screens.showing import Showing

ASKS = "Looking for versions asks the server for each number, which reads a value every time. v looks for them."
LOOKING = "Asking the server for one version after the other… esc ends it."
ENDED = "Not all numbers were asked for. v looks again."


def offer(screen: Showing) -> None:
    """Say what looking does, and look for nothing."""
    screen.version_list.empty = ASKS
    screen.show_versions()


async def look(screen: Showing, secret: Outline) -> None:
    """Show them as soon as they are known. What is asked ends with whoever waits for it."""
    pane = screen.version_list
    pane.empty = LOOKING
    screen.show_versions()
    screen.status.busy = "looking for versions"
    found: list[Version] = []
    try:
        with Survey(screen.session.backend, lambda backend, _skipped: backend.versions(secret.path)) as survey:
            async for some in batches(survey):
                found += some
    except BaseException:
        pane.empty = ENDED
        if screen.is_mounted:
            screen.show_versions()
        raise
    finally:
        screen.status.busy = ""
    if screen.secret is secret:
        screen.versions = found
        screen.show_versions()
        if found and found[0].number > 1:
            screen.say(f"Found {len(found)} versions. Older ones may be there: get --version N asks for any.")
