"""Find everywhere over several stores: their names stand in the rows, and one that is chosen is gone to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import MappingProxyType

import pytest
from textual.widgets import Static

from kvtui.backends.contract import Backend
from kvtui.backends.memory import MemoryBackend
from kvtui.domain.capability import Capability
from kvtui.domain.errors import PermissionDenied, Unavailable
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.value import SecretValue
from kvtui.services.profiles import Profile
from kvtui.services.session import Session
from kvtui.ui.dialogs import find
from kvtui.ui.dialogs.find import FindDialog
from tests.doubles.vault import VaultDouble
from tests.ui.conftest import Running
from tests.ui.serving import fill, profile_of, reads_of_values, served
from tests.vault.places import Place


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[VaultDouble, VaultDouble]]:
    with VaultDouble() as here, VaultDouble() as there:
        monkeypatch.setenv("TOKEN_HERE", here.root_token)
        monkeypatch.setenv("TOKEN_THERE", there.root_token)
        here.write("secret", "app/key-here", {"value": "x"})
        there.write("secret", "app/key-there", {"value": "x"})
        yield here, there


def profiles(two: tuple[VaultDouble, VaultDouble], tmp_path: Path) -> list[Profile]:
    """The two servers, and a vault that would ask for its passphrase."""
    vault = Profile("mine", "file", MappingProxyType({"path": str(Place(tmp_path).path)}))
    token = [{"method": "token", "token_env": f"TOKEN_{name}"} for name in ("HERE", "THERE")]
    return [profile_of(two[0], token[0], "first"), profile_of(two[1], token[1], "second"), vault]


async def test_a_key_looks_through_all_stores_and_back_and_what_is_chosen_is_gone_to(
    two: tuple[VaultDouble, VaultDouble], tmp_path: Path
) -> None:
    async with served(*profiles(two, tmp_path), size=(120, 30)) as screen:
        await screen.until("▸ secret")
        await screen.keys("ctrl+f", *"key")
        text = await screen.until("secret/app/key-here", "1 name as of", "ctrl+t: all stores")
        assert "key-there" not in text
        await screen.keys("ctrl+t")
        await screen.until("first  secret/app/key-here", "second  secret/app/key-there", "mine: left out: ")
        opened = screen.app.screen._finding.session("second")  # type: ignore[attr-defined]
        await screen.keys("ctrl+t")
        await screen.until(lambda: "key-there" not in screen.text and "key-here" in screen.text)
        await screen.until(lambda: not opened.is_open)
        await screen.keys("ctrl+t", *"there")
        await screen.until("second  secret/app/key-there", lambda: "key-here" not in screen.text)
        await screen.keys("enter")
        await screen.until(
            lambda: screen.app.session.profile.name == "second",
            lambda: (main := screen.app.main) is not None and main.is_mounted,
            lambda: screen.app.main.at_cursor[0] == "secret/app/key-there",  # type: ignore[union-attr]
        )


async def test_what_is_known_of_a_row_is_told_where_there_is_room_and_a_long_path_ends_in_dots(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []
    why_not = MemoryBackend.why_not

    def noticed(self: MemoryBackend, capability: Capability, path: str | None = None) -> str:
        if path is not None:  # on a server that may be a request
            threads.append(threading.current_thread())
        return why_not(self, capability, path)

    monkeypatch.setattr(MemoryBackend, "why_not", noticed)

    def fill(backend: Backend) -> None:
        metadata = MetadataPatch(description="of the billing team", tags=("card",))
        backend.write("app/" + "long/" * 30 + "key", {"value": SecretValue("x")}, metadata=metadata)

    async with running(contents=fill, size=(100, 45)) as screen:
        await screen.press("ctrl+f")
        text = await screen.type("longkey")
        assert "long/l…" in text
        async with asyncio.timeout(60):
            while "of the billing team" not in text:  # read once the cursor rests
                text = await screen.settle()
        assert "tags card" in text
        assert threads
        assert threading.main_thread() not in threads
        assert "••" not in text


async def test_what_a_server_knows_of_a_row_is_asked_once_and_no_value_with_it(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(server)
    monkeypatch.setenv("THE_TOKEN", server.root_token)
    async with served(profile_of(server, {"method": "token", "token_env": "THE_TOKEN"}), size=(100, 45)) as screen:
        await screen.until("▸ secret")
        await screen.keys("ctrl+f", *"path:secret/")
        await screen.until("3 names as of", "secret · updated")
        dialog = screen.app.screen
        assert isinstance(dialog, FindDialog)
        preview, first, second = dialog.query_one("#preview", Static), *[row.key for row in dialog.rows.rows][:2]
        assert first == "secret/app/api"
        for key, path in (("down", second), ("up", first)):
            await screen.keys(key)
            await screen.until(lambda path=path: path in str(preview.content) and "updated" in str(preview.content))
        asked = [seen.path for seen in server.requests if "/metadata/" in seen.path and "list=true" not in seen.target]
        assert len(asked) == len({*asked}) >= 2
        assert not reads_of_values(server)


async def test_what_a_server_failed_to_tell_of_a_row_is_asked_again_and_what_it_denied_is_not(
    server: VaultDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(server)
    monkeypatch.setenv("THE_TOKEN", server.root_token)
    asked: list[str] = []
    fails = True

    def known_of(_: Session, path: str) -> Sequence[str]:
        asked.append(path)
        if path != "secret/app/api":
            raise PermissionDenied("Denied.", path=path)
        if fails:
            raise Unavailable("Out of order.", path=path)
        return ["In order."]

    monkeypatch.setattr(find, "_known_of", known_of)
    async with served(profile_of(server, {"method": "token", "token_env": "THE_TOKEN"}), size=(100, 45)) as screen:
        await screen.until("▸ secret")
        await screen.keys("ctrl+f", *"path:secret/")
        await screen.until("3 names as of", "Out of order.")
        fails = False
        await screen.keys("down")
        await screen.until("Denied.")
        denied = asked.count("secret/app/db")
        for key, said in (("up", "In order."), ("down", "Denied.")):
            await screen.keys(key)
            await screen.until(said)
        assert asked.count("secret/app/db") == denied
