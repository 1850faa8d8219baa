"""rm, undelete, trash."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli, Typist


def test_rm_needs_no_confirmation_and_undelete_reverses_it(filled: Cli) -> None:
    assert filled("rm", "note", "--json").json == {"path": "note", "version": 1}
    assert filled("get", "note").code == 3
    assert filled("undelete", "note", "--json").json == {"path": "note", "version": 1}
    assert filled("get", "note").out == b"remember"


def test_rm_of_some_versions(cli: Cli) -> None:
    for value in (b"1", b"2", b"3", b"4"):
        cli("set", "a", stdin=value)
    cli("rm", "a", "--versions", "1,3-4")
    states = [row["state"] for row in cli("versions", "a", "--json").json["versions"]]
    assert states == ["deleted", "live", "deleted", "deleted"]
    cli("undelete", "a", "--versions", "3")
    assert cli("get", "a", "--version", "3").out == b"3"


@pytest.mark.parametrize("numbers", ["0", "x", "1,,2", "3-1", "1-", "-1", "1-999999999"])
def test_version_numbers_that_are_none_are_a_usage_error(filled: Cli, numbers: str) -> None:
    assert filled("rm", "note", f"--versions={numbers}").code == 2
    assert filled("get", "note").code == 0


def test_rm_of_a_version_that_never_was_changes_nothing(filled: Cli) -> None:
    assert filled("rm", "note", "--versions", "1,9").code == 3
    assert filled("get", "note").out == b"remember"


def test_destroy_without_a_terminal_needs_yes(filled: Cli) -> None:
    ran = filled("rm", "note", "--destroy", "--json")
    assert ran.code == 2
    assert "--yes" in ran.error["hint"]
    assert filled("get", "note").out == b"remember"
    assert filled("rm", "note", "--destroy", "--yes").code == 0
    assert filled("get", "note").code == 3
    assert filled("trash", "--json").json == {"entries": []}


@pytest.mark.parametrize("answer", ["", "y", "yes", "not", "note ", "NOTE"])
def test_destroy_at_a_terminal_wants_the_very_path(filled: Cli, answer: str) -> None:
    ran = filled("rm", "note", "--destroy", terminal=Typist(answer), typed=True)
    assert ran.code == 2
    assert filled("get", "note").out == b"remember"


def test_destroy_at_a_terminal_goes_on_with_the_path(filled: Cli) -> None:
    typist = Typist("note")
    assert filled("rm", "note", "--destroy", terminal=typist, typed=True).code == 0
    assert typist.questions[0][1] is True
    assert "note" in typist.questions[0][0]
    assert filled("versions", "note").code == 3


def test_destroying_what_is_not_there_is_not_found_before_anything_is_asked(cli: Cli) -> None:
    typist = Typist()
    assert cli("rm", "x", "--destroy", terminal=typist, typed=True).code == 3
    assert typist.questions == []


def test_destroyed_versions_stay_destroyed(cli: Cli) -> None:
    for value in (b"1", b"2"):
        cli("set", "a", stdin=value)
    cli("rm", "a", "--versions", "1", "--destroy", "--yes")
    assert cli("undelete", "a", "--versions", "1").code == 3
    assert cli("get", "a").out == b"2"


def test_trash_lists_what_can_be_brought_back(filled: Cli) -> None:
    filled("rm", "note")
    filled("rm", "app/db", "--versions", "1")
    entries = filled("trash", "--json").json["entries"]
    assert [(entry["path"], entry["versions"]) for entry in entries] == [("app/db", [1]), ("note", [1])]
    assert list(entries[0]) == ["path", "versions", "deleted_at", "deleted_by"]
    assert filled("trash").text.splitlines()[1].startswith("note")


def test_an_empty_trash_prints_nothing(filled: Cli) -> None:
    ran = filled("trash")
    assert (ran.code, ran.text) == (0, "")
