"""The names of one open store: read while they are searched, again when asked, and forgotten when it is locked.

`Session.names` has them. They are read by whoever looks (`read`), on a thread of theirs, and searched by anybody
meanwhile. What was read before is found until a reading got to its end. With `keep` they outlive the run, sealed; see
`kvtui.services.kept_names`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from kvtui.backends.contract import Backend
from kvtui.clock import utc_now
from kvtui.domain.capability import Capability
from kvtui.domain.errors import KvtuiError
from kvtui.services.left_out import LeftOut
from kvtui.services.search import NamesIndex, SearchResult, names_of
from kvtui.services.survey import Survey

if TYPE_CHECKING:
    from kvtui.services.kept_names import KeptNames, Writing

PAUSE = 0.1
"""Seconds between two looks at what came: each is sorted in, and looked through for the query."""
_SHARE = 20
"""Reading again in the background takes at most this part of the time: 1/20."""


class Names:
    """Any number of threads may use it; one reads at a time."""

    def __init__(self, backend: Backend, *, now: Callable[[], datetime] = utc_now) -> None:
        self.index = NamesIndex(complete=False)
        self.left_out = LeftOut()
        """What the last reading could not list."""
        self.is_reading = False
        self.note = ""
        """Why they are not kept, or what was kept was not used, in a sentence; "" for nothing to say."""
        self.at_once = backend.can(Capability.CHANGE_SIGNAL)
        """Whether the store is quick to read and says when it has to be read again, as one on this machine."""
        self._backend = backend
        self._unlisted = backend.info().unlisted
        self._now = now
        self._reading = threading.Lock()
        self._ends = 0
        self._kept: KeptNames | None = None
        self._is_forgotten = False
        self._gone: set[str] = set()
        self._looked: datetime | None = None
        self._took = timedelta()

    @property
    def as_of(self) -> datetime | None:
        """When the reading began that got to its end last, here or before this run; None for none, and for what is
        looked at anew each time."""
        return None if self.at_once else self.index.as_of

    @property
    def is_old(self) -> bool:
        """Whether all that is known was kept from before this run: nothing was read since."""
        return self.index.as_of is not None and self._looked is None

    def __len__(self) -> int:
        return len(self.index)

    def query(self, text: str, limit: int | None = None, *, exact: bool = False, at_once: bool = False) -> SearchResult:
        """As `NamesIndex.query`, without what was seen to be gone."""
        gone = self._gone
        if not gone:
            return self.index.query(text, limit, exact=exact, at_once=at_once)
        most = None if limit is None else limit + len(gone)
        found = self.index.query(text, most, exact=exact, at_once=at_once)
        there = [match for match in found.matches if match.path not in gone]
        more = found.more or (limit is not None and len(there) > limit)
        complete = found.complete and not more
        return SearchResult(text, there[:limit], complete=complete, more=more)

    def drop(self, path: str) -> None:
        """It was not found where it was gone to: it is not offered any more."""
        self._gone = self._gone | {path}

    def read(self, stop: threading.Event | None = None, came: Callable[[], None] | None = None) -> None:
        """Read all names again, unless the store says that nothing changed; `came` is called when there are more.

        Where somebody reads them already that is waited for, and does for both if it gets to its end. Ends early once
        `stop` is set. Raises as `Backend.index`, or as `walk` on stores without an index, and Locked when the store is
        closed.
        """
        stop = stop or threading.Event()
        came = came or _nobody
        ends = self._ends
        while not self._reading.acquire(timeout=PAUSE):
            came()
            if stop.is_set():
                return
        try:
            if ends == self._ends and not stop.is_set():
                self.is_reading = True
                self._read(stop, came)
        finally:
            self.is_reading = False
            self._reading.release()
            came()

    def _read(self, stop: threading.Event, came: Callable[[], None]) -> None:
        began, started = self._now(), time.monotonic()
        self.left_out = left_out = LeftOut()
        gone = self._gone
        if self.at_once:
            self.index.refresh(self._backend, skipped=left_out, came=came)
        elif not self._stream(began, stop, came):
            return
        self._gone = self._gone - gone
        self._ends += 1
        self._looked, self._took = began, timedelta(seconds=time.monotonic() - started)

    def _stream(self, began: datetime, stop: threading.Event, came: Callable[[], None]) -> bool:
        """Put the names in as they come. Whether all came."""
        index, writing = self.index, self._writing()
        index.begin()
        whole = False
        try:
            with Survey(self._backend, names_of) as survey:
                self.left_out = survey.left_out
                # The pause is what collects names: the stores are many requests away from the next.
                while not stop.wait(PAUSE if survey.count else PAUSE / 10):
                    is_over = survey.is_over
                    names = survey.take()
                    if names:
                        index.add(names)
                        if writing is not None:
                            writing.add(names)
                        came()
                    elif is_over:
                        whole = True
                        break
        finally:
            if whole:
                index.end(complete=not self.left_out and not self._unlisted, as_of=began)
            else:
                index.abandon()
        if whole and writing is not None and index is self.index:
            self.note = writing.save(began)
        return whole

    # -- kept between runs

    @property
    def keeps(self) -> bool:
        """Whether they outlive the run."""
        return self._kept is not None

    def keep(self, kept: KeptNames) -> None:
        """What was kept is found until it is read again, and what is read from now on is kept. Raises nothing: where
        it cannot be used, `note` says why. Nothing of it comes into what was forgotten meanwhile."""
        index = self.index  # before it is asked whether that is forgotten, which may happen until it is filled
        if self._is_forgotten:
            return
        self._kept = kept
        found = kept.load()
        self.note = kept.note
        if found is None or self._looked is not None or not self._reading.acquire(blocking=False):
            return
        try:
            index.begin()
            index.add(found.names)
            index.end(complete=False, as_of=found.as_of)
        finally:
            self._reading.release()

    def _writing(self) -> Writing | None:
        return None if self._kept is None else self._kept.writing()

    # -- in the background

    def read_again(self) -> None:
        """`read`, for nobody who waits for it: where that fails, `note` says so to whoever looks next."""
        try:
            self.read()
        except KvtuiError as error:
            self._looked = self._now()  # and not again at once
            self.note = f"They could not be read again by themselves: {error.message}"

    def is_due(self, every: timedelta) -> bool:
        """Whether they are to be read again by themselves, where somebody asked for that (`every` is not 0): never
        before they were read once, nor so often that a store that is slow to read would be read all the time."""
        if not every or self._looked is None or self.is_reading or self.at_once:
            return False
        return self._now() - self._looked >= max(every, self._took * _SHARE)

    def forget(self) -> None:
        """All that is in memory, for good; what is kept stays. A reading that is under way goes on into nothing."""
        self._is_forgotten = True
        self._kept = None
        self.index = NamesIndex(complete=False)
        self._gone = set()
        self._looked = None
        self.left_out = LeftOut()


def told_age(as_of: datetime, now: datetime) -> str:
    """`as of 12:03`, `as of yesterday 17:20` or `as of 2026-11-03`, where the user is."""
    then, today = as_of.astimezone(), now.astimezone()
    days = (today.date() - then.date()).days
    if not days:
        return f"as of {then:%H:%M}"
    return f"as of yesterday {then:%H:%M}" if days == 1 else f"as of {then:%Y-%m-%d}"


def _nobody() -> None:
    """Who is told that something came."""
