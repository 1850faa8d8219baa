"""Keys typed faster than the screen follows reach what they were meant for, in order, or nothing at all.

Textual hands a key to the widget that has the focus when the key is read. The key before it may just be opening a form:
without this, what is typed into the form would run actions of the tree. So a key waits until the one before it has been
handled, and until a screen that is opening has its focus. esc never waits; it drops what waits, and what is typed after
it waits for what it closes.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from typing import Protocol, runtime_checkable

from textual import events, on
from textual.app import ReturnType
from textual.message import Message
from textual.message_pump import MessagePump

from kvtui.ui.composing import draw_now
from kvtui.ui.safety import SafeApp

LONGEST_WAIT = 10.0
"""Seconds after which waiting input is handed on whatever happens: a screen without any focus, a lost message."""
_LOOK_AGAIN = 0.01


@runtime_checkable
class Settles(Protocol):
    """A screen that shows a letter that was typed before what comes of it."""

    def settle(self) -> None:
        """Do now what is left to be done for the keys so far."""


ROUNDS = 3
"""A key may send a message (submitted), that one another (dismissed): what follows them goes round as often."""


class Handled(Message):
    """Follows a key, by its number, through the same queues, so that it arrives when the key has been handled."""

    def __init__(self, number: int, rounds: int = 1) -> None:
        super().__init__()
        self.number, self.rounds = number, rounds


class TypeAheadApp(SafeApp[ReturnType]):
    """An App that takes keys and pastes one by one."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[events.Key | events.Paste] = deque()
        self._handed_on = 0
        """Keys that were handed on: the last one's number."""
        self._carrier: MessagePump | None = None
        """Who has what follows the last key, until it arrives; a dialog that is removed takes it along."""
        self._since = 0.0
        self._looking: asyncio.TimerHandle | None = None

    def is_opening(self) -> bool:
        """Whether a screen is on its way up, so that it is not settled yet who gets the next key."""
        return self.screen.focused is None

    def drop_type_ahead(self) -> None:
        """Forget what waits: it was typed for something that did not come to be."""
        self._waiting.clear()

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.Key) and not self.screen_stack:  # the app is leaving
            self._waiting.clear()
        elif not isinstance(event, (events.Key, events.Paste)) or event.is_forwarded:
            await super().on_event(event)
        elif isinstance(event, events.Key) and event.key == "escape":
            self.drop_type_ahead()
            await self._hand_on(event)
        elif self._waiting or self._is_busy():
            if not self._waiting:
                self._since = time.monotonic()
            self._waiting.append(event)
            self._look_later()
        else:
            await self._settle_and_hand_on(event)

    def _is_busy(self) -> bool:
        if self._carrier is not None and not self._carrier.is_attached:
            self._carrier = None
        return self._carrier is not None or self.is_opening()

    async def _settle_and_hand_on(self, event: events.Key | events.Paste) -> None:
        if isinstance(self.screen, Settles):
            self.screen.settle()
        await self._hand_on(event)

    async def _hand_on(self, event: events.Key | events.Paste) -> None:
        target = self.focused or self.screen
        await super().on_event(event)
        self._handed_on += 1
        self._carrier = target if target.post_message(Handled(self._handed_on)) else None

    @on(Handled)
    async def _handled(self, event: Handled) -> None:
        if event.number != self._handed_on or not self.screen_stack:  # esc came after it, or the app is leaving
            return
        target = self.focused or self.screen
        if event.rounds < ROUNDS and target.post_message(Handled(event.number, event.rounds + 1)):
            self._carrier = target
            if event.rounds == 1 and not self._waiting:
                draw_now(self.screen)  # what follows from it may take a while
            return
        self._carrier = None
        if self._waiting:
            await self._release()
        else:
            draw_now(self.screen)

    async def _release(self) -> None:
        """Hand on the next one that waits, if its turn has come."""
        if not self._waiting:
            return
        if time.monotonic() - self._since > LONGEST_WAIT:
            self._carrier = None
        elif self._is_busy():
            self._look_later()
            return
        event = self._waiting.popleft()
        self._since = time.monotonic()
        await self._settle_and_hand_on(event)

    def _look_later(self) -> None:
        if self._looking is None:
            # Not a timer of Textual, which never rings if the process is held up for as long as it begins to wait.
            self._looking = asyncio.get_running_loop().call_later(_LOOK_AGAIN, self.call_later, self._look)

    async def _look(self) -> None:
        self._looking = None
        if not self.screen_stack:  # the app is leaving: what was typed meanwhile goes nowhere
            self._waiting.clear()
            return
        await self._release()
        if self._waiting:
            self._look_later()
