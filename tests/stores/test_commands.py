"""Every command on every kind of store does what the table says, and sends no more than it takes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

import pytest

from kvtui.cli import running
from kvtui.services.running_child import StartError
from tests.stores.places import PASSPHRASE, VAULT, Commands, Stores
from tests.stores.table import LINES, SEEDED, STORES, Line

LOCAL = {"file", "yaml"}
LENDS = {"vault", "kv1", "trust"}


@pytest.fixture(params=STORES)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture
def folder(name: str) -> str:
    return VAULT if name == "tailor" else "app"


@pytest.fixture
def commands(stores: Stores, name: str, folder: str) -> Commands:
    """On a store with the secrets of the table in it."""
    run = stores.commands(name)
    for secret in SEEDED:
        for value in (b"one", b"two"):
            run.json("set", f"{folder}/{secret}", stdin=value)
    (stores.home / "in.json").write_text(json.dumps({folder: {"imported": {"value": "three"}}}))
    applied = {"op": "set", "path": f"{folder}/applied", "fields": {"value": "three"}}
    (stores.home / "changes.json").write_text(json.dumps({"changes": [applied]}))
    (stores.home / "template").write_text(f"x = {{{{ kv://{name}/{folder}/looked }}}}\n")
    (stores.home / "pass").write_text(PASSPHRASE)
    return run


def _argv(line: Line, stores: Stores, name: str, folder: str, commands: Commands) -> list[str]:
    words = [folder + word[1:] if word == "F" or word.startswith("F/") else word for word in line.argv.split()]
    held = {
        "{in}": lambda: str(stores.home / "in.json"),
        "{changes}": lambda: str(stores.home / "changes.json"),
        "{lease}": lambda: _lease(name, commands),
        "{template}": lambda: str(stores.home / "template"),
        "{token}": lambda: str(_shared(stores.home / "token", f"{folder}/looked", commands)),
        "{pass}": lambda: str(stores.home / "pass"),
        "{out}": lambda: str(stores.home / "out"),
    }
    return [held[word]() if word in held else word for word in words]


def _lease(name: str, commands: Commands) -> str:
    return str(commands.json("lease", "issue", "reader")["id"]) if name in LENDS else "none"


def _shared(file: Path, path: str, commands: Commands) -> Path:
    ran = commands("share", path)
    file.write_bytes(b"none" if ran.code else ran.out)
    return file


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[bytes, bytes]]:
    """The environments in which `run` would have started its program, as if this process were the fork."""
    found: list[Mapping[bytes, bytes]] = []

    class Fork:
        pid = 0

    def become(_file: str, _argv: Sequence[str], environment: Mapping[bytes, bytes]) -> NoReturn:
        found.append(environment)
        raise StartError("It would be started.", hint="", code=0)

    monkeypatch.setattr(running, "Supervisor", Fork)
    monkeypatch.setattr(running, "become", become)
    return found


def test_every_command_does_what_the_table_says(
    stores: Stores, name: str, folder: str, commands: Commands, started: list[Mapping[bytes, bytes]]
) -> None:
    wrong = {}
    for line in LINES:
        argv = _argv(line, stores, name, folder, commands)
        before = 0 if name in LOCAL else len(stores.mutations(name))
        ran = commands(*argv, stdin=b"three")
        sent = 0 if name in LOCAL else len(stores.mutations(name)) - before
        code, said = line.refused.get(name, (0, ""))
        sends = 0 if code or name in LOCAL else line.sends
        if ran.code != code or said not in ran.err or sends not in {sent, None}:
            wrong[line.argv] = (ran.code, sent, ran.err)
    assert wrong == {}
    assert [each[b"LOOKED"] for each in started] == [b"two"] * (name != "tailor")


def test_a_read_only_profile_refuses_every_change_and_sends_none(
    stores: Stores, name: str, folder: str, commands: Commands
) -> None:
    changing = [line for line in LINES if line.sends != 0 and not line.argv.startswith(("lease", "logout"))]
    lines = [(line.argv, _argv(line, stores, name, folder, commands)) for line in changing]
    before = 0 if name in LOCAL else len(stores.mutations(name))
    told = {line: commands("--read-only", *argv, stdin=b"x").code for line, argv in lines}
    never = {line.argv for line in changing if name in line.refused}
    assert {argv for argv, code in told.items() if code not in ({7, 9} if argv in never else {7})} == set()
    assert name in LOCAL or len(stores.mutations(name)) == before


def test_the_table_names_every_store_and_every_reason_in_it_is_given(name: str) -> None:
    assert all(set(line.refused) <= set(STORES) for line in LINES)
    assert any(name in line.refused for line in LINES)
    assert all(text for line in LINES for _, text in line.refused.values())


@pytest.mark.parametrize("argv", ["rm app/key", "undelete app/key", "rm app/key --destroy --yes", "vault create app"])
def test_what_is_to_be_known_of_a_change_is_not_said_where_it_cannot_be_made(stores: Stores, argv: str) -> None:
    run = stores.commands("trust")
    stores.put("trust", "app/key", {"value": "v"})
    ran = run(*argv.split())
    assert (ran.code, len(ran.err.splitlines())) == (9, 1), ran.err
    assert "written with it" in run("set", "app/key", stdin=b"x").err
    assert "written with it" not in run("--read-only", "set", "app/key", stdin=b"x").err


@pytest.mark.parametrize("argv", ["key passwd", "key add"])
def test_a_store_without_keys_says_so_before_anybody_is_asked(stores: Stores, argv: str) -> None:
    ran = stores.commands("yaml")(*argv.split())
    assert (ran.code, "cannot manage passphrases and keys" in ran.err) == (9, True)
