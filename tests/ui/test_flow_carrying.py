"""Copying and moving into another profile, and where the server does neither: planned, with what would be lost."""

from pathlib import Path
from types import MappingProxyType

from kvtui.backends.file import FileFactory
from kvtui.backends.file.header import KdfCost
from kvtui.domain.credential import Credential
from kvtui.domain.value import SecretValue
from kvtui.services.profiles import Profile
from kvtui.services.session import Session
from tests.doubles.vault import VaultDouble
from tests.ui.serving import profile_of, served

PASSPHRASE = "correct horse battery staple"


def signed_in(server: VaultDouble, folder: Path) -> Profile:
    file = folder / "token"
    file.write_text(server.root_token)
    file.chmod(0o600)
    return profile_of(server, {"method": "token", "token_file": str(file)})


def vault_at(folder: Path) -> Profile:
    settings = {"path": folder / "v.kvtui"}
    FileFactory().create_with(settings, Credential(SecretValue(PASSPHRASE)), kdf=KdfCost(8 * 1024, 1, 1))
    return Profile("here", "file", MappingProxyType(settings))


async def test_a_secret_moves_between_two_mounts_of_a_server_with_all_its_versions(
    server: VaultDouble, tmp_path: Path
) -> None:
    server.mount("other", version=2)
    async with served(signed_in(server, tmp_path)) as screen:
        await screen.until("secret")
        backend = screen.backend
        for text in ("one", "two"):
            backend.write("secret/app/db", {"value": SecretValue(text)})
        await screen.go_to("secret/app/db")
        await screen.press("m", "ctrl+u")
        await screen.type("other/db")
        text = await screen.press("ctrl+s")
        assert "secret/app/db → other/db" in text
        assert "set anew" in text
        text = await screen.press("ctrl+s")
        assert "1 of 1 moved." in text
        assert [version.number for version in backend.versions("other/db")] == [1, 2]
        assert not list(backend.walk("secret"))


async def test_a_move_that_was_ended_is_gone_on_with_when_it_is_repeated(server: VaultDouble, tmp_path: Path) -> None:
    server.mount("other", version=2)
    async with served(signed_in(server, tmp_path)) as screen:
        await screen.until("secret")
        backend = screen.backend
        for name in ("begun", "copied", "else"):
            for text in ("one", "two"):
                backend.write(f"secret/app/{name}", {"value": SecretValue(f"{name} {text}")})
        backend.write("other/begun", {"value": SecretValue("begun one")})
        for text in ("copied one", "copied two"):
            backend.write("other/copied", {"value": SecretValue(text)})
        backend.write("other/else", {"value": SecretValue("nothing of that")})
        await screen.go_to("secret/app")
        await screen.press("m", "ctrl+u")
        await screen.type("other")
        text = " ".join((await screen.press("ctrl+s")).replace("│", " ").split())
        assert "1 of 2 versions are there already: goes on with them." in text
        assert "2 of 2 versions are there already: goes on with them." in text
        assert "secret/app/else → other/else exists there: left" in text
        assert "2 of 2 moved." in await screen.press("ctrl+s")
        assert [version.number for version in backend.versions("other/begun")] == [1, 2]
        assert [version.number for version in backend.versions("other/copied")] == [1, 2]
        assert backend.read("other/begun").fields["value"].reveal() == "begun two"
        assert backend.read("other/else").current == 1
        assert [entry.path for entry in backend.walk("secret")] == ["secret/app/else"]


async def test_a_folder_that_is_named_as_its_own_target_is_said_to_be_the_same(
    server: VaultDouble, tmp_path: Path
) -> None:
    one = signed_in(server, tmp_path)
    again = Profile("again", one.kind, one.settings)  # the same server by another name
    async with served(one, again) as screen:
        await screen.until("secret")
        screen.backend.write("secret/app/db", {"value": SecretValue("one")})
        await screen.go_to("secret/app")
        await screen.press("C", "tab")
        await screen.press("enter", "down", "enter")
        await screen.keys("ctrl+s")
        await screen.until("Nothing was changed.", "Source and target are the same.")


async def test_a_move_that_would_lose_something_leaves_it_and_says_why(server: VaultDouble, tmp_path: Path) -> None:
    server.mount("old", version=1)
    async with served(signed_in(server, tmp_path)) as screen:
        await screen.until("secret")
        for text in ("one", "two"):
            screen.backend.write("secret/db", {"value": SecretValue(text)})
        before = len(server.mutations())
        await screen.go_to("secret/db")
        await screen.press("m", "ctrl+u")
        await screen.type("old/db")
        text = await screen.press("ctrl+s")
        assert "would be lost" in text
        assert "1 older one does not arrive" in " ".join(text.replace("│", " ").split())
        assert len(server.mutations()) == before
        assert screen.backend.read("secret/db").current == 2


async def test_a_folder_is_copied_from_a_server_into_a_locked_vault(server: VaultDouble, tmp_path: Path) -> None:
    local = vault_at(tmp_path)
    async with served(signed_in(server, tmp_path), local) as screen:
        await screen.until("secret")
        for text in ("one", "two"):
            screen.backend.write("secret/app/db", {"value": SecretValue(text)})
        screen.backend.write("secret/app/api", {"value": SecretValue("three")})
        changes = len(server.mutations())
        await screen.go_to("secret/app")
        await screen.press("C", "tab")
        await screen.press("enter", "down", "enter")
        await screen.keys("ctrl+s")
        await screen.until("Passphrase")
        await screen.keys(*"wrong", "enter")
        await screen.until(lambda: not screen.app.screen.query_one("#passphrase").disabled)
        for ch in PASSPHRASE:
            await screen.keys("space" if ch == " " else ch)
        await screen.keys("enter")
        await screen.until("Copy 2 secrets to here, with all versions?", "secret/app/db → secret/app/db")
        await screen.keys("ctrl+s")
        await screen.until("2 of 2 copied to here.")
        assert len(server.mutations()) == changes
    session = Session(local)
    session.unlock(Credential(SecretValue(PASSPHRASE)))
    assert [version.number for version in session.backend.versions("secret/app/db")] == [1, 2]
    assert session.backend.read("secret/app/api").fields["value"].same_as(SecretValue("three"))
    session.lock()


async def test_leaving_the_question_for_a_passphrase_changes_nothing(server: VaultDouble, tmp_path: Path) -> None:
    local = vault_at(tmp_path)
    async with served(signed_in(server, tmp_path), local) as screen:
        await screen.until("secret")
        screen.backend.write("secret/db", {"value": SecretValue("one")})
        await screen.go_to("secret/db")
        await screen.press("C", "tab")
        await screen.press("enter", "down", "enter")
        await screen.keys("ctrl+s")
        await screen.until("Passphrase")
        await screen.keys("escape")
        await screen.until("Nothing was changed.")
