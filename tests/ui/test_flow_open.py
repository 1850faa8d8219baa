"""Opening, locking and losing a store: what is said, and what is kept."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import pytest

from kvtui.backends import registry
from kvtui.backends.file import vault as vaults
from kvtui.config import Config, UiConfig
from kvtui.domain.errors import Unavailable
from kvtui.domain.value import SecretValue
from kvtui.services.profiles import Profile, Profiles
from kvtui.services.session import Session
from kvtui.ui.app import KvtuiApp
from kvtui.ui.screens.create import CreateScreen
from kvtui.ui.screens.problem import ProblemScreen
from kvtui.ui.screens.unlock import UnlockScreen
from tests.support.screens import wait_for_idle
from tests.ui.conftest import Running, Screen
from tests.vault.places import Place

WORDS = "correct horse"


def app_on(path: Path, *others: Profile) -> KvtuiApp:
    profile = Profile("home", "file", MappingProxyType({"path": str(path)}))
    named = {one.name: one for one in (profile, *others)}
    return KvtuiApp(Profiles(named, profile), Config(ui=UiConfig()), session=Session(profile))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path)
    backend = made.open()
    backend.write("app/db", {"value": SecretValue("first")})
    backend.close()
    return made


async def test_a_half_typed_form_is_back_after_lock_and_unlock(place: Place) -> None:
    app = app_on(place.path)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = Screen(pilot, app)
        await wait_for_idle(pilot)
        assert "Passphrase" in screen.text
        await screen.type(WORDS)
        await screen.press("enter")
        await screen.settle()
        await screen.go_to("app/db")
        await screen.press("e")
        await screen.type("half-typed")
        await app.action_app_lock()
        await wait_for_idle(pilot)
        assert isinstance(app.screen, UnlockScreen)
        assert "Locked" in screen.text
        assert app.session.draft is None  # sealed, not lying about
        await screen.type(WORDS)
        await screen.press("enter")
        text = await screen.settle()
        assert "Edit" in text
        await screen.press("ctrl+s")
        assert "Write version 2 of app/db" in screen.text
        await app.action_app_lock()  # a review is worth keeping too
        await wait_for_idle(pilot)
        await screen.type(WORDS)
        await screen.press("enter")
        await screen.settle()
        await screen.press("ctrl+s", "ctrl+s")
        assert screen.backend.read("app/db").fields["value"].reveal() == "half-typed"


async def test_a_draft_somebody_wrote_past_meanwhile_becomes_a_conflict(place: Place) -> None:
    app = app_on(place.path)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = Screen(pilot, app)
        await wait_for_idle(pilot)
        await screen.type(WORDS)
        await screen.press("enter")
        await screen.settle()
        await screen.go_to("app/db")
        await screen.press("e")
        await screen.type("mine")
        await app.action_app_lock()
        await wait_for_idle(pilot)
        other = place.open()
        other.write("app/db", {"value": SecretValue("theirs")})
        other.close()
        await screen.type(WORDS)
        await screen.press("enter")
        text = await screen.settle()
        assert "Conflict" in text
        assert screen.backend.read("app/db").fields["value"].reveal() == "theirs"


async def test_first_run_warns_of_a_weak_passphrase_and_shows_the_recovery_key_once(tmp_path: Path) -> None:
    app = app_on(tmp_path / "new.kvtui")
    async with app.run_test(size=(80, 24)) as pilot:
        screen = Screen(pilot, app)
        await wait_for_idle(pilot)
        assert isinstance(app.screen, CreateScreen)
        assert "Create" in screen.text
        await screen.type("short")
        await screen.press("enter")
        await screen.type("other")
        assert "not the same" in await screen.press("enter")
        app.screen.query_one("#again").clear()  # type: ignore[attr-defined]
        await screen.type("short")
        text = await screen.press("enter")
        assert "Press Create again" in " ".join(text.replace("│", " ").split())
        assert not (tmp_path / "new.kvtui").exists()
        text = await screen.press("ctrl+s")
        assert "Recovery key" in text
        key = str(app.screen.query_one("#recovery-key").content)  # type: ignore[attr-defined]
        text = await screen.press("enter")
        assert "n makes the first" in await screen.settle()
        assert key not in screen.text
        assert "short" not in screen.text


async def test_a_damaged_vault_says_what_happened_and_is_left_as_it_was(place: Place) -> None:
    header = next(file for file in sorted(place.path.iterdir()) if file.is_file())
    header.write_bytes(b"not a vault")
    before = {file.name: file.read_bytes() for file in place.path.iterdir() if file.is_file()}
    app = app_on(place.path)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = Screen(pilot, app)
        await wait_for_idle(pilot)
        if isinstance(app.screen, UnlockScreen):  # the damage is in the database: seen when it is opened
            await screen.type(WORDS)
            await screen.press("enter")
        else:
            assert isinstance(app.screen, ProblemScreen)
            assert "cannot be opened" in screen.text
            assert "Try again" in screen.text
        assert not app.session.is_open
    assert before == {file.name: file.read_bytes() for file in place.path.iterdir() if file.is_file()}


async def test_another_profile_is_reached_from_a_vault_that_stays_locked(place: Place) -> None:
    memory = Profile("spare", "memory", MappingProxyType({"name": "spare"}))
    app = app_on(place.path, memory)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = Screen(pilot, app)
        await wait_for_idle(pilot)
        await screen.press("ctrl+p")
        await screen.type("profiles")
        text = await screen.press("enter")
        assert "spare (memory)" in text
        await screen.type("spare")
        await screen.press("enter")
        assert "spare memory" in await screen.settle()


async def test_staged_changes_wait_in_their_profile(place: Place) -> None:
    memory = Profile("spare", "memory", MappingProxyType({"name": "spare-2"}))
    app = app_on(place.path, memory)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = Screen(pilot, app)
        await wait_for_idle(pilot)
        await screen.type(WORDS)
        await screen.press("enter")
        await screen.settle()
        await screen.go_to("app/db")
        await screen.press("e")
        await screen.type("later")
        await screen.press("ctrl+s")
        app.screen.query_one("#review-stage").focus()
        assert "Staged 1" in await screen.press("enter")
        for name in ("spare", "home"):
            await app.switch_profile(app.profiles.get(name))
            await wait_for_idle(pilot)
        await screen.type(WORDS)
        await screen.press("enter")
        assert "Staged 1" in await screen.settle()


async def test_a_store_that_vanishes_is_told_of_once(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as screen:
        await screen.go_to("app/db")

        def gone(*_: object) -> int:
            raise Unavailable("The vault is gone.", hint="Bring it back.")

        monkeypatch.setattr(type(screen.backend), "change_token", gone)
        await screen.app._tick()
        assert "The vault is gone. Bring it back." in await screen.settle()
        assert "gone" not in await screen.press("j")
        for _ in range(3):
            await screen.app._tick()
            assert "gone" not in await screen.settle()


async def test_reveal_copy_and_write_are_refused_while_the_journal_cannot_be_written(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running() as screen:
        await screen.go_to("app/api")

        def refuse(*_: object, **__: object) -> None:
            raise Unavailable("The journal cannot be written.", hint="Make room for it.")

        monkeypatch.setattr(type(screen.session.journal), "_append", refuse, raising=False)
        monkeypatch.setattr(type(screen.session.journal), "record", refuse)
        monkeypatch.setattr(type(screen.session.journal), "around", refuse)
        for key in ("r", "y"):
            assert "journal cannot be written" in await screen.press(key)
        assert "one" not in screen.text.split("Fields")[1]
        await screen.press("d", "ctrl+s")
        assert "journal cannot be written" in screen.text
        assert screen.backend.read("app/api").version.state.value == "live"


async def test_rotating_says_what_was_done_when_only_the_copy_fails(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_tool(*_: object) -> None:
        raise Unavailable("There is no clipboard tool.", hint="Install one.")

    async with running() as screen:
        monkeypatch.setattr(screen.app, "copy", no_tool)
        await screen.go_to("app/api")
        await screen.press("o")
        text = " ".join((await screen.press("ctrl+s")).split())
        assert "version 2. u takes it back. Not copied: There is no clipboard tool." in text
        await screen.press("u")
        assert screen.backend.read("app/api").fields["value"].reveal() == "one"


def _roll_back(place: Place) -> None:
    old = {file.name: file.read_bytes() for file in place.path.iterdir()}
    with place.open() as vault:
        vault.write("later", {"value": SecretValue("x")})
    for name, data in old.items():
        (place.path / name).write_bytes(data)


async def test_a_rolled_back_vault_is_looked_into_read_only(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    _roll_back(place)
    monkeypatch.setattr(registry.factory("file"), "_state_dir", lambda: place.state)
    before = {file.name: file.read_bytes() for file in place.path.iterdir()}
    app = app_on(place.path)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = Screen(pilot, app)
        await wait_for_idle(pilot)
        await screen.type(WORDS)
        shown = await screen.press("enter")
        assert "older than when it was last used here" in " ".join(shown.split())
        assert "--accept-rollback" in shown
        shown = await screen.press("tab", "enter")
        assert "Rescue of profile" in shown
        await screen.type(WORDS)
        shown = await screen.press("enter")
        assert "RESCUE" in shown
        assert "Read-only" in shown
        await screen.go_to("app/db")
        assert "first" in await screen.press("r")
        shown = await screen.press("e")
        assert "rescued copy" in shown
    assert before == {file.name: file.read_bytes() for file in place.path.iterdir() if not file.name.endswith("-shm")}


async def test_a_large_vault_is_checked_beside_the_work_and_a_finding_ends_the_writing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vaults, "CHECKED_AT_OPEN", 0)
    app = app_on(place.path)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = Screen(pilot, app)
        await wait_for_idle(pilot)
        await screen.type(WORDS)
        shown = await screen.press("enter")
        assert "problem" not in shown
        assert not app.session.info().read_only
    with place.open() as vault, vault._database.writing() as connection:
        connection.execute("UPDATE secret SET description = 'eve was here'")
    app = app_on(place.path)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = Screen(pilot, app)
        await wait_for_idle(pilot)
        await screen.type(WORDS)
        shown = await screen.press("enter")
        await wait_for_idle(pilot)
        shown = " ".join(screen.text.split())
        assert "This vault has a problem" in shown
        assert "changed from outside" in shown
        shown = await screen.press("escape")
        assert "Read-only" in shown
        assert app.session.info().read_only
