"""The path tree as a person sees and drives it."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.cells import cell_len
from textual import on
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot
from textual.screen import Screen

from kvtui.domain.metadata import SecretType
from kvtui.domain.secret import Entry, EntryKind, Listing, VersionState
from kvtui.services.listing import Growth
from kvtui.ui.composing import QuickCompositor
from kvtui.ui.widgets.path_tree import PathTree, TreeState
from kvtui.ui.widgets.tree_row import kind_of, path_of
from kvtui.ui.widgets.tree_view import Badge, has_few_signs
from tests.support.hostile import HOSTILE, HostileString, on_every_string
from tests.support.screens import screen_text, wait_for_idle

FOLDER, SECRET = EntryKind.FOLDER, EntryKind.SECRET
STORE = {
    "": ["app/", "app", "db/", "zone"],
    "app": ["app/api/", "app/token"],
    "app/api": ["app/api/key"],
    "db": ["db/password", "db/user"],
}


def listing(folder: str, rows: list[str]) -> Listing:
    """`app/` is a folder, `app` a secret."""
    return Listing(folder, [Entry(row.rstrip("/"), FOLDER if row.endswith("/") else SECRET) for row in rows])


class Host(App[None]):
    """Answers a tree from a dictionary, or, when `holding`, only once told to."""

    CSS = "PathTree { width: 1fr; height: 1fr; }"

    def __init__(self, store: dict[str, list[str]] = STORE, *, holding: bool = False, plain: bool = False) -> None:
        super().__init__()
        self.store = dict(store)
        self.holding = holding
        self.view = PathTree(ascii=plain, id="tree")
        self.asked: list[str] = []
        self.log_of: list[tuple[Any, ...]] = []

    def get_default_screen(self) -> Screen[None]:
        screen: Screen[None] = super().get_default_screen()
        screen._compositor = QuickCompositor()
        return screen

    def compose(self) -> ComposeResult:
        yield self.view

    def on_mount(self) -> None:
        self.view.restore()

    def answer(self, folder: str) -> None:
        self.view.show_listing(listing(folder, self.store[folder]))

    @on(PathTree.NodeOpened)
    def node_opened(self, event: PathTree.NodeOpened) -> None:
        assert event.control is self.view
        self.asked.append(event.path)
        if not self.holding:
            self.answer(event.path)

    @on(PathTree.CursorMoved)
    def cursor_moved(self, event: PathTree.CursorMoved) -> None:
        self.log_of.append(("cursor", event.path, event.kind))

    @on(PathTree.SecretSelected)
    def secret_selected(self, event: PathTree.SecretSelected) -> None:
        self.log_of.append(("selected", event.path))

    @on(PathTree.MarksChanged)
    def marks_changed(self) -> None:
        self.log_of.append(("marks", len(self.view.marked)))

    @property
    def shown(self) -> list[str]:
        return [row.rstrip() for row in screen_text(self) if row.strip()]


async def step(pilot: Pilot[None], *calls: Any) -> None:
    """Call methods of the tree one after the other, each with its consequences."""
    for call in calls:
        call()
        await wait_for_idle(pilot)


async def test_folders_open_as_they_load_and_close_again() -> None:
    app = Host()
    async with app.run_test(size=(40, 10)) as pilot:
        await wait_for_idle(pilot)
        assert app.shown == [" ▸ app", " • app", " ▸ db", " • zone"]
        await step(pilot, app.view.unfold)
        assert app.shown == [" ▾ app", " │ ▸ api", " │ • token", " • app", " ▸ db", " • zone"]
        assert app.asked == ["", "app"]
        await step(pilot, app.view.unfold)
        assert app.view.cursor == ("app/api", FOLDER)
        await step(pilot, app.view.fold)
        assert app.view.cursor == ("app", FOLDER)
        await step(pilot, app.view.fold)
        assert app.shown == [" ▸ app", " • app", " ▸ db", " • zone"]
        await step(pilot, app.view.toggle)
        assert app.asked == ["", "app"]


async def test_a_folder_says_that_it_loads_and_the_cursor_stays_where_it_is() -> None:
    app = Host(holding=True)
    async with app.run_test(size=(40, 10)) as pilot:
        await wait_for_idle(pilot)
        assert app.shown == ["   loading…"]
        await step(pilot, lambda: app.answer(""))
        assert app.view.cursor == ("app", FOLDER)
        await step(pilot, app.view.unfold, app.view.move_to_bottom)
        assert app.shown[:2] == [" ▾ app", " │   loading…"]
        await step(pilot, lambda: app.answer("app"))
        assert app.view.cursor == ("zone", SECRET)
        assert app.view.cursor_line == 5


async def test_the_cursor_on_a_loading_note_goes_to_the_first_child() -> None:
    app = Host(holding=True)
    async with app.run_test(size=(40, 10)) as pilot:
        await step(pilot, lambda: app.answer(""), app.view.unfold, app.view.unfold)
        assert app.view.cursor is None
        assert app.view.cursor_folder == "app"
        await step(pilot, lambda: app.answer("app"))
        assert app.view.cursor == ("app/api", FOLDER)


async def test_a_failed_folder_shows_why_and_enter_asks_again() -> None:
    app = Host(holding=True)
    async with app.run_test(size=(60, 10)) as pilot:
        await step(pilot, lambda: app.answer(""), app.view.unfold)
        await step(pilot, lambda: app.view.show_error("app", "no permission to list [b]app[/b]"))
        assert app.shown[0].endswith("denied")
        assert app.shown[1] == " │   denied: no permission to list [b]app[/b]"
        assert app.shown[2:] == [" • app", " ▸ db", " • zone"]
        await step(pilot, lambda: app.view.move(1), app.view.activate)
        assert app.asked == ["", "app", "app"]
        assert app.shown[1] == " │   loading…"
        await step(pilot, lambda: app.answer("app"))
        assert app.shown[1] == " │ ▸ api"


async def test_messages_tell_what_is_under_the_cursor_once_per_move() -> None:
    app = Host()
    async with app.run_test(size=(40, 10)) as pilot:
        await wait_for_idle(pilot)
        tree = app.view
        await step(pilot, lambda: tree.move(1), lambda: tree.move(-5), lambda: tree.move(-1), tree.move_to_bottom)
        await step(pilot, tree.activate)
        assert app.log_of == [
            ("cursor", "app", FOLDER),
            ("cursor", "app", SECRET),
            ("cursor", "app", FOLDER),
            ("cursor", "zone", SECRET),
            ("selected", "zone"),
        ]
        await step(pilot, tree.clear)
        assert app.log_of[-1] == ("cursor", None, None)
        assert tree.cursor is None


async def test_cursor_and_open_folders_survive_a_reload() -> None:
    app = Host()
    async with app.run_test(size=(40, 12)) as pilot:
        await step(pilot, lambda: app.view.select("db/user"), lambda: app.view.select("app/token"))
        app.store["app"] = ["app/aaa", "app/api/", "app/token"]
        await step(pilot, app.view.reload)
        assert app.view.cursor == ("app/token", SECRET)
        assert app.shown[1:5] == [" │ • aaa", " │ ▸ api", " │ • token", " • app"]
        app.store["app"] = ["app/aaa"]
        await step(pilot, app.view.reload)
        assert app.view.cursor == ("app/aaa", SECRET)
        assert app.view.open_folders == ["app", "db"]


async def test_a_reload_asks_for_what_a_filter_shows() -> None:
    app = Host()
    async with app.run_test(size=(40, 12)) as pilot:
        await step(pilot, app.view.unfold, app.view.fold, lambda: app.view.filter("tok"))
        app.store["app"] = ["app/token", "app/token2"]
        await step(pilot, app.view.reload)
        assert app.shown == [" ▾ app", " │ • token", " │ • token2"]
        await step(pilot, lambda: app.view.filter(""), app.view.reload, app.view.move_to_top)
        assert app.shown[0] == " ▸ app"
        assert not app.view.rows.is_loaded("app")


async def test_state_is_restored_as_listings_arrive() -> None:
    app = Host()
    async with app.run_test(size=(40, 12)) as pilot:
        await step(pilot, lambda: app.view.select("app/api/key"))
        state = app.view.state()
        before = app.shown
        assert state == TreeState(("app", "app/api"), ("app/api/key", SECRET))
        await step(pilot, lambda: app.view.restore(state))
        assert app.shown == before
        assert app.view.state() == state


async def test_revealing_a_path_opens_what_is_above_it() -> None:
    app = Host()
    async with app.run_test(size=(40, 12)) as pilot:
        await wait_for_idle(pilot)
        assert await app.view.reveal_path("app/api/key")
        assert app.view.cursor == ("app/api/key", SECRET)
        assert await app.view.reveal_path("app")
        assert app.view.cursor == ("app", SECRET)
        assert await app.view.reveal_path("app", FOLDER)
        assert app.view.cursor == ("app", FOLDER)
        assert not await app.view.reveal_path("db/nothing/here")
        assert app.view.cursor == ("db", FOLDER)


async def test_moving_the_cursor_ends_a_reveal_that_still_loads() -> None:
    app = Host(holding=True)
    async with app.run_test(size=(40, 12)) as pilot:
        await step(pilot, lambda: app.answer(""))
        waiting = asyncio.create_task(app.view.reveal_path("app/api/key"))
        await wait_for_idle(pilot)
        assert app.asked == ["", "app"]
        await step(pilot, app.view.move_to_bottom)
        assert await waiting is False
        await step(pilot, lambda: app.answer("app"))
        assert app.view.cursor == ("zone", SECRET)


async def test_a_path_that_was_not_there_is_looked_for_again() -> None:
    app = Host()
    async with app.run_test(size=(40, 12)) as pilot:
        assert await app.view.reveal_path("app/token")
        app.store |= {"app": ["app/new/", "app/token"], "app/new": ["app/new/key"]}
        assert await app.view.reveal_path("app/new/key")
        assert app.asked == ["", "app", "app", "app/new"]
        assert not await app.view.reveal_path("app/new/other")
        await wait_for_idle(pilot)
        assert app.view.cursor == ("app/new", FOLDER)
        assert app.asked[4:] == ["app/new"]


async def test_a_reveal_ends_at_a_folder_that_fails() -> None:
    app = Host(holding=True)
    async with app.run_test(size=(40, 12)) as pilot:
        await step(pilot, lambda: app.answer(""))
        waiting = asyncio.create_task(app.view.reveal_path("app/api/key"))
        await wait_for_idle(pilot)
        app.view.show_error("app", "no permission")
        assert await waiting is False
        assert app.view.cursor == ("app", FOLDER)


async def test_marks_are_signed_and_kept_while_folded() -> None:
    app = Host()
    async with app.run_test(size=(40, 12)) as pilot:
        await step(pilot, lambda: app.view.select("db/password"), app.view.toggle_mark, app.view.toggle_mark)
        assert app.shown[-3:] == ["✓│ • password", "✓│ • user", " • zone"]
        assert app.view.marked == [("db/password", SECRET), ("db/user", SECRET)]
        await step(pilot, lambda: app.view.select("db"), app.view.fold, app.view.mark_shown)
        assert [path for path, _ in app.view.marked] == ["app", "db/password", "db/user", "zone"]
        await step(pilot, app.view.mark_shown)
        assert [path for path, _ in app.view.marked] == ["db/password", "db/user"]
        app.store["db"] = ["db/user"]
        await step(pilot, lambda: app.answer("db"), app.view.clear_marks)
        assert [entry[1] for entry in app.log_of if entry[0] == "marks"] == [1, 2, 4, 2, 1, 0]


async def test_a_filter_shows_what_matches_and_leaves_everything_as_it_was() -> None:
    app = Host()
    async with app.run_test(size=(40, 12)) as pilot:
        await step(pilot, lambda: app.view.select("db/user"), lambda: app.view.filter("pass"))
        assert app.shown == [" ▾ db", " │ • password"]
        assert app.view.cursor == ("db/password", SECRET)
        await step(pilot, lambda: app.view.filter("no such thing"))
        assert app.shown == ["   nothing loaded matches"]
        assert app.view.cursor is None
        await step(pilot, lambda: app.view.filter(""))
        assert app.shown[2:] == [" ▾ db", " │ • password", " │ • user", " • zone"]


async def test_badges_stand_at_the_right_and_shrink_with_the_tree() -> None:
    app = Host({"": []})
    async with app.run_test(size=(44, 8)) as pilot:
        await wait_for_idle(pilot)
        entries = [
            Entry("gone", SECRET, state=VersionState.DELETED),
            Entry("key", SECRET, type=SecretType.API_KEY),
            Entry("late", SECRET, due_from=datetime(2020, 1, 1, tzinfo=UTC)),
            Entry("later", SECRET, due_from=datetime(9999, 1, 1, tzinfo=UTC)),
            Entry("old", SECRET),
            Entry("p\u0430ypal", SECRET),
        ]
        app.view.show_listing(Listing("", entries))
        app.view.set_badge(Badge.DUE, ["old"])
        app.view.set_badge(Badge.STAGED, ["old", "key", "later"])
        await wait_for_idle(pilot)
        assert [row.split(maxsplit=1) for row in (line[2:] for line in app.shown)] == [
            ["gone", "deleted"],
            ["key", "api_key staged"],
            ["late", "due"],
            ["later", "staged"],
            ["old", "due staged"],
            ["p\u0430ypal", "⚠ mixed script"],
        ]
        assert all(len(row) == 43 for row in app.shown)
        await pilot.resize_terminal(20, 8)
        await wait_for_idle(pilot)
        assert [row.split()[1:] for row in app.shown] == [
            ["gone", "deleted"],
            ["key", "staged"],
            ["late", "due"],
            ["later", "staged"],
            ["old", "due", "staged"],
            ["p\u0430ypal", "⚠"],
        ]
        style = app.view.render_line(0)
        assert any(segment.style and segment.style.strike for segment in style)


async def test_an_incomplete_listing_says_why() -> None:
    app = Host({"": []})
    async with app.run_test(size=(40, 8)) as pilot:
        await wait_for_idle(pilot)
        assert app.shown == ["   empty"]
        app.view.show_listing(Listing("", [Entry("a", SECRET)], complete=False, note="the store cannot list"))
        await wait_for_idle(pilot)
        assert app.shown == [" • a", "   not complete: the store cannot list"]


@on_every_string
def test_a_hostile_name_is_drawn_on_exactly_its_row(entry: HostileString) -> None:
    from rich.style import Style

    from kvtui.text import sanitize
    from kvtui.ui.widgets.tree_line import UNICODE, TreeLine, draw_line

    name = entry.value.replace("/", "")
    for width in (20, 80):
        line = TreeLine(f"folder/{name}", badges=("due",), matched=range(7, 7 + len(name)))
        strip = draw_line(line, width, UNICODE, lambda _: Style())
        assert strip.cell_length == width
        assert cell_len(strip.text) == width
        assert sanitize(strip.text) == strip.text
        assert "\n" not in strip.text


async def test_hostile_names_leave_the_tree_in_shape() -> None:
    names = sorted({entry.value.replace("/", "")[:400] for entry in HOSTILE} - {"", ".", ".."})
    app = Host({"": names})
    async with app.run_test(size=(30, 20)) as pilot:
        await wait_for_idle(pilot)
        for _ in range(0, len(names), 20):
            lines = screen_text(app)
            assert {cell_len(line) for line in lines} == {30}
            assert sum(line.strip() != "" for line in lines) == min(20, len(names))
            app.view.move_page(1)
            app.view.move(1)
            await pilot.pause()
        assert app.view.cursor == (names[-1], SECRET)


async def test_markup_in_names_is_only_text() -> None:
    app = Host({"": ["[", "[@click=app.quit]x", "[b]bold"]})
    async with app.run_test(size=(40, 8)) as pilot:
        await wait_for_idle(pilot)
        assert app.shown == [" • [", " • [@click=app.quit]x", " • [b]bold"]
        await pilot.click(app.view, offset=(15, 1))
        assert app.is_running
        assert app.view.cursor == ("[@click=app.quit]x", SECRET)


async def test_only_visible_rows_are_drawn_of_a_hundred_thousand(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = 0
    original = PathTree.render_lines

    def counting(self: PathTree, crop: Region) -> Any:
        nonlocal drawn
        drawn += crop.height
        return original(self, crop)

    monkeypatch.setattr(PathTree, "render_lines", counting)
    app = Host({"": ["big/"], "big": [f"big/s{number:06}" for number in range(100_000)]})
    async with app.run_test(size=(80, 24)) as pilot:
        await step(pilot, app.view.unfold, app.view.move_to_bottom)
        assert app.view.cursor == ("big/s099999", SECRET)
        assert app.shown[-1].startswith(" │ • s099999")
        drawn = 0
        await step(pilot, app.view.move_to_top)
        assert app.shown[0].startswith(" ▾ big")
        assert drawn <= 3 * 24
        drawn = 0
        await step(pilot, lambda: app.view.move(1))
        assert drawn <= 4  # the row left and the row reached


async def test_the_cursor_stays_visible_through_moves_and_resizes() -> None:
    app = Host({"": [f"s{number:03}" for number in range(100)]})
    async with app.run_test(size=(40, 20)) as pilot:
        await wait_for_idle(pilot)

        def visible() -> bool:
            return any(f"s{app.view.cursor_line:03}" in row for row in app.shown)

        await step(pilot, lambda: app.view.move_half_page(1), lambda: app.view.move_half_page(1))
        assert app.view.cursor_line == 20
        assert visible()
        await pilot.resize_terminal(20, 5)
        await wait_for_idle(pilot)
        assert visible()
        await step(pilot, lambda: app.view.move_page(-1), lambda: app.view.move_half_page(-1))
        assert app.view.cursor_line == 14
        assert visible()
        await pilot.resize_terminal(200, 50)
        await step(pilot, app.view.move_to_bottom)
        assert visible()
        app.view.filter("s00")
        await wait_for_idle(pilot)
        assert visible()
        assert len(app.shown) == 10


async def test_rows_that_arrive_above_do_not_move_the_cursor_on_the_screen() -> None:
    app = Host({"": ["a/", *[f"s{number:03}" for number in range(50)]], "a": [f"a/{n:03}" for n in range(500)]})
    app.holding = True
    async with app.run_test(size=(40, 10)) as pilot:
        await step(pilot, lambda: app.answer(""), app.view.unfold, app.view.move_to_bottom, lambda: app.view.move(-4))
        before = next(y for y, row in enumerate(screen_text(app)) if "s045" in row)
        await step(pilot, lambda: app.answer("a"))
        assert "s045" in screen_text(app)[before]


async def test_the_mouse_selects_opens_and_scrolls() -> None:
    app = Host()
    async with app.run_test(size=(40, 10)) as pilot:
        await wait_for_idle(pilot)
        await pilot.click(app.view, offset=(4, 2))
        assert app.view.cursor == ("db", FOLDER)
        assert app.asked == [""]
        await pilot.click(app.view, offset=(1, 0))
        await wait_for_idle(pilot)
        assert app.asked == ["", "app"]
        await pilot.click(app.view, offset=(6, 2), times=2)
        await wait_for_idle(pilot)
        assert app.log_of[-1] == ("selected", "app/token")
        await pilot.click(app.view, offset=(6, 9))
        assert app.view.cursor == ("app/token", SECRET)


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light", "ansi-dark"])
async def test_the_cursor_row_is_lit_to_the_edge_and_differs_with_the_focus(theme: str) -> None:
    app = Host()
    async with app.run_test(size=(40, 10)) as pilot:
        app.theme = theme
        await wait_for_idle(pilot)
        app.view.focus()
        await wait_for_idle(pilot)

        def looks(line: int) -> set[tuple[Any, ...]]:
            """Background and line styles of a row, the same from edge to edge under the cursor."""
            strip = app.view.render_line(line)
            assert strip.cell_length == 40
            styles = [segment.style for segment in strip if segment.style]
            return {(style.bgcolor, bool(style.underline), bool(style.reverse)) for style in styles}

        focused, other = looks(0), looks(1)
        app.screen.set_focus(None)
        await wait_for_idle(pilot)
        blurred = looks(0)
        assert len(focused) == len(blurred) == 1
        assert focused != blurred
        assert blurred != looks(1)
        assert focused.isdisjoint(other)


async def test_plain_terminals_get_plain_signs() -> None:
    app = Host(plain=True)
    async with app.run_test(size=(40, 10)) as pilot:
        await step(pilot, app.view.unfold, app.view.toggle_mark)
        assert app.shown[:3] == ["*v app", " | > api", " | - token"]
        assert all(row.isascii() for row in app.shown)


async def test_keys_are_left_to_the_table_of_actions() -> None:
    app = Host()
    async with app.run_test(size=(40, 10)) as pilot:
        await wait_for_idle(pilot)
        app.view.focus()
        await pilot.press("down", "j", "enter", "space", "right")
        assert app.view.cursor_line == 0
        assert not app.view.marked
        assert not list(app.view._bindings)
        assert not app.view.allow_select


def _any_children(rng: random.Random, folder: str) -> list[str]:
    names = rng.sample(["a", "b", "c", "d/", "e/", "a/", "f", "g-", "g/", "zz"], rng.randint(0, 9))
    return [f"{folder}/{name}" if folder else name for name in names]


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_order_of_actions_and_answers_brings_cursor_rows_and_screen_apart(seed: int) -> None:
    rng = random.Random(seed)
    app = Host({"": _any_children(rng, "")}, holding=True)
    view = app.view

    def answer() -> None:
        if view._requested:
            folder = rng.choice(sorted(view._requested))
            app.store[folder] = _any_children(rng, folder)
            app.answer(folder)

    def fail() -> None:
        if view._requested:
            view.show_error(rng.choice(sorted(view._requested)), "no permission")

    actions = [
        *[answer, lambda: view.move(1), view.unfold] * 3,
        *(fail, view.fold, view.toggle, view.activate, view.fold_all, view.move_to_bottom, view.reload),
        *(view.toggle_mark, view.mark_shown, lambda: view.move(-2), lambda: view.move_half_page(1)),
        *(lambda: view.filter("d"), lambda: view.filter(""), lambda: view.restore(view.state())),
        *(lambda: view.select("d/e/b"), lambda: view.select("e/nothing"), lambda: view.select("g/g/a")),
    ]
    async with app.run_test(size=(30, 6)) as pilot:
        for _ in range(100):
            rng.choice(actions)()
            await pilot.pause()
            rows = view.rows.rows
            assert view.virtual_size.height == len(rows)
            assert (view.cursor_line == -1) == (not rows)
            row = rows[view.cursor_line] if rows else "//"
            kind = kind_of(row)
            assert view.cursor == ((path_of(row), kind) if kind else None)
            moved = [event[1:] for event in app.log_of if event[0] == "cursor"]
            assert (moved[-1] if moved else (None, None)) == (view.cursor or (None, None))
            top = view.scroll_offset.y
            assert not rows or top <= view.cursor_line < top + 6
            lines = screen_text(app)
            assert {cell_len(line) for line in lines} == {30}
            assert not rows or sum(line.strip() != "" for line in lines) == min(6, len(rows))


async def test_rows_that_arrive_leave_what_somebody_scrolled_to_where_it_is() -> None:
    app = Host({"": ["a/", *[f"s{number:03}" for number in range(50)]], "a": [f"a/{n:03}" for n in range(500)]})
    async with app.run_test(size=(40, 10)) as pilot:
        await step(pilot, lambda: app.view.scroll_to(y=30, animate=False, force=True))
        before = screen_text(app)
        assert before[0].strip(" •▁▂▃▄▅▆▇█▎").startswith("s029")
        app.view.show_growth(
            [Growth("a", listing("a", app.store["a"]).entries), Growth("", listing("", ["b"]).entries)]
        )
        await wait_for_idle(pilot)
        assert [row[:10] for row in screen_text(app)] == [row[:10] for row in before]
        assert app.view.cursor == ("a", FOLDER)
        await step(pilot, lambda: app.view.move(0))
        assert "a" in screen_text(app)[0]


async def test_what_a_walk_brings_stands_in_its_place_and_says_that_more_may_come() -> None:
    app = Host()
    async with app.run_test(size=(60, 12)) as pilot:
        await step(pilot, app.view.unfold)
        app.view.show_growth([Growth("db", listing("db", ["db/user"]).entries, "Still reading…")])
        await step(pilot, lambda: app.view.select("db"), app.view.unfold)
        assert app.asked == ["", "app"]
        assert app.shown[-4:] == [" ▾ db", " │ • user", " │   not complete: Still reading…", " • zone"]
        app.view.show_growth([Growth("db", listing("db", ["db/a", "db/zz"]).entries)])
        await wait_for_idle(pilot)
        assert app.shown[-5:] == [" ▾ db", " │ • a", " │ • user", " │ • zz", " • zone"]
        assert app.view.cursor == ("db", FOLDER)


async def test_what_a_listing_told_of_a_row_outlives_a_walk_of_names_alone() -> None:
    app = Host({"": []})
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    async with app.run_test(size=(60, 8)) as pilot:
        await wait_for_idle(pilot)
        told = [Entry("a", SECRET, state=VersionState.DELETED), Entry("b", SECRET, due_from=long_ago)]
        app.view.show_listing(Listing("", told))
        app.view.show_growth([Listing("", [Entry("a", FOLDER), Entry("a", SECRET), Entry("b", SECRET)])])
        await wait_for_idle(pilot)
        assert [row.split()[1:] for row in app.shown] == [["a"], ["a", "deleted"], ["b", "due"]]
        app.view.show_growth([Listing("", [Entry("a", SECRET, state=VersionState.LIVE), Entry("b", SECRET)])])
        await wait_for_idle(pilot)
        assert [row.split()[1:] for row in app.shown] == [["a"], ["b", "due"]]
        app.view.show_listing(Listing("", [Entry("b", SECRET)]))
        await wait_for_idle(pilot)
        assert [row.split()[1:] for row in app.shown] == [["b"]]


class Drawn(Host):
    """Every frame is drawn, as on a terminal (`tests/conftest.py`)."""

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        super()._display(screen, renderable)


async def test_only_rows_that_look_otherwise_are_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []
    original = PathTree.render_lines

    def counting(self: PathTree, crop: Region) -> Any:
        drawn.extend(crop.line_range)
        return original(self, crop)

    app = Drawn({"": [f"s{number:03}" for number in range(100)]})
    async with app.run_test(size=(40, 20)) as pilot:
        await wait_for_idle(pilot)
        monkeypatch.setattr(PathTree, "render_lines", counting)
        app.view.show_growth([Growth("", listing("", ["t1", "t2"]).entries)])
        await wait_for_idle(pilot)
        assert drawn == []
        app.view.show_growth([Growth("", listing("", ["s017x"]).entries)])
        await wait_for_idle(pilot)
        assert sorted(set(drawn)) == [18, 19]


async def test_nothing_is_laid_out_anew_for_rows_that_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Host({"": [f"s{number:03}" for number in range(100)]})
    async with app.run_test(size=(40, 20)) as pilot:
        await wait_for_idle(pilot)
        layouts: list[object] = []
        original = type(app.screen)._refresh_layout

        def counting(self: Any, *args: Any, **more: Any) -> None:
            layouts.append(self)
            original(self, *args, **more)

        monkeypatch.setattr(type(app.screen), "_refresh_layout", counting)
        app.view.show_growth([Growth("", listing("", ["t1", "t2"]).entries)])
        await step(pilot, app.view.move_to_bottom)
        assert app.view.cursor == ("t2", SECRET)
        assert layouts == []


async def test_a_filter_over_very_many_rows_answers_when_it_is_made() -> None:
    app = Host({"": ["big/", "z77"], "big": [f"big/s{number:06}" for number in range(200_000)]})
    async with app.run_test(size=(40, 10)) as pilot:
        await step(pilot, app.view.unfold, lambda: app.view.filter("19999"))
        app.view.filter("199999")
        app.view.move_to_match()
        await wait_for_idle(pilot)
        assert app.shown == [" ▾ big", " │ • s199999"]
        assert app.view.cursor == ("big/s199999", SECRET)
        app.view.filter("77")
        app.view.filter("")
        await wait_for_idle(pilot)
        assert len(app.view.rows) == 200_002


NESTED = {
    "": ["a/", "b/", "c"],
    "a": ["a/deep/", *[f"a/s{number:02}" for number in range(30)]],
    "a/deep": [f"a/deep/t{number:02}" for number in range(30)],
    "b": [f"b/u{number:02}" for number in range(30)],
}


def left(app: Host) -> list[str]:
    """The rows without the scroll bar."""
    return [row[:20].rstrip() for row in app.shown]


async def test_open_folders_stay_in_sight_above_what_is_in_them() -> None:
    app = Host(NESTED)
    async with app.run_test(size=(40, 12)) as pilot:
        await step(pilot, app.view.unfold, app.view.unfold, app.view.unfold)
        await step(pilot, lambda: app.view.move(15))
        assert app.view.cursor == ("a/deep/t14", SECRET)
        assert left(app)[:3] == [" ▾ a", " │ ▾ deep", " │ │ • t05"]
        assert left(app)[-1] == " │ │ • t14"
        await step(pilot, lambda: app.view.move(-7))
        assert left(app)[:3] == [" ▾ a", " │ ▾ deep", " │ │ • t05"]
        await step(pilot, lambda: app.view.move(-3))
        assert app.view.cursor == ("a/deep/t04", SECRET)
        assert left(app)[:3] == [" ▾ a", " │ ▾ deep", " │ │ • t04"]
        await step(pilot, lambda: app.view.select("a/s05"))
        assert left(app)[0] == " ▾ a"
        await pilot.click(PathTree, offset=(6, 0))
        await wait_for_idle(pilot)
        assert app.view.cursor == ("a", FOLDER)
        assert app.view.rows.is_open_at(0)


async def test_rows_that_arrive_leave_what_is_in_sight_below_its_folders() -> None:
    app = Host(NESTED)
    async with app.run_test(size=(40, 12)) as pilot:
        await step(pilot, app.view.unfold, lambda: app.view.move(1), app.view.unfold, app.view.move_to_top)
        await step(pilot, lambda: app.view.scroll_to(y=20, animate=False))
        before = left(app)
        assert before[:3] == [" ▾ a", " │ ▾ deep", " │ │ • t20"]
        app.view.show_growth([Growth("a/deep", listing("a/deep", ["a/deep/t00x"]).entries)])
        await wait_for_idle(pilot)
        assert left(app) == before
        assert app.view.cursor == ("a", FOLDER)


async def test_a_low_tree_has_no_room_for_folders_out_of_sight() -> None:
    app = Host(NESTED)
    async with app.run_test(size=(40, 2)) as pilot:
        await step(pilot, app.view.unfold, lambda: app.view.move(20))
        assert left(app) == [" │ • s17", " │ • s18"]


async def test_a_level_is_unfolded_at_once_and_no_more_than_that() -> None:
    store = {"": ["a/", "b"], "a": ["a/x/", "a/y/", "a/z/"], "a/x": ["a/x/deep/"], "a/y": ["a/y/1"], "a/x/deep": []}
    app = Host(store)
    async with app.run_test(size=(40, 20)) as pilot:
        await step(pilot, lambda: app.view.unfold_level(9))
        assert app.asked == ["", "a"]
        left: list[int] = []
        await step(pilot, lambda: left.append(app.view.unfold_level(2)))
        assert (left, app.asked) == ([1], ["", "a", "a/x", "a/y"])
        await step(pilot, app.view.unfold, lambda: left.append(app.view.unfold_level(2)))
        assert app.view.cursor == ("a/x", FOLDER)
        assert app.asked[4:] == ["a/x/deep"]
        assert left == [1, 0]


@pytest.mark.parametrize(
    ("environ", "few"),
    [
        ({"TERM": "xterm-256color", "LANG": "C.UTF-8"}, False),
        ({"TERM": "xterm-256color"}, False),
        ({"TERM": "linux", "LANG": "C.UTF-8"}, True),
        ({"TERM": "xterm", "LANG": "de_DE.ISO-8859-1"}, True),
        ({"TERM": "xterm", "LC_ALL": "C", "LANG": "C.UTF-8"}, True),
        ({"TERM": "xterm", "LC_ALL": "", "LANG": "de_DE.utf8"}, False),
    ],
)
def test_signs_are_plain_where_a_terminal_lacks_others(environ: dict[str, str], few: bool) -> None:
    assert has_few_signs(environ) is few
