"""The rows of the path tree against a tree drawn the obvious way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from kvtui.domain.path import name, parent
from kvtui.domain.secret import Entry, EntryKind, VersionState
from kvtui.ui.widgets.tree_filter import Terms
from kvtui.ui.widgets.tree_row import NoteKind, depth_of, folder_of, kind_of, merge, order, path_of, row_of
from kvtui.ui.widgets.tree_rows import TreeRows

FOLDER, SECRET = EntryKind.FOLDER, EntryKind.SECRET


def entries(*rows: str) -> list[Entry]:
    """`app/` is a folder, `app` a secret."""
    return [Entry(row.rstrip("/"), FOLDER if row.endswith("/") else SECRET) for row in rows]


def tree(*listings: tuple[str, list[str]]) -> TreeRows:
    rows = TreeRows()
    for folder, children in listings:
        rows.set_children(folder, entries(*children))
    return rows


def test_a_folder_and_a_secret_may_share_a_path() -> None:
    rows = tree(("", ["app/", "app", "app-x"]), ("app", ["app/db"]))
    rows.open("app")
    assert rows.rows == ["app/", "app/db", "app", "app-x"]
    assert rows.index_of("app", FOLDER) == 0
    assert rows.index_of("app", SECRET) == 2
    assert rows.has("app", SECRET)
    assert not rows.has("app-x", FOLDER)
    rows.close("app")
    assert rows.rows == ["app/", "app", "app-x"]


def test_what_was_open_below_a_closed_folder_is_open_again_with_it() -> None:
    rows = tree(("", ["a/", "z"]), ("a", ["a/b/"]), ("a/b", ["a/b/c"]))
    rows.open("a")
    rows.open("a/b")
    rows.close("a")
    rows.open("a")
    assert rows.rows == ["a/", "a/b/", "a/b/c", "z"]


def test_a_folder_that_is_not_loaded_shows_that_it_loads_then_its_children() -> None:
    rows = tree(("", ["a/"]))
    assert rows.open("a")
    assert rows.rows == ["a/", "a//"]
    assert rows.note("a") is not None
    assert rows.note("a").kind is NoteKind.LOADING
    assert rows.is_open_at(0)
    rows.set_children("a", entries("a/x"))
    assert rows.rows == ["a/", "a/x"]
    assert not rows.open("a")


def test_an_error_stands_below_its_folder_and_leaves_the_rest_alone() -> None:
    rows = tree(("", ["a/", "b"]))
    rows.open("a")
    rows.set_error("a", "no permission")
    assert rows.rows == ["a/", "a//", "b"]
    assert (rows.note("a").kind, rows.note("a").text) == (NoteKind.ERROR, "no permission")
    rows.set_children("a", entries("a/x"))
    assert rows.rows == ["a/", "a/x", "b"]


def test_an_incomplete_listing_says_so_at_its_end_and_an_empty_one_too() -> None:
    rows = TreeRows()
    rows.set_children("", entries("a/", "b"), complete=False, note="first 2 only")
    assert rows.rows == ["a/", "b", "//"]
    assert (rows.note("").kind, rows.note("").text) == (NoteKind.PARTIAL, "first 2 only")
    assert depth_of("//") == 0
    rows.set_children("a", [])
    rows.open("a")
    assert rows.rows == ["a/", "a//", "b", "//"]
    assert rows.note("a").kind is NoteKind.EMPTY


def test_a_newer_listing_keeps_open_folders_and_drops_what_is_gone() -> None:
    rows = tree(("", ["a/", "b/", "s"]), ("a", ["a/x"]), ("b", ["b/y"]))
    rows.open("a")
    rows.open("b")
    rows.marked = {"a/", "s", "b/y"}
    rows.set_children("", entries("b/", "c"))
    assert rows.rows == ["b/", "b/y", "c"]
    assert rows.marked == {"b/y"}
    assert rows.open_folders() == ["b"]
    rows.set_children("", entries("a/", "b/"))
    assert rows.rows == ["a/", "b/", "b/y"]
    assert not rows.is_loaded("a")


def test_a_refresh_forgets_closed_folders_but_not_what_is_open_in_them() -> None:
    rows = tree(("", ["a/", "b/"]), ("a", ["a/in/"]), ("a/in", ["a/in/x"]), ("b", ["b/y"]))
    rows.open("a")
    rows.open("a/in")
    rows.close("a")
    rows.forget_closed()
    assert rows.rows == ["a/", "b/"]
    assert not rows.is_loaded("a")
    assert not rows.is_loaded("b")
    assert rows.open("a")
    rows.set_children("a", entries("a/in/"))
    assert rows.rows == ["a/", "a/in/", "a/in/x", "b/"]


def test_a_listing_out_of_order_or_with_repeats_is_shown_in_order_once() -> None:
    rows = TreeRows()
    rows.set_children("", entries("b", "a", "a/", "b"))
    assert rows.rows == ["a/", "a", "b"]


@pytest.mark.parametrize("stray", ["b/x", "a", "a/x/y", "a/"])
def test_entries_of_another_folder_are_refused(stray: str) -> None:
    with pytest.raises(ValueError, match="not in its folder"):
        TreeRows().set_children("a", [Entry("a/k", SECRET), Entry(stray, SECRET)])


def test_the_nearest_row_is_the_folder_that_hides_it_or_a_neighbour_in_its_folder() -> None:
    rows = tree(("", ["a/", "b/", "z"]), ("a", ["a/1", "a/2", "a/3"]), ("b", ["b/1"]))
    rows.open("a")
    assert rows.rows[rows.nearest("a/2")] == "a/2"
    rows.set_children("a", entries("a/1", "a/3"))
    assert rows.rows[rows.nearest("a/2")] == "a/3"
    rows.set_children("a", entries("a/1"))
    assert rows.rows[rows.nearest("a/2")] == "a/1"
    rows.close("a")
    assert rows.rows[rows.nearest("a/2")] == "a/"
    assert rows.rows[rows.nearest("zz")] == "z"
    rows.set_children("", entries("b/", "z"))
    assert rows.rows[rows.nearest("a/2")] == "b/"
    assert TreeRows().nearest("a") == -1


def test_a_filter_shows_loaded_matches_with_their_folders_and_forgets_nothing() -> None:
    rows = tree(("", ["app/", "db/", "web"]), ("app", ["app/dbpass", "app/x/"]), ("app/x", ["app/x/y"]))
    rows.set_filter(Terms("db"))
    assert rows.rows == ["app/", "app/dbpass", "db/"]
    rows.close("app")
    assert rows.rows == ["app/", "db/"]
    rows.open("app")
    assert rows.rows == ["app/", "app/dbpass", "db/"]
    assert rows.open("db")
    assert rows.rows == ["app/", "app/dbpass", "db/", "db//"]
    rows.set_filter(None)
    assert rows.rows == ["app/", "app/dbpass", "app/x/", "db/", "db//", "web"]


def test_a_filter_needs_all_its_terms_and_minds_case_once_it_has_a_capital() -> None:
    rows = ["prod/DB", "prod/db", "test/db"]
    assert Terms("db prod").select(rows) == ["prod/DB", "prod/db"]
    assert Terms("DB").select(rows) == ["prod/DB"]
    assert Terms("").select(rows) == rows
    assert sorted(Terms("db").positions("db/db")) == [3, 4]
    assert sorted(Terms("i").positions("İxi")) == [2]


def test_a_hundred_thousand_children_open_and_close() -> None:
    rows = tree(("", ["big/", "z"]))
    many = [Entry(f"big/secret-{number:06}", SECRET) for number in range(100_000)]
    rows.set_children("big", many)
    rows.open("big")
    assert len(rows) == 100_002
    assert rows.index_of("big/secret-099999", SECRET) == 100_000
    rows.close("big")
    assert rows.rows == ["big/", "z"]


def test_a_path_as_deep_as_paths_can_be_opens_and_filters() -> None:
    rows = TreeRows()
    path = ""
    for _ in range(1100):
        child = f"{path}/a" if path else "a"
        rows.set_children(path, [Entry(child, FOLDER)])
        rows.open(child)
        path = child
    rows.set_children(path, [Entry(f"{path}/key", SECRET)])
    assert len(rows) == 1101
    rows.set_filter(Terms("key"))
    assert len(rows) == 1101
    rows.set_filter(None)
    rows.set_children("", [])
    assert rows.rows == ["//"]


@dataclass
class Node:
    """A folder as anyone would write it."""

    names: dict[tuple[str, int], Node | None] = field(default_factory=dict)
    loaded: bool = False
    open: bool = False
    note: str | None = None


SEGMENTS = st.sampled_from(["a", "a-", "a.b", "b", "Z", "é", "日本", "[x]", "~"])
LISTING = st.lists(st.tuples(SEGMENTS, st.booleans()), max_size=6)


class Model(RuleBasedStateMachine):
    """Any order of loading, growing, opening, closing, failing and filtering, at once or in slices, against the naive
    drawing."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = TreeRows()
        self.root = Node(open=True)
        self.rows.open("")
        self.query = ""
        self.coming: str | None = None
        self.folded: set[str] = set()

    def folders(self) -> list[tuple[str, Node]]:
        found, todo = [], [("", self.root)]
        while todo:
            path, node = todo.pop()
            found.append((path, node))
            todo += [(f"{path}/{n}" if path else n, child) for (n, _), child in node.names.items() if child]
        return sorted(found, key=lambda pair: pair[0])

    def pick(self, data: st.DataObject) -> tuple[str, Node]:
        return data.draw(st.sampled_from(self.folders()))

    @rule(data=st.data(), listing=LISTING, complete=st.booleans())
    def load(self, data: st.DataObject, listing: list[tuple[str, bool]], complete: bool) -> None:
        path, node = self.pick(data)
        prefix = f"{path}/" if path else ""
        listed = [Entry(prefix + segment, FOLDER if folder else SECRET) for segment, folder in listing]
        self.rows.set_children(path, listed, complete, "why")
        names: dict[tuple[str, int], Node | None] = {}
        for segment, folder in listing:
            key = (segment, 0 if folder else 1)
            names[key] = (node.names.get(key) or Node()) if folder else None
        node.names, node.loaded, node.note = names, True, None if complete else "why"
        still_there = {path for path, _ in self.folders()}
        self.folded &= still_there

    @rule(data=st.data(), listing=LISTING, note=st.sampled_from(["", "still reading"]))
    def grow(self, data: st.DataObject, listing: list[tuple[str, bool]], note: str) -> None:
        path, node = self.pick(data)
        prefix = f"{path}/" if path else ""
        self.rows.extend(path, [Entry(prefix + name, FOLDER if folder else SECRET) for name, folder in listing], note)
        for segment, folder in listing:
            node.names.setdefault((segment, 0 if folder else 1), Node() if folder else None)
        node.loaded, node.note = True, note or None

    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        path, node = self.pick(data)
        self.rows.set_error(path, "denied")
        node.note = "denied"

    @rule(data=st.data())
    def open(self, data: st.DataObject) -> None:
        path, node = self.pick(data)
        assert self.rows.open(path) is not node.loaded
        node.open = True
        self.folded.discard(path)

    @rule(data=st.data())
    def close(self, data: st.DataObject) -> None:
        path, node = self.pick(data)
        if path:
            if self.query and node.loaded and self.hits(path, node) and not self.matches(f"{path}/"):
                self.folded.add(path)
            self.rows.close(path)
            node.open = False

    @rule(query=st.sampled_from(["", "", "a", "a-", "a b", "b", "z", "日"]), at_once=st.booleans())
    def filter(self, query: str, at_once: bool) -> None:
        self.coming = query
        self.filtered(self.rows.set_filter(Terms(query) if query else None, inf if at_once else 0.0))

    @rule(at_once=st.booleans())
    def go_on_with_the_filter(self, at_once: bool) -> None:
        self.filtered(self.rows.go_on(inf if at_once else 0.0))

    @rule(top=st.integers(0, 9), most=st.integers(1, 4))
    def scroll(self, top: int, most: int) -> None:
        """Of the folders that a row in sight is in, those stay that are out of sight."""
        rows = self.rows.rows
        expected: list[int] = []
        for at in range(top, min(top + most, len(rows))):
            around = [index for index, row in enumerate(rows[:at]) if row[-1] == "/" and rows[at].startswith(row)]
            if len(around) <= len(expected):
                break
            expected.append(around[len(expected)])
        assert self.rows.stuck(top, most) == expected

    def filtered(self, done: bool) -> None:
        if done and self.coming is not None:
            self.query, self.coming = self.coming, None
            self.folded.clear()

    def matches(self, row: str) -> bool:
        return all(term in row.lower() for term in self.query.split())

    def hits(self, path: str, node: Node) -> bool:
        """Whether anything loaded below matches."""
        prefix = f"{path}/" if path else ""
        return any(
            self.matches(f"{prefix}{segment}{'' if kind else '/'}")
            or (child is not None and child.loaded and self.hits(prefix + segment, child))
            for (segment, kind), child in node.names.items()
        )

    def draw(self, path: str, node: Node, held: bool = False) -> list[str]:
        drawn = []
        prefix = f"{path}/" if path else ""
        for (segment, kind), child in sorted(node.names.items(), key=lambda item: item[0]):
            row = prefix + segment + ("" if kind else "/")
            hit = self.matches(row)
            if child is None:
                drawn += [row] if hit else []
            elif hit:
                drawn += [row, *(self.draw(row[:-1], child) if child.open else [])]
            elif child.loaded and self.hits(row[:-1], child):
                drawn += [row, *([] if row[:-1] in self.folded else self.draw(row[:-1], child, held=True))]
        if node.loaded and self.query:
            noted = node.note is not None and not held
        else:
            noted = node.note is not None or not node.loaded or not node.names
        return drawn + [f"{path}//"] * noted

    @invariant()
    def same_rows(self) -> None:
        assert self.rows.rows == self.draw("", self.root)

    @invariant()
    def every_row_is_found_with_its_parent(self) -> None:
        for index, row in enumerate(self.rows.rows):
            kind = kind_of(row)
            assert self.rows.find(row) == index
            assert self.rows.nearest(row) == index
            if kind is not None:
                assert row_of(path_of(row), kind) == row
                assert folder_of(row) == parent(path_of(row))
                assert name(path_of(row))
                assert self.rows.index_of(path_of(row), kind) == index
            above = self.rows.parent_row(index)
            if depth_of(row) == 0:
                assert above is None
            else:
                assert above is not None
                assert above < index
                assert self.rows.is_open_at(above)
                assert depth_of(self.rows.rows[above]) == depth_of(row) - 1


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


NAMES = st.text(alphabet="a-/Z\x00\U0010ffff", min_size=1, max_size=6).filter(
    lambda path: "" not in path.split("/") and "//" not in path
)


@given(paths=st.lists(NAMES, max_size=8), notes=st.booleans())
def test_the_order_is_that_of_the_tree_drawn_out(paths: list[str], notes: bool) -> None:
    rows = set(paths) | {f"{path}/" for path in paths} | {f"{path}//" for path in paths if notes} | {"//"}

    def by_level(row: str) -> list[tuple[int, str, int]]:
        *above, name = path_of(row).split("/")
        if row.endswith("//"):
            above = [*above, name] if name else above
            return [(0, segment, 0) for segment in above] + [(1, "", 0)]
        return [(0, segment, 0) for segment in above] + [(0, name, 0 if row.endswith("/") else 1)]

    assert sorted(rows, key=order) == sorted(rows, key=by_level)


@given(st.sets(NAMES), st.sets(NAMES))
def test_merged_rows_are_those_of_both_in_order(first: set[str], second: set[str]) -> None:
    into = sorted(first, key=order)
    assert merge(into, sorted(second, key=order)) == sorted(second - first, key=order)
    assert into == sorted(first | second, key=order)


def test_a_filter_over_very_many_rows_is_made_in_slices_and_what_comes_meanwhile_is_in_it() -> None:
    rows = tree(("", ["big/", "last/"]), ("last", ["last/7"]))
    rows.set_children("big", [Entry(f"big/{number:06}", SECRET) for number in range(50_000)])
    rows.open("big")
    before = list(rows.rows)
    assert not rows.set_filter(Terms("77"), 0.0)
    assert rows.rows == before
    assert rows.matcher is None
    slices = 1
    rows.extend("big", entries("big/77-new"))
    rows.extend("last", entries("last/77-new"))
    rows.extend("", entries("other/"))
    while not rows.go_on(0.0):
        slices += 1
    assert slices >= 5
    wanted = [row for row in before if "77" in row]
    assert rows.rows == ["big/", *wanted, "big/77-new", "last/", "last/77-new"]


def test_a_filter_that_grows_is_asked_only_about_what_it_let_through_before() -> None:
    asked: list[int] = []

    class Counting(Terms):
        def select(self, rows: Sequence[str]) -> list[str]:
            asked.append(len(rows))
            return super().select(rows)

    rows = tree(("", [f"{number:04}" for number in range(1000)]))
    rows.set_filter(Counting("7"))
    rows.set_filter(Counting("77"))
    rows.set_filter(Counting("077"))
    rows.extend("", entries("x077"))
    rows.set_filter(Counting("7"))
    assert asked == [1000, 271, 19, 1, 1001]


@pytest.mark.parametrize(
    ("new", "old", "narrows"),
    [
        ("ab", "a", True),
        ("a b", "b", True),
        ("xa", "a", True),
        ("a", "ab", False),
        ("aB", "a", False),
        ("b", "a", False),
    ],
)
def test_a_query_narrows_another_where_all_it_finds_is_found_by_that(new: str, old: str, narrows: bool) -> None:
    assert Terms(new).narrows(Terms(old)) is narrows


def test_entries_out_of_the_ordinary_are_kept_for_their_badges() -> None:
    rows = TreeRows()
    gone = Entry("a", SECRET, state=VersionState.DELETED)
    rows.set_children("", [gone, Entry("b", SECRET, state=VersionState.LIVE)])
    assert rows.entry("a") is gone
    assert rows.entry("b") is None
