"""What a server does by itself, for the reference backend: it rotates, tells what happens, and wrote it down."""

from __future__ import annotations

import secrets
import threading
from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import islice
from threading import Condition
from typing import Any

from kvtui.backends.contract import Backend
from kvtui.backends.not_found import missing
from kvtui.domain import path as paths
from kvtui.domain.capability import Capability
from kvtui.domain.errors import AlreadyExists, InvalidInput, Locked
from kvtui.domain.event import Audit, Event
from kvtui.domain.secret import Version, VersionState
from kvtui.domain.value import Fields, SecretValue


class Serving(Backend):
    """The part of a backend in memory that acts by itself."""

    _log: list[Event]
    """What was done in the store, the oldest first."""
    _news: Condition
    """Told of each; it holds the lock of the store."""
    _interrupted: dict[int, bool]
    """By thread, as long as it may be interrupted."""

    @abstractmethod
    def _using(self, capability: Capability, path: str | None = None) -> AbstractContextManager[Any]:
        """The store, with nobody else at it. Raises Locked, Unsupported."""

    def rotate(self, path: str, fields: Fields | None = None) -> Version:
        with self._using(Capability.ROTATE, path):
            if (fields is None) is not self.info().makes_values:
                what = "takes no values: it makes them" if fields is not None else "makes no values"
                raise InvalidInput(f"This store {what}.", hint="Rotate it the other way.", path=path)
            secret = self.read(path)
            if secret.version.state is not VersionState.LIVE:
                raise missing(path)
            made = {name: SecretValue(secrets.token_urlsafe(24)) for name in secret.fields}
            return self.write(path, {**secret.fields, **(made if fields is None else fields)})

    def copy(self, source: str, target: str, *, move: bool = False, overwrite: bool = False) -> None:
        with self._using(Capability.COPY, source) as held:
            secret = self.read(source)
            if secret.version.state is not VersionState.LIVE:
                raise missing(source)
            if target in held and not overwrite:
                raise AlreadyExists("A secret is already there.", hint="Choose another path.", path=target)
            self.write(target, secret.fields)
            if move:
                self.delete(source)

    def legacy(self) -> SecretValue:
        with self._using(Capability.LEGACY):
            return SecretValue('{"connections": []}')  # it had no predecessor

    def audit(self, folder: str = "", *, offset: int = 0, limit: int = 100) -> Audit:
        folder = paths.check_folder(folder)
        with self._using(Capability.AUDIT, folder):
            about = (
                event
                for event in reversed(self._log)
                if not folder or event.path == folder or paths.is_under(event.path or "", folder)
            )
            found = tuple(islice(about, offset, offset + limit + 1))
            return Audit(found[:limit], more=len(found) > limit)

    def events(self) -> Iterator[Event]:
        with self._using(Capability.EVENTS):
            return self._from(len(self._log))

    def _from(self, start: int) -> Iterator[Event]:
        at = start
        while True:
            with self._news:
                while len(self._log) == at:
                    self._go_on()
                    self._news.wait()
                self._go_on()
                event = self._log[at]
            at += 1
            yield event

    def _go_on(self) -> None:
        self.info()
        if self._interrupted.get(threading.get_ident()):
            raise Locked("It was interrupted.")

    @contextmanager
    def interruptible(self) -> Iterator[Callable[[], None]]:
        thread = threading.get_ident()

        def interrupt() -> None:
            with self._news:
                if thread in self._interrupted:
                    self._interrupted[thread] = True
                    self._news.notify_all()

        self._interrupted[thread] = False
        try:
            yield interrupt
        finally:
            with self._news:
                del self._interrupted[thread]
