"""profiles, backends, keys, config, doctor, journal, and what --help says."""

from __future__ import annotations

from pathlib import Path

import pytest

from kvtui.actions import ACTIONS
from kvtui.cli import commands
from tests.cli.conftest import Cli, Vault, run_here


def test_profiles_marks_the_current_one(cli: Cli) -> None:
    found = cli("profiles", "--json").json["profiles"]
    assert [(row["name"], row["backend"], row["read_only"], row["current"]) for row in found] == [
        ("mem", "memory", False, True),
        ("other", "memory", False, False),
        ("locked", "memory", True, False),
    ]
    assert cli("profiles").text.splitlines()[0].startswith("*  mem")


def test_an_unknown_profile_is_refused_with_the_nearest(cli: Cli) -> None:
    ran = cli("ls", "-p", "othr")
    assert ran.code == 2
    assert "other" in ran.err


def test_the_profile_can_come_from_the_environment(filled: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVTUI_PROFILE", "other")
    assert filled("ls").text == ""
    assert filled("ls", "-p", "mem").text != ""


def test_a_profile_and_a_vault_exclude_each_other(cli: Cli, tmp_path: Path) -> None:
    assert cli("ls", "-p", "mem", "--vault", str(tmp_path)).code == 2


def test_backends_tells_what_each_can_do(cli: Cli) -> None:
    found = {row["name"]: row["capabilities"] for row in cli("backends", "--json").json["backends"]}
    assert "key_slots" in found["file"]
    assert "key_slots" not in found["memory"]
    assert "check-and-set" in cli("backends").text


def test_keys_prints_the_table_of_actions_with_the_users_keys(cli: Cli, config_file: Path) -> None:
    config_file.write_text(config_file.read_text() + "keymap: {secret.rotate: ctrl+o}\n")
    found = {row["id"]: row for row in cli("keys", "--json").json["actions"]}
    assert set(found) == {action.id for action in ACTIONS}
    assert found["secret.rotate"]["keys"] == ["ctrl+o"]
    assert any("ctrl+o" in line and "secret.rotate" in line for line in cli("keys").text.splitlines())


def test_config_path_and_check(cli: Cli, config_file: Path) -> None:
    assert cli("config", "path").text.strip() == str(config_file)
    assert cli("config", "check", "--json").json == {"path": str(config_file), "exists": True, "ok": True}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("profils: {}\n", "profiles"),
        ("profiles: {a: {backend: file, path: x, pth: y}}\n", "path"),
        ("keymap: {secret.rotat: x}\n", "secret.rotate"),
        ("ui: [\n", "YAML"),
    ],
)
def test_config_check_refuses_what_it_does_not_know(cli: Cli, config_file: Path, text: str, told: str) -> None:
    config_file.write_text(text)
    ran = cli("config", "check")
    assert ran.code == 2
    assert told in ran.err


def test_another_config_file_by_option_or_environment(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("profiles: {only: {backend: memory}}\n")
    assert [row["name"] for row in cli("profiles", "--config", str(file), "--json").json["profiles"]] == ["only"]
    monkeypatch.setenv("KVTUI_CONFIG", str(file))
    assert [row["name"] for row in cli("profiles", "--json").json["profiles"]] == ["only"]
    assert cli("profiles", "--config", str(tmp_path / "none")).code == 2


def test_doctor_reports_findings(cli: Cli) -> None:
    found = cli("doctor", "--json").json
    assert isinstance(found["ok"], bool)
    assert {"level", "subject", "message", "hint"} == set(found["findings"][0])


def test_doctor_checks_what_is_in_a_vault_it_can_open(vault: Vault) -> None:
    subjects = [(row["level"], row["subject"]) for row in vault("doctor", "--json").json["findings"]]
    assert subjects[-1] == ("ok", "vault")
    closed = run_here("--vault", str(vault.path), "doctor", "--json").json["findings"]
    assert closed[-1]["level"] == "note"


def test_doctor_reports_a_damaged_vault_and_exits_1(vault: Vault) -> None:
    for file in vault.path.iterdir():
        if file.is_file() and file.stat().st_size:
            file.write_bytes(b"no vault" * 100)
    ran = vault("doctor", "--json")
    assert ran.code == 1
    assert any(row["level"] == "problem" for row in ran.json["findings"])


def test_journal_lists_the_newest_first(filled: Cli) -> None:
    entries = filled("journal", "--json").json["entries"]
    assert [entry["path"] for entry in entries] == ["note", "app/api", "app/db", "app/db"]
    assert list(entries[0]) == ["at", "actor", "act", "path", "field", "version", "to", "result"]
    assert len(filled("journal", "--limit", "2").text.splitlines()) == 2
    assert filled("journal", "verify", "--json").json["ok"] is True


@pytest.mark.parametrize("argv", [("--help",), ("-h",)])
def test_the_overview_names_every_command(cli: Cli, argv: tuple[str, ...]) -> None:
    ran = cli(*argv)
    assert ran.code == 0
    assert all(name in ran.text for name in commands.names())


@pytest.mark.parametrize("name", commands.names())
def test_every_command_explains_itself(cli: Cli, name: str) -> None:
    ran = cli(*name.split(), "--help")
    assert ran.code == 0
    assert ran.text.startswith(f"usage: kvtui {name}")
    assert commands.summary(name).lower() in ran.text.lower()
    assert "--passphrase-file" in ran.text


@pytest.mark.parametrize("group", ["vault", "key", "config"])
def test_a_group_without_its_second_word_says_what_there_is(cli: Cli, group: str) -> None:
    ran = cli(group)
    assert ran.code == 2
    assert cli(group, "--help").code == 0


def test_version_prints_one_line(cli: Cli) -> None:
    from kvtui import __version__

    assert cli("--version", "ls").text == f"kvtui {__version__}\n"


def test_the_screen_needs_a_terminal(cli: Cli) -> None:
    for argv in ((), ("open", "a")):
        ran = cli(*argv)
        assert ran.code == 8
        assert "terminal" in ran.err
