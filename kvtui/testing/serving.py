"""What a server does by itself: rotating there, telling what happens, and what was done."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from kvtui.backends.contract import Backend
from kvtui.domain import json_text
from kvtui.domain.capability import Capability
from kvtui.domain.codec import to_text
from kvtui.domain.errors import AlreadyExists, InvalidInput, KvtuiError, Locked, NotFound
from kvtui.domain.event import Event
from kvtui.domain.path import is_under
from kvtui.domain.secret import Skipped, VersionState
from kvtui.domain.value import Fields, SecretValue
from kvtui.testing.suite import Suite, holds, need, needs, one

_PATIENCE = 30.0
"""Seconds after which something that should have come is taken not to come; no test takes as long when it passes."""


class ServingConformance(Suite):
    # Rotating on the server

    def _rotates(self, store: Backend) -> Callable[[str], Fields | None]:
        """What to give to `rotate` for a new value."""
        if store.info().read_only:
            pytest.skip("a read-only store rotates nothing")
        need(store, Capability.ROTATE, Capability.WRITE, Capability.READ)
        return (lambda _: None) if store.info().makes_values else one

    @needs(Capability.ROTATE, Capability.WRITE, Capability.READ)
    def test_rotating_adds_one_version_with_another_value(self, store: Backend) -> None:
        given = self._rotates(store)
        store.write("app/db", one("old"))
        before = store.read("app/db").current
        made = store.rotate("app/db", given("new"))
        now = store.read("app/db")
        assert (made.number, now.current) == (now.version.number, before + store.can(Capability.VERSIONS))
        assert not holds(now, one("old"))
        assert list(now.fields) == ["value"]
        if not store.info().makes_values:
            assert holds(now, one("new"))

    @needs(Capability.ROTATE, Capability.WRITE, Capability.READ)
    def test_rotating_keeps_the_fields_that_are_not_named(self, store: Backend) -> None:
        given = self._rotates(store)
        need(store, Capability.FIELDS)
        if store.info().makes_values:
            pytest.skip("this store chooses what it makes anew")
        store.write("app/db", {"value": SecretValue("old"), "user": SecretValue("ann")})
        store.rotate("app/db", given("new"))
        assert holds(store.read("app/db"), {"value": SecretValue("new"), "user": SecretValue("ann")})

    @needs(Capability.ROTATE, Capability.WRITE, Capability.READ)
    def test_values_are_given_where_the_store_makes_none_and_only_there(self, store: Backend) -> None:
        given = self._rotates(store)
        store.write("app/db", one("old"))
        with pytest.raises(InvalidInput):
            store.rotate("app/db", one("new") if given("new") is None else None)
        assert holds(store.read("app/db"), one("old"))

    @needs(Capability.ROTATE, Capability.WRITE, Capability.READ)
    def test_what_is_not_there_is_not_rotated(self, store: Backend) -> None:
        given = self._rotates(store)
        store.write("app/db", one("x"))
        with pytest.raises(NotFound):
            store.rotate("app/other", given("new"))
        with pytest.raises(NotFound):
            store.read("app/other")

    # Copying and searching on the server

    def _copies(self, store: Backend) -> None:
        if store.info().read_only:
            pytest.skip("a read-only store copies nothing")
        need(store, Capability.COPY, Capability.WRITE, Capability.READ)

    @needs(Capability.COPY, Capability.WRITE, Capability.READ)
    def test_the_newest_values_are_copied_by_the_store(self, store: Backend) -> None:
        self._copies(store)
        for text in ("old", "new"):
            store.write("app/db", one(text))
        store.copy("app/db", "app/other")
        assert holds(store.read("app/other"), one("new"))
        assert store.read("app/other").current == 1
        assert holds(store.read("app/db"), one("new"))

    @needs(Capability.COPY, Capability.WRITE, Capability.READ)
    def test_what_is_there_is_copied_over_only_when_asked_to(self, store: Backend) -> None:
        self._copies(store)
        store.write("app/db", one("ours"))
        store.write("app/other", one("theirs"))
        with pytest.raises(AlreadyExists):
            store.copy("app/db", "app/other", move=True)
        assert holds(store.read("app/other"), one("theirs"))
        assert holds(store.read("app/db"), one("ours"))
        store.copy("app/db", "app/other", overwrite=True)
        assert holds(store.read("app/other"), one("ours"))

    @needs(Capability.COPY, Capability.WRITE, Capability.READ)
    def test_what_is_moved_by_the_store_is_deleted_where_it_was(self, store: Backend) -> None:
        self._copies(store)
        need(store, Capability.DELETE)
        store.write("app/db", one("x"))
        store.copy("app/db", "app/other", move=True)
        assert holds(store.read("app/other"), one("x"))
        if store.can(Capability.UNDELETE):
            assert store.read("app/db").version.state is VersionState.DELETED
        else:
            with pytest.raises(NotFound):
                store.read("app/db")

    @needs(Capability.COPY, Capability.WRITE, Capability.READ)
    def test_what_is_not_there_is_not_copied(self, store: Backend) -> None:
        self._copies(store)
        store.write("app/db", one("x"))
        with pytest.raises(NotFound):
            store.copy("nothing", "app/db", overwrite=True)
        assert holds(store.read("app/db"), one("x"))

    @needs(Capability.SEARCH)
    def test_a_text_is_found_in_paths_by_the_store(self, store: Backend) -> None:
        given = self.seed(store)
        for path in ("app/Needle", "needle/db", "app/other"):
            given.write(path, one("needle"))
        given.write("Needle", one("x"))
        told: list[Skipped] = []
        found = [row.path for row in store.find("needle", 10, skipped=told.append)]
        assert found == (["Needle", "app/Needle", "needle/db"] if self.searches_below else ["Needle"])
        assert bool(told) is not self.searches_below
        assert len(store.find("needle", 1, skipped=told.append)) == 1
        assert not store.find("absent", 10, skipped=told.append)
        if not self.searches_below:
            with pytest.raises(KvtuiError):  # as nobody would be told
                store.find("needle", 10)

    # What happens

    @needs(Capability.EVENTS)
    def test_what_is_done_after_listening_is_told(self, store: Backend) -> None:
        given = self.seed(store)
        given.write("before", one("SENTINEL"))
        heard = _Listener(store)
        with heard:
            given.write("app/db", one("SENTINEL"))
            event = heard.wait_for("app/db")
        assert event.act
        assert event.at is None or event.at.utcoffset() is not None
        assert all("SENTINEL" not in repr(each) for each in heard.events)
        assert all(each.path != "before" for each in heard.events)

    def test_listening_ends_when_it_is_interrupted_and_when_the_store_is_closed(self) -> None:
        for end in ("interrupt", "close"):
            store = self.make()
            with store:
                need(store, Capability.EVENTS)
                heard = _Listener(store)
                with heard:
                    getattr(heard, end)()
                    heard.thread.join(_PATIENCE)
                    assert not heard.thread.is_alive(), end
                    assert isinstance(heard.error, Locked), end

    # What was before

    @needs(Capability.LEGACY)
    def test_what_a_predecessor_held_comes_as_one_document(self, store: Backend) -> None:
        document = json_text.parse(to_text(store.legacy()))
        assert isinstance(document, dict)
        assert isinstance(document["connections"], list)

    # What was done

    @needs(Capability.AUDIT)
    def test_what_was_done_at_and_below_a_path_is_told_the_newest_first(self, store: Backend) -> None:
        given = self.seed(store)
        for path in ("app/db", "other", "app/web", "application"):
            given.write(path, one("SENTINEL"))
        told = store.audit("app")
        assert all(event.path == "app" or is_under(event.path or "", "app") for event in told.events)
        places = [event.path for event in told.events]
        assert set(places) >= {"app/db", "app/web"}
        assert places.index("app/web") < places.index("app/db")
        assert {event.path for event in store.audit("other").events} == {"other"}
        assert {event.path for event in store.audit().events} >= {"app/db", "other", "app/web", "application"}
        assert "SENTINEL" not in repr(store.audit())

    @needs(Capability.AUDIT)
    def test_what_was_done_comes_in_pages(self, store: Backend) -> None:
        given = self.seed(store)
        for _ in range(3):
            given.write("app/db", one("x"))
        every = store.audit("app/db")
        assert len(every.events) >= 3
        assert not every.more
        first, second = (store.audit("app/db", offset=offset, limit=2) for offset in (0, 2))
        assert (tuple(first.events), first.more) == (tuple(every.events[:2]), True)
        assert tuple(second.events) == tuple(every.events[2:4])

    @needs(Capability.AUDIT)
    def test_nothing_is_told_of_where_nothing_was_done(self, store: Backend) -> None:
        self.seed(store).write("app/db", one("x"))
        told = store.audit("nothing/here")
        assert (tuple(told.events), told.more) == ((), False)


class _Listener:
    """Hears events on a thread of its own while it is entered."""

    def __init__(self, store: Backend) -> None:
        self.events: list[Event] = []
        self.error: Exception | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self._store = store
        self._news = threading.Condition()
        self._interrupt: Callable[[], None] | None = None

    def __enter__(self) -> None:
        self.thread.start()
        with self._news:
            assert self._news.wait_for(lambda: self._interrupt or self.error, _PATIENCE)

    def __exit__(self, *_: object) -> None:
        with suppress(Locked):
            self.interrupt()
        self.thread.join(_PATIENCE)

    def interrupt(self) -> None:
        if self._interrupt is not None:
            self._interrupt()

    def close(self) -> None:
        self._store.close()

    def wait_for(self, path: str) -> Event:
        with self._news:
            assert self._news.wait_for(lambda: any(each.path == path for each in self.events), _PATIENCE), self.error
        return next(each for each in self.events if each.path == path)

    def _run(self) -> None:
        try:
            with self._store.interruptible() as interrupt:
                self._hear(self._store.events(), interrupt)
        except Exception as error:  # noqa: BLE001 - looked at by the test
            with self._news:
                self.error = error
                self._news.notify_all()

    def _hear(self, stream: Iterator[Event], interrupt: Callable[[], None]) -> None:
        with self._news:
            self._interrupt = interrupt
            self._news.notify_all()
        for event in stream:
            with self._news:
                self.events.append(event)
                self._news.notify_all()
