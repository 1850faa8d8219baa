"""A large folder is listed in parts that come to what one listing of it has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from kvtui.backends.file import reading
from kvtui.domain.errors import NotFound
from kvtui.domain.secret import Entry, Write
from kvtui.domain.value import SecretValue
from tests.vault.places import Place


def ordered(entries: Sequence[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: (entry.path, not entry.is_folder))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_parts_of_any_size_have_each_child_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(reading, "FIRST_PART", 2)
    monkeypatch.setattr(reading, "PART", size)
    names = ["a", "a/x", "a/y/z", "a.b", "a0", "b/c", "b-", "ba", "é/1", "é", "z"]
    with Place(tmp_path).open() as store:
        list(store.write_many(Write(f"top/{name}", {"value": SecretValue("v")}) for name in names))
        parts = list(store.list_parts("top"))
        assert [part.complete for part in parts] == [False] * (len(parts) - 1) + [True]
        assert all(bool(part.note) is not part.complete for part in parts)
        assert ordered([entry for part in parts for entry in part.entries]) == list(store.list("top").entries)


def test_a_folder_of_as_many_as_are_read_at_once_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "FIRST_PART", 2)
    with Place(tmp_path).open() as store:
        for name in ("one", "two"):
            store.write(f"top/{name}", {"value": SecretValue("v")})
        assert sum(len(part.entries) for part in store.list_parts("top")) == 2


def test_what_is_no_folder_is_refused_with_the_first_part(tmp_path: Path) -> None:
    with Place(tmp_path).open() as store:
        store.write("leaf", {"value": SecretValue("v")})
        for path in ("leaf", "nothing"):
            with pytest.raises(NotFound):
                next(store.list_parts(path))
        store.create_container("empty")
        assert [part.entries for part in store.list_parts("empty")] == [()]
