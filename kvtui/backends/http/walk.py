"""A recursive listing with several requests under way, told in the order of the paths as it comes.

Folders are asked for in that order too, so what is told next is what was asked for first.
"""

from __future__ import annotations

import heapq
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from kvtui.backends.http.transport import Calls, company, together
from kvtui.courtesy import in_turn
from kvtui.domain.errors import AuthenticationRequired, KvtuiError, Locked, NotFound, Unavailable
from kvtui.domain.secret import Entry, Listing, Skipped

AHEAD = 256
"""Listings that are kept for a reader who is slower than the server."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class Walk:
    """`list_folder` gives the direct children of a folder and is called from `width` threads. What fails ends the walk,
    or is told to `skipped`."""

    def __init__(
        self,
        list_folder: Callable[[str], Listing],
        *,
        width: int,
        skipped: Callable[[Skipped], None] | None = None,
    ) -> None:
        self._list = list_folder
        self._width = width
        self._skipped = skipped
        lock = threading.Lock()
        self._came = threading.Condition(lock)
        self._may_go_on = threading.Condition(lock)
        self._waiting: list[str] = []
        self._wanted = ""
        self._listed: dict[str, Listing | Exception] = {}
        self._calls = Calls(company())
        self._over = False

    def below(self, first: Listing) -> Iterator[Entry]:
        """Every secret below the folder that `first` lists. When it is closed its requests, and so its threads, end."""
        threads = [threading.Thread(target=self._work, name="walk", daemon=True) for _ in range(self._width)]
        for thread in threads:
            thread.start()
        try:
            with self._came:
                self._ask_below(first)
            yield from self._tell(first)
        finally:
            with self._came:
                self._over = True
                self._may_go_on.notify_all()
            self._calls.end()

    def _tell(self, listing: Listing) -> Iterator[Entry]:
        if not listing.complete:
            self._failed(listing.path, Unavailable(listing.note, path=listing.path, retryable=False))
        rows = sorted(listing.entries, key=lambda entry: entry.path + "/" * entry.is_folder)
        for entry in rows:
            if entry.is_folder:
                below = self._children(entry.path)
                if below is not None:
                    yield from self._tell(below)
            else:
                yield entry

    def _children(self, folder: str) -> Listing | None:
        with self._came:
            self._wanted = f"{folder}/"
            self._may_go_on.notify()
            while folder not in self._listed:
                self._came.wait()
            found = self._listed.pop(folder)
        if not isinstance(found, Exception):
            return found
        if not isinstance(found, NotFound):  # its last secret went away meanwhile
            self._failed(folder, found)
        return None

    def _failed(self, folder: str, error: Exception) -> None:
        if self._skipped is None or not isinstance(error, KvtuiError) or isinstance(error, _ENDING):
            raise error
        self._skipped(Skipped(folder, error))

    def _work(self) -> None:
        with together(self._calls):
            self._list_all()

    def _list_all(self) -> None:
        while True:
            with self._came:
                while not self._over and not self._is_next_due():
                    self._may_go_on.wait()
                if self._over:
                    return
                folder = heapq.heappop(self._waiting).removesuffix("/")
            found: Listing | Exception
            try:
                with in_turn():
                    found = self._list(folder)
            except Exception as error:  # noqa: BLE001 - raised on the thread that waits for it
                found = error
            with self._came:
                self._listed[folder] = found
                if isinstance(found, Listing):
                    self._ask_below(found)
                self._came.notify()

    def _ask_below(self, listing: Listing) -> None:
        """At once, so that no thread is idle until the reader gets there."""
        folders = [f"{entry.path}/" for entry in listing.entries if entry.is_folder]
        for folder in folders:
            heapq.heappush(self._waiting, folder)
        self._may_go_on.notify(len(folders))

    def _is_next_due(self) -> bool:
        """What the reader waits for is always the first that waits, unless it is under way."""
        return bool(self._waiting) and (len(self._listed) < AHEAD or self._waiting[0] == self._wanted)


_ENDING = (Locked, AuthenticationRequired)


def each_in_order(function: Callable[[Item], Result], items: Iterable[Item], *, width: int) -> Generator[Result]:
    """`map`, with up to `width` calls under way and no more items taken than that. Closing it ends their requests."""
    calls = Calls(company())

    def one(item: Item) -> Result:
        with together(calls), in_turn():
            return function(item)

    with ThreadPoolExecutor(width, thread_name_prefix="each") as pool:
        left = iter(items)
        under_way: deque[Future[Result]] = deque(pool.submit(one, item) for item in islice(left, width))
        try:
            while under_way:
                result = under_way.popleft().result()
                under_way.extend(pool.submit(one, item) for item in islice(left, 1))
                yield result
        finally:
            for each in under_way:
                each.cancel()
            calls.end()
