"""The application: its start and end, locking, the clipboard, themes. Screens do the rest."""

from __future__ import annotations

import asyncio
import gc
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from textual import events, work
from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver
from textual.screen import Screen

from kvtui.actions import Action, Keymap, Scope
from kvtui.clock import suspended_clock, utc_now
from kvtui.config import Config
from kvtui.hardening import install_excepthooks
from kvtui.locations import themes_dir
from kvtui.services.profiles import Profiles
from kvtui.services.session import Session
from kvtui.ui.entering import EnteringApp
from kvtui.ui.keymap import bindings, overrides
from kvtui.ui.loop import Loop, LoopDriver, collect_from_here, handle_signals
from kvtui.ui.show import show
from kvtui.ui.themes import load_theme

if TYPE_CHECKING:
    from kvtui.backends.factory import StoreState
    from kvtui.clipboard import Clipboard, CopyResult
    from kvtui.services.changes import Change

DEFAULT_THEME = "kvtui-dark"
TICK_SECONDS = 0.5
"""Between two looks at the lock's countdown and at what others changed: they are seen within a second."""

MOST_THREADS = 64


@runtime_checkable
class Masks(Protocol):
    """A screen or dialog that may show values."""

    def mask(self) -> None:
        """Hide them now."""


@runtime_checkable
class Form(Protocol):
    """A dialog, in which something may be typed. No dialog is loaded before the first one is opened."""

    is_settling: bool

    def is_dirty(self) -> bool: ...
    def draft(self) -> Change | None: ...
    def action_dialog_cancel(self) -> None: ...


class KvtuiApp(EnteringApp):
    """One window on one profile at a time. `session` may come in open, as the demo's does."""

    CSS_PATH = "kvtui.tcss"
    TITLE = "kvtui"
    BINDINGS = bindings(Scope.APP)

    def __init__(
        self,
        profiles: Profiles,
        config: Config,
        *,
        path: str | None = None,
        session: Session | None = None,
        opened: Callable[[], StoreState] | None = None,
        clock: Callable[[], float] = suspended_clock,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        super().__init__(profiles, config, path, session, opened)
        self.keys = Keymap(config.keymap)
        self.lately: list[str] = []
        """Ids of actions chosen in the palette, the last one first; of this run, and written nowhere."""
        self._timed_clipboard: Clipboard | None = None
        self._clock = clock
        self.now = now
        self._last_input = clock()
        self.set_keymap(overrides(self.keys))
        self._has_theme = self._start_with(config.ui.theme)

    # -- start and end

    def get_default_screen(self) -> Screen[Any]:
        return Screen(id="blank")

    def on_mount(self) -> None:
        # Threads wait for servers: those that hang keep none of the others, least of all the lock, from starting.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(MOST_THREADS, "kvtui"))
        self._handle_signals()
        self.set_interval(TICK_SECONDS, self._tick)
        if not gc.isenabled():  # as while a program starts
            self.set_timer(TICK_SECONDS, collect_from_here)
        if not self._has_theme:
            self.notify(
                f"There is no theme {show(self.config.ui.theme).plain}. See T for those there are.",
                severity="warning",
                markup=False,
            )
        self.enter()

    def _handle_signals(self) -> None:
        if isinstance(self._driver, LinuxDriver):
            handle_signals(self._driver, leave=self._leave, stopping=self._stopping, back=self._back)

    def _leave(self, code: int) -> None:
        self._mask()
        self._clear_clipboard()
        self.exit(code, return_code=code)

    def _stopping(self) -> None:
        self._mask()
        self.call_later(self.action_app_lock)

    def _back(self) -> None:
        """Stopped for who knows how long: nothing revealed is drawn again, and the lock's time may be over."""
        self._mask()
        self.call_later(self._tick)
        self.call_later(self.refresh, layout=True)

    def action_app_suspend(self) -> None:
        """Stop the process, as ctrl+z does elsewhere; locked when it comes back."""
        super().action_suspend_process()

    async def action_app_quit(self) -> None:
        """Quit; ask first when something is staged or half typed."""
        main, dialog = self.main, self.screen
        if isinstance(dialog, Form) and dialog.is_dirty():
            dialog.action_dialog_cancel()
            return
        if main is not None and len(self.session.staged):
            if dialog is main:
                main.ask_to_quit()
            return
        await self._close_session()
        self.exit(0)

    async def action_quit(self) -> None:
        await self.action_app_quit()

    def action_help_quit(self) -> None:
        """ctrl+c does what q does."""
        self.call_later(self.action_app_quit)

    # -- locking

    async def show_main(self) -> None:
        self._last_input = self._clock()
        await super().show_main()

    async def action_app_lock(self, note: str = "Locked.") -> None:
        """Drop keys, values and screens; ask for the passphrase again."""
        from kvtui.services import matcher  # noqa: PLC0415 - where something was looked for, it is there

        if not self.session.is_open or self.main is None:
            return
        self._remember_place()
        self._note = note
        drafts = [screen.draft() for screen in self.screen_stack if isinstance(screen, Form)]
        draft = next((draft for draft in drafts if draft is not None), None)
        await self.show_only(None)
        self.clear_notifications()
        self.forget_drawn()
        matcher.forget()
        self._clear_clipboard()
        if self._name_keys is not None:
            self._name_keys.drop()
        await asyncio.to_thread(self.session.lock, draft)
        gc.unfreeze()  # or what was frozen at the start would keep old screens, and what they hold, for good
        gc.collect()
        if self.session.profile.factory.signs_in:  # a token at hand would open it again by itself
            from kvtui.ui.screens.locked import LockedScreen  # noqa: PLC0415

            await self.show_only(LockedScreen(self.session.profile.label, note))
        else:
            self.enter()

    def _mask(self) -> None:
        """Hide what is revealed, on every screen that can show values."""
        for screen in self.screen_stack:
            if isinstance(screen, Masks):
                screen.mask()

    @property
    def lock_seconds(self) -> float | None:
        """Idle time left before the vault locks itself, in seconds; None for never."""
        if not self.config.ui.lock_minutes or not self.session.is_open:
            return None
        return self.config.ui.lock_minutes * 60 - (self._clock() - self._last_input)

    async def _tick(self) -> None:
        left = self.lock_seconds
        if left is not None and left <= 0:
            await self.action_app_lock("Locked after being idle.")
        elif (main := self.main) is not None:
            main.tick(left)

    def get_driver_class(self) -> type[Driver]:
        usual = super().get_driver_class()
        return LoopDriver if usual is LinuxDriver else usual

    def is_opening(self) -> bool:
        """Also while a form is being read for, or the vault is being opened."""
        if isinstance(self.screen, Form) and self.screen.is_settling:
            return True
        return super().is_opening() or ((main := self.main) is not None and main.is_opening)

    async def on_event(self, event: events.Event) -> None:
        """Input postpones the lock; input that comes after its time (sleep, suspend) only locks."""
        if isinstance(
            event, (events.Key, events.MouseDown, events.MouseScrollDown, events.MouseScrollUp, events.Paste)
        ):
            left = self.lock_seconds
            if left is not None and left <= 0:
                await self.action_app_lock("Locked after being idle.")
                return
            self._last_input = self._clock()
        await super().on_event(event)

    def on_app_blur(self) -> None:
        if self.config.ui.mask_on_blur:
            self._mask()

    # -- the rest

    def _clear_clipboard(self) -> None:
        if self._timed_clipboard is not None:
            self._timed_clipboard.clear_now()

    def copy(self, value: bytes) -> CopyResult:
        """Copy for a limited time; blocking, so call it on a thread. Raises Unavailable."""
        if self._timed_clipboard is None:
            from kvtui.clipboard import Clipboard  # noqa: PLC0415 - the first copy loads it

            self._timed_clipboard = Clipboard()
        return self._timed_clipboard.copy(value, self.config.ui.clipboard_seconds, self._write_terminal)

    def _write_terminal(self, sequence: str) -> None:
        if self._driver is not None:
            self.call_from_thread(self._driver.write, sequence)

    def _start_with(self, name: str) -> bool:
        """Take a theme before any style sheet is read: with one that is set later, all would be read and applied twice.
        False where there is none of that name; the usual one takes its place."""
        named = load_theme(name, themes_dir())
        theme = named or load_theme(DEFAULT_THEME)
        if theme is not None:
            self.register_theme(theme)
            self.set_reactive(KvtuiApp.theme, theme.name)
            # As Textual does where the theme of a running app changes.
            classes = {f"-theme-{theme.name}": True, "-dark-mode": theme.dark, "-light-mode": not theme.dark}
            self.update_classes(classes, update=False)
            self._refresh_truecolor_filter(self.ansi_theme)
            self.stylesheet.set_variables(self.get_css_variables())
        return named is not None

    @work(exclusive=True, group="profiles", description="list the profiles")
    async def action_profile_switch(self) -> None:
        from kvtui.ui.choosing import choose_profile  # noqa: PLC0415 - what is chosen loads when first asked for

        await choose_profile(self)

    def action_app_theme(self) -> None:
        from kvtui.ui.choosing import choose_theme  # noqa: PLC0415

        choose_theme(self)

    def action_app_help(self) -> None:
        from kvtui.ui.dialogs.help import HelpDialog  # noqa: PLC0415

        self.push_screen(HelpDialog(self.keys))

    def action_app_palette(self) -> None:
        from kvtui.ui.choosing import choose_action  # noqa: PLC0415

        choose_action(self)

    def why_not(self, action: Action) -> str:
        """Why an action cannot be done here and now; empty when it can."""
        if action.scope is Scope.APP:
            return ""
        main = self.main
        return main.why_not(action) if main is not None else "The vault is locked."

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in {"app_palette", "app_help", "app_theme", "profile_switch"} and len(self.screen_stack) > 2:
            return False
        return super().check_action(action, parameters)


def run(
    profiles: Profiles,
    config: Config,
    *,
    path: str | None = None,
    session: Session | None = None,
    opened: Callable[[], StoreState] | None = None,
) -> int:
    """Open the screen; returns the exit code. Raises InvalidInput for a keymap that cannot work.

    `session` may be open already. It may be opened meanwhile: `opened` waits for that, and raises what went wrong.
    """
    app = KvtuiApp(profiles, config, path=path, session=session, opened=opened)
    try:
        with asyncio.Runner(loop_factory=Loop) as runner:
            result = runner.run(app.run_async(mouse=config.ui.mouse))
    finally:
        install_excepthooks(sys.stderr)
    strays = app.stray_errors.getvalue()
    sys.stderr.write(strays)
    return app.return_code or result or (1 if strays else 0)
