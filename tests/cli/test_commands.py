"""What holds for all commands: an example each, global options anywhere, one table of exit codes."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from kvtui.cli import commands
from kvtui.cli.exits import Exit, Usage, bulk_exit_code, exit_code
from kvtui.domain import errors
from kvtui.domain.errors import KvtuiError, NotFound, PermissionDenied
from tests.cli.conftest import Cli, Ran, Vault

EXAMPLES = {
    "ls": "ls",
    "tree": "tree app",
    "search": "search db",
    "get": "get app/api",
    "versions": "versions app/api",
    "diff": "diff app/api app/api?version=1",
    "set": "set app/new",
    "meta": "meta app/api --owner me",
    "rotate": "rotate app/api",
    "rollback": "rollback app/api 1",
    "cp": "cp app/api app/copy",
    "mv": "mv app/api app/moved",
    "rm": "rm app/api",
    "undelete": "undelete app/api",
    "trash": "trash",
    "import": "import - --format json",
    "export": "export app",
    "apply": "apply changes.json",
    "inject": "inject",
    "generate": "generate",
    "due": "due",
    "health": "health",
    "vault create": "vault create box",
    "vault list": "vault list",
    "vault delete": "vault delete empty",
    "key list": "key list",
    "key add": "key add --recovery",
    "key remove": "key remove SLOT",
    "key passwd": "key passwd --new-passphrase-file pass",
    "key export-raw": "key export-raw",
    "key rotate-master": "key rotate-master --yes",
    "backup": "backup kept",
    "restore": "restore made again",
    "profiles": "profiles",
    "backends": "backends",
    "keys": "keys",
    "completion": "completion bash",
    "config path": "config path",
    "config check": "config check",
    "doctor": "doctor",
    "journal": "journal",
    "journal verify": "journal verify",
}
ON_SERVERS = {"login", "logout", "lease issue", "lease list", "lease renew", "lease revoke", "share", "unwrap"}
ELSEWHERE = {"init", "open", "demo", "run", *ON_SERVERS}
"""init is tested with the vault, what servers do with servers, run with processes, the others open the screen."""


def test_every_command_has_an_example() -> None:
    assert set(EXAMPLES) == set(commands.names()) - ELSEWHERE


@pytest.mark.parametrize("how", ["--json", pytest.param("", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", EXAMPLES)
def test_every_command_works_on_a_vault(vault: Vault, name: str, how: str) -> None:
    vault("set", "app/api", stdin=b"1")
    vault("vault", "create", "empty")
    vault("backup", "made")
    Path("changes.json").write_text('{"changes": [{"op": "delete", "path": "app/api"}]}')
    slot = vault("key", "list", "--json").json["slots"][1]["id"]
    argv = EXAMPLES[name].replace("SLOT", slot).split()
    ran = vault(*how.split(), *argv, stdin=b"{}")
    assert ran.code == 0, ran.err
    if how and name != "export":
        assert isinstance(ran.json, dict)


@pytest.mark.parametrize("name", EXAMPLES)
def test_global_options_stand_before_or_after_the_command(filled: Cli, name: str) -> None:
    options = ("-p", "other", "--json", "--passphrase-file", "none")
    words = name.split()
    rest = EXAMPLES[name].split()[len(words) :]
    before = filled(*options, *words, *rest, "--read-only", stdin=b"{}")
    after = filled(*words, *rest, *options, "--read-only", stdin=b"{}")
    between = filled(words[0], *options, *words[1:], *rest, "--read-only", stdin=b"{}")
    assert before.code == after.code == between.code
    assert _shape(before) == _shape(after) == _shape(between)
    assert "Usage" not in before.err


def _shape(ran: Ran) -> object:
    return sorted(ran.json) if ran.out.startswith(b"{") else (ran.out, ran.err)


def test_options_that_belong_to_the_value_are_not_taken_for_ours(cli: Cli) -> None:
    assert cli("set", "--", "-q", stdin=b"1").code == 0
    assert cli("ls").text == "-q\n"
    assert cli("get", "--", "-q").out == b"1"


CODES = {
    "NotFound": 3,
    "AlreadyExists": 5,
    "Conflict": 5,
    "InvalidPath": 2,
    "InvalidInput": 2,
    "PermissionDenied": 7,
    "AuthenticationRequired": 6,
    "Locked": 6,
    "RateLimited": 8,
    "Unavailable": 8,
    "Corrupt": 1,
    "Unsupported": 9,
    "Failed": 1,
}


def _made(kind: type[KvtuiError]) -> KvtuiError:
    extra = {"expected": 1, "actual": 2, "retry_after": 1.0, "capability": "write"}
    wanted = inspect.signature(kind.__init__).parameters
    return kind("x", **{name: value for name, value in extra.items() if name in wanted})


def test_every_kind_of_error_has_the_documented_exit_code() -> None:
    kinds = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, KvtuiError)]
    assert {_made(kind).kind: int(exit_code(_made(kind))) for kind in kinds} == CODES
    assert exit_code(Usage("x")) == 2


def test_bulk_exit_codes() -> None:
    refused, gone = PermissionDenied("x"), NotFound("x")
    assert bulk_exit_code(3, []) is Exit.DONE
    assert bulk_exit_code(1, [gone]) is Exit.PARTLY
    assert bulk_exit_code(0, [refused, refused]) is Exit.DENIED
    assert bulk_exit_code(0, [refused, gone]) is Exit.PARTLY
    assert bulk_exit_code(0, [gone, gone]) is Exit.PARTLY
    never = errors.Unsupported("x", capability="read")
    assert bulk_exit_code(0, [never, never]) is Exit.UNSUPPORTED
    assert bulk_exit_code(1, [never]) is Exit.PARTLY


def test_an_error_is_one_line_that_says_what_to_do(cli: Cli) -> None:
    ran = cli("get", "nothing")
    assert re.fullmatch(r"kvtui: nothing: No such secret\. .+\.\n", ran.err)


def test_an_error_as_json_has_kind_message_hint_and_path(cli: Cli) -> None:
    ran = cli("get", "nothing", "--json")
    assert ran.out == b""
    assert ran.err.isascii()
    assert {"kind", "message", "hint", "path"} <= set(ran.error)


def test_a_usage_error_with_json_is_json(cli: Cli) -> None:
    assert cli("--json", "nope").error["kind"] == "Usage"
    assert cli("get", "--json").error["kind"] == "Usage"


def test_quiet_prints_neither_notes_nor_confirmations(cli: Cli) -> None:
    ran = cli("-q", "set", "a", stdin=b"x\n")
    assert (ran.out, ran.err) == (b"", "")


def test_an_unforeseen_error_shows_no_message_and_no_traceback(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from kvtui.backends.memory import MemoryBackend

    def burst(*_: object, **__: object) -> None:
        raise ValueError("SENTINEL-77")

    monkeypatch.setattr(MemoryBackend, "read", burst)
    for argv in (("get", "a"), ("--debug", "get", "a"), ("get", "a", "--json", "--debug")):
        ran = cli(*argv)
        assert ran.code == 1
        assert "SENTINEL-77" not in ran.err
        assert "Traceback" not in ran.err
        assert "ValueError" in ran.err
        assert ("reading.py" in ran.err) == ("--debug" in argv)


def test_an_interrupt_is_quiet_and_exits_130(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from kvtui.backends.memory import MemoryBackend

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(MemoryBackend, "list", interrupted)
    ran = cli("ls")
    assert (ran.code, ran.out, ran.err) == (130, b"", "")
