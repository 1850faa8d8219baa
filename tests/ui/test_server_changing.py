"""Changing secrets on a server: each intent is one request that changes something, whatever becomes of its answer."""

from __future__ import annotations

import pytest

from kvtui.actions import ACTIONS, Scope
from tests.doubles.server import Fault, Reply, Seen
from tests.doubles.vault import VaultDouble
from tests.support.screens import wait_for_idle
from tests.ui.serving import SENTINEL, Served, fill, profile_of, reads_of_values, served, value_of


@pytest.fixture(autouse=True)
def _filled(server: VaultDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(server)
    monkeypatch.setenv("THE_TOKEN", server.root_token)


def as_root(server: VaultDouble, **more: object) -> object:
    return served(profile_of(server, {"method": "token", "token_env": "THE_TOKEN"}, **more))


async def at(screen: Served, path: str) -> str:
    await screen.until("▸ secret")
    await screen.settle()
    return await screen.go_to(path)


def versions(server: VaultDouble, name: str) -> list[str]:
    """The states of all versions, oldest first."""
    secret = server.secrets_of("secret")[name]
    return ["destroyed" if one.destroyed else "deleted" if one.deletion else "live" for one in secret.versions.values()]


def methods(server: VaultDouble) -> list[str]:
    return [f"{seen.method} {seen.path.removeprefix('/v1/secret/')}" for seen in server.mutations()]


LOSSES = ["reset_after", *(pytest.param(loss, marks=pytest.mark.slow) for loss in ("", "reply_after"))]


def lose(server: VaultDouble, kind: str) -> None:
    """The answer to the next change does not arrive."""
    if kind:
        server.break_next(Fault(kind, when=_changes, reply=Reply(502)))


def _changes(seen: Seen) -> bool:
    return seen.method in {"POST", "PUT", "PATCH", "DELETE"} and "capabilities" not in seen.path


async def edit(screen: Served, text: str) -> str:
    await screen.press("e")
    await screen.type(text)
    await screen.press("ctrl+s")
    return await screen.press("ctrl+s")


@pytest.mark.parametrize("loss", LOSSES)
async def test_an_edit_is_one_request_with_its_version_checked(server: VaultDouble, loss: str) -> None:
    async with as_root(server) as screen:
        await at(screen, "secret/app/api")
        lose(server, loss)
        text = await edit(screen, "new")
        assert "Wrote version 2 of secret/app/api" in text
        assert value_of(server, "app/api") == "new"
        assert versions(server, "app/api") == ["live", "live"]
        assert methods(server) == ["POST data/app/api"]
        assert b'"cas":1' in server.mutations()[0].body.replace(b" ", b"")


async def test_an_answer_lost_before_the_server_got_the_change_overwrites_nothing(server: VaultDouble) -> None:
    async with as_root(server) as screen:
        await at(screen, "secret/app/api")
        server.break_next(Fault("reset_before", when=_changes, times=5))
        await screen.press("e")
        await screen.type("new")
        await screen.press("ctrl+s", "ctrl+s")
        assert len(server.mutations()) == 1
        assert value_of(server, "app/api") == "one"
        assert type(screen.app.screen).__name__ == "EditDialog"  # what was typed is not lost
        server._faults.clear()
        await screen.press("ctrl+s", "ctrl+s")
        assert value_of(server, "app/api") == "new"
        assert versions(server, "app/api") == ["live", "live"]


async def test_somebody_else_s_change_is_a_conflict_and_kept(server: VaultDouble) -> None:
    async with as_root(server) as screen:
        await at(screen, "secret/app/db")
        await screen.press("e")
        await screen.type("mine")
        await screen.press("ctrl+s")
        server.write("secret", "app/db", {"user": "they", "password": "theirs", "port": 5432})
        text = await screen.press("ctrl+s")
        for word in ("Conflict", "base", "theirs", "mine", "Nothing was overwritten"):
            assert word in text
        assert server.secrets_of("secret")["app/db"].current == 3
        await screen.press("ctrl+s")  # mine on top of theirs, reviewed first
        text = await screen.press("ctrl+s")
        assert "Wrote version 4" in text
        assert value_of(server, "app/db", "user") == "they"
        assert value_of(server, "app/db", "password") == "mine"
        assert value_of(server, "app/db", "port").literal == "5432"


async def test_a_new_secret_and_one_where_a_deleted_one_is(server: VaultDouble) -> None:
    async with as_root(server) as screen:
        await at(screen, "secret/app")
        await screen.press("n")
        await screen.type("fresh")
        await screen.press("enter")
        await screen.press("enter")
        await screen.type("value-1")
        await screen.press("ctrl+s")
        assert "Create secret/app/fresh, version 1." in screen.text
        text = await screen.press("ctrl+s")
        assert "• fresh" in text
        assert versions(server, "app/fresh") == ["live"]
        assert methods(server) == ["POST data/app/fresh"]
        assert b'"cas":0' in server.mutations()[0].body.replace(b" ", b"")


@pytest.mark.parametrize("loss", LOSSES)
async def test_an_old_version_is_rolled_back_to_and_taken_back_with_one_key(server: VaultDouble, loss: str) -> None:
    async with as_root(server) as screen:
        await at(screen, "secret/app/db")
        await screen.press("v", "j")
        await screen.press("b")
        assert "version 1 of secret/app/db" in screen.text.replace("│", " ")
        lose(server, loss)
        text = await screen.press("ctrl+s")
        assert "Wrote version 3" in text
        assert value_of(server, "app/db", "password") == f"{SENTINEL}-1"
        await screen.press("u")
        assert value_of(server, "app/db", "password") == SENTINEL
        assert methods(server) == ["POST data/app/db"] * 2


@pytest.mark.parametrize("loss", LOSSES)
async def test_delete_undelete_and_one_key_back(server: VaultDouble, loss: str) -> None:
    async with as_root(server) as screen:
        await at(screen, "secret/app/db")
        text = await screen.press("d")
        assert "It can be undeleted until newer versions push it out." in " ".join(text.replace("│", " ").split())
        lose(server, loss)
        text = await screen.press("ctrl+s")
        assert "Deleted secret/app/db" in text
        assert versions(server, "app/db") == ["live", "deleted"]
        assert len(server.mutations()) == 1
        lose(server, loss)
        await screen.press("U")
        assert versions(server, "app/db") == ["live", "live"]
        assert len(server.mutations()) == 2
        await screen.press("u")
        assert versions(server, "app/db") == ["live", "deleted"]
        assert len(server.mutations()) == 3
        assert reads_of_values(server) == []


async def test_one_version_is_destroyed_and_then_the_whole_secret(server: VaultDouble) -> None:
    async with as_root(server) as screen:
        await at(screen, "secret/app/db")
        await screen.press("v", "j", "D")
        assert "Destroy version 1 of secret/app/db" in screen.text.replace("│", " ")
        for typed, wanted in (("secret/app/d", ["live", "live"]), ("b", ["destroyed", "live"])):
            screen.app.screen.query_one("#confirm-path").focus()
            await screen.press("end")
            await screen.type(typed)
            await screen.press("ctrl+s")
            assert versions(server, "app/db") == wanted
        await screen.press("1")
        await screen.go_to("secret/app/db")
        await screen.press("D")
        assert "cannot be undone" in " ".join(screen.text.replace("│", " ").split())
        screen.app.screen.query_one("#confirm-path").focus()
        await screen.type("secret/app/db")
        await screen.press("ctrl+s")
        assert "app/db" not in server.secrets_of("secret")
        assert methods(server) == ["PUT destroy/app/db", "DELETE metadata/app/db"]


async def test_metadata_is_one_request_and_reads_no_value(server: VaultDouble) -> None:
    async with as_root(server) as screen:
        await at(screen, "secret/app/db")
        await screen.press("i", "tab")
        await screen.type("main")
        await screen.press("ctrl+s")
        assert "no new version" in screen.text
        await screen.press("ctrl+s")
        assert server.secrets_of("secret")["app/db"].custom == {"description": "main"}
        assert versions(server, "app/db") == ["live", "live"]
        assert len(server.mutations()) == 1
        assert reads_of_values(server) == []
        assert "main" in await screen.press("2")


@pytest.mark.parametrize("loss", LOSSES)
async def test_a_rotation_is_one_request_and_taken_back_with_one_key(server: VaultDouble, loss: str) -> None:
    async with as_root(server) as screen:
        await at(screen, "secret/app/api")
        await screen.press("o")
        lose(server, loss)
        text = await screen.press("ctrl+s")
        assert "version 2" in text
        assert "takes it back" in text
        assert value_of(server, "app/api") != "one"
        assert methods(server) == ["POST data/app/api"]
        await screen.press("u")
        assert value_of(server, "app/api") == "one"
        assert versions(server, "app/api") == ["live"] * 3


async def test_what_was_deleted_is_brought_back_from_the_trash(server: VaultDouble) -> None:
    async with as_root(server) as screen:
        await at(screen, "secret/app/api")
        await screen.press("d", "ctrl+s")
        text = await screen.press("t")
        assert "secret/app/api" in text
        await screen.press("ctrl+s")
        assert versions(server, "app/api") == ["live"]
        assert len(server.mutations()) == 2


async def test_somebody_who_may_write_but_not_read_still_makes_a_secret(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.policy("dropping", {"secret/data/drop/*": ["create", "update"]})
    monkeypatch.setenv("THE_TOKEN", server.token("dropping"))
    async with as_root(server) as screen:
        await screen.until("▸ secret")
        await screen.settle()
        await screen.press("j", "n")
        await screen.type("drop/box")
        await screen.press("enter", "enter")
        await screen.type("thrown in")
        await screen.press("ctrl+s")
        await screen.until("Create secret/drop/box, version 1.")
        await screen.keys("ctrl+s")
        text = await screen.until("Wrote version 1 of secret/drop/box.")
        assert "takes it back" not in text
        assert value_of(server, "drop/box") == "thrown in"
        assert len(server.mutations()) == 1


# Read-only


MAIN_KEYS = sorted({key for action in ACTIONS if action.scope is not Scope.DIALOG for key in action.keys})
_LEAVING = {"q", "ctrl+z", "L"}


@pytest.mark.parametrize("place", ["secret/app/db", pytest.param("secret/app", marks=pytest.mark.slow)])
async def test_no_key_changes_anything_of_a_read_only_profile(server: VaultDouble, place: str) -> None:
    async with as_root(server, read_only=True, banner="PRODUCTION") as screen:
        text = await at(screen, place)
        assert "PRODUCTION" in text
        assert "Read-only" in text
        for key in MAIN_KEYS:
            if key in _LEAVING:
                continue
            await screen.keys(key)
            await wait_for_idle(screen.pilot)
            await _back(screen, place)
        assert server.mutations() == []


@pytest.mark.parametrize("place", ["secret/app", pytest.param("secret/app/db", marks=pytest.mark.slow)])
async def test_no_action_of_the_palette_changes_anything_of_a_read_only_profile(
    server: VaultDouble, place: str
) -> None:
    async with as_root(server, read_only=True) as screen:
        await at(screen, place)
        for action in ACTIONS:
            if not action.palette or set(action.keys) & _LEAVING:
                continue
            main = screen.app.main
            assert main is not None
            where = "app." if action.scope is Scope.APP else ""
            main.call_later(main.run_action, where + action.method)
            await wait_for_idle(screen.pilot)
            await _back(screen, place)
        assert server.mutations() == []


async def _back(screen: Served, place: str) -> None:
    """What has come up is agreed to, then left."""
    main = screen.app.main
    assert main is not None
    for key in ("ctrl+s", "escape", "escape", "escape"):
        if screen.app.screen is main:
            break
        await screen.press(key)
    if main.at_cursor[0] != place:
        await main.go_to(place)
        await screen.settle()
