"""Nested documents are written as stores list them, though by code point `a-b` stands between `a` and `a/b`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from kvtui.backends.memory import MemoryBackend
from kvtui.domain.errors import NotFound
from kvtui.domain.secret import Entry
from kvtui.domain.value import SecretValue
from kvtui.services.transfer import Format, export, export_to, read_items
from kvtui.services.transfer.tree_order import in_tree_order

SEGMENTS = st.text(alphabet="ab-!~", min_size=1, max_size=2)
PATHS = st.lists(SEGMENTS, min_size=1, max_size=4).map("/".join)


class Counting(MemoryBackend):
    """Counts how often it is asked for what is below a path."""

    walks = 0

    def walk(self, folder: str = "", *, skipped: object = None) -> Iterator[Entry]:
        self.walks += 1
        return super().walk(folder)


@settings(max_examples=200, deadline=None)
@given(st.sets(PATHS, max_size=25))
def test_each_path_is_followed_by_those_below_it(found: set[str]) -> None:
    def below(path: str) -> Iterator[str]:
        return iter(sorted(one for one in found if one.startswith(f"{path}/")))

    ordered = list(in_tree_order(iter(sorted(found)), below))
    assert sorted(ordered) == sorted(found)
    for path in found:
        inside = [at for at, one in enumerate(ordered) if one == path or one.startswith(f"{path}/")]
        assert inside == list(range(ordered.index(path), ordered.index(path) + len(inside)))


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(PATHS, st.sampled_from(["value", "a", "b", None]), max_size=20))
def test_nested_documents_hold_each_secret_once_or_report_it(secrets: dict[str, str | None]) -> None:
    backend = MemoryBackend()
    for path, field in secrets.items():
        backend.write(path, {} if field is None else {field: SecretValue(path)})
    for fmt in (Format.JSON, Format.YAML):
        done = export(backend, "", fmt)
        read = {item.path: list(item.fields) for item in read_items(done.data, fmt)}  # refuses a folder that is twice
        left_out = {problem.path for problem in done.problems}
        assert read == {path: [field] if field else [] for path, field in secrets.items() if path not in left_out}
        for path in left_out:  # it is a folder, and cannot share the map
            field = secrets[path]
            below = [one for one in secrets if one.startswith(f"{path}/")]
            assert below
            assert field is None or any(f"{one}/".startswith(f"{path}/{field}/") for one in below)
    assert yaml.safe_load(export(backend, "", Format.YAML).data) is not None


def test_store_is_asked_only_where_the_order_is_in_doubt() -> None:
    backend = Counting()
    for number in range(50):
        for path in (f"s{number:02}/below", f"s{number:02}/below/it", f"plain{number:02}", f"plain{number:02}x"):
            backend.write(path, {})
    export(backend, "", Format.JSON)
    assert backend.walks == 1
    backend.write("plain00-x", {})
    backend.walks = 0
    export(backend, "", Format.JSON)
    assert backend.walks == 2


def test_deleted_secrets_below_do_not_clash() -> None:
    backend = MemoryBackend()
    backend.write("a", {"b": SecretValue("v")})
    backend.write("a/b", {"value": SecretValue("v")})
    backend.write("a/c", {"value": SecretValue("v")})
    backend.delete("a/b")
    done = export(backend, "", Format.JSON)
    assert done.problems == ()
    assert {item.path for item in read_items(done.data, Format.JSON)} == {"a", "a/c"}


def test_nothing_is_begun_where_nothing_can_be_read() -> None:
    pieces: list[str] = []
    with pytest.raises(NotFound):
        export_to(pieces.append, MemoryBackend(), "nowhere", Format.JSON)
    assert pieces == []
