"""health: what it prints, and that a server's values are read only when asked for."""

from __future__ import annotations

import secrets

import pytest

from kvtui.cli import health
from tests.cli.conftest import Cli


@pytest.fixture
def ill(cli: Cli) -> Cli:
    same = secrets.token_hex(16).encode()
    cli("set", "app/one", "-f", "password", stdin=same)
    cli("set", "app/two", "-f", "password", stdin=same)
    cli("set", "pin", "--rotation", "1s", stdin=b"1234")
    return cli


def test_findings_are_a_table_of_names_and_dates(ill: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = ill("health")
    rows = [line.split() for line in ran.text.splitlines()]
    assert (ran.code, ran.err) == (0, "")
    assert [(row[0], row[4]) for row in rows if row[0] in {"weak", "duplicate"}] == [
        ("weak", "pin#value"),
        ("duplicate", "app/one#password"),
        ("duplicate", "app/two#password"),
    ]
    assert "same as others of group 1" in ran.text


def test_findings_as_json(ill: Cli) -> None:
    found = ill("health", "app", "--json").json
    assert (found["path"], found["values"], found["complete"], found["count"]) == ("app", True, True, 2)
    assert found["findings"][0] == {
        "kind": "duplicate",
        "path": "app/one",
        "field": "password",
        "detail": "",
        "at": None,
        "age_days": 0,
        "group": 1,
    }


def test_one_entry_of_the_journal_tells_that_values_were_read(ill: Cli) -> None:
    ill("health", "app")
    ill("health", "--dates")
    entries = ill("journal", "--json").json["entries"]
    assert [(entry["act"], entry["path"]) for entry in entries if entry["act"] == "read"] == [("read", "app")]


def test_a_servers_values_are_read_only_when_asked_for(ill: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "reads_are_noticed", lambda _: True)
    ran = ill("health")
    assert "Each value is one request" in ran.err
    assert "--read reads them." in ran.err
    assert "weak" not in ran.text
    assert ill("health", "--read").text.count("very weak") == 1
    assert ill("health", "--dates").err.count("request") == 0


def test_nothing_found_is_said_and_is_no_failure(cli: Cli) -> None:
    ran = cli("health")
    assert (ran.code, ran.out, ran.err) == (0, b"", "kvtui: Nothing was found.\n")
