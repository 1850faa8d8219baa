"""Something long that is read from a store on a thread of its own, and taken by others as it comes."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Generic, Self, TypeVar

from kvtui.backends.contract import Backend
from kvtui.courtesy import make_way
from kvtui.domain.secret import Skip
from kvtui.services.left_out import LeftOut

T = TypeVar("T")

Look = Callable[[Backend, Skip], Iterable[T]]
"""What to read: `lambda backend, skipped: backend.walk(skipped=skipped)`."""


class Survey(Generic[T]):
    """Use as a context manager: it is under way inside, and ends when that is left, with all its requests."""

    def __init__(self, backend: Backend, look: Look[T]) -> None:
        self.left_out = LeftOut()
        self.count = 0
        """What came so far."""
        self._backend = backend
        self._look = look
        self._came: deque[T] = deque()
        self._failed: Exception | None = None
        self._change = threading.Lock()
        self._interrupt: Callable[[], None] | None = None
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="survey", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes than what can be taken now."""
        return not self._thread.is_alive()

    def take(self, most: int | None = None) -> Sequence[T]:
        """What came since the last time, or so many of it. Raises what the reading raised, once all that came before
        was taken."""
        is_over = self.is_over
        there = len(self._came)
        found = [self._came.popleft() for _ in range(there if most is None else min(there, most))]
        if is_over and not found and self._failed is not None:
            raise self._failed
        return found

    def rest(self) -> Sequence[T]:
        """Wait for all that is still to come. Raises what the reading raised."""
        self._thread.join()
        found: list[T] = []
        while some := self.take():
            found += some
        return found

    def stop(self) -> None:
        """End it. Does not wait for its thread."""
        with self._change:
            self._stopped = True
            interrupt = self._interrupt
        if interrupt is not None:
            interrupt()

    def _run(self) -> None:
        try:
            with self._backend.interruptible() as interrupt:
                with self._change:
                    self._interrupt = interrupt
                    if self._stopped:
                        return
                self._read()
        except Exception as error:  # noqa: BLE001 - raised where it is taken
            if not self._stopped:
                self._failed = error
        finally:
            with self._change:
                self._interrupt = None

    def _read(self) -> None:
        rows = self._look(self._backend, self.left_out)
        try:
            for row in rows:
                if self._stopped:
                    return
                self._came.append(row)
                self.count += 1
                make_way()
        finally:
            if (close := getattr(rows, "close", None)) is not None:
                close()
