"""import and export."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

DOTENV = b"DB_PASSWORD='p w'\nAPI_KEY=k\n"


def test_import_of_dotenv_into_a_folder_reports_each(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_bytes(DOTENV)
    ran = cli("import", str(file), "--into", "app", "--json")
    assert ran.code == 0
    assert [(row["path"], row["version"]) for row in ran.json["done"]] == [("app/DB_PASSWORD", 1), ("app/API_KEY", 1)]
    assert ran.json["failed"] == []
    assert cli("get", "app/DB_PASSWORD").out == b"p w"


def test_import_again_skips_what_is_the_same(cli: Cli) -> None:
    cli("import", "-", "--format", "dotenv", "--into", "app", stdin=DOTENV)
    again = cli("import", "-", "--format", "dotenv", "--into", "app", "--json", stdin=DOTENV).json
    assert {row["outcome"] for row in again["done"]} == {"skipped"}
    assert cli("versions", "app/API_KEY", "--json").json["current"] == 1


def test_import_as_one_secret(cli: Cli) -> None:
    cli("import", "-", "--format", "dotenv", "--as", "app/env", stdin=DOTENV)
    assert cli("get", "app/env", "--json").json["fields"] == {"DB_PASSWORD": "p w", "API_KEY": "k"}


def test_import_dry_run_plans_and_writes_nothing(cli: Cli) -> None:
    plan = cli("import", "-", "--format", "dotenv", "--into", "app", "--dry-run", "--json", stdin=DOTENV).json["plan"]
    assert [(step["op"], step["path"], step["base_version"]) for step in plan] == [
        ("set", "app/DB_PASSWORD", 0),
        ("set", "app/API_KEY", 0),
    ]
    assert cli("ls").text == ""


def test_import_of_a_broken_file_writes_nothing_and_quotes_nothing(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "x.json"
    file.write_text('{"a": {"value": "SENTINEL-9"}, ')
    ran = cli("import", str(file))
    assert ran.code == 2
    assert "SENTINEL" not in ran.err
    assert cli("ls").text == ""


def test_import_of_an_unknown_format_names_those_there_are(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "x.unknown"
    file.write_text("{}")
    assert cli("import", str(file)).code == 2
    assert "dotenv" in cli("import", str(file), "--format", "nope").err


def test_import_into_a_read_only_profile_exits_7(cli: Cli) -> None:
    ran = cli("import", "-", "--format", "dotenv", "--into", "app", "--read-only", "--json", stdin=DOTENV)
    assert ran.code == 7


def test_import_partly_done_exits_4(cli: Cli) -> None:
    data = json.dumps({"ok": {"value": "1"}, "bad\u202ename": {"value": "2"}}).encode()
    ran = cli("import", "-", "--format", "kv-json", "--json", stdin=data)
    assert ran.code == 4
    assert [row["path"] for row in ran.json["done"]] == ["ok"]
    assert ran.json["failed"][0]["error"]["kind"] == "InvalidPath"


@pytest.mark.parametrize("form", ["json", "yaml", "kv-json"])
def test_export_imports_the_same_elsewhere(filled: Cli, tmp_path: Path, form: str) -> None:
    filled("set", "n", "--json-value", stdin=b'{"deep": [1, 1.10, null]}')
    data = filled("export", "--format", form).out
    ran = filled("import", "-", "--format", form, "-p", "other", stdin=data)
    assert ran.code == 0, ran.err
    assert filled("export", "--format", form, "-p", "other").out == data


def test_export_to_a_file_makes_it_0600(filled: Cli, tmp_path: Path) -> None:
    file = tmp_path / "out.yaml"
    ran = filled("export", "app", "-o", str(file), "--json")
    assert ran.json["done"] == [{"file": str(file)}]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert b"hunter2" in file.read_bytes()


def test_export_to_a_symlink_is_refused(filled: Cli, tmp_path: Path) -> None:
    (tmp_path / "target").write_text("keep")
    (tmp_path / "link.json").symlink_to(tmp_path / "target")
    assert filled("export", "-o", str(tmp_path / "link.json")).code == 7
    assert (tmp_path / "target").read_text() == "keep"


def test_export_of_nothing_is_not_found(filled: Cli) -> None:
    assert filled("export", "nowhere").code == 3


def test_export_with_all_versions_keeps_deleted_ones(filled: Cli) -> None:
    filled("rm", "note")
    data = filled("export", "--all-versions").out
    assert filled("import", "-", "--format", "json", "-p", "other", stdin=data).code == 0
    assert filled("get", "note", "-p", "other").code == 3
    filled("undelete", "note", "-p", "other")
    assert filled("get", "note", "-p", "other").out == b"remember"


def test_export_reports_what_the_format_cannot_hold(filled: Cli) -> None:
    filled("set", "app", "-f", "api", stdin=b"a field where the folder has a secret")
    ran = filled("export", "--format", "json")
    assert ran.code == 4
    assert "app" in ran.err


def test_export_on_a_terminal_sends_no_control_characters(cli: Cli) -> None:
    cli("set", "a", stdin=b"x\x1b]52;c;aGk=\x07")
    for form in ("json", "yaml", "dotenv"):
        assert b"\x1b" not in cli("export", "--format", form, screen=True).out


def test_the_plan_of_an_import_is_what_is_then_done(filled: Cli) -> None:
    data = json.dumps({"app/api": {"value": "k-2"}, "app/new": {"a": 1}, "note": {"value": "remember"}}).encode()
    argv = ("import", "-", "--format", "kv-json", "--json")
    plan = filled(*argv, "--dry-run", stdin=data).json["plan"]
    done = [row for row in filled(*argv, stdin=data).json["done"] if row["outcome"] != "skipped"]
    assert [(step["path"], step["base_version"] + 1) for step in plan] == [
        (row["path"], row["version"]) for row in done
    ]
    assert filled(*argv, "--dry-run", stdin=data).json == {"plan": []}
