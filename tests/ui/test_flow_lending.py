"""Leases and sharing once, by keys, with a double of OpenBao behind."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from kvtui.clipboard import CopyResult
from kvtui.clock import utc_now
from kvtui.config import Config, UiConfig
from kvtui.domain.value import SecretValue
from kvtui.services.profiles import Profile, Profiles
from kvtui.services.session import Session
from kvtui.ui.app import KvtuiApp
from kvtui.ui.dialogs.leases import left
from kvtui.ui.screens.main import MainScreen
from tests.doubles.vault import VaultDouble
from tests.support.screens import wait_for_idle
from tests.ui.conftest import Screen

ROLE = "database/creds/readonly"
VALUE = "SENTINEL-hunter2-value"

Opened = Callable[..., AbstractAsyncContextManager[Screen]]


@pytest.fixture
def server() -> Iterator[VaultDouble]:
    with VaultDouble() as double:
        engine: Any = double.mount("database", kind="database")
        engine.add_role("readonly")
        engine.add_role("admin", ttl=7200)
        yield double
        assert not double.broken


def users(server: VaultDouble) -> dict[str, str]:
    engine: Any = server.state.root.mounts["database/"].engine
    found: dict[str, str] = engine.users
    return found


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What reached the clipboard."""
    found: list[bytes] = []

    def copy(_app: KvtuiApp, value: bytes) -> CopyResult:
        found.append(value)
        return CopyResult("test", verified=True, message="copied for a while")

    monkeypatch.setattr(KvtuiApp, "copy", copy)
    return found


@pytest.fixture
def opened(server: VaultDouble, tmp_path: Path) -> Opened:
    file = tmp_path / "token"
    file.write_text(server.root_token)
    file.chmod(0o600)

    @asynccontextmanager
    async def run(*, read_only: bool = False, now: Any = utc_now) -> AsyncIterator[Screen]:
        settings = {"url": server.url, "auth": {"method": "token", "token_file": str(file)}}
        profile = Profile("bao", "vault", MappingProxyType(settings), read_only=read_only)
        if not read_only:
            writer = Session(profile)
            writer.unlock()
            writer.backend.write("secret/app/db", {"password": SecretValue(VALUE), "user": SecretValue("admin")})
            writer.lock()
        session = Session(profile)
        session.unlock()
        app = KvtuiApp(Profiles({"bao": profile}, profile), Config(ui=UiConfig()), session=session, now=now)
        async with app.run_test(size=(110, 34)) as pilot:
            screen = Screen(pilot, app)
            await wait_for_idle(pilot)
            await screen.settle()
            yield screen
        app.session.lock()

    return run


def files_below(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


async def issue(screen: Screen, role: str = "read") -> str:
    """From the list to the values: I, Issue, a part of the name, enter takes it, enter to the button, press it."""
    await screen.press("I", "ctrl+s")
    await screen.type(role)
    return await screen.press("enter", "enter", "enter")


async def test_credentials_are_issued_shown_masked_and_listed(opened: Opened, server: VaultDouble) -> None:
    async with opened() as screen:
        assert "Nothing is issued" in await screen.press("I")
        text = await screen.press("ctrl+s")
        assert ROLE in text
        assert "database/creds/admin" in text
        assert users(server) == {}
        await screen.type("read")
        assert "database/creds/admin" not in await screen.press("enter")
        assert users(server) == {}
        text = await screen.press("enter", "enter")
        ((user, password),) = users(server).items()
        assert "Issued" in text
        assert ROLE in text
        assert password not in text
        assert user not in text
        text = await screen.press("ctrl+r")
        assert password in text
        assert user in text
        assert password not in await screen.press("ctrl+r")
        await screen.press("escape")
        assert isinstance(screen.app.screen, MainScreen)
        text = await screen.press("I")
        assert ROLE in text
        assert "ends in 59min" in text or "ends in 1h" in text


async def test_a_typed_role_and_time_are_taken_as_they_are(opened: Opened, server: VaultDouble) -> None:
    async with opened() as screen:
        await screen.press("I", "ctrl+s")
        await screen.type("nowhere/creds/x")
        await screen.press("enter")
        await screen.type("5m")
        assert "knows no such role" in await screen.press("enter", "enter")
        assert users(server) == {}
        await screen.press("I", "ctrl+s")
        await screen.type("readonly")
        await screen.press("tab", "tab")
        await screen.type("soon")
        assert "Not an interval" in await screen.press("ctrl+s")
        await screen.press(*["backspace"] * 4)
        await screen.type("5m")
        assert "Issued" in await screen.press("ctrl+s")
        (lease,) = server.state.leases.values()
        assert lease.expires - server.state.now() <= 300 * 10**9


async def test_looking_at_roles_and_leases_issues_nothing(opened: Opened, server: VaultDouble) -> None:
    async with opened() as screen:
        for keys in (("I",), ("ctrl+s",), ("down",), ("escape",), ("ctrl+f",), ("escape",), ("slash",), ("escape",)):
            await screen.press(*keys)
        await screen.go_to("secret/app/db")
        await screen.press("r", "v", "1", "I", "ctrl+s", "escape")
        assert server.state.leases == {}


async def test_the_countdown_runs(opened: Opened, server: VaultDouble) -> None:
    ahead = [timedelta()]
    async with opened(now=lambda: utc_now() + ahead[0]) as screen:
        await issue(screen)
        await screen.press("ctrl+r", "escape")
        await screen.press("I")
        ahead[0] = timedelta(minutes=30)
        screen.app.screen._draw()  # type: ignore[attr-defined]  # as it does each second
        assert "ends in 29min" in await screen.settle()
        ahead[0] = timedelta(hours=2)
        screen.app.screen._draw()  # type: ignore[attr-defined]
        assert "ended" in await screen.settle()


async def test_a_lease_is_renewed_and_revoked(opened: Opened, server: VaultDouble) -> None:
    async with opened() as screen:
        await issue(screen)
        await screen.press("ctrl+r", "escape")
        server.advance(1800)
        await screen.press("I", "tab", "tab")
        assert "Renewed" in await screen.press("enter", "escape")
        (lease,) = server.state.leases.values()
        assert lease.expires - server.state.now() > 3590 * 10**9
        await screen.press("I", "tab", "tab", "tab")
        text = await screen.press("enter")
        assert "stops working" in text
        assert lease.id in text
        await screen.press("enter")  # the safe button
        assert users(server) != {}
        await screen.press("I", "tab", "tab", "tab", "enter")
        text = await screen.press("ctrl+s")
        assert "Nothing is issued" in text
        assert users(server) == {}


async def test_a_value_is_copied_through_the_timed_clipboard_and_journaled(
    opened: Opened, server: VaultDouble, copied: list[bytes]
) -> None:
    async with opened() as screen:
        await issue(screen)
        text = await screen.press("ctrl+s")
        assert "password: copied for a while" in text
        ((_, password),) = users(server).items()
        assert copied == [password.encode()]
        acts = [(entry.act.value, entry.path, entry.field) for entry in screen.session.journal.entries(limit=2)]
        assert acts == [("copy", ROLE, "password"), ("issue", ROLE, None)]


async def test_leaving_what_was_not_read_is_asked_about_once(opened: Opened) -> None:
    async with opened() as screen:
        await issue(screen)
        assert "not shown again" in await screen.press("escape")
        await screen.press("escape")
        assert isinstance(screen.app.screen, MainScreen)


async def test_a_secret_is_shared_once_and_read_once(opened: Opened, server: VaultDouble, copied: list[bytes]) -> None:
    async with opened() as screen:
        await screen.go_to("secret/app/db")
        text = await screen.press("w")
        assert "secret/app/db" in text
        assert "once" in text
        mutations = len(server.mutations())
        text = await screen.press("ctrl+s")
        assert len(server.mutations()) == mutations + 1
        (token,) = [each for each in server.state.tokens.values() if each.wraps]
        assert "Whoever has this token" in text
        assert token.id not in text
        await screen.press("ctrl+s")
        assert copied == [token.id.encode()]
        assert token.id in await screen.press("ctrl+r")
        await screen.press("escape")

        await unwrap(screen, token.id)
        assert server.state.token(token.id) is not None, "looking uses nothing up"
        assert "sys/wrapping/wrap" in screen.text
        text = await screen.press("ctrl+s")
        assert "Unwrapped" in text
        assert VALUE not in text
        assert server.state.token(token.id) is None
        assert VALUE in await screen.press("ctrl+r")
        await screen.press("escape")
        assert "used already" in await unwrap(screen, token.id)


async def unwrap(screen: Screen, token: str) -> str:
    await screen.press(":")
    await screen.type("unwrap")
    await screen.press("enter")
    await screen.type(token)
    return await screen.press("enter")


async def test_an_unwrapping_that_is_not_confirmed_uses_nothing_up(opened: Opened, server: VaultDouble) -> None:
    async with opened() as screen:
        await screen.go_to("secret/app/db")
        await screen.press("w", "ctrl+s")
        (token,) = [each for each in server.state.tokens.values() if each.wraps]
        await screen.press("ctrl+r", "escape")
        await unwrap(screen, token.id)
        await screen.press("enter")  # the safe button
        assert server.state.token(token.id) is not None


async def test_a_read_only_profile_only_lists(opened: Opened, server: VaultDouble) -> None:
    async with opened() as screen:
        await issue(screen)
    leases, mutations = dict(server.state.leases), len(server.mutations())
    async with opened(read_only=True) as screen:
        text = await screen.press("I")
        assert ROLE in text
        assert "only read" in text
        assert not screen.app.screen.query("#main, #lease-renew, #lease-revoke")
        await screen.press("ctrl+s", "enter", "escape")
        await screen.go_to("secret/app/db")
        assert "read-only" in await screen.press("w")
        await screen.press("ctrl+s", "enter", "escape")
    assert server.state.leases == leases
    assert len(server.mutations()) == mutations


async def test_nothing_of_a_value_or_a_token_is_left_on_disk(
    opened: Opened, server: VaultDouble, tmp_path: Path, copied: list[bytes]
) -> None:
    async with opened() as screen:
        await issue(screen)
        await screen.press("ctrl+r", "escape")
        await screen.go_to("secret/app/db")
        await screen.press("w", "ctrl+s", "ctrl+r")
        (token,) = [each.id for each in server.state.tokens.values() if each.wraps]
        await screen.press("escape")
        await unwrap(screen, token)
        await screen.press("ctrl+s", "ctrl+r", "escape", "q")
    ((_, password),) = users(server).items()
    files = files_below(tmp_path)
    assert any("leases" in file.parts for file in files)
    for file in files:
        if file.name == "token":
            continue
        data = file.read_bytes()
        assert not any(secret.encode() in data for secret in (token, password, VALUE)), file
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


async def test_what_is_shown_once_goes_with_the_lock(opened: Opened, server: VaultDouble) -> None:
    async with opened() as screen:
        await issue(screen)
        await screen.press("ctrl+r")
        ((_, password),) = users(server).items()
        await screen.app.action_app_lock()
        assert password not in await screen.settle()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0s"), (12, "12s"), (69, "1min 09s"), (3900, "1h 05min"), (90061, "1d 1h")],
)
def test_a_time_is_told_in_its_two_largest_units(seconds: int, text: str) -> None:
    assert left(timedelta(seconds=seconds)) == text
