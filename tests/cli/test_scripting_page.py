"""The examples of docs/scripting.md, as they stand there; in this process, as there are many."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from kvtui.backends.file import creating
from kvtui.cli import commands
from tests.cli.conftest import CHEAP, Vault, run_here
from tests.doubles.vault import VaultDouble

PAGE = Path(__file__).parents[2] / "docs" / "scripting.md"
RUNNING = PAGE.with_name("running.md")
_BLOCK = re.compile(r"^```(console|yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(
    r"(?:printf '(?P<given>[^']*)' \| )?kvtui (?P<argv>.*?)(?: > (?P<file>\S+))?(?P<code>; echo \"exit \$\?\")?"
)


def blocks() -> list[tuple[str, str]]:
    return [(match[1], match[2]) for match in _BLOCK.finditer(PAGE.read_text())]


def examples(block: str) -> list[tuple[str, str]]:
    """Commands and what they print."""
    parts = [part.partition("\n") for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    return [(command, printed) for command, _, printed in parts]


def as_pattern(printed: str) -> str:
    """`…` is whatever stands there, a line of it whole lines; blanks are as wide as the table is."""
    lines = [r"(?:.*\n)*?" if line == "…" else _line(line) + r"\n" for line in printed.splitlines()]
    return "".join(lines)


def _line(line: str) -> str:
    return re.sub(r"(?:\\ ){2,}", r" {2,}", re.escape(line)).replace("…", ".*")


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[VaultDouble]:
    for name in [name for name in os.environ if name.startswith(("BAO_", "VAULT_"))]:
        monkeypatch.delenv(name)
    with VaultDouble() as double:
        double.mount("database", kind="database").add_role("readonly")  # type: ignore[attr-defined]
        monkeypatch.setenv("BAO_ADDR", double.url)
        monkeypatch.setenv("BAO_TOKEN", double.root_token)
        yield double


@dataclass
class Shell:
    """Runs the command lines of the page, as far as they go. `$SLOT` and `$LEASE` are what was added last."""

    vault: Vault
    server: VaultDouble
    slot: str = ""

    def __call__(self, match: re.Match[str]) -> str:
        """What is shown of one."""
        line = match["argv"]
        if "$SLOT" in line and not self.slot:
            *_, self.slot = (slot["id"] for slot in self.vault("key", "list", "--json").json["slots"])
        lease = next(iter(self.server.state.leases), "")
        argv = shlex.split(line.replace("$SLOT", self.slot).replace("$LEASE", lease))
        ran = run_here(*argv, stdin=(match["given"] or "").encode())
        assert match["code"] or ran.code == 0, f"{line}\n{ran.err}"
        text = ran.text
        if match["file"]:
            Path(match["file"]).write_text(text)
            text = ""
        exit_line = f"exit {ran.code}\n" if match["code"] else ""
        return text + "\n" * (not text.endswith("\n") and bool(text)) + ran.err + exit_line


def test_every_example_prints_what_the_page_says(
    vault: Vault, server: VaultDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KVTUI_VAULT", str(vault.path))
    monkeypatch.setenv("KVTUI_PASSPHRASE_FILE", str(vault.passphrase_file))
    monkeypatch.setattr(creating, "calibrated", lambda: CHEAP)
    (tmp_path / "kvtui.key").write_text("k" * 64)
    (tmp_path / "new-passphrase").write_bytes(vault.passphrase_file.read_bytes())
    shell, count = Shell(vault, server), 0
    for kind, block in blocks():
        if kind == "yaml":
            name, _, text = block.removeprefix("# ").partition("\n")
            (tmp_path / name).write_text(text)
            (tmp_path / name).chmod(0o600)
            continue
        for command, printed in examples(block):
            match = _COMMAND.fullmatch(command)
            assert match, command
            shown = shell(match)
            assert re.fullmatch(as_pattern(printed), shown), f"{command}\n{shown}"
            count += 1
    assert count > 70


def test_every_command_has_an_example_on_a_page() -> None:
    text = PAGE.read_text() + RUNNING.read_text()
    option = r"(?:-p \S+ |-\S+ )*"
    shown = {name for name in commands.names() if re.search(rf"^\$.*\bkvtui {option}{name}\b", text, re.MULTILINE)}
    assert shown == set(commands.names())
