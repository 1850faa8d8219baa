"""Finding secrets by what their values hold: only when asked, read here one by one, and forgotten at once.

    asked = parse("path:prod value:hunter2")        # `value:` filters, and the rest, which narrows what is read
    with ValueSearch(session, asked, progress=tell) as search:
        for match in search:                        # paths and names of fields, never a value
            ...
    search.left_out, search.complete                # what could not be read

Newest versions only. What was looked for and what was read is kept nowhere: the journal has one line that values were
looked through. On a server each secret is a request that it may log, count and limit, so that has to be agreed to; see
`caution`.
"""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from types import TracebackType
from typing import NamedTuple, Self

from kvtui.courtesy import make_way
from kvtui.domain.capability import Capability
from kvtui.domain.errors import InvalidInput, KvtuiError, RateLimited, Unavailable, Unsupported
from kvtui.domain.progress import Progress, silent
from kvtui.domain.secret import EntryKind, Found, Secret, Skipped, VersionState
from kvtui.domain.value import SecretValue
from kvtui.services.journal import Act
from kvtui.services.left_out import LeftOut
from kvtui.services.search import NamesIndex, Query, names_of
from kvtui.services.session import Session

SECONDS = 600.0
"""For all reads together, where nobody says."""
_AT_ONCE = 4
"""Requests at the same time: a search is in no hurry, and a server has others to answer."""
_CHUNK = 64
_CHUNK_THERE = 4
"""Secrets that one thread reads before it tells: their values are gone then."""
_ENOUGH = 3
"""Reads that fail one after the other, not denied, end the search: the server has other trouble."""
_VALUE = re.compile(r'(?:^|(?<=\s))value:(?:"(?P<quoted>[^"]*)"?|(?P<plain>\S*))', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """A query taken apart: `names` is what is left without its `value:` filters, `parts` what those ask for.
    `is_open`: one of them is empty, so that what to look for is still to be given."""

    names: str = ""
    parts: tuple[SecretValue, ...] = ()
    is_open: bool = False

    @property
    def of_values(self) -> bool:
        """Whether values are asked for at all."""
        return self.is_open or bool(self.parts)


def parse(text: str) -> Asked:
    """Any text is a query."""
    found = [match["plain"] if match["quoted"] is None else match["quoted"] for match in _VALUE.finditer(text)]
    names = " ".join(_VALUE.sub(" ", text).split()) if found else text
    return Asked(names, tuple(SecretValue(part) for part in found if part), is_open="" in found)


def caution(session: Session) -> str:
    """What has to be agreed to before values are looked through there, in a sentence; "" where they are read on this
    machine alone. Raises Locked."""
    if session.backend.can(Capability.CHANGE_SIGNAL):
        return ""
    return "Every secret is read from the server, one request each, which it may log, count and limit."


class ValueMatch(NamedTuple):
    """A secret and the names of its fields that hold what was asked for."""

    path: str
    fields: tuple[str, ...]


class ValueSearch:
    """One search of one open store, in the order of the paths. Use it once, as a context manager: leaving it ends it,
    with the requests that are under way; `stop` does so from another thread.

    `agreed`: the caution was read, where there is one. `seconds` are for all of it; when they are over it ends as if
    stopped. `paths`: those to look at, where somebody agreed to just these; names are not looked for then. Raises
    InvalidInput for nothing to look for and where it was not agreed, Unsupported where values are never
    given out.
    """

    def __init__(
        self,
        session: Session,
        asked: Asked,
        *,
        agreed: bool = False,
        seconds: float = SECONDS,
        progress: Progress = silent,
        paths: Sequence[str] | None = None,
    ) -> None:
        if not asked.parts:
            raise InvalidInput("There is no value to look for.", hint="Give a part of it.")
        if why := session.why_not(Capability.READ):
            raise Unsupported(why, capability=Capability.READ.value, hint="Search by name.")
        self.is_here = not caution(session)
        if not (self.is_here or agreed):
            raise InvalidInput(f"Values on a server are not looked through unasked. {caution(session)}")
        self.left_out = LeftOut()
        """Folders that were not listed, and secrets that could not be read."""
        self.read = 0
        """Secrets that were looked at."""
        self.total: int | None = None
        """How many there are, once that is known."""
        self.is_over_time = False
        self._session = session
        self._asked = asked
        self._seconds = seconds
        self._progress = progress
        self._agreed_to = paths
        self._reads = _Reads()
        self._failed_in_a_row = 0
        self._ended = False

    @property
    def complete(self) -> bool:
        """Whether all that the names ask for was looked at."""
        return self._ended and not self.left_out and not self._session.info().unlisted

    def stop(self) -> None:
        """End it. What was found stays."""
        self._reads.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __iter__(self) -> Generator[ValueMatch]:
        """Raises as reading does what concerns all of the store, as Locked or a server that is gone; PermissionDenied
        or Unavailable where the journal cannot be written."""
        self._session.journal.record(Act.SEARCH, "")
        deadline = time.monotonic() + self._seconds
        try:
            with self._reads.interruptible(self._session):
                paths = self._paths(deadline)
        except KvtuiError:
            if self._reads.stopped:
                return
            raise
        self.is_over_time = time.monotonic() >= deadline
        self.total = len(paths)
        self._progress(0, self.total)
        width, size = (1, _CHUNK) if self.is_here else (_AT_ONCE, _CHUNK_THERE)
        chunks = (paths[at : at + size] for at in range(0, len(paths), size))
        coming: deque[Future[_Looked]] = deque()
        pool = ThreadPoolExecutor(width, thread_name_prefix="values")
        try:
            while not (self._reads.stopped or self.is_over_time):
                while len(coming) < 2 * width and (chunk := next(chunks, None)) is not None:
                    coming.append(pool.submit(self._look, chunk))
                if not coming:
                    self._ended = True
                    return
                try:
                    looked = coming.popleft().result(max(0.0, deadline - time.monotonic()))
                except TimeoutError:
                    self.is_over_time = True
                else:
                    yield from self._told(looked)
        finally:
            self.stop()
            pool.shutdown(wait=False, cancel_futures=True)

    def _paths(self, deadline: float) -> Sequence[str]:
        """Those whose names fit, ascending. Nothing deleted."""
        if self._agreed_to is not None:
            return self._agreed_to
        query, backend = Query.parse(self._asked.names), self._session.backend
        rows = (row for row in names_of(backend, self.left_out) if row.state in {None, VersionState.LIVE})
        in_time = takewhile(lambda _: not self._reads.stopped and time.monotonic() < deadline, rows)
        if not (query.words or query.filters):
            return [row.path for row in in_time]
        return sorted(match.path for match in NamesIndex(in_time).query(self._asked.names).matches)

    def _look(self, chunk: Sequence[str]) -> _Looked:
        """On a thread of the pool: read some, and keep of them what is asked for alone."""
        looked = _Looked()
        try:
            with self._reads.interruptible(self._session):
                for found in self._session.backend.read_many(chunk):
                    looked.add(found, self._asked.parts)
                    make_way()
                    if self._reads.stopped:
                        break
        except KvtuiError as error:
            looked.error = error
        return looked

    def _told(self, looked: _Looked) -> Iterator[ValueMatch]:
        self.read += looked.count
        for skipped in looked.skipped:
            self.left_out(skipped)
            is_trouble = isinstance(skipped.error, (Unavailable, RateLimited))
            self._failed_in_a_row = self._failed_in_a_row + 1 if is_trouble else 0
            if self._failed_in_a_row >= _ENOUGH:
                raise skipped.error
        if looked.count > len(looked.skipped):
            self._failed_in_a_row = 0
        self._progress(self.read, self.total)
        yield from looked.matches
        if looked.error is not None and not self._reads.stopped:
            raise looked.error


class _Looked:
    """What came of some reads."""

    def __init__(self) -> None:
        self.count = 0
        self.matches: list[ValueMatch] = []
        self.skipped: list[Skipped] = []
        self.error: KvtuiError | None = None

    def add(self, found: Found, parts: Sequence[SecretValue]) -> None:
        self.count += 1
        if found.error is not None:
            self.skipped.append(Skipped(found.path, found.error, EntryKind.SECRET))
        elif found.secret is not None and (fields := _holding(found.secret, parts)):
            self.matches.append(ValueMatch(found.path, fields))


def _holding(secret: Secret, parts: Sequence[SecretValue]) -> tuple[str, ...]:
    """The fields that hold one of the parts; none unless each part is in one."""
    by_part = [[name for name, value in secret.fields.items() if value.contains(part)] for part in parts]
    if not all(by_part):
        return ()
    holding = {name for names in by_part for name in names}
    return tuple(name for name in secret.fields if name in holding)


class _Reads:
    """Reads that are ended together."""

    def __init__(self) -> None:
        self._change = threading.Lock()
        self._interrupts: list[Callable[[], None]] = []
        self.stopped = False

    @contextmanager
    def interruptible(self, session: Session) -> Iterator[None]:
        """What this thread asks of the store in here fails with Locked as soon as they are to end."""
        with session.backend.interruptible() as interrupt:
            with self._change:
                self._interrupts.append(interrupt)
                stopped = self.stopped
            if stopped:
                interrupt()
            try:
                yield
            finally:
                with self._change:
                    self._interrupts.remove(interrupt)

    def stop(self) -> None:
        with self._change:
            self.stopped = True
            interrupts = list(self._interrupts)
        for interrupt in interrupts:
            interrupt()
