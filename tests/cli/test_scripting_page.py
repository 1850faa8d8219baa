"""The examples of docs/scripting.md, as they stand there; in this process, as there are many."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from kvtui.cli import commands
from tests.cli.conftest import Vault, run_here
from tests.cli.test_commands import ON_SERVERS

PAGE = Path(__file__).parents[2] / "docs" / "scripting.md"
RUNNING = PAGE.with_name("running.md")
_BLOCK = re.compile(r"^```(console|yaml)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_COMMAND = re.compile(r"(?:printf '(?P<given>[^']*)' \| )?kvtui (?P<argv>.*?)(?P<code>; echo \"exit \$\?\")?")


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


def test_every_example_prints_what_the_page_says(vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KVTUI_VAULT", str(vault.path))
    monkeypatch.setenv("KVTUI_PASSPHRASE_FILE", str(vault.passphrase_file))
    count = 0
    for kind, block in blocks():
        if kind == "yaml":
            name, _, text = block.removeprefix("# ").partition("\n")
            (tmp_path / name).write_text(text)
            (tmp_path / name).chmod(0o600)
            continue
        for command, printed in examples(block):
            match = _COMMAND.fullmatch(command)
            assert match, command
            ran = run_here(*shlex.split(match["argv"]), stdin=(match["given"] or "").encode())
            exit_line = f"exit {ran.code}\n" if match["code"] else ""
            shown = ran.text + ("" if ran.text.endswith("\n") or not ran.text else "\n") + ran.err + exit_line
            assert re.fullmatch(as_pattern(printed), shown), f"{command}\n{shown}"
            count += 1
    assert count > 50


def test_every_command_has_an_example_on_a_page() -> None:
    text = PAGE.read_text() + RUNNING.read_text()
    shown = {name for name in commands.names() if re.search(rf"^\$.*\bkvtui (?:-\S+ )*{name}\b", text, re.MULTILINE)}
    elsewhere = {"open", "demo", "key remove", "key passwd", "key rotate-master", "key export-raw"}
    assert set(commands.names()) - shown == ON_SERVERS | elsewhere
