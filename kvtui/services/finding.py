"""Finding secrets in one store or in several at once: read side by side, searched meanwhile, merged by rank.

    with Finding([session]) as finding:          # reading begins
        finding.open(profile)                    # one more, if it opens without asking anybody
        found = finding.query("db pass", 200)    # at any time: what is known by now
        finding.reports()                        # per store: how many names, as of when, what was denied or failed

A store that fails, denies or is locked is told in its report and never keeps the others from being found in. Values are
no part of this: see `kvtui.services.value_search`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Self

from kvtui.backends.factory import StoreState
from kvtui.domain.errors import AuthenticationRequired, KvtuiError, NotFound, told
from kvtui.services.left_out import LeftOut
from kvtui.services.search import Match, Query, SearchResult, searches_there
from kvtui.services.session import Session
from kvtui.services.survey import Survey

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from kvtui.domain.credential import Credential
    from kvtui.domain.secret import Indexed
    from kvtui.services.kept_names import NameKeys
    from kvtui.services.names import Names
    from kvtui.services.profiles import Profile


@dataclass(frozen=True, slots=True)
class Located:
    """A match and the profile it is in: its name, "" for a vault named directly."""

    profile: str
    match: Match

    @property
    def path(self) -> str:
        return self.match.path

    @property
    def address(self) -> str:
        """`PROFILE:path`, as commands take it."""
        return f"{self.profile}:{self.path}" if self.profile else self.path


@dataclass(frozen=True, slots=True)
class Findings:
    """The matches of all stores in the order that those of one have, the same paths in the order of the stores. Not
    complete: there are `more`, a store is still read or cannot list all, or was left out."""

    query: str
    matches: Sequence[Located]
    complete: bool
    more: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """How far one store is. `count` are the names that are known; `as_of` is when they were read (None: not yet, or a
    store that is looked at anew each time), `is_old` whether that was in an earlier run; `left_out` what could not be
    listed; `error` why the store was left out as a whole or its reading ended; `note` a remark on kept names."""

    profile: str
    count: int = 0
    is_reading: bool = False
    as_of: datetime | None = None
    is_old: bool = False
    left_out: LeftOut | None = None
    error: KvtuiError | None = None
    note: str = ""
    unlisted: bool = False
    """Whether it cannot list: `count` are names that were used from here."""
    asks: bool = False
    """Whether it searches by itself what it cannot list: `Finding.ask` asks it."""
    answered: int | None = None
    """How many it found for the query that it was asked last; None while it has not answered."""
    refused: KvtuiError | None = None
    """Why it did not answer."""


class Finding:
    """Searches the names of these open sessions, and of profiles that are opened for it.

    Sessions that were handed in stay open; those that it opened are locked by `close`. `came` is called on some thread
    whenever there is more to be found or said. With `keys`, what profiles kept of earlier runs is found before it is
    read again. Leaving it as a context manager closes it.
    """

    def __init__(
        self,
        sessions: Sequence[Session] = (),
        *,
        came: Callable[[], None] | None = None,
        keys: NameKeys | None = None,
    ) -> None:
        self._came = came or _nobody
        self._keys = keys
        self._change = threading.Condition()
        self._stop = threading.Event()
        self._stores: list[_Store] = []
        self._closed = False
        for session in sessions:
            self._stores.append(_Store(session.profile.name, session, ours=False))

    def __enter__(self) -> Self:
        self.read()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- which stores

    def open(self, profile: Profile, credential: Credential | None = None, *, state_dir: Path | None = None) -> None:
        """Open one more store on a thread and read it, as far as that goes without asking anybody; a store that would
        ask is left out and reported so. A profile that is there already is left alone."""
        with self._change:
            if self._closed or any(store.session.profile == profile for store in self._stores):
                return
            store = _Store(profile.name, Session(profile, state_dir=state_dir), ours=True)
            self._stores.append(store)
        self._start(store, lambda store, stop: self._open_and_read(store, credential, stop))

    def session(self, profile: str) -> Session | None:
        """The open session of a profile that is searched; None where it is not open."""
        return next((store.session for store in self._stores if store.name == profile and store.session.is_open), None)

    # -- reading

    def read(self) -> None:
        """Read all stores that are open again, each on a thread of its own. What is known is found meanwhile. Nothing
        is read once this was closed."""
        with self._change:
            if self._closed:
                return
            if self._stop.is_set():
                self._stop = threading.Event()
        for store in list(self._stores):
            if store.session.is_open:
                self._start(store, self._read)

    def stop(self) -> None:
        """End all reading and asking, with the requests that are under way. What came stays."""
        self._stop.set()
        for store in list(self._stores):
            store.stop_asking()
        with self._change:
            self._change.notify_all()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until nothing is read and no store asked any more; whether that is so."""
        with self._change:
            return self._change.wait_for(lambda: not (self.is_reading or self.is_asking), seconds)

    def close(self) -> None:
        """End all reading, and lock what was opened for this. Closing twice is fine."""
        with self._change:
            self._closed = True
        self.stop()
        for store in self._stores:
            store.close()

    @property
    def is_reading(self) -> bool:
        return any(store.readings for store in self._stores)

    @property
    def is_asking(self) -> bool:
        return any(store.is_asked for store in self._stores)

    def _start(self, store: _Store, work: Callable[[_Store, threading.Event], None]) -> None:
        with self._change:
            store.readings += 1
        store.error = None
        stop = self._stop

        def run() -> None:
            try:
                work(store, stop)
            except Exception as error:  # noqa: BLE001 - told in its report
                if not stop.is_set():
                    store.error = told(error)
            finally:
                with self._change:
                    store.readings -= 1
                    self._change.notify_all()
                self._came()

        threading.Thread(target=run, name="finding", daemon=True).start()

    def _open_and_read(self, store: _Store, credential: Credential | None, stop: threading.Event) -> None:
        match store.session.enter(credential):
            case StoreState.MISSING:
                raise NotFound("There is nothing yet.", hint="Create it first.")
            case StoreState.LOCKED:
                raise AuthenticationRequired("It is locked.", hint="Open it first.")
            case StoreState.READY:
                pass
        with self._change:
            closed = self._closed
        if closed:  # meanwhile
            store.session.lock()
        else:
            self._read(store, stop)

    def _read(self, store: _Store, stop: threading.Event) -> None:
        names = store.takes_up()  # it may have been opened anew, by another sign-in
        if self._keys is not None:
            self._keys.attach(store.session)
            self._came()
        names.read(stop, self._came)

    # -- finding

    def query(self, text: str, limit: int | None = None, *, exact: bool = False, at_once: bool = False) -> Findings:
        """What is known by now, and what stores that were asked the same found besides. `at_once`: see `NamesIndex`."""
        stores = list(self._stores)
        found: list[tuple[int, _Store, SearchResult]] = []
        for at, store in enumerate(stores):
            if (result := store.query(text, limit, exact=exact, at_once=at_once)) is not None:
                found.append((at, store, result))
        located = [(at, Located(store.name, match)) for at, store, result in found for match in result.matches]
        if len(found) > 1:
            is_ranked = not exact and bool(Query.parse(text).words)
            located.sort(key=lambda row: (*_rank(row[1].match, is_ranked=is_ranked), row[0]))
        matches = [each for _, each in located]
        more = any(result.more for _, _, result in found) or (limit is not None and len(matches) > limit)
        whole = len(found) == len(stores) and all(
            result.complete and not store.readings and store.error is None for _, store, result in found
        )
        return Findings(text, matches[:limit], complete=whole and not more, more=more)

    def ask(self, text: str, limit: int, *, exact: bool = False) -> None:
        """Ask the stores that search by themselves, each on a thread; their answers are in `query` of the same text as
        soon as they are there. A later question ends an earlier one."""
        from kvtui.services.server_search import asked_for  # noqa: PLC0415 - few stores search by themselves

        piece = text if exact else asked_for(text)
        for store in list(self._stores):
            if store.asks and store.session.is_open:
                store.ask(text, piece, limit, self._answered)

    def _answered(self) -> None:
        with self._change:
            self._change.notify_all()
        self._came()

    def reports(self) -> Sequence[Report]:
        """One for each store, in the order they were given or opened."""
        return [store.report() for store in list(self._stores)]


class _Store:
    """One of the stores that are searched."""

    def __init__(self, name: str, session: Session, *, ours: bool) -> None:
        self.name = name
        self.session = session
        self.ours = ours
        self.names: Names | None = None
        self.asks = self.unlisted = False
        self.readings = 0
        """How many threads read it, or are about to."""
        self.error: KvtuiError | None = None
        self._asking: Survey[Indexed] | None = None
        self._answer: tuple[str, Sequence[Indexed]] | None = None
        self._refused: KvtuiError | None = None
        self._change = threading.Lock()
        """Held where what is asked and what was answered change together."""
        if session.is_open:
            self.takes_up()

    def takes_up(self) -> Names:
        """Its session was opened. Raises Locked."""
        backend = self.session.backend
        self.asks, self.unlisted = searches_there(backend), backend.info().unlisted
        self.names = names = self.session.names
        return names

    def query(self, text: str, limit: int | None, *, exact: bool, at_once: bool) -> SearchResult | None:
        """None where nothing can be said of it, as it is not open."""
        if self.names is None:
            return None
        found = self.names.query(text, limit, exact=exact, at_once=at_once)
        answer = self._answer
        if not self.asks or answer is None or answer[0] != text:
            return found
        from kvtui.services.server_search import join  # noqa: PLC0415 - few stores search by themselves

        joined = join(found.matches, answer[1], text, exact=exact)
        more = found.more or (limit is not None and len(joined) > limit)
        return SearchResult(text, joined[:limit], complete=found.complete and not more, more=more)

    def ask(self, text: str, piece: str, limit: int, came: Callable[[], None]) -> None:
        """Ask it for a piece of a query; for none it has nothing to answer."""
        survey = Survey(self.session.backend, lambda backend, skip: backend.find(piece, limit, skipped=skip))
        self.stop_asking()
        with self._change:
            self._answer, self._refused = (None if piece else (text, ())), None
            self._asking = survey if piece else None
        if not piece:
            return

        def follow() -> None:
            rows: Sequence[Indexed] = ()
            refused: KvtuiError | None = None
            try:
                with survey:
                    rows = survey.rest()
            except Exception as error:  # noqa: BLE001 - told in its report
                refused = told(error)
            with self._change:
                if self._asking is not survey:
                    return
                self._answer, self._refused, self._asking = (text, rows), refused, None
            came()

        threading.Thread(target=follow, name="asking", daemon=True).start()

    @property
    def is_asked(self) -> bool:
        return self._asking is not None

    def stop_asking(self) -> None:
        with self._change:
            asking, self._asking = self._asking, None
        if asking is not None:
            asking.stop()

    def close(self) -> None:
        """Forget what it answered, and lock it where it was opened for this."""
        self.stop_asking()
        self._answer = None
        if self.ours:
            self.session.lock()

    def report(self) -> Report:
        names, answer = self.names, self._answer
        answered = len(answer[1]) if answer is not None and self._refused is None else None
        found = Report(
            self.name,
            is_reading=bool(self.readings),
            error=self.error,
            unlisted=self.unlisted,
            asks=self.asks,
            answered=answered,
            refused=self._refused,
        )
        if names is None:
            return found
        return replace(
            found,
            count=len(names),
            as_of=names.as_of,
            is_old=names.is_old,
            left_out=names.left_out,
            note=names.note,
        )


def _rank(match: Match, *, is_ranked: bool) -> tuple[int, int, str]:
    """Ascending in the order that matches of one store have."""
    return match.order if is_ranked else (0, 0, match.path)


def _nobody() -> None:
    """Who is told that something came."""
