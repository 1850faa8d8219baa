"""Hostile strings everywhere: nothing of them commands a terminal, and nothing of them is lost."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kvtui.backends import registry
from kvtui.backends.memory import MemoryFactory, MemoryStore
from kvtui.cli.output import Output, error_json, error_line
from kvtui.domain.errors import Conflict, KvtuiError, RateLimited, Unsupported
from kvtui.domain.metadata import Metadata
from kvtui.domain.secret import History, StoredVersion, Version
from kvtui.domain.value import SecretValue
from tests.cli.conftest import Cli, Ran, Screen, Typist
from tests.support.hostile import BY_CATEGORY, CATEGORIES, HOSTILE, by_category
from tests.support.oracle import bad_tokens

SOME = [entry for category in CATEGORIES for entry in BY_CATEGORY[category][:3]]
"""A few of each category, where going through all of them would take long."""


def _clean(ran: Ran) -> None:
    for stream in (ran.out, ran.err.encode("utf-8")):
        assert bad_tokens(stream) == []
        assert b"\x1b" not in stream


@pytest.mark.parametrize("category", by_category())
def test_hostile_values_come_back_byte_by_byte_and_command_no_terminal(cli: Cli, category: str) -> None:
    for entry in BY_CATEGORY[category]:
        data = entry.value.encode("utf-8", "surrogatepass")
        cli("set", "x", stdin=data)
        assert cli("get", "x").out == data, entry
        shown = cli("get", "x", screen=True)
        assert shown.code == 0
        _clean(shown)


def test_hostile_values_survive_json(cli: Cli) -> None:
    for entry in SOME[::2]:
        if any("\ud800" <= ch <= "\udfff" for ch in entry.value):
            continue
        cli("set", "x", stdin=entry.value.encode())
        ran = cli("get", "x", "--json", screen=True)
        assert ran.out.isascii()
        assert ran.json["fields"] == {"value": entry.value}
        cli("set", "y", "--json-value", stdin=json.dumps({entry.value: [entry.value]}).encode())
        assert cli("get", "y", "--json").json["fields"] == {"value": {entry.value: [entry.value]}}


@pytest.mark.parametrize("category", CATEGORIES)
def test_hostile_fields_and_metadata_are_shown_and_kept(cli: Cli, category: str) -> None:
    for entry in BY_CATEGORY[category][:4]:
        text = entry.value if entry.value.strip() else "x" + entry.value
        if len(text) > 5000:
            continue
        options = (f"--description={text}", f"--tag={text}", f"--owner={text}", f"--custom=k={text}")
        ran = cli("set", "x", f"--field={text}", *options, stdin=b"1", screen=True)
        assert ran.code == 0, (entry, ran.err)
        _clean(ran)
        found = cli("get", "x", "--json").json
        assert text in found["fields"]
        assert found["metadata"]["description"] == text
        assert found["metadata"]["tags"] == [text]
        assert found["metadata"]["owner"] == text
        for argv in (("meta", "x"), ("get", "x"), ("diff", "x", "x"), ("get", "x", "-f", "none"), ("journal",)):
            _clean(cli(*argv, screen=True))
        cli("rm", "x", "--destroy", "--yes")


@pytest.fixture
def hostile_names(cli: Cli, home: Path) -> list[str]:
    """A store as another program may have filled it: its names are the hostile strings."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    names = []
    histories = []
    for entry in HOSTILE:
        name = f"n/{entry.value.replace('/', '_')}"
        if len(name.encode("utf-8", "surrogatepass")) > 500 or name in {"n/", "n/.", "n/.."}:
            continue
        names.append(name)
        versions = (StoredVersion(Version(1, created_at=moment), {"value": SecretValue("v")}),)
        histories.append(History(name, Metadata(), versions))
    factory = registry.factory("memory")
    assert isinstance(factory, MemoryFactory)
    factory._stores[str(home)] = MemoryStore(histories)
    return sorted(set(names))


def test_hostile_names_are_listed_safely_and_exactly(cli: Cli, hostile_names: list[str]) -> None:
    for argv in (("ls", "n"), ("ls", "-r"), ("tree",), ("search", "n")):
        for screen in (True, False):
            ran = cli(*argv, screen=screen)
            assert ran.code == 0
            _clean(ran)
    ran = cli("ls", "n", "--json")
    assert ran.out.isascii()
    assert [entry["path"] for entry in ran.json["entries"]] == hostile_names
    assert len(cli("ls", "n").text.splitlines()) == len(hostile_names)


def test_hostile_names_can_be_named_and_stay_harmless_in_errors_and_questions(
    cli: Cli, hostile_names: list[str]
) -> None:
    for name in hostile_names[::7]:
        assert cli("get", name).out == b"v"
        _clean(cli("get", name + "x", screen=True))
        _clean(cli("rm", "--", name, screen=True))
        typist = Typist("no")
        _clean(cli("rm", "--destroy", "--", name, screen=True, terminal=typist, typed=True))
        assert bad_tokens(typist.questions[0][0].replace("\n", "").encode()) == []
    for screen in (True, False):
        _clean(cli("trash", screen=screen))
        _clean(cli("journal", screen=screen))


def test_hostile_arguments_are_never_sent_to_the_terminal(cli: Cli) -> None:
    for entry in SOME:
        text = entry.value.replace("\x00", "")
        for argv in (
            (text,),
            ("get", text),
            ("-p", text, "ls"),
            ("ls", f"--{text}"),
            ("get", "x", f"--version={text}"),
        ):
            _clean(cli(*argv, screen=True))


def test_a_plain_name_is_printed_as_it_is_in_a_pipe(cli: Cli) -> None:
    cli("set", "a  b ", stdin=b"1")
    assert cli("ls").text == "a  b \n"
    assert "␣" in cli("ls", screen=True).text


def test_errors_carry_what_their_kind_knows() -> None:
    assert error_json(Conflict("m", expected=1, actual=2, path="p")) == {
        "kind": "Conflict",
        "message": "m",
        "hint": "",
        "path": "p",
        "expected": 1,
        "actual": 2,
    }
    assert error_json(RateLimited("m", retry_after=2.5))["retry_after"] == 2.5
    assert error_json(Unsupported("m", capability="write"))["capability"] == "write"


def test_an_error_line_names_the_path() -> None:
    assert error_line(KvtuiError("It is gone.", hint="Look.", path="a/b")) == "kvtui: a/b: It is gone. Look."
    assert error_line(KvtuiError("No such secret.", path="secret")) == "kvtui: secret: No such secret."


def test_messages_that_nobody_can_read_are_dropped() -> None:
    class Full(Screen):
        def write(self, _data: object) -> int:
            raise OSError(28, "No space left on device")

    out = Output(None, Full())
    out.note("one")
    out.error(KvtuiError("two"))
    assert Output(None, None).is_terminal is False
