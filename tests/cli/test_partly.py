"""Stores that cannot do everything: what they cannot is refused with the reason, what they can works."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kvtui.backends.memory import MemoryBackend
from kvtui.domain.event import Event
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.value import SecretValue
from tests.cli.conftest import Cli
from tests.support.variants import SEARCHING, UNLISTED, WRITE_ONLY, stores, use


@pytest.fixture
def unread(cli: Cli, monkeypatch: pytest.MonkeyPatch, home: Path) -> Cli:
    """`mem` never gives a value back; `other` does."""
    use(monkeypatch, WRITE_ONLY, only=lambda name: name == str(home))
    return cli


@pytest.fixture
def unlisted(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Cli:
    use(monkeypatch, UNLISTED)
    return cli


@pytest.fixture
def searching(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Cli:
    use(monkeypatch, SEARCHING)
    return cli


# -- values that are never given back


def test_a_store_that_gives_nothing_back_is_written_listed_and_never_read(unread: Cli) -> None:
    assert unread("set", "app/key", "--cas", "0", stdin=b"one").code == 0
    assert unread("set", "app/key", "--cas", "0", stdin=b"two").code == 5
    assert unread("set", "app/key", stdin=b"two").code == 0
    assert unread("ls", "app").text == "key\n"
    ran = unread("get", "app/key")
    assert (ran.code, ran.out) == (9, b"")
    assert ran.err == "kvtui: app/key: This memory store cannot read values. See kvtui backends.\n"
    assert unread("diff", "app/key", "app/key").code == 9


def test_rotating_what_is_never_given_back_says_that_it_was_not_compared(unread: Cli) -> None:
    unread("set", "app/key", stdin=b"one")
    ran = unread("rotate", "app/key")
    assert (ran.code, ran.text) == (0, "app/key: version 2\n")
    assert "This store gives no value back, so what it keeps was not compared." in ran.err
    assert unread("rotate", "app/none").code == 3
    assert unread("ls", "app").text == "key\n"


def test_what_cannot_be_read_is_not_copied_out_and_a_copy_into_it_is_told_before(unread: Cli) -> None:
    unread("set", "app/key", stdin=b"one")
    assert unread("cp", "app/key", "other:app/key").code == 9
    assert unread("cp", "app/key", "app/more").code == 9
    unread("set", "other:a/b", stdin=b"hello")
    plan = unread("cp", "other:a/b", "mem:a/b", "--dry-run").text
    assert "Values cannot be read back there, so what arrives is not compared." in plan
    assert unread("mv", "other:a/b", "mem:a/b").code == 9
    ran = unread("cp", "other:a/b", "mem:a/b")
    assert ran.code == 0
    assert "not compared" in ran.err


# -- rotation by the store


def test_a_store_that_makes_values_rotates_by_itself_and_takes_none(unlisted: Cli) -> None:
    unlisted("set", "etl/key", stdin=b"mine")
    ran = unlisted("rotate", "etl/key", "--server", "--json")
    assert ran.json == {"path": "etl/key", "version": 2}
    made = unlisted("get", "etl/key").out
    assert made != b"mine"
    assert len(made) == 32
    assert unlisted("rotate", "etl/key", "--server", "--words", "3").code == 2
    assert unlisted("get", "etl/key").out == made
    last = unlisted("journal", "etl/key", "--limit", "3", "--json").json["entries"]
    assert [(row["act"], row["version"]) for row in last if row["act"] == "rotate"] == [("rotate", 2)]


def test_a_store_that_makes_none_rotates_with_what_is_generated_here(searching: Cli) -> None:
    searching("set", "app/db", "-f", "user", stdin=b"admin")
    searching("set", "app/db", "-f", "password", stdin=b"old")
    assert searching("rotate", "app/db", "--server").code == 2  # which of the two?
    ran = searching("rotate", "app/db", "-f", "password", "--server", "--charset", "digits", "--length", "9")
    assert (ran.code, ran.text) == (0, "app/db: version 3\n")
    fields = searching("get", "app/db", "--json").json["fields"]
    assert fields["user"] == "admin"
    assert re.fullmatch(r"\d{9}", fields["password"])


def test_several_are_rotated_by_the_store_one_by_one(unlisted: Cli) -> None:
    unlisted("set", "a/one", stdin=b"1")
    unlisted("set", "a/two", stdin=b"2")
    ran = unlisted("rotate", "a/one", "a/none", "a/two", "--server", "--json")
    assert ran.code == 4
    assert ran.json["done"] == [{"path": "a/one", "version": 2}, {"path": "a/two", "version": 2}]
    assert [row["path"] for row in ran.json["failed"]] == ["a/none"]


def test_a_store_without_rotation_of_its_own_says_so(unread: Cli) -> None:
    unread("set", "app/key", stdin=b"one")
    ran = unread("rotate", "app/key", "--server")
    assert ran.code == 9
    assert "cannot rotate on the server" in ran.err


# -- stores that cannot list


def test_what_was_used_from_here_is_listed_and_never_called_all_there_is(unlisted: Cli) -> None:
    unlisted("set", "etl/key", stdin=b"1")
    unlisted("set", "etl/deep/er", stdin=b"2")
    for argv in (("ls",), ("ls", "etl"), ("ls", "-r"), ("tree",), ("tree", "etl"), ("search", "key")):
        ran = unlisted(*argv)
        assert ran.code == 0, argv
        assert "cannot list" in ran.err, argv
        assert unlisted(*argv, "-q").err == ""
        told = unlisted(*argv, "--json")
        assert (told.code, told.json["complete"]) == (0, False), argv
        assert "skipped" not in told.json
    assert unlisted("ls", "-r").text == "etl/deep/er\netl/key\n"
    assert unlisted("search", "key", "--exact").text == "etl/key\n"


def test_a_store_that_searches_is_asked_for_what_was_never_used_from_here(searching: Cli, home: Path) -> None:
    searching("set", "app/known", stdin=b"1")
    store = stores()[str(home)]
    MemoryBackend(store).write(
        "app/other", {"value": SecretValue("2")}, metadata=MetadataPatch(description="known to the store alone")
    )
    assert searching("ls", "app").text == "known\n"
    ran = searching("search", "known", "--json")
    assert ran.json == {"query": "known", "matches": [{"path": "app/known"}, {"path": "app/other"}], "complete": False}
    assert searching("search", "app oth").text == "app/other\n"
    assert searching("search", "other", "--exact").text == "app/other\n"
    ran = searching("search", "app", "--limit", "1")
    assert (ran.text, ran.code) == ("app/known\n", 0)
    assert "There are more." in ran.err


def test_remembered_paths_are_forgotten_one_by_one_or_all(unlisted: Cli) -> None:
    for name in ("one", "two", "three"):
        unlisted("set", f"etl/{name}", stdin=b"1")
    assert unlisted("profiles", "--forget", "mem:etl/two").text == "mem: 1 path forgotten\n"
    assert unlisted("ls", "etl").text == "one\nthree\n"
    assert unlisted("get", "etl/two", "--json").json["fields"] == {"value": "1"}  # forgotten is not deleted
    assert unlisted("profiles", "--forget", "mem:etl/none").code == 3
    assert unlisted("profiles", "--forget", "mem", "--json").json["forgotten"] == ["etl/one", "etl/three", "etl/two"]
    assert unlisted("ls", "--json").json["entries"] == []
    assert unlisted("profiles", "--forget", "nobody").code == 2


def test_metadata_goes_with_a_value_where_it_cannot_go_alone(unlisted: Cli) -> None:
    assert unlisted("set", "etl/key", "--owner", "ann", "--rotation", "30d", stdin=b"1").code == 0
    ran = unlisted("set", "etl/key", "--tag", "prod", stdin=b"2")
    assert ran.code == 9
    assert "keeps no tags" in ran.err
    ran = unlisted("meta", "etl/key", "--owner", "bob")
    assert ran.code == 9
    assert "only together with a new value. Use kvtui set" in ran.err
    known = unlisted("meta", "etl/key", "--json").json
    assert (known["version"], known["metadata"]["owner"], known["metadata"]["rotation"]) == (1, "ann", "30d")


# -- copied by the server


def test_a_server_copies_and_moves_the_newest_values_by_itself(searching: Cli) -> None:
    searching("set", "a/b", stdin=b"one")
    searching("set", "a/b", stdin=b"two")
    plan = searching("cp", "a/b", "c/d", "--server", "--dry-run").text
    assert "The server copies the newest values alone: older versions and metadata are not carried." in plan
    assert searching("cp", "a/b", "c/d", "--server", "--json").json == {"path": "c/d", "version": 1}
    assert searching("cp", "a/b", "c/d", "--server").code == 5
    assert searching("cp", "a/b", "c/d", "--server", "--overwrite", "--json").json["version"] == 2
    assert searching("mv", "a/b", "e/f", "--server").code == 0
    assert searching("get", "e/f").out == b"two"
    assert searching("get", "a/b").code == 3
    acts = [row["act"] for row in searching("journal", "a/b", "--json").json["entries"]]
    assert acts[:2] == ["move", "copy_secret"]


def test_what_a_server_cannot_copy_is_refused_before(searching: Cli, unread: Cli) -> None:
    searching("set", "a/b", stdin=b"one")
    assert searching("cp", "a/b", "other:a/b", "--server").code == 2
    ran = unread("cp", "a/b", "c/d", "--server")
    assert ran.code == 9
    assert "cannot copy and move the newest values on the server" in ran.err


# -- what others did


def test_what_the_store_wrote_down_is_listed_below_a_path_and_by_pages(cli: Cli) -> None:
    for number in range(3):
        cli("set", "a/b", stdin=str(number).encode())
    cli("set", "c", stdin=b"1")
    ran = cli("journal", "--server", "a", "--json")
    assert [(row["act"], row["path"]) for row in ran.json["entries"]] == [("write", "a/b")] * 3
    assert ran.json["complete"] is True
    ran = cli("journal", "--server", "--limit", "2", "--json")
    assert ([row["path"] for row in ran.json["entries"]], ran.json["complete"]) == (["c", "a/b"], False)
    assert "write  a/b" in cli("journal", "--server").text


class Told(MemoryBackend):
    """A store where two things happen before somebody presses ctrl+c."""

    def events(self) -> Iterator[Event]:
        yield Event(datetime(2026, 1, 2, tzinfo=UTC), "write", "a/b", "ann", "tag \x1b]0;x\x07")
        yield Event(None, "read", "c", None)
        raise KeyboardInterrupt


def test_what_happens_is_told_line_by_line_until_ctrl_c_which_is_no_failure(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, {}, made=Told)
    ran = cli("journal", "--follow", "--json")
    assert ran.code == 0
    rows = [json.loads(line) for line in ran.text.splitlines()]
    assert [(row["at"], row["actor"], row["path"]) for row in rows] == [
        ("2026-01-02T00:00:00Z", "ann", "a/b"),
        (None, None, "c"),
    ]
    ran = cli("journal", "--follow", "a")
    assert len(ran.text.splitlines()) == 1
    assert "\x1b" not in ran.text
    assert cli("journal", "--follow", "--server").code == 2


def test_a_store_that_tells_nothing_says_so(unread: Cli) -> None:
    assert unread("journal", "--server").code == 9
    assert unread("journal", "--follow").code == 9


class Managed(MemoryBackend):
    def caution(self, path: str) -> str:
        return "A configuration manages this." if path.startswith("app/") else ""


def test_what_is_to_be_known_of_a_place_is_said_whenever_something_is_changed_there(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, {}, made=Managed)
    for argv in (
        ("set", "app/a"),
        ("set", "app/a"),
        ("meta", "app/a", "--owner", "ann"),
        ("rotate", "app/a"),
        ("rollback", "app/a", "1"),
        ("rm", "app/a"),
        ("undelete", "app/a"),
        ("cp", "app/a", "app/b"),
        ("mv", "app/b", "top"),
    ):
        ran = cli(*argv, stdin=b"x")
        assert (ran.code, ran.err.count("A configuration manages this.")) == (0, 1), argv
    assert "A configuration manages this." in cli("cp", "top", "app/c", "--dry-run").text
    assert cli("set", "top", stdin=b"y").err == ""
    assert cli("meta", "app/a").err == ""


# -- more that goes into, and stays in, a store that gives nothing back


def test_an_import_compares_nothing_where_nothing_is_read_and_says_so(unread: Cli, tmp_path: Path) -> None:
    file = tmp_path / "in.json"
    file.write_text('{"app": {"key": {"value": "new"}, "other": {"value": "2"}}}')
    unread("set", "app/key", stdin=b"new")
    ran = unread("import", str(file))
    assert ran.code == 0
    assert "Values cannot be read here, so it was not compared." in ran.text + ran.err
    secrets = MemoryBackend(stores()[str(tmp_path / "home")])
    assert secrets.read("app/key").current == 2
    assert secrets.read("app/other").fields["value"].reveal() == "2"


def test_containers_are_made_shown_while_empty_and_removed_only_then(unread: Cli) -> None:
    assert unread("vault", "create", "prod").text == "prod/: created\n"
    assert unread("vault", "create", "prod").code == 5
    assert unread("ls").text == "prod/\n"
    assert unread("tree").text == "/\n└── prod/\n"
    assert unread("vault", "list").text == "prod\n"
    unread("set", "prod/key", stdin=b"1")
    ran = unread("vault", "delete", "prod")
    assert (ran.code, "The container holds secrets (1). Move or destroy them first." in ran.err) == (5, True)
    unread("rm", "prod/key")
    assert unread("ls").text == "prod/\n"
    assert unread("vault", "delete", "prod").code == 0
    assert unread("ls").text == ""


def test_leases_that_nobody_can_renew_or_revoke_are_refused_with_the_reason(unlisted: Cli) -> None:
    for verb in ("renew", "revoke"):
        ran = unlisted("lease", verb, "etl-reader/1")
        assert ran.code == 9
        assert "cannot renew and revoke them" in ran.err
