"""versions, diff, rollback."""

from __future__ import annotations

from tests.cli.conftest import Cli


def _three(cli: Cli) -> None:
    for value in (b"one", b"two", b"three"):
        cli("set", "a", stdin=value)


def test_versions_json_has_the_documented_shape(cli: Cli) -> None:
    _three(cli)
    cli("rm", "a", "--versions", "2")
    found = cli("versions", "a", "--json").json
    assert list(found) == ["path", "current", "versions"]
    assert found["current"] == 3
    assert [(row["version"], row["state"]) for row in found["versions"]] == [(1, "live"), (2, "deleted"), (3, "live")]
    assert list(found["versions"][0]) == ["version", "state", "created_at", "created_by"]


def test_versions_prints_a_line_each(cli: Cli) -> None:
    _three(cli)
    assert [line.split()[:2] for line in cli("versions", "a").text.splitlines()] == [
        ["1", "live"],
        ["2", "live"],
        ["3", "live"],
    ]


def test_rollback_writes_the_old_content_as_a_new_version(cli: Cli) -> None:
    _three(cli)
    assert cli("rollback", "a", "1", "--json").json == {"path": "a", "version": 4}
    assert cli("get", "a").out == b"one"
    assert cli("get", "a", "--version", "3").out == b"three"
    assert cli("journal", "a", "--limit", "3", "--json").json["entries"][2]["act"] == "rollback"


def test_rollback_to_a_deleted_or_missing_version_is_not_found(cli: Cli) -> None:
    _three(cli)
    cli("rm", "a", "--versions", "1")
    assert cli("rollback", "a", "1", "--json").error["state"] == "deleted"
    assert cli("rollback", "a", "9").code == 3
    assert cli("rollback", "a", "0").code == 2


def test_diff_masks_values(cli: Cli) -> None:
    cli("set", "a", "-f", "same", stdin=b"x")
    cli("set", "a", "-f", "old", stdin=b"SECRET-1")
    cli("set", "b", "-f", "same", stdin=b"x")
    cli("set", "b", "-f", "new", stdin=b"SECRET-2")
    ran = cli("diff", "a", "b")
    assert ran.code == 0
    assert ran.text.splitlines()[2:] == ["  same: ••••••••", "+ new: ••••••••", "- old: ••••••••"]
    assert "SECRET" not in ran.text + cli("diff", "a", "b", "--json").text


def test_diff_reveals_when_asked_and_journals_both_sides(cli: Cli) -> None:
    _three(cli)
    ran = cli("diff", "a?version=1", "a", "--reveal")
    assert ran.text.splitlines()[2:] == ["- value: one", "+ value: three"]
    entries = cli("journal", "a", "--limit", "2", "--json").json["entries"]
    assert [(entry["act"], entry["version"]) for entry in entries] == [("read", 3), ("read", 1)]


def test_diff_of_one_path_compares_with_the_version_before(cli: Cli) -> None:
    _three(cli)
    found = cli("diff", "a", "--reveal", "--json").json
    assert (found["a"], found["b"]) == ({"path": "a", "version": 2}, {"path": "a", "version": 3})
    assert found["fields"] == [{"name": "value", "kind": "changed", "old": "two", "new": "three"}]


def test_diff_of_one_path_with_one_version_is_refused(cli: Cli) -> None:
    cli("set", "a", stdin=b"1")
    assert cli("diff", "a").code == 2


def test_diff_shows_metadata(cli: Cli) -> None:
    cli("set", "a", "--owner", "me", stdin=b"1")
    cli("set", "b", stdin=b"1")
    assert cli("diff", "a", "b", "--json").json["metadata"] == [{"name": "owner", "old": "me", "new": None}]
    assert "~ owner: me → -" in cli("diff", "a", "b").text


def test_diff_across_profiles(cli: Cli) -> None:
    cli("set", "a", stdin=b"1")
    cli("set", "other:a", stdin=b"2")
    assert cli("diff", "a", "other:a", "--json").json["fields"] == [{"name": "value", "kind": "changed"}]


def test_diff_of_many_lines_keeps_each_a_line(cli: Cli) -> None:
    cli("set", "a", stdin=b"1\n2\x1b[31m")
    cli("set", "a", stdin=b"1\n3")
    lines = cli("diff", "a", "--reveal").text.splitlines()
    assert lines[2:] == ["- value: 1", "-   2␛[31m", "+ value: 1", "+   3"]
