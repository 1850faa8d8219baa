"""search in all stores, and by value."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path

import pytest

from kvtui.backends import registry
from kvtui.backends.memory import ALL, MemoryBackend, MemoryFactory
from kvtui.domain.capability import Capability
from kvtui.domain.errors import Unavailable
from kvtui.services.kept_names import KeptNames
from tests.cli.conftest import PASSPHRASE, Cli, Typist, Vault, run_here


@pytest.fixture
def two(filled: Cli, config_file: Path) -> Cli:
    """The filled store, and another one with a path of the same name."""
    text = config_file.read_text()
    config_file.write_text("\n".join(line for line in text.splitlines() if "  locked:" not in line) + "\n")
    filled("set", "-p", "other", "app/db", stdin=b"elsewhere")
    filled("set", "-p", "other", "deep/app-db-old", stdin=b"hunter2")
    return filled


def with_vault(config_file: Path, vault: Vault) -> None:
    with config_file.open("a") as file:
        file.write(f"  mine: {{backend: file, path: {vault.path}}}\n")


# All stores


def test_all_stores_are_searched_and_each_match_is_an_address(two: Cli) -> None:
    ran = two("search", "appdb", "--all")
    assert (ran.code, ran.err) == (0, "")
    assert ran.text == "mem:app/db\nother:app/db\nother:deep/app-db-old\n"
    assert two("get", ran.text.splitlines()[1]).out == b"elsewhere"
    told = two("search", "appdb", "--all", "--json").json
    assert told["matches"][0] == {"profile": "mem", "path": "app/db"}
    assert (told["query"], told["complete"], "skipped" in told) == ("appdb", True, False)
    assert two("search", "appdb", "--all", "--limit", "1").text == "mem:app/db\n"
    assert two("search", "pp-d", "--all", "--exact").text == "other:deep/app-db-old\n"
    assert two("search", "nothing", "--all").code == 0


def test_a_vault_that_would_ask_is_left_out_and_that_is_said(two: Cli, config_file: Path, vault: Vault) -> None:
    vault("set", "app/db", stdin=b"x")
    with_vault(config_file, vault)
    ran = two("search", "appdb", "--all")
    assert ran.code == 0
    assert ran.err == "kvtui: mine: left out. It is locked. Open it first.\n"
    told = two("search", "appdb", "--all", "--json").json
    assert told["complete"] is False
    assert told["skipped"][0]["profile"] == "mine"
    assert told["skipped"][0]["error"]["kind"] == "AuthenticationRequired"
    opened = two("search", "appdb", "--all", "--passphrase-file", str(vault.passphrase_file))
    assert opened.err == ""
    assert "mine:app/db" in opened.text.splitlines()


def test_a_store_that_fails_is_told_and_the_others_are_searched(two: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: MemoryBackend, *_: object, **__: object) -> None:
        if self.info().location.endswith("other"):
            raise Unavailable("It is gone.", hint="Wait.")

    walk = MemoryBackend.index
    monkeypatch.setattr(MemoryBackend, "index", lambda self, *a, **k: fails(self) or walk(self, *a, **k))
    ran = two("search", "appdb", "--all")
    assert (ran.code, ran.text, ran.err) == (4, "mem:app/db\n", "kvtui: other: left out. It is gone. Wait.\n")


def test_folders_that_are_denied_are_told_by_store(two: Cli, home: Path) -> None:
    factory = registry.factory("memory")
    assert isinstance(factory, MemoryFactory)
    factory._stores[f"{home}/other"].denied.add("deep")
    ran = two("search", "appdb", "--all")
    assert (ran.code, ran.text) == (4, "mem:app/db\nother:app/db\n")
    assert ran.err.startswith("kvtui: other: 1 folder was not listed: 1 denied")
    assert two("search", "appdb", "--all", "--json").json["skipped"][0]["path"] == "deep"


def test_a_store_that_searches_by_itself_is_asked(two: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    able = ALL - {Capability.INDEX, Capability.LIST, Capability.CHANGE_SIGNAL} | {Capability.SEARCH}
    open_ = MemoryFactory.open

    def serving(self: MemoryFactory, *args: object) -> MemoryBackend:
        backend = open_(self, *args)  # type: ignore[arg-type]
        assert isinstance(backend, MemoryBackend)
        return MemoryBackend(backend._store, capabilities=able, location=backend.info().location)

    monkeypatch.setattr(MemoryFactory, "open", serving)
    ran = two("search", "deep", "--all")
    assert ran.text == "other:deep/app-db-old\n"
    assert "other: it cannot list" in ran.err


def test_where_no_store_opens_it_says_why(home: Path, tmp_path: Path, vault: Vault) -> None:
    ran = run_here("search", "x", "--all", "--vault", str(vault.path))
    assert (ran.code, ran.text) == (6, "")
    vault("set", "app/x", stdin=b"x")
    ran = vault("search", "x", "--all")  # a profile of a vault nobody made is no store that was left out
    assert (ran.code, ran.text, ran.err) == (0, "app/x\n", "")


def test_kept_names_are_forgotten_with_the_remembered_paths(two: Cli) -> None:
    kept = KeptNames("other", bytes(32), "")
    assert kept.writing().save(datetime.now(UTC)) == ""
    assert kept.file.exists()
    assert two("profiles", "--forget", "other").text == "other: 0 paths forgotten, and the names that were kept\n"
    assert not kept.file.exists()
    assert two("profiles", "--forget", "other", "--json").json["names_removed"] is False


# By value


def test_a_value_is_read_from_standard_input_and_found_by_path_and_field(two: Cli) -> None:
    for argv in (("--value",), ("value:",), ("value:", "--value")):
        ran = two("search", *argv, stdin=b"UNTER2\n")
        assert (ran.code, ran.text, ran.err) == (0, "app/db#password\n", "")
    told = two("search", "--value", "--json", stdin=b"hunter").json
    assert told == {"query": "", "matches": [{"path": "app/db", "fields": ["password"]}], "complete": True}
    assert two("get", "app/db", "-f", "password").out == b"hunter2"


def test_names_narrow_what_is_read(two: Cli) -> None:
    assert two("search", "api value:", stdin=b"-").text == "app/api#value\n"
    assert two("search", "tag:prod value:", stdin=b"-").text == ""


def test_a_value_is_asked_for_at_a_terminal_without_echo(two: Cli) -> None:
    typist = Typist("hunter2")
    ran = two("search", "--value", terminal=typist, typed=True)
    assert ran.text == "app/db#password\n"
    assert typist.questions == [("Part of the value: ", False)]


def test_a_value_on_the_command_line_is_refused_and_not_echoed(two: Cli) -> None:
    sought = secrets.token_hex(8)
    values = (f"value:{sought}", f"app Value:{sought}")
    for argv in (*((one,) for one in values), (f'app value:"{sought}"', "--json"), ("--value", f"value:{sought}")):
        ran = two("search", *argv, stdin=b"")
        assert ran.code == 2
        assert sought not in ran.text + ran.err
        assert "not taken from the command line" in ran.err
    assert two("search", "--exact", "value:x").code == 0  # a path may look like that


@pytest.mark.parametrize("argv", [("--value", "--exact"), (), ("--value",)])
def test_wrong_usage_is_refused(two: Cli, argv: tuple[str, ...]) -> None:
    ran = two("search", *argv, stdin=b"\n")
    assert (ran.code, ran.text) == (2, "")


def test_values_of_all_stores_are_looked_through(two: Cli) -> None:
    ran = two("search", "--value", "--all", stdin=b"hunter2")
    assert ran.text == "mem:app/db#password\nother:deep/app-db-old#value\n"
    assert two("search", "--value", "--all", "--limit", "1", stdin=b"hunter2").text == "mem:app/db#password\n"
    told = two("search", "--value", "--all", "--json", stdin=b"hunter2").json
    assert told["matches"][1] == {"profile": "other", "path": "deep/app-db-old", "fields": ["value"]}
    assert told["complete"] is True


def test_values_on_a_server_are_read_only_when_that_is_said(two: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    can = MemoryBackend.why_not

    def why_not(self: MemoryBackend, capability: Capability, path: str | None = None) -> str:
        there = self.info().location.endswith("other") and capability is Capability.CHANGE_SIGNAL
        return "A server does not tell." if there else can(self, capability, path)

    monkeypatch.setattr(MemoryBackend, "why_not", why_not)
    ran = two("search", "--value", "-p", "other", stdin=b"hunter2")
    assert (ran.code, ran.text) == (2, "")
    assert "--on-servers" in ran.err
    ran = two("search", "--value", "--all", stdin=b"hunter2")
    assert (ran.code, ran.text) == (0, "mem:app/db#password\n")
    assert "other: left out. Every secret is read from the server" in ran.err
    ran = two("search", "--value", "--all", "--on-servers", stdin=b"hunter2")
    assert ran.text == "mem:app/db#password\nother:deep/app-db-old#value\n"


def test_a_store_that_never_gives_values_out_is_left_out_and_that_is_no_failure(
    two: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    can = MemoryBackend.why_not

    def why_not(self: MemoryBackend, capability: Capability, path: str | None = None) -> str:
        there = self.info().location.endswith("other") and capability is Capability.READ
        return "It gives none out." if there else can(self, capability, path)

    monkeypatch.setattr(MemoryBackend, "why_not", why_not)
    ran = two("search", "--value", "--all", stdin=b"hunter2")
    assert (ran.code, ran.text) == (0, "mem:app/db#password\n")
    assert ran.err == "kvtui: other: left out. It gives none out. Search by name.\n"
    assert two("search", "--value", "-p", "other", stdin=b"x").code == 9


def test_the_journal_tells_that_values_were_looked_through_and_not_for_what(vault: Vault, home: Path) -> None:
    sought = secrets.token_hex(8)
    vault("set", "app/db", stdin=sought.encode())
    assert vault("search", "--value", stdin=sought.encode()).text == "app/db#value\n"
    assert [row["act"] for row in vault("journal", "--json").json["entries"]] == ["search", "write"]
    held = [file.read_bytes() for file in home.rglob("*") if file.is_file()]
    assert held
    assert not any(sought.encode() in each for each in held)
    assert PASSPHRASE not in vault("search", "--value", stdin=b"x").text
