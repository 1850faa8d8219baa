"""Find, filter and trash on a server: names stream in while somebody types, and what may not be listed is counted."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType

import pytest

from kvtui.actions import BY_ID
from kvtui.services.profiles import Profile
from kvtui.ui.dialogs.find import FindDialog
from tests.doubles.server import Reply, Seen
from tests.doubles.vault import VaultDouble
from tests.ui.serving import ALL, Served, fill, profile_of, served
from tests.vault.places import Place

FOLDERS, EACH = 500, 20


class Gated(VaultDouble):
    """A server without SCAN that answers from `held` folders on only when `gate` is open."""

    def __init__(self) -> None:
        super().__init__(flavour="vault", latency=0.02)
        self.gate = threading.Event()
        self.held = "~"
        self.waiting = 0

    def answer(self, request: Seen) -> Reply:
        before, _, folder = request.path.partition("/v1/secret/metadata/")
        if not before and "list=true" in request.target and folder >= self.held:
            self.waiting += 1
            self.gate.wait(60)
        return super().answer(request)


@pytest.fixture
def gated() -> Iterator[Gated]:
    with Gated() as double:
        yield double
        double.gate.set()


def many(server: VaultDouble) -> None:
    for folder in range(FOLDERS):
        for number in range(EACH):
            server.write("secret", f"f{folder:03}/key{number:02}", {"value": "x"})


def as_root(server: VaultDouble, monkeypatch: pytest.MonkeyPatch) -> Profile:
    monkeypatch.setenv("THE_TOKEN", server.root_token)
    return profile_of(server, {"method": "token", "token_env": "THE_TOKEN"})


def as_somebody(server: VaultDouble, monkeypatch: pytest.MonkeyPatch) -> Profile:
    """One who may not list secret/prod."""
    denied = {f"secret/{kind}metadata/prod/*": ["deny"] for kind in ("", "detailed-")}
    server.policy("narrow", {"secret/*": [one for one in ALL if one != "scan"], **denied})
    monkeypatch.setenv("THE_TOKEN", server.token("narrow"))
    return profile_of(server, {"method": "token", "token_env": "THE_TOKEN"})


def dialog_of(screen: Served) -> FindDialog:
    assert isinstance(screen.app.screen, FindDialog)
    return screen.app.screen


def walking() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name in {"walk", "survey"}]


# While it is read


async def test_names_are_found_and_keys_answered_while_ten_thousand_are_still_read(
    gated: Gated, monkeypatch: pytest.MonkeyPatch
) -> None:
    many(gated)
    gated.held = "f250"
    async with served(as_root(gated, monkeypatch)) as screen:
        await screen.until("▸ secret")
        await screen.keys("ctrl+f")
        text = await screen.until("secret/f000/key00", "still reading…", lambda: gated.waiting)
        assert dialog_of(screen).is_reading
        await screen.keys(*"f24key19")
        await screen.until("secret/f249/key19", lambda: dialog_of(screen).query_text == "f24key19")
        before = dialog_of(screen).rows.key
        await screen.keys("down")
        await screen.until(lambda: dialog_of(screen).rows.key != before)
        chosen = dialog_of(screen).rows.key
        assert dialog_of(screen).is_reading
        assert "10,000 names" not in text
        gated.gate.set()
        text = await screen.until("10,000 names as of", lambda: not dialog_of(screen).is_reading)
        assert "reading" not in text
        assert dialog_of(screen).rows.key == chosen
        await screen.keys("enter")
        assert chosen in await screen.until(lambda: chosen in screen.text and screen.app.screen is screen.app.main)


async def test_enter_typed_before_there_is_anything_goes_to_the_first_that_comes(
    gated: Gated, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(gated)
    gated.held = "app"
    async with served(as_root(gated, monkeypatch)) as screen:
        await screen.until("▸ secret")
        await screen.keys("ctrl+f", *"appdb", "enter")
        await screen.until("Nothing so far…", lambda: gated.waiting)
        assert dialog_of(screen).is_reading
        gated.gate.set()
        await screen.until(lambda: screen.app.screen is screen.app.main)
        await screen.until(lambda: screen.app.main.at_cursor[0] == "secret/app/db")


async def test_leaving_find_ends_its_threads_and_requests(gated: Gated, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(gated)
    gated.held = "app"
    async with served(as_root(gated, monkeypatch)) as screen:
        await screen.until("▸ secret")
        await screen.keys("ctrl+f")
        await screen.until("still reading…", lambda: gated.waiting)
        assert walking()
        sent = len(gated.requests)
        await screen.keys("escape")
        await screen.until(lambda: not walking())  # the server still waits
        assert not gated.gate.is_set()
        assert len(gated.requests) == sent


async def test_the_cursor_stays_on_its_row_while_better_matches_come(
    gated: Gated, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a/x-key-1", "a/x-key-2", "a/x-key-3", "z/key"):
        gated.write("secret", name, {"value": "x"})
    gated.held = "z"
    async with served(as_root(gated, monkeypatch)) as screen:
        await screen.until("▸ secret")
        await screen.keys("ctrl+f", *"key")
        await screen.until("secret/a/x-key-3", lambda: gated.waiting)
        await screen.keys("down")
        await screen.until(lambda: dialog_of(screen).rows.key == "secret/a/x-key-2")
        gated.gate.set()
        await screen.until("secret/z/key", "4 names as of")
        assert dialog_of(screen).rows.rows[0].key == "secret/z/key"
        assert dialog_of(screen).rows.key == "secret/a/x-key-2"
        await screen.keys("s")
        await screen.until(lambda: not dialog_of(screen).rows.rows)


async def test_what_was_read_is_found_at_once_the_next_time_and_read_again(
    gated: Gated, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(gated)
    async with served(as_root(gated, monkeypatch)) as screen:
        await screen.until("▸ secret")
        await screen.keys("ctrl+f")
        await screen.until("3 names as of")
        await screen.keys("escape")
        gated.write("secret", "app/new", {"value": "x"})
        gated.held = "app"
        await screen.keys("ctrl+f", *"db")
        await screen.until("secret/app/db", "3 names as of", "reading again…", lambda: gated.waiting)
        gated.gate.set()
        await screen.until("4 names as of")
        await screen.keys(*["backspace"] * 2, *"new")
        await screen.until("secret/app/new")


async def test_what_was_read_before_it_was_left_is_kept(gated: Gated, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a/first", "z/last"):
        gated.write("secret", name, {"value": "x"})
    gated.held = "z"
    async with served(as_root(gated, monkeypatch)) as screen:
        await screen.until("▸ secret")
        await screen.keys("ctrl+f")
        await screen.until("secret/a/first", lambda: gated.waiting)
        await screen.keys("escape")
        gated.held = "a"
        await screen.keys("ctrl+f")
        await screen.until("secret/a/first", "1 name, still reading…")
        gated.gate.set()
        await screen.until("secret/z/last", "2 names as of")


async def test_enter_waits_for_the_rows_of_what_was_typed(gated: Gated, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(gated)
    async with served(as_root(gated, monkeypatch)) as screen:
        await screen.until("▸ secret")
        await screen.keys("ctrl+f")
        await screen.until("3 names as of")
        await screen.keys(*"api", "enter")
        await screen.until(lambda: screen.app.main is not None and screen.app.main.at_cursor[0] == "secret/app/api")


@asynccontextmanager
async def filtering(gated: Gated, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    """A tree filtered by "key" while the second of its two folders is still being read."""
    for name in ("a/first-key", "z/last-key"):
        gated.write("secret", name, {"value": "x"})
    gated.held = "z"
    async with served(as_root(gated, monkeypatch)) as screen:
        await screen.until("▸ secret")
        await screen.keys("slash", *"key")
        await screen.until("first-key", lambda: gated.waiting)
        yield screen


async def test_a_filter_shows_what_has_come_and_is_left_with_escape(
    gated: Gated, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with filtering(gated, monkeypatch) as screen:
        await screen.keys("escape")
        await screen.until("Cancelled.", lambda: not walking())
        await screen.keys("escape")
        gated.gate.set()
        await screen.keys("slash", *"last")
        await screen.until("last-key")


async def test_the_detail_does_not_say_that_a_folder_is_still_read_once_all_is_there(
    gated: Gated, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with filtering(gated, monkeypatch) as screen:
        await screen.keys("down", "up")
        await screen.until("│ not complete: Still reading…")
        gated.gate.set()
        await screen.until("last-key", "No secret selected.")


@pytest.mark.parametrize("count", [5_000, pytest.param(20_000, marks=pytest.mark.slow)])
async def test_a_folder_with_very_many_secrets_opens_and_is_gone_through(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    for number in range(count):
        server.write("secret", f"big/{number:05}", {"value": "x"})
    async with served(as_root(server, monkeypatch)) as screen:
        await screen.until("▸ secret")
        await screen.go_to("secret/big/00001")
        await screen.keys("G")
        await screen.until(f"{count - 1:05}")
        await screen.keys("ctrl+f", *f"{count - 2:05}")
        await screen.until(f"secret/big/{count - 2:05}", f"{count:,} names")


# What may not be listed


@pytest.fixture
def narrow(server: VaultDouble) -> VaultDouble:
    fill(server)
    server.write("secret", "prod/key", {"value": "x"})
    return server


async def test_find_counts_what_was_not_listed_and_so_does_the_status_line(
    narrow: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(as_somebody(narrow, monkeypatch)) as screen:
        await screen.until("▸ secret")
        await screen.keys("ctrl+f")
        text = await screen.until("3 names as of", "1 not listed: 1 denied")
        assert "secret/prod" not in text
        await screen.keys("escape")
        await screen.until("not listed: 1 denied")


@pytest.mark.parametrize("size", [(80, 24), (60, 20)])
async def test_what_was_denied_is_not_cut_off_by_what_else_is_said(
    narrow: VaultDouble, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, size: tuple[int, int]
) -> None:
    vaults = [
        Profile(f"vault-{one}", "file", MappingProxyType({"path": str(Place(tmp_path / one).path)})) for one in "abcd"
    ]
    async with served(as_somebody(narrow, monkeypatch), *vaults, size=size) as screen:
        await screen.until("▸ secret")
        await screen.keys("ctrl+f")
        await screen.until("3 names as of", "1 not listed: 1 denied", *(["ctrl+t: …"] if size[0] == 60 else []))
        await screen.keys("ctrl+t")
        await screen.until("3 names as of", "1 not listed: 1 denied", "vault-a:", "locked.")


async def test_a_filter_shows_the_denied_folder_with_its_reason(
    narrow: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(as_somebody(narrow, monkeypatch)) as screen:
        await screen.until("▸ secret")
        await screen.keys("slash")
        await screen.until("1 folder was not listed: 1 denied (secret/prod:", "not listed: 1 denied")
        await screen.keys("escape")
        await screen.go_to("secret/prod")
        await screen.keys("l")
        await screen.until("denied: The token's policies")
        await screen.go_to("secret/app/db")


async def test_the_tree_is_filtered_and_folded_also_with_the_cursor_on_what_may_not_be_listed(
    narrow: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(as_somebody(narrow, monkeypatch)) as screen:
        await screen.until("▸ secret")
        await screen.go_to("secret/prod")
        assert screen.app.main is not None
        await screen.until(lambda: screen.app.main.why_not(BY_ID["tree.unfold_all"]))  # its limits are known
        await screen.keys("slash", *"api")
        await screen.until("• api", "1 folder was not listed", lambda: " prod" not in screen.text)
        await screen.keys("escape")
        await screen.until(" prod")
        await screen.keys("z")
        await screen.until("▸ secret")


async def test_the_trash_has_the_rest_and_counts_what_was_not_listed(
    narrow: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(as_somebody(narrow, monkeypatch)) as screen:
        await screen.until("▸ secret")
        await screen.go_to("secret/app/db")
        await screen.keys("d")
        await screen.until("It can be undeleted")
        await screen.keys("ctrl+s")
        await screen.until("Deleted secret/app/db")
        await screen.keys("t")
        await screen.until("1 deleted", "secret/app/db  version 2", "1 not listed: 1 denied")
        await screen.keys("enter")
        await screen.until("Undeleted version 2 of secret/app/db")


@pytest.mark.parametrize("key", ["d", "m", "C"])
async def test_a_folder_of_which_not_all_can_be_listed_is_not_changed(
    narrow: VaultDouble, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    async with served(as_somebody(narrow, monkeypatch)) as screen:
        await screen.until("▸ secret")
        await screen.keys("j", key)
        await screen.until("1 folder was not listed: 1 denied (secret/prod")
        assert not narrow.mutations()
