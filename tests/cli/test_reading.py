"""ls, tree, search, get."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Cli


def test_ls_lists_the_children_sorted_with_folders_marked(filled: Cli) -> None:
    assert filled("ls").text == "app/\nnote\n"
    assert filled("ls", "app").text == "api\ndb\n"


def test_ls_json_has_the_documented_shape(filled: Cli) -> None:
    assert filled("ls", "app", "--json").json == {
        "path": "app",
        "entries": [
            {"name": "api", "path": "app/api", "kind": "secret", "type": "api_key"},
            {"name": "db", "path": "app/db", "kind": "secret", "type": "secret"},
        ],
        "complete": True,
    }
    assert filled("ls", "--json").json["entries"][0] == {"name": "app", "path": "app", "kind": "folder"}


def test_ls_recursive_lists_every_secret_by_its_whole_path(filled: Cli) -> None:
    assert filled("ls", "-r").text == "app/api\napp/db\nnote\n"
    assert [entry["path"] for entry in filled("ls", "-r", "app", "--json").json["entries"]] == ["app/api", "app/db"]


@pytest.mark.parametrize("path", ["note", "nothing", "app/db"])
def test_ls_of_what_is_no_folder_is_not_found(filled: Cli, path: str) -> None:
    ran = filled("ls", path, "--json")
    assert ran.code == 3
    assert ran.error["kind"] == "NotFound"
    assert ran.error["path"] == path


def test_ls_forgives_one_trailing_slash(filled: Cli) -> None:
    assert filled("ls", "app/").text == filled("ls", "app").text


def test_a_deleted_secret_is_listed_with_its_state(filled: Cli) -> None:
    filled("rm", "note")
    assert filled("ls", "--json").json["entries"][1]["state"] == "deleted"
    assert "note  (deleted)" in filled("ls", screen=True).text
    assert filled("ls").text == "app/\nnote\n"


def test_tree_draws_branches(filled: Cli) -> None:
    filled("set", "app/db/replica", stdin=b"x")
    assert filled("tree").text == ("/\n├── app/\n│   ├── api\n│   ├── db/\n│   │   └── replica\n│   └── db\n└── note\n")
    assert filled("tree", "app").text.splitlines()[0] == "app/"
    assert filled("tree", "nowhere").code == 3


def test_tree_json_lists_folders_before_what_is_in_them(filled: Cli) -> None:
    paths = [(entry["path"], entry["kind"]) for entry in filled("tree", "--json").json["entries"]]
    assert paths == [("app", "folder"), ("app/api", "secret"), ("app/db", "secret"), ("note", "secret")]


def test_tree_shows_empty_containers(cli: Cli) -> None:
    cli("vault", "create", "empty")
    assert cli("tree").text == "/\n└── empty/\n"


def test_search_matches_fuzzily_on_path_and_literally_on_description_and_tags(filled: Cli) -> None:
    assert filled("search", "adb").text == "app/db\n"
    assert filled("search", "DATABASE").text == "app/db\n"
    assert filled("search", "tag:prod").text == "app/db\n"


def test_search_never_matches_values(filled: Cli) -> None:
    assert filled("search", "hunter2", "--json").json == {"query": "hunter2", "matches": [], "complete": True}
    assert filled("search", "hunter2").code == 0


def test_search_exact_takes_the_query_as_it_is(filled: Cli) -> None:
    assert filled("search", "--exact", "adb").text == ""
    assert filled("search", "--exact", "pp/d", "--json").json["matches"] == [{"path": "app/db"}]


def test_search_with_a_limit_says_that_there_is_more(filled: Cli) -> None:
    found = filled("search", "--limit", "1", "a", "--json").json
    assert len(found["matches"]) == 1
    assert found["complete"] is False


@pytest.mark.parametrize("value", [b"", b"x", b"two\nlines\n", b"crlf\r\n", b"\x00\xff\xfe", "ünï ☃".encode(), b" "])
def test_get_is_byte_exact_in_a_pipe(cli: Cli, value: bytes) -> None:
    cli("set", "a/b", stdin=value)
    assert cli("get", "a/b").out == value


def test_get_of_several_fields_names_them(filled: Cli) -> None:
    ran = filled("get", "app/db")
    assert ran.code == 2
    assert "user, password" in ran.err
    assert filled("get", "app/db", "-f", "password").out == b"hunter2"


def test_get_of_a_field_that_is_not_there_names_those_that_are(filled: Cli) -> None:
    for more in ((), ("--json",)):
        ran = filled("get", "app/db", "-f", "nothing", *more)
        assert ran.code == 3
        assert "user, password" in ran.err


def test_get_json_has_the_documented_shape(filled: Cli) -> None:
    found = filled("get", "app/db", "--json").json
    assert list(found) == ["path", "version", "state", "fields", "metadata"]
    assert found["path"] == "app/db"
    assert found["version"] == 2
    assert found["state"] == "live"
    assert found["fields"] == {"user": "admin", "password": "hunter2"}
    assert list(found["metadata"]) == [
        *("type", "description", "tags", "owner", "created_by", "created_at", "updated_at", "rotation", "custom"),
    ]
    assert found["metadata"]["tags"] == ["prod"]
    assert found["metadata"]["created_at"].endswith("Z")


def test_get_json_of_one_field_has_that_one_only(filled: Cli) -> None:
    assert filled("get", "app/db", "-f", "user", "--json").json["fields"] == {"user": "admin"}


def test_get_json_writes_bytes_as_base64(cli: Cli) -> None:
    cli("set", "b", stdin=b"\xff\x00")
    assert cli("get", "b", "--json").json["fields"] == {"value": {"base64": "/wA="}}


@pytest.mark.parametrize("literal", ["1.10", "[1, 2]", '{"b": 1, "a": null}', "true", "null", "12345678901234567890"])
def test_get_of_other_than_text_prints_json_as_it_was_written(cli: Cli, literal: str) -> None:
    cli("set", "n", "--json-value", stdin=literal.encode())
    assert cli("get", "n").text == literal


def test_get_of_an_old_version(cli: Cli) -> None:
    for value in (b"one", b"two"):
        cli("set", "v", stdin=value)
    assert cli("get", "v", "--version", "1").out == b"one"
    assert cli("get", "v", "--version", "9").code == 3


def test_get_of_a_deleted_secret_is_not_found_and_says_it_can_come_back(filled: Cli) -> None:
    filled("rm", "note")
    ran = filled("get", "note", "--json")
    assert ran.code == 3
    assert ran.error["kind"] == "NotFound"
    assert ran.error["state"] == "deleted"
    assert "undelete" in filled("get", "note").err
    assert ran.out == b""


def test_get_of_a_destroyed_version_says_it_is_gone(cli: Cli) -> None:
    for value in (b"one", b"two"):
        cli("set", "v", stdin=value)
    cli("rm", "v", "--versions", "1", "--destroy", "--yes")
    ran = cli("get", "v", "--version", "1", "--json")
    assert ran.code == 3
    assert ran.error["state"] == "destroyed"


def test_get_on_a_terminal_shows_control_characters_and_says_so(cli: Cli) -> None:
    cli("set", "x", stdin=b"a\x1b[31mb\n\tc")
    ran = cli("get", "x", screen=True)
    assert ran.code == 0
    assert ran.text == "a␛[31mb\n    c\n"
    assert "--raw" in ran.err
    assert cli("get", "x", "--raw", screen=True).out == b"a\x1b[31mb\n\tc"


def test_get_of_plain_text_on_a_terminal_ends_the_line_and_says_nothing(filled: Cli) -> None:
    ran = filled("get", "note", screen=True)
    assert ran.text == "remember\n"
    assert ran.err == ""


def test_get_of_bytes_on_a_terminal_shows_base64(cli: Cli) -> None:
    cli("set", "b", stdin=b"\xff\x00")
    ran = cli("get", "b", screen=True)
    assert ran.text == "/wA=\n"
    assert "base64" in ran.err


def test_reading_a_value_is_journaled_once(filled: Cli) -> None:
    filled("get", "app/db", "--json")
    entries = filled("journal", "app/db", "--json").json["entries"]
    assert [entry["act"] for entry in entries] == ["read", "write", "write"]


def test_an_address_can_name_the_profile(filled: Cli) -> None:
    filled("set", "other:x", stdin=b"there")
    assert filled("get", "other:x").out == b"there"
    assert filled("get", "x", "-p", "other").out == b"there"
    assert filled("get", "x").code == 3


def test_a_colon_that_names_no_profile_is_part_of_the_path(cli: Cli) -> None:
    cli("set", "urn:x", stdin=b"1")
    assert cli("ls").text == "urn:x\n"
