"""The walk with several requests under way: its order, how far it goes ahead, that it never stands still."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvtui.backends.http import walk
from kvtui.backends.http.walk import Walk
from kvtui.domain import path as paths
from kvtui.domain.secret import Entry, EntryKind, Listing

WAIT_SECONDS = 20.0
NAMES = st.sampled_from(["a", "a-b", "a.b", "b", "b0", "c"])
PATHS = st.sets(st.lists(NAMES, min_size=1, max_size=4).map("/".join), min_size=1, max_size=40)


def listings(secrets: set[str]) -> dict[str, Listing]:
    found: dict[str, set[Entry]] = {"": set()}
    for path in secrets:
        found.setdefault(paths.parent(path), set()).add(Entry(path, EntryKind.SECRET))
        for folder in paths.ancestors(path):
            found.setdefault(folder, set())
            found.setdefault(paths.parent(folder), set()).add(Entry(folder, EntryKind.FOLDER))
    return {folder: Listing(folder, tuple(entries), complete=True) for folder, entries in found.items()}


@given(PATHS, st.integers(1, 4), st.integers(1, 3))
def test_every_secret_comes_once_in_the_order_of_the_paths_however_little_is_kept(
    secrets: set[str], width: int, ahead: int
) -> None:
    tree = listings(secrets)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walk, "AHEAD", ahead)
        found = [entry.path for entry in Walk(tree.__getitem__, width=width).below(tree[""])]
    assert len(found) == len({*found})
    assert {*found} == secrets
    assert found == sorted(found)


def test_folders_further_on_are_asked_for_while_an_earlier_one_is_slow() -> None:
    tree = listings({"a/slow/one", "b/c/two", "b/d/three"})
    others = threading.Event()
    asked: set[str] = set()

    def list_folder(folder: str) -> Listing:
        asked.add(folder)
        if {"b/c", "b/d"} <= asked:
            others.set()
        if folder == "a/slow" and not others.wait(WAIT_SECONDS):
            raise AssertionError("the others were not asked for")
        return tree[folder]

    found = [entry.path for entry in Walk(list_folder, width=2).below(tree[""])]
    assert found == ["a/slow/one", "b/c/two", "b/d/three"]


def test_no_more_is_listed_than_may_be_kept_for_a_slow_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walk, "AHEAD", 5)
    tree = listings({f"folder{number:03}/secret" for number in range(200)})
    asked: list[str] = []

    def list_folder(folder: str) -> Listing:
        asked.append(folder)
        return tree[folder]

    entries = Walk(list_folder, width=3).below(tree[""])
    for told in range(1, 201):
        next(entries)
        assert len(asked) <= told + 5 + 3
    assert next(entries, None) is None
