"""Typing paths, and all that the palette leads to, by keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvtui.backends.memory import MemoryBackend
from kvtui.domain.secret import Indexed
from kvtui.services.completing import Completions
from kvtui.services.names import Names
from kvtui.services.search import NamesIndex
from kvtui.ui.dialogs.palette import PaletteDialog
from tests.doubles.vault import VaultDouble
from tests.ui.conftest import Running, Screen
from tests.ui.serving import fill, profile_of, served

ROWS = {"": ["app/", "infra/", "app"], "app": ["app/api", "app/db", "app/dbs/"], "infra": ["infra/token"]}


def listed(folder: str) -> list[str]:
    return ROWS.get(folder, [])


def test_what_is_typed_goes_on_as_far_as_there_is_one_way() -> None:
    completions = Completions(listed, ROWS)
    assert completions.completed("inf") == "infra/"
    assert completions.completed("app/d") == "app/db"
    assert completions.completed("ap") == "app"
    assert completions.completed("token") == "infra/token"
    assert completions.completed("nothing-like-it") == "nothing-like-it"


def test_what_goes_on_as_typed_comes_before_what_has_it_elsewhere() -> None:
    found = [match.path for match in Completions(listed, ROWS).found("app", 10)]
    assert found[:2] == ["app", "app/"]
    assert set(found) == {"app", "app/", "app/api", "app/db", "app/dbs/"}


def test_what_names_cannot_be_asked_for_offers_none_of_them() -> None:
    names = Names(MemoryBackend())
    names.index = NamesIndex([Indexed("type:x/y")])
    completions = Completions(listed, ROWS, names)
    assert [match.path for match in completions.found("type:x", 10)] == ["type:x/y"]
    assert completions.found('"', 10) == []


@given(typed=st.text(alphabet="apidbs/", max_size=6))
def test_a_completion_starts_with_what_is_typed_or_matches_it(typed: str) -> None:
    completions = Completions(listed, ROWS)
    completed = completions.completed(typed)
    if completed != typed and not completed.startswith(typed):
        assert completed == completions.found(typed, 1)[0].path
    assert all(match.positions for match in completions.found(typed, 10))


async def test_tab_completes_a_path_and_the_arrows_choose_one(running: Running) -> None:
    async with running() as screen:
        await screen.press("J")
        assert "infra/" in await screen.type("inf")
        await screen.press("tab", "enter")
        assert screen.app.main is not None
        assert screen.app.main.path_tree.cursor_folder == "infra"
        await screen.press("J")
        await screen.type("infra")
        chosen = await screen.press("down")
        assert "infra/" in chosen
        await screen.press("enter")
        await screen.settle()
        assert screen.app.main.path_tree.cursor_folder == "infra"


async def test_j_offers_names_that_were_read(running: Running) -> None:
    async with running() as screen:
        screen.session.names.index.add([Indexed("infra/deep/unlisted")])
        await screen.press("J")
        assert "infra/deep/unlisted" in await screen.type("unlis")


def shown_actions(screen: Screen) -> list[str]:
    assert isinstance(screen.app.screen, PaletteDialog)
    return [row.key for row in screen.app.screen.rows.rows]


async def test_the_palette_leads_to_paths_and_themes_and_has_what_was_done_last_first(running: Running) -> None:
    async with running() as screen:
        await screen.press("J")
        await screen.type("infra/token")
        await screen.press("enter")
        await screen.settle()
        await screen.press(":")
        assert "app/  path" in await screen.type("app")
        await screen.press("escape", ":")
        assert "nord  theme" in await screen.type("theme nord")
        await screen.press("enter")
        assert screen.app.theme == "nord"
        await screen.press(":")
        await screen.type("infra token")
        await screen.press("enter")
        assert "infra/token" in await screen.settle()
        await screen.press(":")
        first, second, *others = shown_actions(screen)
        await screen.press("down", "enter", ":")
        assert shown_actions(screen) == [second, first, *others]


async def test_j_reads_a_folder_once_its_slash_is_typed_and_asks_nothing_for_letters(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(server)
    monkeypatch.setenv("THE_TOKEN", server.root_token)
    async with served(profile_of(server, {"method": "token", "token_env": "THE_TOKEN"})) as screen:
        await screen.until("▸ secret")
        sent = len(server.requests)
        await screen.keys("J", *"secret/")
        await screen.until("secret/app/", "secret/top")
        await screen.keys(*"app", "tab")
        await screen.until("secret/app/api", "secret/app/db")
        await screen.keys(*"db")
        await screen.until(lambda: "secret/app/api" not in screen.text)
        asked = [seen.path.partition("metadata/")[2] for seen in server.requests[sent:] if "list=true" in seen.target]
        assert asked == ["", "app/"]
