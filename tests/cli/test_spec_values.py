"""What the specification says about versions and credentials, on a real vault."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Vault, run_here


def test_no_version_is_renumbered_when_old_ones_go(home: Path, vault: Vault) -> None:
    file = home / "c.yaml"
    file.write_text(f"profiles:\n  v: {{backend: file, path: {vault.path}, max_versions: 2}}\n")
    options = ("--config", str(file), "--passphrase-file", str(vault.passphrase_file))
    for value in (b"1", b"2", b"3"):
        assert run_here(*options, "set", "a", stdin=value).code == 0
    assert [row["version"] for row in run_here(*options, "versions", "a", "--json").json["versions"]] == [2, 3]
    assert run_here(*options, "get", "a", "--version", "1").code == 3
    assert run_here(*options, "get", "a", "--version", "2").out == b"2"


def test_some_versions_are_deleted_and_restored_together_or_not_at_all(vault: Vault) -> None:
    for value in (b"1", b"2", b"3"):
        vault("set", "a", stdin=value)

    def states() -> list[str]:
        return [row["state"] for row in vault("versions", "a", "--json").json["versions"]]

    assert vault("rm", "a", "--versions", "1,9").code == 3
    assert states() == ["live", "live", "live"]
    assert vault("rm", "a", "--versions", "1,3").code == 0
    assert states() == ["deleted", "live", "deleted"]
    assert vault("trash", "--json").json["entries"][0]["versions"] == [1, 3]
    assert vault("undelete", "a", "--versions", "1,3").code == 0
    assert states() == ["live", "live", "live"]


def test_the_recovery_key_sets_a_new_passphrase_and_stays(vault: Vault, tmp_path: Path) -> None:
    recovery, new = tmp_path / "recovery", tmp_path / "new"
    recovery.write_text(vault.recovery_key.lower().replace("-", " ") + "\n")
    new.write_text("a wholly different passphrase\n")
    options = ("--vault", str(vault.path), "--passphrase-file")
    assert run_here(*options, str(recovery), "key", "passwd", "--new-passphrase-file", str(new)).code == 0
    assert vault("ls").code == 6
    assert run_here(*options, str(new), "ls").code == 0
    assert run_here(*options, str(recovery), "ls").code == 0


def test_a_write_whose_version_check_fails_changes_no_metadata_either(vault: Vault) -> None:
    vault("set", "a", "--owner", "me", stdin=b"x")
    assert vault("meta", "a", "--tag", "t").code == 0
    assert vault("set", "a", "--cas", "1", "--description", "d", stdin=b"y").code == 0
    metadata = vault("meta", "a", "--json").json
    assert metadata["version"] == 2
    assert (metadata["metadata"]["owner"], metadata["metadata"]["tags"]) == ("me", ["t"])
    assert vault("set", "a", "--cas", "1", "--description", "lost", stdin=b"z").code == 5
    assert vault("meta", "a", "--json").json["metadata"]["description"] == "d"
    assert vault("get", "a").out == b"y"
