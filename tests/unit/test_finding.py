"""Finding in several stores at once: ranked together, searched while they are read, none keeping another waiting."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvtui.backends.contract import Backend
from kvtui.backends.memory import ALL, MemoryBackend
from kvtui.domain.capability import Capability
from kvtui.domain.errors import AuthenticationRequired, Locked, NotFound, Unavailable
from kvtui.domain.secret import Entry, Skip
from kvtui.domain.value import SecretValue
from kvtui.services.finding import Finding
from kvtui.services.profiles import Profile, vault_profile
from kvtui.services.search import NamesIndex
from kvtui.services.session import Session

WAIT = 60.0
"""Seconds after which something hangs."""
ON_A_SERVER = ALL - {Capability.INDEX, Capability.CHANGE_SIGNAL}
Opened = Callable[..., Session]


class Slow(MemoryBackend):
    """A store that is walked name by name, and stands still before the name that `held` is."""

    held = "~"
    failure: Exception | None = None

    def __init__(self, *paths: str, capabilities: frozenset[Capability] = ON_A_SERVER) -> None:
        super().__init__(capabilities=capabilities)
        self.gate, self.waits, self.walks = threading.Event(), threading.Event(), 0
        for path in paths:
            self.write(path, {"value": SecretValue("x")})

    def walk(self, folder: str = "", *, skipped: Skip | None = None) -> Iterator[Entry]:
        self.walks += 1
        for entry in super().walk(folder, skipped=skipped):
            if entry.path >= self.held:
                self.waits.set()
                assert self.gate.wait(WAIT)
                if self.failure is not None:
                    raise self.failure
            yield entry


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here names need not be collected before they are put in."""
    monkeypatch.setattr("kvtui.services.names.PAUSE", 0.01)


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """Sessions of stores that are given, by the profiles' names."""
    sessions: list[Session] = []

    def open_(name: str, backend: MemoryBackend) -> Session:
        session = Session(Profile(name, "memory", MappingProxyType({"name": f"{tmp_path}/{name}"})), state_dir=tmp_path)
        session.unlock()
        session._backend = backend
        sessions.append(session)
        return session

    yield open_
    for session in sessions:
        session.lock()


def addresses(finding: Finding, text: str, limit: int | None = None) -> list[str]:
    return [found.address for found in finding.query(text, limit).matches]


def test_matches_of_all_stores_are_ranked_together_and_name_their_profile(opened: Opened) -> None:
    one, two = Slow("app/db", "deep/down/db-old"), Slow("db", "x/app-db", capabilities=ALL)
    with Finding([opened("one", one), opened("two", two)]) as finding:
        assert finding.wait(WAIT)
        found = finding.query("db")
        assert (found.complete, found.more) == (True, False)
        scores = [each.match.score for each in found.matches]
        assert scores == sorted(scores, reverse=True)
        assert {each.address for each in found.matches} == {
            "one:app/db",
            "one:deep/down/db-old",
            "two:db",
            "two:x/app-db",
        }
        best = finding.query("db", 2)
        assert [each.address for each in best.matches] == [each.address for each in found.matches[:2]]
        assert (best.complete, best.more) == (False, True)


def test_a_path_that_several_have_is_found_in_each_in_their_order(opened: Opened) -> None:
    with Finding([opened("b", Slow("same")), opened("a", Slow("same"))]) as finding:
        assert finding.wait(WAIT)
        assert addresses(finding, "same") == ["b:same", "a:same"]


NAMES = st.lists(
    st.text("ab/", min_size=1, max_size=5).map(lambda text: "/".join(filter(None, text.split("/"))) or "a")
)


@given(NAMES, NAMES, st.text("ab", max_size=2), st.integers(1, 4))
def test_what_is_found_in_two_stores_is_the_best_of_both(one: list[str], two: list[str], text: str, limit: int) -> None:
    both: list[Session] = []
    for name, paths in (("one", one), ("two", two)):
        session = Session(Profile(name, "memory"))
        session._backend = Slow(*{*paths} - {""}, capabilities=ALL)
        both.append(session)
    with Finding(both) as finding:
        assert finding.wait(WAIT)
        every = {(each.profile, each.path): each.match.score for each in finding.query(text).matches}
        alone = {
            (session.profile.name, match.path): match.score
            for session in both
            for match in NamesIndex(session.backend.index()).query(text).matches
        }
        assert every == alone
        assert [each.match.score for each in finding.query(text, limit).matches] == sorted(
            every.values(), reverse=True
        )[:limit]


def test_names_are_found_while_a_store_is_still_read(opened: Opened) -> None:
    slow = Slow("a/db", "b/db", "z/db")
    slow.held = "z"
    came = threading.Event()
    with Finding([opened("slow", slow), opened("quick", Slow("db"))], came=came.set) as finding:
        assert slow.waits.wait(WAIT)
        while len(addresses(finding, "db")) < 3:
            assert came.wait(WAIT)
            came.clear()
        assert set(addresses(finding, "db")) == {"quick:db", "slow:a/db", "slow:b/db"}
        assert not finding.query("db").complete
        report = finding.reports()[0]
        assert (report.profile, report.count, report.is_reading, report.as_of) == ("slow", 2, True, None)
        slow.gate.set()
        assert finding.wait(WAIT)
        assert len(addresses(finding, "db")) == 4
        report = finding.reports()[0]
        assert (report.count, report.is_reading, report.is_old) == (3, False, False)
        assert report.as_of is not None


def test_a_store_that_fails_is_told_and_the_others_and_what_came_of_it_are_found(opened: Opened) -> None:
    broken = Slow("a/db", "b/db")
    broken.held, broken.failure = "b", Unavailable("It went away.")
    broken.gate.set()
    with Finding([opened("broken", broken), opened("well", Slow("db"))]) as finding:
        assert finding.wait(WAIT)
        assert set(addresses(finding, "db")) == {"broken:a/db", "well:db"}
        assert not finding.query("db").complete
        error = finding.reports()[0].error
        assert error is not None
        assert error.message == "It went away."
        assert finding.reports()[1].error is None
        broken.failure = None
        finding.read()
        assert finding.wait(WAIT)
        assert "broken:b/db" in addresses(finding, "db")
        assert finding.reports()[0].error is None


def test_what_nobody_foresaw_is_told_without_its_words(opened: Opened) -> None:
    broken = Slow("a/db")
    broken.held, broken.failure = "a", ValueError("a/db has hunter2")
    broken.gate.set()
    with Finding([opened("broken", broken)]) as finding:
        assert finding.wait(WAIT)
        error = finding.reports()[0].error
        assert error is not None
        assert error.message == "Something went wrong inside kvtui (ValueError)."
        assert not finding.query("db").complete


def test_folders_that_are_denied_are_counted(opened: Opened) -> None:
    store = Slow("app/db", "prod/db")
    store._store.denied.add("prod")
    with Finding([opened("narrow", store)]) as finding:
        assert finding.wait(WAIT)
        (report,) = finding.reports()
        assert report.left_out is not None
        assert (report.count, report.left_out.counts) == (1, "1 denied")
        assert addresses(finding, "db") == ["narrow:app/db"]
        assert not finding.query("db").complete


def test_stopping_ends_the_reading_and_keeps_what_came(opened: Opened) -> None:
    slow = Slow("a/db", "z/db")
    slow.held = "z"
    finding = Finding([opened("slow", slow)])
    finding.read()
    assert slow.waits.wait(WAIT)
    finding.stop()
    assert finding.wait(WAIT)
    slow.gate.set()
    finding.read()
    assert finding.wait(WAIT)
    assert set(addresses(finding, "db")) == {"slow:a/db", "slow:z/db"}
    finding.close()


def test_two_who_read_the_same_store_walk_it_once(opened: Opened) -> None:
    slow = Slow("a", "z")
    slow.held = "z"
    session = opened("slow", slow)
    with Finding([session]) as one, Finding([session]) as other:
        assert slow.waits.wait(WAIT)
        slow.gate.set()
        assert one.wait(WAIT)
        assert other.wait(WAIT)
        assert slow.walks == 1
        assert addresses(other, "z") == ["slow:z"]


def test_names_are_gone_when_the_session_is_locked_though_they_are_still_read(opened: Opened) -> None:
    slow = Slow("a/db", "z/db")
    slow.held = "z"
    session = opened("slow", slow)
    finding = Finding([session])
    finding.read()
    assert slow.waits.wait(WAIT)
    names = session.names
    session.lock()
    slow.gate.set()
    assert finding.wait(WAIT)
    assert len(names) == 0
    assert addresses(finding, "db") == []
    with pytest.raises(Locked):
        _ = session.names
    finding.close()


def test_what_was_never_read_is_not_said_to_be_complete(opened: Opened) -> None:
    finding = Finding([opened("one", Slow("a/db"))])
    assert not finding.query("db").complete
    with finding:
        assert finding.wait(WAIT)
        assert finding.query("db").complete


def test_nothing_is_read_once_it_was_closed(opened: Opened) -> None:
    store = Slow("a/db")
    finding = Finding([opened("one", store)])
    finding.close()
    finding.read()
    assert not finding.is_reading
    assert store.walks == 0


# Stores that are opened for it


def test_profiles_that_open_without_asking_are_opened_and_closed_again(tmp_path: Path) -> None:
    with Finding() as finding:
        finding.open(Profile("mem", "memory", MappingProxyType({"name": f"{tmp_path}/mem"})), state_dir=tmp_path)
        assert finding.wait(WAIT)
        session = finding.session("mem")
        assert session is not None
        session.backend.write("db", {"value": SecretValue("x")})
        finding.read()
        assert finding.wait(WAIT)
        assert addresses(finding, "db") == ["mem:db"]
    assert not session.is_open


def test_a_session_that_was_handed_in_stays_open(opened: Opened) -> None:
    session = opened("one", Slow("a"))
    with Finding([session]) as finding:
        finding.open(session.profile)
        assert finding.wait(WAIT)
        assert len(finding.reports()) == 1
    assert session.is_open


def test_what_is_locked_or_missing_is_left_out_and_says_so(
    tmp_path: Path, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = opened("here", Slow("db"))

    def asks(*_: object) -> None:
        raise AuthenticationRequired("Nobody is signed in.", hint="Sign in.")

    monkeypatch.setattr(type(here.profile.factory), "open", asks)
    with Finding([here]) as finding:
        finding.open(Profile("remote", "memory"))
        finding.open(vault_profile(tmp_path / "none", name="none"))
        assert finding.wait(WAIT)
        errors = {report.profile: type(report.error) for report in finding.reports()}
        assert errors == {"here": type(None), "remote": AuthenticationRequired, "none": NotFound}
        assert addresses(finding, "db") == ["here:db"]
        assert not finding.query("db").complete
        assert finding.session("remote") is None


def test_a_store_that_opens_after_it_was_closed_is_closed_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = Profile("late", "memory", MappingProxyType({"name": f"{tmp_path}/late"}))
    opening, gate, stores = threading.Event(), threading.Event(), []
    open_ = type(profile.factory).open

    def late(*args: Any) -> Backend:
        opening.set()
        assert gate.wait(WAIT)
        stores.append(open_(*args))
        return stores[0]

    monkeypatch.setattr(type(profile.factory), "open", late)
    finding = Finding()
    finding.open(profile, state_dir=tmp_path)
    assert opening.wait(WAIT)
    finding.close()
    gate.set()
    assert finding.wait(WAIT)
    with pytest.raises(Locked):
        stores[0].info()


# Stores that search by themselves


def test_a_store_that_searches_by_itself_is_asked_and_its_answer_is_among_the_matches(opened: Opened) -> None:
    store = Slow("app/db", capabilities=ON_A_SERVER - {Capability.LIST} | {Capability.SEARCH})
    came = threading.Event()
    with Finding([opened("serves", store)], came=came.set) as finding:
        finding.wait(WAIT)
        assert addresses(finding, "db") == []
        finding.ask("db", 10)
        while finding.reports()[0].answered is None:
            assert came.wait(WAIT)
            came.clear()
        assert finding.reports()[0].answered == 1
        assert addresses(finding, "db") == ["serves:app/db"]
        assert addresses(finding, "d") == []  # it was asked for something else
    assert finding.reports()[0].answered is None  # nor is an answer kept when it was closed


def test_a_store_that_does_not_answer_says_why(opened: Opened) -> None:
    store = Slow(capabilities=ON_A_SERVER - {Capability.LIST} | {Capability.SEARCH})
    came = threading.Event()

    def find(*_: object, **__: object) -> None:
        raise Unavailable("It sleeps.")

    store.find = find  # type: ignore[method-assign, assignment]
    with Finding([opened("serves", store)], came=came.set) as finding:
        finding.wait(WAIT)
        finding.ask("db", 10)
        while (refused := finding.reports()[0].refused) is None:
            assert came.wait(WAIT)
            came.clear()
        assert refused.message == "It sleeps."
