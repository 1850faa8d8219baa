"""Reading something long on a thread: taken as it comes, ended from anywhere; trees and names that grow meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvtui.backends.contract import Backend
from kvtui.backends.memory import ALL, MemoryBackend, MemoryStore
from kvtui.domain import path as paths
from kvtui.domain.capability import Capability
from kvtui.domain.errors import PermissionDenied, Unavailable
from kvtui.domain.secret import Entry, Indexed, Listing, Skip, Skipped
from kvtui.domain.value import SecretValue
from kvtui.services.listing import GrowingTree, Growth, tree_entries
from kvtui.services.search import NamesIndex
from kvtui.services.survey import Survey

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
SEGMENTS = st.text(alphabet="ab-0", min_size=1, max_size=3)
PATHS = st.sets(st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join), max_size=20)


def store_with(*paths: str) -> MemoryBackend:
    backend = MemoryBackend(capabilities=ALL - {Capability.INDEX, Capability.CHANGE_SIGNAL, Capability.CONTAINERS})
    for path in paths:
        backend.write(path, {"value": SecretValue("x")})
    return backend


# A survey


def test_what_comes_is_taken_before_the_rest_is_there() -> None:
    gate, first = threading.Event(), threading.Event()

    def look(_backend: Backend, _skipped: Skip) -> Iterator[str]:
        yield "one"
        first.set()
        gate.wait(20)
        yield "two"

    with Survey(store_with(), look) as survey:
        assert first.wait(20)
        assert survey.take() == ["one"]
        assert not survey.is_over
        gate.set()
        survey._thread.join(20)
        assert survey.is_over
        assert (survey.take(), survey.take(), survey.count) == (["two"], [], 2)


def test_what_fails_is_raised_after_what_came() -> None:
    def look(_backend: Backend, skipped: Skip) -> Iterator[str]:
        yield "one"
        skipped(Skipped("b", PermissionDenied("No.")))
        raise Unavailable("It went away.")

    with Survey(store_with(), look) as survey:
        survey._thread.join(20)
        assert survey.take() == ["one"]
        with pytest.raises(Unavailable):
            survey.take()
        assert [what.path for what in survey.left_out.places] == ["b"]


def test_leaving_it_closes_what_is_read_and_raises_nothing() -> None:
    came, closed, gate = threading.Event(), threading.Event(), threading.Event()

    def look(_backend: Backend, _skipped: Skip) -> Iterator[str]:
        try:
            yield "one"
            came.set()
            gate.wait(20)
            yield "two"
            yield "three"
        finally:
            closed.set()

    with Survey(store_with(), look) as survey:
        assert came.wait(20)
    gate.set()
    assert closed.wait(20)
    survey._thread.join(20)
    assert "three" not in survey.take()


# A tree


@given(
    found=PATHS,
    cuts=st.lists(st.integers(1, 5), max_size=20),
    known=st.sets(st.sampled_from(["", "a", "b", "a/b", "ab", "0"])),
)
def test_a_growing_tree_ends_with_the_listing_of_every_folder(
    found: set[str], cuts: list[int], known: set[str]
) -> None:
    backend = store_with(*found)
    entries = list(tree_entries(backend, lambda _: None))
    folders = {"", *(path.rpartition("/")[0] for path in found)} | {
        "/".join(path.split("/")[:depth]) for path in found for depth in range(1, path.count("/") + 1)
    }
    growing, shown, ended = GrowingTree(1000, known), dict[str, list[Entry]](), set[str]()

    def take_up(news: list[Growth | Listing]) -> None:
        for new in news:
            listed = list(backend.list(new.path).entries)
            assert new.path not in ended
            assert not new.path or paths.parent(new.path) in shown or known
            if isinstance(new, Listing):
                assert new.path in known
                assert new.complete
                assert list(new.entries) == listed
            else:
                assert new.path not in known
            before = shown.setdefault(new.path, [])
            assert not set(new.entries) & set(before)
            before += new.entries
            assert set(before) <= set(listed)
            if isinstance(new, Listing) or not new.note:
                ended.add(new.path)

    while entries:
        some = cuts.pop() if cuts else 3
        take_up(growing.add(entries[:some]))
        entries = entries[some:]
    take_up(growing.end())
    assert set(shown) == ended == folders - ({""} & known)
    order = {folder: list(backend.list(folder).entries) for folder in ended}
    assert {folder: sorted(shown[folder], key=order[folder].index) for folder in ended} == order


def test_a_folder_that_is_not_listed_stands_in_its_place() -> None:
    store = MemoryStore()
    backend = MemoryBackend(store)
    for path in ("a/x", "b/x", "c/x"):
        backend.write(path, {"value": SecretValue("x")})
    store.denied.update(("b", "c"))
    told: list[Skipped] = []
    entries = list(tree_entries(backend, told.append))
    assert {(entry.path, entry.is_folder) for entry in entries} == {("a/x", False), ("b", True), ("c", True)}
    growing = GrowingTree(9)
    (root, *_) = growing.add(entries)
    assert [entry.path for entry in root.entries] == ["a", "b", "c"]
    assert [(end.path, list(end.entries)) for end in growing.end()] == [("", []), ("a", [])]


def test_a_tree_that_is_full_takes_no_more() -> None:
    growing = GrowingTree(2)
    growing.add(tree_entries(store_with("a/1", "a/2", "b/3"), lambda _: None))
    assert growing.is_full
    (root, folder) = growing.rest("That is not all.")
    assert [entry.path for entry in folder.entries] == []
    assert (root.path, folder.path) == ("", "a")
    assert {each.note for each in (root, folder)} == {"That is not all."}


def test_a_tree_that_is_full_has_told_what_it_took() -> None:
    growing = GrowingTree(2)
    (root, folder) = growing.add(tree_entries(store_with("a/1", "a/2", "b/3"), lambda _: None))
    assert [entry.path for entry in root.entries] == ["a"]
    assert [entry.path for entry in folder.entries] == ["a/1", "a/2"]
    assert "" not in {root.note, folder.note}


# Names


def paths_found(index: NamesIndex, query: str = "") -> list[str]:
    return [match.path for match in index.query(query).matches]


def test_names_are_found_while_they_come_and_old_ones_until_all_have_come() -> None:
    index = NamesIndex()
    index.begin()
    index.add([Indexed("a/1")])
    assert paths_found(index) == ["a/1"]
    index.add([Indexed("b/2")])
    index.end(complete=True, as_of=NOW)
    assert (paths_found(index), len(index), index.as_of) == (["a/1", "b/2"], 2, NOW)
    index.begin()
    index.add([Indexed("a/1"), Indexed("a/3")])
    assert paths_found(index) == ["a/1", "a/3", "b/2"]
    index.end(complete=False, as_of=NOW)
    assert paths_found(index) == ["a/1", "a/3"]
    assert not index.query("a").complete


def test_names_of_a_reading_that_was_left_are_kept_beside_the_old_ones() -> None:
    index = NamesIndex()
    for name in ("a", "b"):
        index.begin()
        index.add([Indexed(name)])
        index.abandon()
    assert (paths_found(index), index.as_of) == (["a", "b"], None)
    assert not index.query("").complete
    index.begin()
    index.add([Indexed("c")])
    index.end(complete=True, as_of=NOW)
    index.begin()
    index.abandon()
    assert (paths_found(index), index.as_of, index.query("").complete) == (["c"], NOW, True)


NAMES = st.lists(st.text(alphabet="ab/-", min_size=1, max_size=6), unique=True, max_size=30)


@given(names=NAMES, size=st.integers(1, 9))
def test_names_that_came_in_parts_are_found_as_those_that_came_at_once(names: list[str], size: int) -> None:
    rows = [Indexed(name, description="d" * (number % 3)) for number, name in enumerate(names)]
    whole, parts = NamesIndex(rows), NamesIndex()
    parts.begin()
    for start in range(0, len(rows), size):
        parts.add(rows[start : start + size])
    for query in ("", "a", "ab", "a b", "desc:d", "d"):
        assert parts.query(query).matches == whole.query(query).matches
        assert parts.query(query, 3).matches == whole.query(query, 3).matches
    assert parts.query("a", exact=True).matches == whole.query("a", exact=True).matches
    assert parts.query("a", 2, exact=True) == whole.query("a", 2, exact=True)


def test_a_refresh_tells_what_was_left_out_and_is_not_complete() -> None:
    store = MemoryStore()
    backend = MemoryBackend(store)
    for path in ("a/x", "b/x"):
        backend.write(path, {"value": SecretValue("x")})
    store.denied.add("b")
    told: list[Skipped] = []
    index = NamesIndex()
    assert index.refresh(backend, skipped=told.append)
    assert ([what.path for what in told], paths_found(index)) == (["b"], ["a/x"])
    assert not index.query("x").complete
    with pytest.raises(PermissionDenied):
        NamesIndex().refresh(backend)
