"""Which screen is up: the one that the session behind it needs, as it is created, opened, signed in to or left."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from textual import work
from textual.screen import Screen

from kvtui.backends.factory import StoreState
from kvtui.config import Config
from kvtui.domain.errors import AuthenticationRequired, Corrupt, KvtuiError, WrongCredential
from kvtui.services.profiles import Profile, Profiles, rescued
from kvtui.services.session import Session
from kvtui.ui.screens.main import MainScreen, Place
from kvtui.ui.type_ahead import TypeAheadApp

if TYPE_CHECKING:
    from kvtui.services.kept_names import NameKeys
    from kvtui.ui.widgets.passphrase_form import PassphraseForm


class EnteringApp(TypeAheadApp[int]):
    """One profile at a time, each at the place where it was left."""

    def __init__(
        self,
        profiles: Profiles,
        config: Config,
        path: str | None,
        session: Session | None,
        opened: Callable[[], StoreState] | None,
    ) -> None:
        super().__init__()
        self.profiles, self.config = profiles, config
        self.session = session or Session(profiles.current)
        self._sessions = {self.session.profile.name: self.session}
        self._opened = opened
        self._name_keys: NameKeys | None = None
        self._places: dict[str, Place] = {self.session.profile.name: Place(cursor=path)} if path else {}
        self._note = ""

    @property
    def main(self) -> MainScreen | None:
        """The screen of the open store, below any dialog."""
        return next((screen for screen in self.screen_stack if isinstance(screen, MainScreen)), None)

    @property
    def name_keys(self) -> NameKeys:
        """By which profiles keep names between runs; for whoever finds among them."""
        if self._name_keys is None:
            from kvtui.services.kept_names import NameKeys  # noqa: PLC0415 - where names are kept, or looked at

            self._name_keys = NameKeys(self.profiles)
        return self._name_keys

    def _remember_place(self) -> None:
        main = self.main
        if main is not None:
            self._places[self.session.profile.name] = main.place()

    async def _close_session(self) -> None:
        await asyncio.to_thread(self.session.lock)

    @work(exclusive=True, group="enter", description="open profile")
    async def enter(self) -> None:
        """Show what the current session needs: creation, a passphrase, or the tree."""
        session = self.session
        try:
            opened, self._opened = self._opened, None  # a lock asks again
            state = await asyncio.to_thread(opened or session.enter)
        except WrongCredential as error:
            self._note = str(error)
            if session.profile.factory.signs_in:
                await self._sign_in(error)
                return
            state = StoreState.LOCKED
        except AuthenticationRequired as error:
            if not session.profile.factory.signs_in:
                await self.show_problem(error)
            else:
                await self._sign_in(error)
            return
        except KvtuiError as error:
            await self.show_problem(error)
            return
        if state is StoreState.MISSING:
            from kvtui.ui.screens.create import CreateScreen  # noqa: PLC0415

            await self.show_only(CreateScreen(session))
        elif state is StoreState.LOCKED:
            from kvtui.ui.screens.unlock import UnlockScreen  # noqa: PLC0415

            await self.show_only(UnlockScreen(session, note=self._note))
        else:
            await self.show_main()

    async def _sign_in(self, error: AuthenticationRequired) -> None:
        from kvtui.ui.signing_in import sign_in  # noqa: PLC0415 - where a store is on a server

        note, self._note = self._note, ""
        await sign_in(self, note, error)

    def sign_in_again(self, error: AuthenticationRequired) -> None:
        """Over whatever is on the screen, which stays as it is."""
        from kvtui.ui.signing_in import sign_in_again  # noqa: PLC0415

        sign_in_again(self, error)

    async def show_problem(self, error: KvtuiError) -> None:
        """Why the store is not open, and what can be done."""
        from kvtui.ui.screens.problem import ProblemScreen  # noqa: PLC0415 - each screen loads when it is shown

        profile = self.session.profile
        can_rescue = isinstance(error, Corrupt) and profile.factory.rescues and not profile.rescue
        await self.show_only(ProblemScreen(profile.label, error, can_rescue=can_rescue))

    def went_wrong(self, error: KvtuiError) -> None:
        """Opening a store did, or listing the profiles."""
        if (main := self.main) is not None:
            main.problem(error)
        else:
            self.call_later(self.show_problem, error)

    async def show_only(self, screen: Screen[Any] | None) -> None:
        """Drop every screen and dialog above the blank one at the bottom, then show this one."""
        while len(self.screen_stack) > 1:
            await self.pop_screen()
        if screen is not None:
            await self.push_screen(screen)

    async def show_main(self) -> None:
        """The open store, as it was left."""
        place = self._places.pop(self.session.profile.name, None)
        if self.session.profile.name in self.profiles.keep_names:
            await asyncio.to_thread(self.name_keys.take, self.session)
        main = MainScreen(self.session, self.config.ui, place)
        main.fit(self.size)
        main.read_ahead()
        await self.show_only(main)
        self.call_after_refresh(gc.freeze)  # what is there now stays: looking through it again would hold up a frame

    # By name: these screens are not loaded until they are needed.

    async def on_passphrase_form_opened(self) -> None:
        self._note = ""
        await self.show_main()

    on_create_screen_done = on_passphrase_form_opened

    async def on_passphrase_form_refused(self, event: PassphraseForm.Refused) -> None:
        self._note = ""
        await self.show_problem(event.error)

    def on_problem_screen_retry(self) -> None:
        self.enter()

    on_locked_screen_open = on_problem_screen_retry

    async def on_problem_screen_rescue(self) -> None:
        profile = self.session.profile
        await self._close_session()
        self.session = Session(rescued(profile))
        self._sessions[profile.name] = self.session
        self.enter()

    async def switch_profile(self, profile: Profile, path: str | None = None) -> None:
        """Lock this profile and open another one, at a path; what is staged in either waits there, sealed."""
        self._remember_place()
        if path is not None:
            self._places[profile.name] = Place(cursor=path)
        await self.show_only(None)
        await self._close_session()
        self.session, self._note = self._sessions.setdefault(profile.name, Session(profile)), ""
        self.enter()
