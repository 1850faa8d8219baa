"""backup and restore as commands."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Vault


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
