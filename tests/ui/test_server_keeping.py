"""What a server keeps of a secret, on the screen: settings in the Metadata tab and its form, what deleting leaves, and
numbers that a server would change."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from kvtui.domain.retention import Retention
from kvtui.domain.value import SecretValue
from tests.doubles.vault import VaultDouble
from tests.ui.conftest import Running
from tests.ui.serving import Served, profile_of, served


@asynccontextmanager
async def opened(server: VaultDouble, monkeypatch: pytest.MonkeyPatch, **more: object) -> AsyncIterator[Served]:
    monkeypatch.setenv("TOKEN_BAO", server.root_token)
    server.write("secret", "db", {"password": "one"})
    server.write("secret", "db", {"password": "two"})
    async with served(profile_of(server, {"method": "token", "token_env": "TOKEN_BAO"}, **more)) as screen:
        await screen.until("▸ ")
        await screen.settle()
        await screen.go_to("secret/db")
        yield screen


def words(text: str) -> str:
    return " ".join(text.replace("│", " ").split())


async def test_settings_stand_in_the_metadata_tab_and_are_edited_with_the_metadata_in_one_request(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(server, monkeypatch) as screen:
        text = words(await screen.press("2"))
        assert "Max versions as the store has it" in text
        assert "CAS required no" in text
        assert "Delete after never" in text
        await screen.press("i")
        screen.app.screen.query_one("#metadata-owner").focus()
        await screen.type("ops")
        screen.app.screen.query_one("#metadata-most").focus()
        await screen.type("5")
        screen.app.screen.query_one("#metadata-after").focus()
        await screen.type("30d")
        text = words(await screen.press("ctrl+s"))
        assert "Change the metadata and settings of secret/db" in text
        assert "max versions" in text
        assert "delete after" in text
        await screen.press("ctrl+s")
        assert len(server.mutations()) == 1
        assert screen.backend.retention("secret/db").max_versions == 5
        assert screen.backend.metadata("secret/db").owner == "ops"
        assert "Max versions 5" in words(screen.text)
        await screen.press("u")
        assert screen.backend.retention("secret/db").max_versions == 0
        assert screen.backend.metadata("secret/db").owner is None


async def test_settings_are_staged_and_kept_over_a_lock(running: Running) -> None:
    async with running() as screen:
        await screen.go_to("app/api")
        await screen.press("i")
        screen.app.screen.query_one("#metadata-most").focus()
        await screen.type("3")
        await screen.press("ctrl+s")
        screen.app.screen.query_one("#review-stage").focus()
        await screen.press("enter")
        (staged,) = screen.session.staged
        assert staged.retention == Retention(max_versions=3)
        await screen.press("i")
        assert screen.app.screen.query_one("#metadata-most").value == "3"  # type: ignore[attr-defined]


@pytest.mark.parametrize(("field", "typed", "told"), [("most", "many", "no number"), ("after", "soon", "interval")])
async def test_settings_that_are_none_are_refused_in_the_form(
    running: Running, field: str, typed: str, told: str
) -> None:
    async with running() as screen:
        await screen.go_to("app/api")
        await screen.press("i")
        screen.app.screen.query_one(f"#metadata-{field}").focus()
        await screen.type(typed)
        assert told in await screen.press("ctrl+s")


async def test_a_number_the_server_would_change_is_told_at_the_field_and_nothing_is_lost(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.write("secret", "big", {"id": 5, "name": "x"})
    async with opened(server, monkeypatch) as screen:
        await screen.go_to("secret/big")
        await screen.press("e")
        await screen.type("9007199254740993")
        text = words(await screen.press("ctrl+s"))
        assert text.count("This server would change a number in the field 'id'.") == 2
        assert "Review" in text
        assert not server.mutations()
        await screen.press("backspace")
        await screen.press("ctrl+s")
        await screen.press("ctrl+s")
        assert len(server.mutations()) == 1
        assert screen.backend.read("secret/big").fields["id"].same_as(SecretValue(900719925474099))


async def test_a_number_that_may_have_been_rounded_says_so_when_it_is_revealed(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.write("secret", "big", {"id": 2**53 + 1})
    async with opened(server, monkeypatch) as screen:
        await screen.go_to("secret/big")
        assert "rounds large numbers" in words(await screen.press("r"))
        assert "rounds large numbers" in words(await screen.press("e"))


@pytest.mark.slow
async def test_the_65th_pair_is_told_in_the_form(server: VaultDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(server, monkeypatch) as screen:
        server.secrets_of("secret")["db"].custom = {f"key{number}": "x" for number in range(64)}
        await screen.press("i")
        screen.app.screen.query_one("#metadata-owner").focus()
        await screen.type("ops")
        assert "at most 64 pairs of metadata" in words(await screen.press("ctrl+s"))
        assert not server.mutations()


async def test_what_deleting_undeleting_and_destroying_leave_is_told_where_they_are_done(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(server, monkeypatch) as screen:
        screen.backend.write_retention("secret/db", Retention(delete_after=timedelta(days=30)))
        text = words(await screen.press("d"))
        assert "It can be undeleted until newer versions push it out." in text
        assert "deleted by themselves after 30d" in text
        await screen.press("ctrl+s")
        assert "until it is deleted by itself in 30d" in words(await screen.press("U"))
        text = words(await screen.press("D"))
        assert "All 2 versions and its metadata are removed. This cannot be undone." in text
        await screen.press("escape")
