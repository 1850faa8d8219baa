"""What the specification says about errors, streams and read-only, against the program as scripts meet it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Vault, run_here

SECONDS = 60


@pytest.mark.parametrize("path", ["a", "no", "No", "secret", "field", "version"])
def test_an_error_names_its_path_whatever_word_that_is(cli: Cli, path: str) -> None:
    ran = cli("get", path)
    assert ran.code == 3
    assert ran.err.startswith(f"kvtui: {path}: ")


def test_an_error_about_a_file_names_it_once(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "none.json"
    ran = cli("import", str(file))
    assert ran.code == 3
    assert ran.err.count(str(file)) == 1


def test_a_missing_file_is_no_path_in_the_store(cli: Cli) -> None:
    assert "path" not in cli("set", "app", "--file", "none", "--json").error


@pytest.mark.parametrize("argv", [["--version"], ["--help"], ["get", "--help"], ["--version", "-q"]])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_cannot_be_written_is_one_line_and_exit_1(argv: list[str], unbuffered: str) -> None:
    with Path("/dev/full").open("wb") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "kvtui", *argv],
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=SECONDS,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )
    assert ran.returncode == 1
    assert ran.stderr.startswith(b"kvtui: ")
    assert ran.stderr.count(b"\n") == 1


@pytest.mark.parametrize("text", ["secret.rotat: x", "secret.rotate: y", "secret.rotate: ctrl+nonsense"])
@pytest.mark.parametrize("command", [["config", "check"], ["keys"]])
def test_a_key_that_cannot_work_is_refused_with_file_and_line(home: Path, text: str, command: list[str]) -> None:
    file = home / "c.yaml"
    file.write_text(f"ui: {{mouse: false}}\nkeymap:\n  nav.top: f5\n  {text}\n")
    ran = run_here("--config", str(file), *command)
    assert ran.code == 2
    assert ran.err.startswith(f"kvtui: {file}:4: ")


def test_a_setting_is_explained_in_whole_sentences(home: Path) -> None:
    file = home / "c.yaml"
    file.write_text("profiles:\n  a: {backend: file, path: 5}\n")
    ran = run_here("--config", str(file), "config", "check")
    assert ran.code == 2
    assert ".." not in ran.err


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_init_where_something_else_is_exits_5_and_touches_nothing(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "place"
    kept = place / "kept" if kind == "folder" else place
    kept.parent.mkdir(exist_ok=True)
    kept.write_text("mine")
    ran = run_here("init", str(place), "--json")
    assert ran.code == 5
    assert ran.error["kind"] == "AlreadyExists"
    assert kept.read_text() == "mine"


def test_init_read_only_creates_nothing(tmp_path: Path, vault: Vault) -> None:
    ran = run_here("--read-only", "--passphrase-file", str(vault.passphrase_file), "init", str(tmp_path / "new"))
    assert ran.code == 7
    assert not (tmp_path / "new").exists()


def test_a_rollback_is_not_accepted_read_only(vault: Vault) -> None:
    assert vault("--read-only", "doctor", "--accept-rollback").code == 7


def test_a_vault_whose_name_is_not_utf_8_is_refused_as_input(vault: Vault) -> None:
    name = os.fsdecode(b"\xff")
    ran = run_here("--passphrase-file", str(vault.passphrase_file), "init", name, "--json")
    assert (ran.code, ran.error["kind"]) == (2, "InvalidInput")
    assert not Path(name).exists()
