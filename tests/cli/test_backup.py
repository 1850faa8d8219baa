"""backup and restore as commands."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Cli, Typist, Vault, run_here


def test_a_backup_and_its_restoration_are_told_in_full(vault: Vault, tmp_path: Path) -> None:
    vault("set", "a/b", stdin=b"s3cret")
    made = vault("backup", str(tmp_path / "b.kvb"), "--json")
    assert made.code == 0, made.err
    assert set(made.json) == {"path", "size", "generation", "secrets"}
    assert made.json["path"] == str(tmp_path / "b.kvb")
    back = vault("restore", str(tmp_path / "b.kvb"), str(tmp_path / "again"), "--json")
    assert back.code == 0, back.err
    assert (back.json["vault"], back.json["older"], back.json["replaced"]) == (str(tmp_path / "again"), False, None)
    again = Vault(tmp_path / "again", vault.passphrase_file, vault.recovery_key)
    assert again("get", "a/b").out == b"s3cret"


def test_an_older_backup_says_how_it_is_accepted(vault: Vault, tmp_path: Path) -> None:
    vault("set", "a/b", stdin=b"old")
    vault("backup", str(tmp_path / "b.kvb"))
    vault("set", "a/b", stdin=b"new")
    assert vault("restore", str(tmp_path / "b.kvb")).code == 5
    back = vault("restore", str(tmp_path / "b.kvb"), "--replace")
    assert back.code == 0, back.err
    assert "kvtui doctor --accept-rollback" in back.err
    assert ".replaced-" in back.err
    assert vault("get", "a/b").code == 1
    assert vault("doctor", "--accept-rollback").code == 0
    assert vault("get", "a/b").out == b"old"


def test_a_read_only_profile_is_backed_up_but_not_restored(vault: Vault, tmp_path: Path) -> None:
    assert vault("--read-only", "backup", str(tmp_path / "b.kvb")).code == 0
    assert vault("--read-only", "restore", str(tmp_path / "b.kvb"), str(tmp_path / "again")).code == 7
    assert not (tmp_path / "again").exists()


def test_wrong_files_and_places_have_their_exit_codes(vault: Vault, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("not a backup")
    assert vault("backup", str(tmp_path / "text")).code == 5
    assert vault("restore", str(tmp_path / "text"), str(tmp_path / "again")).code == 1
    assert vault("restore", str(tmp_path / "nothing"), str(tmp_path / "again")).code == 3
    assert vault("backup", str(tmp_path / "no" / "folder" / "b")).code == 8
    vault("backup", str(tmp_path / "b"))
    (tmp_path / "wrong").write_text("something else\n")
    wrong = vault("--passphrase-file", str(tmp_path / "wrong"), "restore", str(tmp_path / "b"), str(tmp_path / "again"))
    assert wrong.code == 6
    assert not (tmp_path / "again").exists()


def test_a_backup_is_journaled(vault: Vault, tmp_path: Path) -> None:
    vault("backup", str(tmp_path / "b.kvb"))
    assert "backup" in vault("journal").text


def test_a_restoration_is_journaled_where_the_vault_has_its_journal(vault: Vault, tmp_path: Path) -> None:
    vault("set", "a/b", stdin=b"old")
    vault("backup", str(tmp_path / "b.kvb"))
    assert vault("restore", str(tmp_path / "b.kvb"), str(tmp_path / "again")).code == 0
    assert "restore" in vault("journal").text
    assert vault("journal", "verify").code == 0


def test_a_restoration_that_cannot_be_journaled_says_so(vault: Vault, home: Path, tmp_path: Path) -> None:
    vault("backup", str(tmp_path / "b.kvb"))
    journal = home / "state" / "kvtui" / "journal"
    for file in journal.iterdir():
        file.unlink()
    journal.rmdir()
    journal.write_text("in the way")
    back = vault("restore", str(tmp_path / "b.kvb"), str(tmp_path / "again"))
    assert back.code == 0, back.err
    assert "could not be written to the journal" in back.err
    assert (tmp_path / "again" / "vault.hdr").exists()


def test_a_place_that_is_taken_is_told_before_a_passphrase_is_asked_for(vault: Vault, tmp_path: Path) -> None:
    vault("backup", str(tmp_path / "b.kvb"))
    typist = Typist()
    taken = run_here("--vault", str(vault.path), "restore", str(tmp_path / "b.kvb"), terminal=typist)
    assert taken.code == 5
    assert "--replace" in taken.err
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "letter").touch()
    assert run_here("restore", str(tmp_path / "b.kvb"), str(tmp_path / "folder"), terminal=typist).code == 5
    assert typist.questions == []


def test_a_restored_vault_elsewhere_is_accepted_by_its_folder(vault: Vault, tmp_path: Path) -> None:
    vault("backup", str(tmp_path / "b.kvb"))
    vault("set", "a/b", stdin=b"later")
    again = tmp_path / "again"
    back = vault("restore", str(tmp_path / "b.kvb"), str(again))
    assert f"kvtui --vault {again} doctor --accept-rollback" in back.err


def test_the_key_file_of_the_profile_opens_the_backup(vault: Vault, home: Path, tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    key_file.write_bytes(bytes(64))
    config = home / "config" / "kvtui" / "config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text(f"profiles:\n  mine: {{backend: file, path: {vault.path}, key_file: {key_file}}}\n")
    (tmp_path / "both").write_text("with the file\n")
    assert (
        vault("key", "add", "--new-passphrase-file", str(tmp_path / "both"), "--new-key-file", str(key_file)).code == 0
    )
    mine = ("--profile", "mine", "--passphrase-file", str(tmp_path / "both"))
    assert run_here(*mine, "backup", str(tmp_path / "b.kvb")).code == 0
    back = run_here(*mine, "restore", str(tmp_path / "b.kvb"), str(tmp_path / "again"))
    assert back.code == 0, back.err


def test_other_kinds_of_store_are_not_backed_up(filled: Cli, tmp_path: Path) -> None:
    assert filled("backup", str(tmp_path / "b")).code == 9
    (tmp_path / "b").touch()
    assert filled("restore", str(tmp_path / "b")).code == 9
