"""What is chosen from a list over the whole app: a profile, a theme, any action. Loaded when it is first asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from kvtui.actions import BY_ID, Scope
from kvtui.domain.capability import Capability
from kvtui.domain.errors import KvtuiError

if TYPE_CHECKING:
    from textual.theme import Theme

    from kvtui.services.completing import Completions
    from kvtui.services.session import Session
    from kvtui.ui.app import KvtuiApp
    from kvtui.ui.dialogs.palette import Offer


async def choose_profile(app: KvtuiApp) -> None:
    """All that are configured, and the namespaces inside of the one that is open."""
    from kvtui.ui.dialogs.pick import PickDialog  # noqa: PLC0415 - dialogs load when first asked for

    here = app.session.profile.name
    names = app.profiles.names
    inside = await _namespaces(app.session)
    at = names.index(here) + 1 if here in names else len(names)
    names[at:at] = [f"{here}/{name}" for name in inside] if here in names else [here]
    rows = [
        (name, f"{name} ({app.profiles.get(name).kind}{', now' if name == here else ''})") for name in names if name
    ]

    def switch(name: str | None) -> None:
        if name is not None and name != here:
            app.call_later(app.switch_profile, app.profiles.get(name))

    app.push_screen(PickDialog("Profiles", rows), switch)


async def _namespaces(session: Session) -> Sequence[str]:
    """Stores inside of the one that is open; a server that does not tell has none."""
    if not session.can(Capability.NAMESPACES):
        return ()
    try:
        return await asyncio.to_thread(session.backend.namespaces)
    except KvtuiError:
        return ()


def choose_theme(app: KvtuiApp) -> None:
    """Each is shown as the cursor comes to it."""
    from kvtui.ui.dialogs.theme import ThemeDialog  # noqa: PLC0415 - reads every theme file

    before = app.theme

    def chosen(name: str | None) -> None:
        if name is None:
            app.theme = before
        elif name != before:
            _tell_theme(app, name)

    app.push_screen(ThemeDialog(), chosen)


def choose_action(app: KvtuiApp) -> None:
    """It is done where the focus was. Profiles, themes and paths are chosen there too while a store is open."""
    from kvtui.ui.dialogs.palette import PaletteDialog  # noqa: PLC0415

    screen = app.screen
    main = app.main if app.main is screen else None

    def run(chosen: str | None) -> None:
        action = BY_ID.get(chosen or "")
        if action is not None:
            app.lately = [action.id, *(each for each in app.lately if each != action.id)]
            where = "app." if action.scope is Scope.APP else ""
            screen.call_later(screen.run_action, where + action.method)
        elif chosen is not None and main is not None:
            kind, _, name = chosen.partition(":")
            if kind == "profile":
                app.call_later(app.switch_profile, app.profiles.get(name))
            elif kind == "theme":
                _use_theme(app, name)
            else:
                main.arrive(name.rstrip("/"))

    def offers() -> Sequence[Offer]:
        return _offers(app) if main is not None else ()

    def completions() -> Completions | None:
        return main.completions() if main is not None else None

    app.push_screen(PaletteDialog(app.keys, app.why_not, offers, completions, app.lately), run)


def _offers(app: KvtuiApp) -> Sequence[Offer]:
    """Other profiles, and themes."""
    from kvtui.ui.dialogs.palette import Offer  # noqa: PLC0415

    here = app.session.profile.name
    profiles = [Offer(f"profile:{name}", "Profile", name) for name in app.profiles.names if name and name != here]
    return [*profiles, *(Offer(f"theme:{name}", "Theme", name) for name in _themes())]


def _themes() -> Mapping[str, Theme]:
    from kvtui.locations import themes_dir  # noqa: PLC0415
    from kvtui.ui.themes import load_themes  # noqa: PLC0415 - reads every theme file

    return {theme.name: theme for theme in load_themes(themes_dir()).themes}


def _use_theme(app: KvtuiApp, name: str) -> None:
    app.register_theme(_themes()[name])
    app.theme = name
    _tell_theme(app, name)


def _tell_theme(app: KvtuiApp, name: str) -> None:
    if (main := app.main) is not None:
        main.say(f"Theme {name} until you quit. ui: {{theme: {name}}} in the configuration keeps it.")
