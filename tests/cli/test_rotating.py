"""rotate, generate, due."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Typist


def test_generate_makes_24_characters_without_a_line_end_in_a_pipe(cli: Cli) -> None:
    assert re.fullmatch(rb"[A-Za-z0-9._-]{24}", cli("generate").out)
    assert cli("generate").out != cli("generate").out


def test_generate_on_a_terminal_ends_the_line_and_tells_the_bits(cli: Cli) -> None:
    ran = cli("generate", "--words", "7", screen=True)
    assert ran.text.count("-") >= 6
    assert ran.text.endswith("\n")
    assert "90.5 bits" in ran.err


@pytest.mark.parametrize(
    ("options", "pattern"),
    [
        (("--length", "5", "--charset", "digits"), r"\d{5}"),
        (("--charset", "ab", "--length", "3"), "[ab]{3}"),
        (("--words", "2", "--separator", "+"), r"[a-z-]+\+[a-z-]+"),
        (("--charset", "alnum+symbols", "--require", "symbols", "--length", "8"), r"[!-~]{8}"),
    ],
)
def test_generate_follows_its_options(cli: Cli, options: tuple[str, ...], pattern: str) -> None:
    assert re.fullmatch(pattern, cli("generate", *options, "--json").json["value"])


@pytest.mark.parametrize(
    "options", [("--length", "0"), ("--length", "x"), ("--words", "3", "--length", "3"), ("--charset", "")]
)
def test_generate_refuses_what_cannot_be(cli: Cli, options: tuple[str, ...]) -> None:
    assert cli("generate", *options).code == 2


def test_rotate_writes_a_generated_value_as_a_new_version(filled: Cli) -> None:
    assert filled("rotate", "note", "--json").json == {"path": "note", "version": 2}
    assert re.fullmatch(rb"[A-Za-z0-9._-]{24}", filled("get", "note").out)
    assert filled("get", "note", "--version", "1").out == b"remember"
    assert filled("journal", "note", "--limit", "3", "--json").json["entries"][2]["act"] == "rotate"


def test_rotate_with_several_fields_needs_one_named(filled: Cli) -> None:
    ran = filled("rotate", "app/db")
    assert ran.code == 2
    assert "user, password" in ran.err
    filled("rotate", "app/db", "-f", "password")
    fields = filled("get", "app/db", "--json").json["fields"]
    assert fields["user"] == "admin"
    assert fields["password"] != "hunter2"


def test_rotate_from_standard_input_is_byte_exact(filled: Cli) -> None:
    ran = filled("rotate", "note", "--stdin", stdin=b"n\xffw\n")
    assert "line end" in ran.err
    assert filled("get", "note").out == b"n\xffw\n"


def test_rotate_typed_at_a_terminal(filled: Cli) -> None:
    filled("rotate", "note", "--stdin", terminal=Typist("new", "new"), typed=True)
    assert filled("get", "note").out == b"new"


def test_rotate_takes_a_commands_output_and_all_its_arguments(filled: Cli) -> None:
    ran = filled("rotate", "note", "--command", "sh", "-c", 'echo "$0 $@"', "--json", "--", "-p", "--debug")
    assert ran.text == "note: version 2\n"
    assert filled("get", "note").out == b"--json -- -p --debug"


def test_a_failing_command_changes_nothing(filled: Cli) -> None:
    ran = filled("rotate", "note", "--json", "--command", "sh", "-c", "echo SENTINEL; exit 3")
    assert ran.code == 8
    assert "SENTINEL" not in ran.err
    assert filled("get", "note").out == b"remember"


@pytest.mark.parametrize("argv", [("--command",), ("--stdin", "--words", "3"), ("--stdin", "--command", "true")])
def test_sources_that_exclude_each_other_are_refused(filled: Cli, argv: tuple[str, ...]) -> None:
    assert filled("rotate", "note", *argv).code == 2
    assert filled("get", "note").out == b"remember"


def test_rotate_of_many_reports_each(filled: Cli) -> None:
    ran = filled("rotate", "note", "app/db", "app/api", "--json")
    assert ran.code == 4
    assert ran.json["done"] == [{"path": "note", "version": 2}, {"path": "app/api", "version": 2}]
    assert [(row["path"], row["error"]["kind"]) for row in ran.json["failed"]] == [("app/db", "InvalidInput")]
    assert filled("get", "note").out != filled("get", "app/api").out


def test_one_value_from_standard_input_is_not_written_to_many(filled: Cli) -> None:
    assert filled("rotate", "note", "app/api", "--stdin", stdin=b"x").code == 2
    assert filled("get", "note").out == b"remember"


def test_rotate_refused_as_a_whole_exits_7(filled: Cli) -> None:
    assert filled("rotate", "note", "app/api", "--read-only", "--json").code == 7
    assert filled("rotate", "note", "--read-only").code == 7
    assert filled("get", "note").out == b"remember"


def test_a_failing_hook_is_told_and_the_new_version_stays(home: Path, cli: Cli, config_file: Path) -> None:
    config_file.write_text(f"profiles:\n  mem: {{backend: memory, name: {home}, after_rotate: [sh, -c, exit 7]}}\n")
    cli("set", "a", stdin=b"old")
    ran = cli("rotate", "a", "--stdin", "--json", stdin=b"new")
    assert ran.code == 8
    assert ran.json == {"path": "a", "version": 2}
    assert "exit code 7" in ran.error["message"]
    assert cli("get", "a").out == b"new"


def test_due_lists_what_should_be_rotated(filled: Cli) -> None:
    filled("meta", "note", "--rotation", "90d")
    assert filled("due", "--json").json == {"entries": []}
    entries = filled("due", "--all", "--json").json["entries"]
    assert [(entry["path"], entry["state"], entry["rotation"]) for entry in entries] == [("note", "fresh", "90d")]
    assert entries[0]["at"].endswith("Z")
    assert filled("due", "--all").text.split()[::3] == ["fresh", "note"]
    filled("rm", "note")
    assert filled("due", "--all", "--json").json == {"entries": []}
