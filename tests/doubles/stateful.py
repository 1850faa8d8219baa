"""A double that keeps state: a clock tests can set, one request at a time, and no error of its own unseen."""

from __future__ import annotations

import ssl
import threading
from dataclasses import replace
from types import TracebackType

from tests.doubles.clock import Clock
from tests.doubles.server import Double, Reply, Seen


class StatefulDouble(Double):
    """Override `reply`. An error of the double itself is answered with 500 and raised when the double is left."""

    def __init__(
        self, *, clock: Clock | None = None, latency: float = 0.0, context: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(context, latency=latency)
        self.clock = clock or Clock()
        self.broken: list[Exception] = []
        self._state_lock = threading.RLock()

    def reply(self, request: Seen) -> Reply:
        raise NotImplementedError

    def answer(self, request: Seen) -> Reply:
        with self._state_lock:
            try:
                reply = self.reply(request)
            except Exception as broken:  # noqa: BLE001  raised again in __exit__
                self.broken.append(broken)
                reply = Reply(500, b'"the double itself is broken"')
        return replace(reply, body=b"") if request.method == "HEAD" else reply

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        if self.broken and error is None:
            raise self.broken[0]
