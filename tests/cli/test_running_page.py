"""The examples of docs/running.md, as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import Vault

PAGE = Path(__file__).parents[2] / "docs" / "running.md"


def examples() -> list[tuple[str, str]]:
    """Commands and what they print, in the order of the page. A here-document goes on to its END."""
    found: list[tuple[str, str]] = []
    for block in re.findall(r"^```console\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            first, _, rest = part.partition("\n")
            if "<<" in first:
                body, end, rest = rest.partition("END\n")
                first = f"{first}\n{body}{end}"
            found.append((first, rest))
    return found


def test_every_example_prints_what_the_page_says(vault: Vault, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "kvtui"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m kvtui "$@"\n')
    program.chmod(0o700)
    place = tmp_path / "work"
    place.mkdir()
    environment = {
        **os.environ,
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(PAGE.parents[1]),
        "KVTUI_VAULT": str(vault.path),
        "KVTUI_PASSPHRASE_FILE": str(vault.passphrase_file),
    }
    assert len(examples()) > 20
    for command, printed in examples():
        done = subprocess.run(
            ["bash", "-c", f"exec 2>&1; {command}"], env=environment, cwd=place, capture_output=True, check=False
        )
        assert done.stdout.decode() == printed, command
