"""Programs that stand in for those that are not here."""

from __future__ import annotations

from pathlib import Path


def script(folder: Path, name: str, body: str) -> Path:
    """A shell script that can be run."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\n{body}\n")
    program.chmod(0o700)
    return program
