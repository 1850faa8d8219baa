"""Getting about with the keys."""

import asyncio
import threading
from typing import Any

import pytest
from textual.screen import Screen as TextualScreen

from kvtui.backends.contract import Backend
from kvtui.domain.secret import EntryKind, Outline
from kvtui.domain.value import SecretValue
from kvtui.services.finding import Finding, Findings
from kvtui.ui.dialogs import find
from kvtui.ui.widgets.row_list import RowList
from tests.support.variants import QUIET, use
from tests.ui.conftest import SENTINEL, Running


async def test_the_tree_opens_folders_and_shows_a_secret_masked(running: Running) -> None:
    async with running() as screen:
        assert "app" in screen.text
        await screen.press("l", "j", "j")
        text = await screen.settle()
        assert "app/db" in text
        assert text.count("••••••••") == 3
        assert SENTINEL not in text


async def test_what_was_read_too_late_is_not_shown_where_the_cursor_is_by_then(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, go_on = threading.Event(), threading.Event()

    async with running() as screen:
        store, main = screen.session.backend, screen.app.main
        outline = store.outline
        assert main is not None

        def late(path: str, version: int | None = None) -> Outline:
            reached.set()
            go_on.wait(60)
            return outline(path, version)

        monkeypatch.setattr(store, "outline", late)
        await screen.press("l")  # the rows below are there before the cursor goes down
        await screen.pilot.press("j", "j")
        while not reached.is_set():
            await screen.pilot.pause(0.01)  # the cursor has to rest for a moment
        await screen.pilot.press("g")
        go_on.set()
        text = await screen.settle()
        assert main.secret is None
        assert "No secret selected." in text


async def test_tabs_are_reached_by_number_and_show_their_part(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, QUIET)
    async with running() as screen:
        await screen.go_to("app/db")
        assert "#prod" in await screen.press("2")
        text = await screen.press("3")
        assert "current" in text
        assert text.count("live") == 2
        assert "Nothing was done" in await screen.press("4")
        assert "password" in await screen.press("1")


async def test_a_level_of_folders_is_unfolded_and_all_are_folded(running: Running) -> None:
    async with running() as screen:
        await screen.press("G")  # a secret of the root: all folders of the root
        assert {"▾ app", "▾ infra", "• token"} <= {
            row.split("│ ")[-1].strip() for row in _tree(await screen.press("Z"))
        }
        assert not any("▾" in row for row in _tree(await screen.press("z")))


async def test_the_folder_under_the_cursor_is_listed_before_it_is_opened_only_where_nobody_counts_it(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running() as screen:
        main = screen.app.main
        assert main is not None
        assert main.path_tree.cursor is not None
        assert main.path_tree.cursor[0] == "app"
        assert main.path_tree.loaded_folders() == [""]
        await screen.press("j")
        await screen.settle()
        assert main.path_tree.loaded_folders() == ["", "infra"]
        monkeypatch.setattr(type(main), "_is_near", False)
        await screen.press("k")
        await screen.settle()
        assert main.path_tree.loaded_folders() == ["", "infra"]


def _tree(text: str) -> list[str]:
    return [line[:30] for line in text.splitlines()]


async def test_filter_looks_at_folders_that_were_never_opened(running: Running) -> None:
    async with running() as screen:
        await screen.press("/")
        text = await screen.type("tok")
        assert "token" in text
        assert "top" not in text.split("│")[0]
        text = await screen.press("enter", "escape")
        assert "top" in text


async def test_going_to_a_path_opens_the_folders_above_it(running: Running) -> None:
    async with running() as screen:
        text = await screen.go_to("infra/token")
        assert "infra/token" in text


async def test_going_to_a_path_that_is_not_there_says_so(running: Running) -> None:
    async with running() as screen:
        assert "no such path" in await screen.go_to("infra/nothing")


async def test_find_everywhere_matches_fuzzily_and_goes_there(running: Running) -> None:
    async with running() as screen:
        await screen.press("ctrl+f")
        text = await screen.type("inftok")
        assert "infra/token" in text
        assert "app/db" not in text
        await screen.press("enter")
        assert "infra/token" in await screen.settle()


async def test_rows_of_a_query_that_come_late_do_not_stand_under_the_next_one(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, go_on, ended = (threading.Event() for _ in range(3))
    query = Finding.query

    def late(finding: Finding, text: str, *rest: Any, **how: Any) -> Findings:
        if text != "tok":
            return query(finding, text, *rest, **how)
        reached.set()
        go_on.wait(60)
        try:
            return query(finding, text, *rest, **how)
        finally:
            ended.set()

    async with running() as screen:
        await screen.press("ctrl+f")
        dialog = screen.app.screen
        assert isinstance(dialog, find.FindDialog)
        monkeypatch.setattr(find, "_AT_ONCE", -1)  # as with very many names, on a thread
        monkeypatch.setattr(Finding, "query", late)
        dialog.narrow("tok")
        await asyncio.to_thread(reached.wait, 60)
        monkeypatch.setattr(find, "_AT_ONCE", 1000)
        dialog.narrow("db")
        go_on.set()
        await asyncio.to_thread(ended.wait, 60)
        await screen.press("down")
        assert {row.key for row in dialog.rows.rows} == {"app/db"}


async def test_after_a_filter_that_nothing_matches_the_cursor_is_where_it_was(running: Running) -> None:
    async with running() as screen:
        await screen.go_to("app/db")
        main = screen.app.main
        assert main is not None
        assert "nothing loaded matches" in await screen.press("/", *"zzzz")
        assert main.at_cursor[0] is None
        await screen.press("enter", "/", "escape")
        assert main.at_cursor == ("app/db", EntryKind.SECRET)


async def test_find_says_when_there_is_more_than_it_shows(running: Running) -> None:
    def fill(backend: Backend) -> None:
        for number in range(find.SHOWN + 1):
            backend.write(f"wide/item-{number:03}", {"value": SecretValue("x")})

    async with running(contents=fill) as screen:
        assert "201 names · the first 200 shown" in await screen.press("ctrl+f")
        assert " shown" not in await screen.type("200")
        assert "201 names · the best 200 shown" in await screen.press("ctrl+u", *"item")
        assert " shown" not in await screen.type("x")


async def test_the_palette_runs_an_action_by_name(running: Running) -> None:
    async with running() as screen:
        await screen.go_to("app/db")
        await screen.press(":")
        assert "Fold all" in await screen.type("fold")
        await screen.press("escape", ":")
        await screen.type("Versions")
        text = await screen.press("enter")
        assert "current" in text


async def test_the_palette_has_the_cursor_on_the_best_match_of_all_that_was_typed(running: Running) -> None:
    async with running() as screen:
        await screen.press(":")
        await screen.type("unfold")
        await screen.press("enter", ":")
        await screen.type("un")
        rows = screen.app.screen.query_one(RowList)
        assert rows.key == "tree.unfold_all"  # as it was done lately
        await screen.type("del")
        assert [row.key for row in rows.rows][:2] == ["secret.undelete", "tree.unfold_all"]
        assert rows.key == "secret.undelete"


async def test_help_lists_every_key_of_the_table(running: Running) -> None:
    from kvtui.actions import ACTIONS

    async with running(size=(120, 120)) as screen:
        text = await screen.press("?")
        for action in ACTIONS:
            assert action.help[:60] in text, action.id
        assert "◷ due " in text


async def test_bookmarks_are_kept_and_lead_back(running: Running) -> None:
    async with running() as screen:
        await screen.go_to("app/db")
        await screen.press("B")
        await screen.press("g", "'")
        assert "app/db" in screen.text
        await screen.press("enter")
        assert "app/db" in await screen.settle()


async def test_a_narrow_window_shows_one_side_at_a_time(running: Running) -> None:
    async with running(size=(60, 20)) as screen:
        await screen.go_to("app/db")
        assert "password  " not in screen.text
        text = await screen.press("enter")
        assert "••••••••" in text
        text = await screen.press("escape")
        assert "infra" in text


async def test_a_window_that_is_too_small_says_so_and_comes_back(running: Running) -> None:
    async with running() as screen:
        await screen.pilot.resize_terminal(20, 5)
        await screen.settle()
        assert "too small" in screen.text.replace("\n", " ")
        await screen.pilot.resize_terminal(200, 50)
        await screen.settle()
        assert "infra" in screen.text


async def test_the_mouse_selects_and_opens(running: Running) -> None:
    async with running() as screen:
        await screen.pilot.click("#tree", offset=(2, 0))
        await screen.settle()
        await screen.press("down", "down")
        assert "app/db" in await screen.settle()


async def test_changes_by_others_are_seen_within_a_second(running: Running) -> None:
    async with running() as screen:
        await screen.go_to("app/db")
        await screen.app._tick()
        await screen.settle()
        screen.backend.write("app/new-by-others", {"value": SecretValue("x")})
        await screen.app._tick()
        await screen.settle()
        await screen.app._tick()
        await screen.settle()
        assert "new-by-others" in screen.text


async def test_an_empty_store_says_what_to_do(running: Running) -> None:
    def nothing(backend: Backend) -> None:
        assert backend.list("").entries == ()

    async with running(contents=nothing) as screen:
        assert "n makes the first" in screen.text
        assert "kvtui import" in screen.text


async def test_user_keys_replace_the_defaults(running: Running) -> None:
    async with running(keymap={"secret.versions": "f5"}) as screen:
        await screen.go_to("app/db")
        assert "current" not in await screen.press("v")
        assert "current" in await screen.press("f5")


async def test_a_banner_and_read_only_are_always_told(running: Running) -> None:
    async with running(banner="PRODUCTION", read_only=True) as screen:
        assert "PRODUCTION" in screen.text
        assert "Read-only" in screen.text


async def test_a_letter_typed_into_the_filter_lays_nothing_out_anew(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running() as screen:
        await screen.press("slash", "p")
        layouts: list[object] = []
        original = TextualScreen._refresh_layout

        def counting(self: Any, *args: Any, **more: Any) -> None:
            layouts.append(self)
            original(self, *args, **more)

        monkeypatch.setattr(TextualScreen, "_refresh_layout", counting)
        await screen.press("o")
        assert layouts == []
        assert "top" not in await screen.press("x")
