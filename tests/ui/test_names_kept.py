"""Names of a server while nobody looks, and the key that keeps them while a vault is unlocked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

import pytest

from kvtui.config import Config
from kvtui.domain.value import SecretValue
from kvtui.services.kept_names import KeptNames
from kvtui.services.profiles import Profile, Profiles
from kvtui.services.session import Session
from kvtui.ui.app import KvtuiApp
from tests.doubles.vault import VaultDouble
from tests.ui.serving import Served, profile_of, served
from tests.vault.places import PASSPHRASE, Place

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[VaultDouble]:
    with VaultDouble() as double:
        monkeypatch.setenv("TOKEN_BAO", double.root_token)
        double.write("secret", "db", {"value": "one"})
        yield double


def prod(server: VaultDouble, **more: object) -> Profile:
    profile = profile_of(server, {"method": "token", "token_env": "TOKEN_BAO"})
    return profile._replace(**more)  # type: ignore[arg-type]


def known(session: Session) -> list[str]:
    return [match.path for match in session.names.query("").matches]


async def test_names_are_read_again_by_themselves_where_the_profile_asks_for_it(server: VaultDouble) -> None:
    async with served(prod(server, refresh_names_minutes=10)) as screen:
        await screen.until("▸ ")
        session = screen.app.session
        session.names.read()
        server.write("secret", "new", {"value": "two"})
        asked = len(server.requests)
        await screen.tick()
        assert known(session) == ["secret/db"]
        assert not [one for one in server.requests[asked:] if "list=true" in one.target]
        session.names._looked = LONG_AGO
        await screen.tick()
        await screen.until(lambda: known(session) == ["secret/db", "secret/new"])


async def test_what_is_gone_to_and_not_there_is_not_offered_again(server: VaultDouble) -> None:
    server.write("secret", "old", {"value": "two"})
    async with served(prod(server)) as screen:
        await screen.until("▸ ")
        session = screen.app.session
        session.names.read()
        del server.secrets_of("secret")["old"]
        assert screen.app.main is not None
        screen.app.main.arrive("secret/old")
        await screen.until(lambda: known(session) == ["secret/db"])


async def test_the_key_that_seals_names_stays_for_the_next_profile_and_is_dropped_by_the_lock(
    server: VaultDouble, tmp_path: Path
) -> None:
    place = Place(tmp_path)
    mine = Profile("mine", "file", MappingProxyType({"path": str(place.path)}))
    other = prod(server, remember_names="mine")
    profiles = Profiles({"mine": mine, other.name: other}, mine)
    session = Session(mine)
    session.unlock(PASSPHRASE)
    session.backend.write("app/db", {"value": SecretValue("x")})
    app = KvtuiApp(profiles, Config(), session=session)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = Served(pilot, app)
        await screen.until("▸ app")
        await app.switch_profile(other)
        await screen.until("▸ secret")
        assert not session.is_open
        await screen.keys("ctrl+f")
        await screen.until("1 name as of")
        assert app.session.names.note == ""
        await screen.keys("escape")
        kept = KeptNames(other.name, b"", "").file
        assert kept.exists()
        assert b"secret" not in kept.read_bytes()
        await app.action_app_lock()
        assert not app.session.is_open
        await app.switch_profile(other)
        await screen.until("▸ secret")
        await screen.keys("ctrl+f")
        await screen.until("These names are not kept: the vault mine is locked.")
        app.session.lock()
