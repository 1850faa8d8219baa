"""What the specification says about import and export, on a real vault: nothing lost, or told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from kvtui.backends.file.factory import FileFactory
from kvtui.domain.credential import Credential
from kvtui.domain.value import SecretValue
from tests.cli.conftest import CHEAP, PASSPHRASE, Cli, Ran, Vault, run_here
from tests.support.hostile import HOSTILE

LONGEST = 2000


@pytest.fixture
def fresh(vault: Vault, tmp_path: Path) -> Callable[..., Ran]:
    """A second vault with the same passphrase."""
    place = tmp_path / "fresh.kvtui"
    FileFactory().create_with({"path": str(place)}, Credential(SecretValue(PASSPHRASE)), kdf=CHEAP)
    return lambda *argv, **options: run_here(
        "--vault", str(place), "--passphrase-file", str(vault.passphrase_file), *argv, **options
    )


def _fill(vault: Vault, tmp_path: Path) -> None:
    """Every hostile string as a value and, cut, as the name of a field; histories with all states."""
    secrets = {
        f"hostile/{entry.id}": {"value": entry.value, entry.value[:200]: "x"}
        for entry in HOSTILE
        if len(entry.value) <= LONGEST
    }
    file = tmp_path / "hostile.json"
    file.write_text(json.dumps(secrets), encoding="ascii")
    assert vault("import", str(file), "--format", "kv-json").code == 0
    for value in (b"1", b"2", b"\xff"):
        vault("set", "app/db", "--description", "d", "--tag", "t", "--custom", "k=v", stdin=value)
    vault("rm", "app/db", "--versions", "2")
    vault("rm", "app/db", "--versions", "1", "--destroy", "--yes")
    vault("set", "gone", stdin=b"x")
    vault("rm", "gone")


def test_all_versions_in_a_fresh_vault_export_as_the_very_same_file(
    vault: Vault, fresh: Callable[..., Ran], tmp_path: Path
) -> None:
    _fill(vault, tmp_path)
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    assert vault("export", "--all-versions", "-o", str(first)).code == 0
    assert fresh("import", str(first)).code == 0
    assert fresh("export", "--all-versions", "-o", str(second)).code == 0
    assert second.read_bytes() == first.read_bytes()
    assert fresh("undelete", "gone").code == 0
    assert fresh("get", "app/db", "--version", "1", "--json").error["state"] == "destroyed"
    assert fresh("get", "app/db", "--version", "2", "--json").error["state"] == "deleted"


@pytest.mark.parametrize("form", ["json", "kv-json"])
def test_every_hostile_value_and_field_comes_back_from_json(
    vault: Vault, fresh: Callable[..., Ran], tmp_path: Path, form: str
) -> None:
    _fill(vault, tmp_path)
    file = tmp_path / "out"
    assert vault("export", "hostile", "--format", form, "-o", str(file)).code == 0
    assert fresh("import", str(file), "--format", form).code == 0
    again = fresh("export", "hostile", "--format", form)
    assert again.out == file.read_bytes()
    assert not any(byte < 0x20 and byte != 0x0A for byte in again.out)


def test_what_yaml_cannot_hold_is_reported_by_path_and_the_rest_comes_back(
    vault: Vault, fresh: Callable[..., Ran], tmp_path: Path
) -> None:
    _fill(vault, tmp_path)
    file = tmp_path / "out.yaml"
    ran = vault("export", "hostile", "-o", str(file), "--json")
    assert ran.code == 4
    left_out = {row["path"] for row in ran.json["failed"]}
    assert left_out == {
        f"hostile/{entry.id}"
        for entry in HOSTILE
        if len(entry.value) <= LONGEST and any("\ud800" <= ch <= "\udfff" for ch in entry.value)
    }
    assert fresh("import", str(file)).code == 0
    here, there = (json.loads(side("export", "hostile", "--format", "kv-json").out) for side in (vault, fresh))
    assert there == {path: fields for path, fields in here.items() if path not in left_out}


@pytest.mark.parametrize("options", [["--all-versions"], ["--format", "yaml"], []])
def test_an_empty_container_that_is_left_out_is_told(vault: Vault, options: list[str]) -> None:
    vault("vault", "create", "empty")
    vault("vault", "create", "used")
    vault("set", "used/a", stdin=b"x")
    told = vault("export", *options).err
    assert "kvtui: empty: " in told
    assert "used" not in told


def test_export_to_a_name_without_a_format_is_json(cli: Cli, tmp_path: Path) -> None:
    cli("set", "a", stdin=b"x")
    file = tmp_path / "backup"
    assert cli("export", "-o", str(file)).code == 0
    assert json.loads(file.read_bytes()) == {"a": {"value": "x"}}


def test_an_import_that_does_a_part_exits_4_and_names_the_rest(cli: Cli) -> None:
    ran = cli("import", "-", "--format", "json", "--json", stdin=b'{"..": {"a": "x"}, "ok": {"a": "x"}}')
    assert ran.code == 4
    assert [row["path"] for row in ran.json["failed"]] == [".."]
    assert [row["path"] for row in ran.json["done"]] == ["ok"]
