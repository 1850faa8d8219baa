"""cp and mv."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli


def test_cp_keeps_versions_and_metadata(filled: Cli) -> None:
    assert filled("cp", "app/db", "app/db2", "--json").json == {"path": "app/db2", "version": 2}
    assert filled("get", "app/db2", "--json").json["metadata"]["tags"] == ["prod"]
    assert filled("get", "app/db", "-f", "user").out == b"admin"


def test_mv_takes_it_away(filled: Cli) -> None:
    assert filled("mv", "app/db", "db").code == 0
    assert filled("get", "app/db", "-f", "user").code == 3
    assert filled("get", "db", "-f", "user").out == b"admin"


@pytest.mark.parametrize("command", ["cp", "mv"])
def test_onto_an_existing_secret_is_a_conflict_unless_overwritten(filled: Cli, command: str) -> None:
    ran = filled(command, "note", "app/api", "--json")
    assert ran.code == 5
    assert ran.error["kind"] == "AlreadyExists"
    assert filled("get", "app/api").out == b"k-1"
    assert filled(command, "note", "app/api", "--overwrite", "--json").json == {"path": "app/api", "version": 2}
    assert filled("get", "app/api").out == b"remember"


def test_a_folder_needs_r(filled: Cli) -> None:
    ran = filled("cp", "app", "copy")
    assert ran.code == 2
    assert "-r" in ran.err
    assert filled("cp", "nothing", "copy").code == 3


def test_cp_of_a_folder_reports_each(filled: Cli) -> None:
    found = filled("cp", "-r", "app", "copy", "--json").json
    assert found == {
        "done": [{"path": "app/api", "to": "copy/api"}, {"path": "app/db", "to": "copy/db"}],
        "failed": [],
    }
    assert filled("ls", "copy").text == "api\ndb\n"


def test_a_secret_of_the_folders_name_goes_with_it(filled: Cli) -> None:
    filled("set", "app", stdin=b"itself")
    filled("mv", "-r", "app", "moved")
    assert filled("ls", "-r").text == "moved\nmoved/api\nmoved/db\nnote\n"


def test_partly_done_is_told_and_exits_4(filled: Cli) -> None:
    filled("set", "copy/db", stdin=b"there")
    ran = filled("cp", "-r", "app", "copy", "--json")
    assert ran.code == 4
    assert [row["path"] for row in ran.json["done"]] == ["app/api"]
    assert [(row["path"], row["error"]["kind"]) for row in ran.json["failed"]] == [("app/db", "AlreadyExists")]


def test_a_dry_run_prints_the_plan_and_does_nothing(filled: Cli) -> None:
    filled("set", "copy/db", stdin=b"there")
    plan = filled("mv", "-r", "app", "copy", "--dry-run", "--json").json["plan"]
    assert [(step["op"], step["path"], step["to"]) for step in plan] == [
        ("move", "app/api", "copy/api"),
        ("move", "app/db", "copy/db"),
    ]
    assert plan[0]["notes"] == []
    assert len(plan[1]["notes"]) == 1
    assert filled("ls", "-r").text == "app/api\napp/db\ncopy/db\nnote\n"


def test_read_only_refuses_the_whole_with_7(filled: Cli) -> None:
    ran = filled("mv", "-r", "app", "copy", "--read-only", "--json")
    assert ran.code == 7
    assert filled("ls", "-r").text == "app/api\napp/db\nnote\n"


def test_onto_itself_is_refused(filled: Cli) -> None:
    assert filled("mv", "note", "note").code == 2
    assert filled("get", "note").out == b"remember"


def test_a_folder_is_copied_and_moved_into_another_profile(filled: Cli) -> None:
    filled("set", "app/api", stdin=b"newer")
    assert filled("cp", "-r", "app", "other:from").code == 0
    assert filled("-p", "other", "ls", "-r").text == "from/api\nfrom/db\n"
    assert filled("-p", "other", "get", "from/api").out == b"newer"
    assert len(filled("-p", "other", "versions", "from/api", "--json").json["versions"]) == 2
    assert filled("cp", "app/api", "other:from/api").code == 5
    assert filled("mv", "note", "other:note").code == 0
    assert filled("get", "note").code == 3
    assert filled("-p", "other", "get", "note").out == b"remember"


def test_the_plan_of_a_copy_tells_what_is_there_already(filled: Cli) -> None:
    filled("cp", "note", "other:note")
    plan = filled("cp", "note", "other:note", "--dry-run", "--json").json["plan"]
    assert plan == [
        {
            "op": "copy",
            "path": "note",
            "to": "note",
            "notes": ["Something is there; it will be left alone without --overwrite."],
        }
    ]
    assert filled("cp", "note", "other:note", "--resume").code == 0


def test_all_of_a_store_is_copied_by_its_root(filled: Cli) -> None:
    before = filled("ls", "-r").text.split()
    assert filled("cp", "-r", "", "copy", "--json").json["done"] == [
        {"path": path, "to": f"copy/{path}"} for path in before
    ]
    assert filled("ls", "-r", "copy").text.split() == [f"copy/{path}" for path in before]
    ran = filled("cp", "", "elsewhere")
    assert ran.code == 2  # not without -r


def test_a_folder_is_moved_up_to_the_root(filled: Cli) -> None:
    assert filled("mv", "-r", "app", "", "--json").json["done"] == [
        {"path": "app/api", "to": "api"},
        {"path": "app/db", "to": "db"},
    ]
    assert filled("ls", "-r").text.split() == ["api", "db", "note"]


def test_nothing_is_copied_onto_the_root_itself(filled: Cli) -> None:
    assert filled("cp", "-r", "", "").code == 2
    assert filled("cp", "-r", "note", "").code == 2
