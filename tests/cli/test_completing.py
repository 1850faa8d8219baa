"""completion: what the scripts are answered, and what real shells make of it."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvtui.backends.memory import MemoryBackend
from kvtui.cli import commands, completing
from kvtui.cli.shell_words import for_bash, split
from tests.cli.conftest import Cli, Vault

NAMES = [
    "plain",
    "two words",
    "it's",
    'say "hi"',
    "co:lon",
    "dol$lar`x`",
    "back\\slash",
    "a=b",
    "ünï",
    "*?[]",
    "~me",
    "!x",
]
HOSTILE = [*NAMES, "new\nline", "esc\x1b[31m", "tab\tbed", "bidi\u202e"]


def bash(cli: Cli, line: str) -> list[str]:
    """How the line goes on, as the script of bash gets it."""
    ran = cli("completion", "bash", "--answer", "--", line, " \t\n\"'><=;|&(:")
    assert (ran.code, ran.err) == (0, "")
    return ran.text.splitlines()


def test_commands_options_and_values_come_from_the_tables(cli: Cli) -> None:
    assert bash(cli, "kvtui g") == ["words", "get", "generate"]
    assert set(bash(cli, "kvtui ")[1:]) == {name.partition(" ")[0] for name in commands.names()}
    assert bash(cli, "kvtui vault ")[1:] == ["create", "list", "delete"]
    assert bash(cli, "kvtui -q --json key rot") == ["words", "rotate-master"]
    assert bash(cli, "A=1 kvtui get --ver") == ["words", "--version"]
    assert bash(cli, "kvtui set x --type pass") == ["words", "password"]
    assert bash(cli, "kvtui -p o") == ["words", "other"]
    assert bash(cli, "kvtui get --profile=x --js") == ["words", "--json"]
    assert bash(cli, "kvtui completion f") == ["words", "fish"]
    assert bash(cli, "kvtui import --from o") == ["words", "other"]
    assert bash(cli, "kvtui export --format y") == ["words", "yaml"]
    assert bash(cli, "kvtui generate --charset he") == ["words", "hex"]
    assert bash(cli, "kvtui meta x --cas-required ") == ["words", "yes", "no"]
    for line in (
        "kvtui import ",
        "kvtui --config ",
        "kvtui run -- ",
        "kvtui rotate x --command c",
        "kvtui set x --file ",
    ):
        assert bash(cli, line) == ["files"]
    assert bash(cli, "kvtui nonsense ") == ["open"]


@pytest.mark.parametrize("name", commands.names())
def test_every_command_completes_its_own_options(cli: Cli, name: str) -> None:
    assert "--json" in bash(cli, f"kvtui {name} --")


def test_paths_are_completed_folder_by_folder_in_any_profile(filled: Cli) -> None:
    filled("-p", "other", "set", "over/there", stdin=b"x")
    assert bash(filled, "kvtui get a") == ["open", "app/"]
    assert bash(filled, "kvtui get app/") == ["words", "app/api", "app/db"]
    assert bash(filled, "kvtui cp app/api n") == ["words", "note"]
    assert bash(filled, "kvtui rotate app/api app/d") == ["words", "app/db"]
    assert bash(filled, "kvtui get other:o") == ["open", "over/"]
    assert bash(filled, "kvtui -p other get o") == ["open", "other:", "over/"]
    assert bash(filled, "kvtui get nothing/here/") == ["open"]


def test_nothing_is_asked_said_or_written_down(vault: Vault, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERE", str(vault.passphrase_file.parent))
    vault("set", "app/db", stdin=b"1")
    before = vault("journal", "--json").json
    assert bash(vault, "kvtui ls") == ["words", "ls"]
    line = f"kvtui --vault {vault.path} get a"
    assert bash(vault, line) == ["open"]
    assert bash(vault, line.replace("get", f"--passphrase-file {vault.passphrase_file} get")) == ["open", "app/"]
    assert bash(vault, line.replace("get", "--passphrase-file $HERE/pass get")) == ["open", "app/"]
    assert bash(vault, line.replace("get", "--passphrase-file missing get")) == []
    assert bash(vault, line.replace("get", "--passphrase-file /dev/null get")) == ["open"]
    (home / "wrong.yaml").write_text("profiles: 7\n")
    assert bash(vault, f"kvtui --config {home}/wrong.yaml get a") == []
    assert vault("journal", "--json").json == before


def test_a_store_that_runs_a_program_to_open_is_not_asked(filled: Cli, config_file: Path, home: Path) -> None:
    text = config_file.read_text()
    config_file.write_text(
        f"{text}  asks:\n    backend: vault\n    url: http://127.0.0.1:9\n"
        f"    auth: {{method: token, token_command: [touch, {home}/ran]}}\n"
    )
    assert bash(filled, "kvtui get asks:a") == ["open"]
    assert not (home / "ran").exists()


def test_a_store_that_does_not_answer_in_time_is_left_behind(filled: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, left = threading.Event(), list[int]()

    def hanging(self: MemoryBackend, folder: str = "") -> None:
        go_on.wait(10)

    monkeypatch.setattr(MemoryBackend, "list", hanging)
    monkeypatch.setattr(completing, "LOCAL_SECONDS", 0.05)
    monkeypatch.setattr(completing, "_leave_behind", lambda: left.append(1))
    assert bash(filled, "kvtui get a") == ["open"]
    assert left == [1]
    go_on.set()


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]) | st.sampled_from("'\"\\$`! \n"), max_size=12))
def test_what_is_escaped_is_read_back_the_same(text: str) -> None:
    text = text.replace("\0", "")
    escaped = for_bash(text)
    assert escaped is not None
    assert escaped.isprintable() or not text.isprintable()
    assert split(f"x {escaped}")[-1].text == text
    for quote in ("'", '"', "$'"):
        inside = for_bash(text, quote)
        if inside is not None:
            word = split(f"x {quote}{inside}")[-1]
            assert (word.text, word.quote) == (text, quote) or "'\\''" in inside


@pytest.fixture
def real(vault: Vault, home: Path, tmp_path: Path) -> tuple[dict[str, str], list[str]]:
    """The environment of a shell for which a vault opens by its key file, and the names in it."""
    key = tmp_path / "key"
    key.write_bytes(os.urandom(32))
    key.chmod(0o600)
    assert vault("key", "add", "--new-key-file", str(key)).code == 0
    for name in NAMES:
        vault("set", f"at/{name}", stdin=b"x")
    changed = {
        "KVTUI_VAULT": str(vault.path),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "TERM": "dumb",
        "LC_ALL": "C.UTF-8",
        "INPUTRC": "/dev/null",
        "PS1": "",
        "KEY": str(key),
    }
    return {**os.environ, **changed}, [f"at/{name}" for name in NAMES]


def shell_of(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: its completion was not tried")
    return found


def test_bash_takes_every_name_for_what_it_is(real: tuple[dict[str, str], list[str]]) -> None:
    environment, names = real
    script = (
        'eval "$(kvtui completion bash)"\n'
        "COMP_WORDBREAKS=$' \\t\\n\"\\'><=;|&(:'\n"
        'COMP_LINE="kvtui --key-file $KEY get at/"; COMP_POINT=${#COMP_LINE}; _kvtui\n'
        'for one in "${COMPREPLY[@]}"; do eval "printf %s\\\\\\\\0 $one"; done\n'
    )
    ran = subprocess.run([shell_of("bash"), "--norc", "-c", script], env=environment, capture_output=True, check=True)
    assert ran.stderr == b""
    assert ran.stdout.decode().split("\0")[:-1] == sorted(names)


def test_bash_takes_hostile_names_too() -> None:
    script = "\n".join(f"printf '%s\\0' {for_bash(name)}" for name in HOSTILE)
    ran = subprocess.run([shell_of("bash"), "--norc", "-c", script], capture_output=True, check=True)
    assert ran.stdout.decode().split("\0")[:-1] == HOSTILE


def test_fish_offers_every_name(real: tuple[dict[str, str], list[str]]) -> None:
    environment, names = real
    script = 'kvtui completion fish | source; complete -C "kvtui --key-file $KEY get at/"'
    ran = subprocess.run(
        [shell_of("fish"), "--no-config", "-c", script], env=environment, capture_output=True, check=True
    )
    assert ran.stderr == b""
    assert sorted(ran.stdout.decode().splitlines()) == sorted(names)


def typed(argv: Sequence[str], environment: dict[str, str], setup: str, keys: str) -> str:
    """What a shell at a terminal runs when these keys are pressed: it is to print what it was given."""
    child, terminal = pty.fork()
    if not child:
        os.execve(argv[0], list(argv), environment)
    seen = b""
    deadline = time.monotonic() + 20

    def until(mark: bytes) -> None:
        nonlocal seen
        while mark not in seen:
            ready, _, _ = select.select([terminal], [], [], max(deadline - time.monotonic(), 0))
            assert ready, seen
            seen += os.read(terminal, 65536)

    try:
        os.write(terminal, f"{setup}; printf '%s%s\\n' rea dy\n".encode())
        until(b"ready\r\n")
        os.write(terminal, keys.encode())
        until(b"<at/two words>")
        seen = seen[seen.rindex(b"ready") :]
        return seen.decode(errors="replace")
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(terminal)


@pytest.mark.parametrize("keys", ["get at/tw\t", "get 'at/tw\t", 'get "at/tw\t'])
@pytest.mark.slow
def test_tab_in_bash_writes_a_name_that_is_run_as_it_is(real: tuple[dict[str, str], list[str]], keys: str) -> None:
    environment, _ = real
    setup = 'eval "$(kvtui completion bash)"; complete -F _kvtui show; show() { printf "<%s>\\n" "$@"; }'
    shown = typed(
        [shell_of("bash"), "--norc", "-i"], environment, setup, f"show --key-file {environment['KEY']} {keys}\n"
    )
    assert "<at/two words>" in shown


@pytest.mark.slow
def test_tab_in_zsh_writes_a_name_that_is_run_as_it_is(real: tuple[dict[str, str], list[str]]) -> None:
    environment, _ = real
    setup = (
        'autoload -Uz compinit && compinit -u -D; eval "$(kvtui completion zsh)"; compdef _kvtui show; '
        'show() { printf "<%s>\\n" "$@"; }'
    )
    shown = typed(
        [shell_of("zsh"), "-f", "-i"], environment, setup, f"show --key-file {environment['KEY']} get at/tw\t\n"
    )
    assert "<at/two words>" in shown
