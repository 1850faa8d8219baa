"""Stores that cannot do everything: what they cannot is refused with the reason, what they can works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.support.variants import SEARCHING, UNLISTED, WRITE_ONLY, use


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
    assert unread("mv", "other:a/b", "mem:a/b").code == 2
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
