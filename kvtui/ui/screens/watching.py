"""What the main screen does by itself: count down to the lock, follow what others change, check a large vault."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from time import monotonic
from typing import Any

from textual.content import Content
from textual.worker import Worker

from kvtui.domain.capability import Capability
from kvtui.domain.errors import KvtuiError, Locked, Unavailable
from kvtui.domain.secret import Listing
from kvtui.ui.loop import reading_beside
from kvtui.ui.screens.showing import Showing
from kvtui.ui.show import show

CARE_SECONDS = 5.0
"""Between two looks at a connection that may have to be renewed, or that has failed."""


WAITING = "waiting"
_LEAVABLE = frozenset({"long", "tree", "folder", "detail", "form", "reveal", "copy"})
"""Groups of work that only reads."""


class Watching(Showing):
    """Looks now and then, on a thread, and only tells what is new."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._change_token: int | None = None
        self._looking = False
        self._checked: tuple[int, int | None] | None = None
        self._unseen = ""
        self._next_care = 0.0
        self._troubled = False
        self._under_way: set[Worker[Any]] = set()
        self.waiting: set[Worker[Any]] = set()
        """What runs for longer than people wait without a word, and can be left: nothing of it writes."""

    def on_mount(self) -> None:
        self.tick(self.kvtui.lock_seconds)
        backend = self.session.backend
        if backend.notes:
            self.say(" ".join(backend.notes))
        if backend.unverified:
            self.work(self._verify, "verify", "check the vault")

    def _read_first(self) -> Listing | KvtuiError:
        if self.session.can(Capability.CHANGE_SIGNAL):  # before the tree is read, or a change in between stays unseen
            with suppress(KvtuiError):  # the next look tells
                self._change_token = self.session.backend.change_token()
        return super()._read_first()

    def tick(self, lock_left: float | None) -> None:
        """The lock's countdown, and a look whether somebody else changed the store."""
        if not self.query("#status"):
            return  # not laid out yet, or on its way out
        if lock_left is not None:
            self.status.lock_left = int(lock_left) // 60 if lock_left >= 60 else -int(lock_left)
        if self._checked is not None:
            done, total = self._checked
            self.status.checking = f"{done * 100 // total} %" if total else "…"
        self._care()
        self._tell_waiting()
        if not self._looking and self.session.can(Capability.CHANGE_SIGNAL):
            self.work(self._look_for_changes, "watch", "look for changes")
        if self.session.names_are_due:
            self.work(self._read_names, "names", "read names again")

    async def _read_names(self) -> None:
        """For the next time somebody finds everywhere, where the profile asks for that."""
        with reading_beside():
            await self.call(self.session.names.read_again)

    def _tell_waiting(self) -> None:
        running = {one for one in self.workers if one.is_running and one.group.partition(" ")[0] in _LEAVABLE}
        self.waiting, self._under_way = running & self._under_way, running
        if self.status.busy in {"", WAITING}:
            self.status.busy = WAITING if self.waiting else ""

    # A connection to a server is kept alive, and after a failure looked at until it is well again.

    def _care(self) -> None:
        who = self.session.backend.signed_in if self.session.is_open else None
        self.status.token_left = None if who is None or who.expires_at is None else who.expires_at - self.now
        if (who is None and not self._troubled) or monotonic() < self._next_care:
            return
        self._next_care = monotonic() + CARE_SECONDS
        self.work(self._look_after, "care", "look after the connection")

    def in_trouble(self, error: KvtuiError) -> None:
        if isinstance(error, Unavailable) and error.retryable and not self._troubled:
            self._troubled = True
            self._next_care = monotonic() + CARE_SECONDS

    async def _look_after(self) -> None:
        backend = self.session.backend
        if self._troubled:
            self.status.trouble = await self.call(backend.condition)
            if self.status.trouble:
                return
            self._troubled = False
            await self.reload()
            self.say("The server answers again.")
        await self.call(backend.keep_alive)

    async def _look_for_changes(self) -> None:
        self._looking = True
        try:
            token = await self.call(self.session.backend.change_token)
            if self._change_token is not None and token != self._change_token:
                await self.reload()
            self._change_token = token
            self._unseen = ""
        except KvtuiError as error:
            if str(error) != self._unseen:  # once, not every second
                self._unseen = str(error)
                self.problem(error)
        finally:
            self._looking = False

    async def _verify(self) -> None:
        """Check what opening left unchecked, beside whoever works; what is found ends the writing."""
        self._checked = (0, None)
        try:
            check = partial(self.session.backend.verify, gently=True, progress=self._has_checked)
            with reading_beside():
                findings = await self.call(check)
        except Locked:
            return  # the check of the next opening starts anew
        finally:
            self._checked = None
            self.status.checking = ""
        if findings:
            self.session.distrust("This vault has a problem, so nothing is written to it.")
            self.status.read_only = True
            self.found_wrong(findings)

    def _has_checked(self, done: int, total: int | None) -> None:
        self._checked = (done, total)

    def found_wrong(self, findings: Sequence[str]) -> None:
        """Tell that the vault is not what was written; whoever works here says what now."""
        from kvtui.ui.dialogs.confirm import ConfirmDialog  # noqa: PLC0415 - hopefully never

        question = Content("\n").join(
            [
                *(show(finding) for finding in findings),
                Content("It is read-only from now on. Copy out what you need, then restore a backup."),
            ]
        )

        def decided(locks: bool | None) -> None:
            if locks:
                self.app.call_later(self.kvtui.action_app_lock)

        self.app.push_screen(ConfirmDialog("This vault has a problem", question, "Lock now", cancel="Go on"), decided)
