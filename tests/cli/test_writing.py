"""set and meta."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kvtui.backends.memory import MemoryBackend, MemoryFactory
from kvtui.domain.capability import Capability
from kvtui.domain.value import SecretValue
from tests.cli.conftest import Cli, Typist

SENTINEL = "SENTINEL-c0ffee"


def test_set_prints_path_and_version(cli: Cli) -> None:
    assert cli("set", "a", "--json", stdin=b"1").json == {"path": "a", "version": 1}
    assert cli("set", "a", "--json", stdin=b"2").json == {"path": "a", "version": 2}


def test_set_without_a_field_writes_the_only_one(cli: Cli) -> None:
    cli("set", "a", "-f", "token", stdin=b"1")
    cli("set", "a", stdin=b"2")
    assert cli("get", "a", "--json").json["fields"] == {"token": "2"}


def test_set_without_a_field_writes_value_where_there_are_several_or_none(filled: Cli) -> None:
    filled("set", "app/db", stdin=b"new")
    assert filled("get", "app/db", "--json").json["fields"] == {"user": "admin", "password": "hunter2", "value": "new"}


def test_set_keeps_the_other_fields_in_their_order(filled: Cli) -> None:
    filled("set", "app/db", "-f", "user", stdin=b"root")
    fields = filled("get", "app/db", "--json").json["fields"]
    assert list(fields.items()) == [("user", "root"), ("password", "hunter2")]


def test_set_keeps_a_trailing_newline_and_says_so(cli: Cli) -> None:
    ran = cli("set", "a", stdin=b"x\n")
    assert "--trim" in ran.err
    assert cli("get", "a").out == b"x\n"
    assert cli("set", "a", "-q", stdin=b"x\n").err == ""


def test_with_json_standard_error_holds_the_error_alone(cli: Cli) -> None:
    assert "--trim" in cli("set", "a", "--json", stdin=b"x\n").err
    ran = cli("set", "a", "--cas", "0", "--json", stdin=b"x\n")
    assert len(ran.err.splitlines()) == 1
    assert ran.error["kind"] == "Conflict"


@pytest.mark.parametrize(
    ("given", "kept"), [(b"x\n", b"x"), (b"x\r\n", b"x"), (b"x\n\n", b"x\n"), (b"x", b"x"), (b"x\r", b"x\r")]
)
def test_trim_drops_one_line_end(cli: Cli, given: bytes, kept: bytes) -> None:
    ran = cli("set", "a", "--trim", stdin=given)
    assert ran.err == ""
    assert cli("get", "a").out == kept


def test_set_reads_a_file_byte_by_byte(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "pem"
    file.write_bytes(b"-----\r\nx\xff\n")
    cli("set", "a", "--file", str(file))
    assert cli("get", "a").out == b"-----\r\nx\xff\n"


def test_set_with_file_dash_reads_standard_input(cli: Cli) -> None:
    cli("set", "a", "--file", "-", stdin=b"x")
    assert cli("get", "a").out == b"x"


def test_set_from_a_missing_file_writes_nothing(cli: Cli) -> None:
    assert cli("set", "a", "--file", "/nonexistent/x").code == 3
    assert cli("get", "a").code == 3


def test_set_from_a_device_is_refused_unread(cli: Cli) -> None:
    ran = cli("set", "a", "--file", "/dev/zero")
    assert ran.code == 2
    assert "device" in ran.err


def test_set_with_closed_standard_input_says_so(cli: Cli) -> None:
    ran = cli("set", "a", stdin=None)
    assert ran.code == 2
    assert "closed" in ran.err


def test_set_at_a_terminal_asks_twice_without_echo(cli: Cli) -> None:
    typist = Typist("s3 cret ", "s3 cret ")
    assert cli("set", "a", terminal=typist, typed=True).code == 0
    assert [echo for _, echo in typist.questions] == [False, False]
    assert cli("get", "a").out == b"s3 cret "


def test_set_at_a_terminal_writes_nothing_when_the_two_differ(cli: Cli) -> None:
    ran = cli("set", "a", terminal=Typist("one", "two"), typed=True)
    assert ran.code == 2
    assert "one" not in ran.err.replace("one of", "")
    assert cli("get", "a").code == 3


@pytest.mark.parametrize(
    "argv",
    [
        ("set", "p", SENTINEL),
        ("set", "p", SENTINEL, "--json"),
        ("set", "p", "--value", SENTINEL),
        ("set", "p", f"--value={SENTINEL}"),
        ("set", "p", f"--{SENTINEL}"),
        ("set", "p", "--cas", SENTINEL),
        ("set", "p", "--type", SENTINEL),
        ("set", "p", "--rotation", SENTINEL),
        ("set", "p", "--custom", SENTINEL),
        ("set", "p", "--trim=" + SENTINEL),
        ("set", "p", f"--trim=the following arguments are required: {SENTINEL}"),
        ("set", "p", f"--trim=argument {SENTINEL}: expected one argument"),
        ("set", "p", "--", "--x", SENTINEL),
        ("get", "p", SENTINEL),
        ("get", "p", "--version", SENTINEL),
        (SENTINEL,),
        (f"--{SENTINEL}", "ls"),
        ("rm", "p", "--versions", SENTINEL),
        ("--debug", "set", "p", SENTINEL),
    ],
)
def test_what_was_typed_in_the_wrong_place_is_refused_and_not_echoed(cli: Cli, argv: tuple[str, ...]) -> None:
    ran = cli(*argv)
    assert ran.code == 2
    assert SENTINEL not in ran.err
    assert ran.out == b""
    assert len(ran.err.splitlines()) == 1 or "--debug" in argv
    assert cli("ls").text == ""


def test_a_value_as_argument_is_explained(cli: Cli) -> None:
    assert "standard input" in cli("set", "p", SENTINEL).err


@pytest.mark.parametrize(
    ("text", "value"), [("1", 1), ("[1, 2]", [1, 2]), ('{"a": 1}', {"a": 1}), ('"x"', "x"), ("null", None)]
)
def test_json_value_reads_the_input_as_json(cli: Cli, text: str, value: Any) -> None:
    assert cli("set", "a", "--json-value", stdin=f"{text}\n".encode()).err == ""
    assert cli("get", "a", "--json").json["fields"]["value"] == value


@pytest.mark.parametrize("data", [SENTINEL.encode(), b"\xff", b"", b"{", b"NaN"])
def test_json_value_refuses_what_is_not_json_without_quoting_it(cli: Cli, data: bytes) -> None:
    ran = cli("set", "a", "--json-value", stdin=data)
    assert ran.code == 2
    assert SENTINEL not in ran.err
    assert cli("get", "a").code == 3


def test_without_json_value_a_number_is_text(cli: Cli) -> None:
    cli("set", "a", stdin=b"1")
    assert cli("get", "a", "--json").json["fields"] == {"value": "1"}


def test_cas_zero_means_it_must_not_exist(cli: Cli) -> None:
    assert cli("set", "a", "--cas", "0", stdin=b"1").code == 0
    ran = cli("set", "a", "--cas", "0", "--json", stdin=b"2")
    assert ran.code == 5
    assert ran.error["kind"] in {"Conflict", "AlreadyExists"}
    assert cli("get", "a").out == b"1"


def test_cas_with_another_version_conflicts_and_tells_both(cli: Cli) -> None:
    cli("set", "a", stdin=b"1")
    ran = cli("set", "a", "--cas", "7", "--json", stdin=b"2")
    assert ran.code == 5
    assert (ran.error["expected"], ran.error["actual"]) == (7, 1)
    assert cli("set", "a", "--cas", "1", stdin=b"2").code == 0


def test_cas_on_a_missing_path_or_zero_on_a_deleted_one_conflicts(cli: Cli) -> None:
    assert cli("set", "a", "--cas", "3", stdin=b"1").code == 5
    cli("set", "b", stdin=b"1")
    cli("rm", "b")
    assert cli("set", "b", "--cas", "0", stdin=b"2").code == 5


def test_set_on_a_deleted_secret_starts_with_that_field_only(filled: Cli) -> None:
    filled("rm", "app/db")
    assert filled("set", "app/db", "--json", stdin=b"x").json["version"] == 3
    assert filled("get", "app/db", "--json").json["fields"] == {"value": "x"}


def test_a_field_somebody_else_writes_in_between_is_kept(filled: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = MemoryBackend.write
    meddled: list[str] = []

    def meddling(self: MemoryBackend, path: str, fields: Any, **options: Any) -> Any:
        if not meddled:
            meddled.append(path)
            theirs = {**self.read(path).fields, "theirs": SecretValue("t")}
            plain(self, path, theirs)
        return plain(self, path, fields, **options)

    monkeypatch.setattr(MemoryBackend, "write", meddling)
    assert filled("set", "app/db", "-f", "user", "--owner", "me", stdin=b"me").code == 0
    fields = filled("get", "app/db", "--json").json["fields"]
    assert fields == {"user": "me", "password": "hunter2", "theirs": "t"}


def test_one_field_is_written_without_reading_the_others_where_the_store_can(
    filled: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    plain = MemoryBackend.patch

    def patch(self: MemoryBackend, path: str, fields: Any, **options: Any) -> Any:
        asked.extend(fields)
        return plain(self, path, fields, **options)

    monkeypatch.setattr(MemoryBackend, "patch", patch)
    assert filled("set", "app/db", "-f", "user", "--json", stdin=b"me").json["path"] == "app/db"
    assert asked == ["user"]
    assert filled("get", "app/db", "--json").json["fields"] == {"user": "me", "password": "hunter2"}
    assert filled("set", "app/made", "-f", "user", stdin=b"me").code == 0
    assert filled("get", "app/made").out == b"me"


def test_with_cas_a_lost_race_is_a_conflict(filled: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = MemoryBackend.write

    def meddling(self: MemoryBackend, path: str, fields: Any, **options: Any) -> Any:
        monkeypatch.setattr(MemoryBackend, "write", plain)
        plain(self, path, {"theirs": SecretValue("t")})
        return plain(self, path, fields, **options)

    monkeypatch.setattr(MemoryBackend, "write", meddling)
    assert filled("set", "app/db", "-f", "user", "--cas", "2", stdin=b"me").code == 5
    assert filled("get", "app/db", "--json").json["fields"] == {"theirs": "t"}


def test_metadata_options_set_and_keep(cli: Cli) -> None:
    options = ("--type", "api_key", "--description", "d", "--tag", "x", "--tag", "y", "--owner", "me")
    cli("set", "a", *options, "--rotation", "90d", "--custom", "team=pay", stdin=b"1")
    assert cli("meta", "a", "--description", "new", "--json").json["version"] == 1
    known = cli("meta", "a", "--json").json["metadata"]
    assert known["type"] == "api_key"
    assert known["description"] == "new"
    assert known["tags"] == ["x", "y"]
    assert known["owner"] == "me"
    assert known["rotation"] == "90d"
    assert known["custom"] == {"team": "pay"}
    assert len(cli("versions", "a", "--json").json["versions"]) == 1


def test_empty_metadata_options_clear(cli: Cli) -> None:
    cli("set", "a", "--tag", "x", "--owner", "me", "--rotation", "1d", "--custom", "k=v", "--custom", "l=w", stdin=b"1")
    cli("meta", "a", "--tag", "", "--owner", "", "--rotation", "never", "--custom", "k=")
    known = cli("meta", "a", "--json").json["metadata"]
    assert (known["tags"], known["owner"], known["rotation"], known["custom"]) == ([], None, None, {"l": "w"})


def test_meta_of_nothing_is_not_found(cli: Cli) -> None:
    assert cli("meta", "a").code == 3
    assert cli("meta", "a", "--owner", "x").code == 3


def test_meta_prints_what_is_known(filled: Cli) -> None:
    text = filled("meta", "app/db").text
    assert "the database" in text
    assert "prod" in text


@pytest.mark.parametrize("path", ["", "/a", "a//b", "a/../b", "a\u202eb", "a\x1bb"])
def test_a_path_that_cannot_be_is_a_usage_error(cli: Cli, path: str) -> None:
    ran = cli("set", path, "--json", stdin=b"1")
    assert ran.code == 2
    assert ran.error["kind"] == "InvalidPath"


def test_a_read_only_profile_refuses_and_journals_nothing_written(cli: Cli) -> None:
    cli("set", "a", stdin=b"1")
    for argv in (("set", "a"), ("meta", "a", "--owner", "x"), ("rm", "a"), ("rollback", "a", "1")):
        for how in (("--read-only",), ("-p", "locked")):
            ran = cli(*how, *argv, "--json", stdin=b"2")
            assert ran.code == 7, argv
            assert ran.error["kind"] == "PermissionDenied"
    assert len(cli("versions", "a", "--json").json["versions"]) == 1


def test_set_where_no_value_is_ever_read_writes_and_creates_only_when_told_to(
    filled: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    able = {Capability.LIST, Capability.WRITE, Capability.METADATA, Capability.DELETE}
    opened = MemoryFactory.open

    def open_unread(factory: MemoryFactory, *rest: Any) -> Any:
        store = opened(factory, *rest)
        return MemoryBackend(store._store, capabilities=able, location=store.info().location)

    monkeypatch.setattr(MemoryFactory, "open", open_unread)
    assert filled("set", "fresh", "--cas", "0", stdin=b"x").code == 0
    assert filled("set", "fresh", "--cas", "0", stdin=b"y").code == 5
    assert filled("set", "fresh", stdin=b"z").code == 0
    ran = filled("get", "fresh")
    assert ran.code == 9
    assert "cannot read values" in ran.err
