"""What the tabs of the detail show besides the fields, read when one is looked at. Loaded with the first of them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from kvtui.domain.capability import Capability
from kvtui.services.describing import describe

if TYPE_CHECKING:
    from kvtui.domain.secret import Outline
    from kvtui.ui.screens.showing import Showing


async def fill(screen: Showing, *, opened: bool) -> None:
    """Of the secret that is shown; Activity of a folder too, where the store tells what was done below it."""
    secret, tab = screen.secret, screen.tab
    if tab == "activity":
        await _fill_activity(screen)
    elif secret is None:
        return
    elif tab == "versions":
        await _fill_versions(screen, secret, opened=opened)
    elif tab == "metadata":
        known = await screen.call(describe, screen.session.backend, secret)
        if screen.secret is secret:
            screen.metadata_pane.show_metadata(known.metadata, secret.version, screen.now, known)


async def _fill_versions(screen: Showing, secret: Outline, *, opened: bool) -> None:
    if screen.session.info().probes_versions:
        from kvtui.ui.screens import probing  # noqa: PLC0415 - few stores need it

        if opened:
            screen.work(partial(probing.look, screen, secret), "long", "look for versions")
        elif not screen.versions:
            probing.offer(screen)
    elif screen.session.can(Capability.VERSIONS):
        screen.versions = await screen.call(screen.session.backend.versions, secret.path)
        screen.show_versions()


async def _fill_activity(screen: Showing) -> None:
    can, secret = screen.session.can, screen.secret
    if can(Capability.AUDIT) or can(Capability.EVENTS):
        await screen.activity_of(secret.path if secret is not None else screen.path_tree.cursor_folder).fill()
    elif secret is not None:
        entries = await screen.call(screen.session.activity, secret.path)
        screen.activity_pane.show_entries(entries, screen.now)
