"""The recovery script knows nothing of kvtui and gets everything back."""

from __future__ import annotations

import ast
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kvtui.backends.file.backend import FileBackend
from kvtui.domain import json_text
from kvtui.domain.codec import to_json
from kvtui.domain.credential import Credential
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.value import SecretValue
from tests.vault.places import PASSPHRASE, Place

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "recover.py"
VALUES: list[Any] = [
    "",
    "text",
    "zwei\nZeilen ü 🔑",
    "x" * 20_000,
    b"\x00\xff",
    1,
    12345678901234567890,
    None,
    [1, {"a": "b"}],
    True,
]


def recover(vault: Path, out: Path, *options: str, passphrase: str | None = None) -> subprocess.CompletedProcess[str]:
    if passphrase is not None:
        file = out.with_name("pass")
        file.write_text(passphrase + "\n")
        options = (*options, "--passphrase-file", str(file))
    command = [sys.executable, "-I", str(SCRIPT), str(vault), str(out), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def fill(vault: FileBackend) -> dict[tuple[str, int, str], Any]:
    """Values of each kind, several versions, one deleted, one destroyed; what the table must hold."""
    expected = {}
    for number, value in enumerate(VALUES):
        path = f"team/app{number}"
        vault.write(path, {"value": SecretValue("before")})
        vault.write(
            path, {"value": SecretValue(value), "no\n": SecretValue("n")}, metadata=MetadataPatch(description="d")
        )
        expected[path, 1, "value"] = SecretValue("before")
        expected[path, 2, "value"] = SecretValue(value)
        expected[path, 2, "no\n"] = SecretValue("n")
    vault.delete("team/app1")
    vault.destroy("team/app2", [1])
    del expected["team/app2", 1, "value"]
    return {key: (value.type.value, json_text.dump(to_json(value))) for key, value in expected.items()}


def found(out: Path) -> dict[tuple[str, int, str], Any]:
    """What the table holds, as `fill` has it."""
    database = sqlite3.connect(out)
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    rows = {}
    for path, version, name, kind, plain in database.execute("SELECT * FROM value"):
        value = SecretValue(json_text.parse(plain) if kind == "json" else plain)
        rows[path, version, name] = (value.type.value, json_text.dump(to_json(value)))
    database.close()
    return rows


def test_everything_comes_back_by_every_kind_of_key(place: Place, tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    key_file.write_bytes(bytes(range(64)))
    both = Credential(SecretValue("with a file"), key_file)
    with place.open() as vault:
        vault.add_key_slot(Credential(key_file=key_file))
        vault.add_key_slot(both)
        expected = fill(vault)
    ways: list[tuple[tuple[str, ...], str | None]] = [
        ((), "correct horse"),
        ((), str(place.recovery.passphrase and place.recovery.passphrase.reveal())),
        ((), str(place.recovery.passphrase and place.recovery.passphrase.reveal()).lower().replace("-", " ")),
        (("--key-file", str(key_file)), None),
        (("--key-file", str(key_file)), "with a file"),
    ]
    for number, (options, passphrase) in enumerate(ways):
        out = tmp_path / f"out{number}.db"
        done = recover(place.path, out, *options, passphrase=passphrase)
        assert done.returncode == 0, done.stderr
        assert "PLAIN TEXT" in done.stderr
        assert found(out) == expected
        assert out.stat().st_mode & 0o777 == 0o600


def test_commits_still_in_the_write_ahead_log_come_back(place: Place, tmp_path: Path) -> None:
    vault = place.open()
    expected = fill(vault)
    assert (place.path / "vault.db-wal").stat().st_size
    shutil.copytree(place.path, tmp_path / "copy")  # what a crash would leave
    done = recover(tmp_path / "copy", tmp_path / "out.db", passphrase="correct horse")
    assert done.returncode == 0, done.stderr
    assert found(tmp_path / "out.db") == expected


def test_what_was_acknowledged_before_a_kill_comes_back(place: Place, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.vault.writer", str(place.path), str(place.state), "w", "append"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as writer:
        assert writer.stdout is not None
        acknowledged = [next(writer.stdout) for _ in range(40)]
        writer.send_signal(signal.SIGKILL)
        acknowledged += list(writer.stdout)
    last = int([line for line in acknowledged if line.endswith("\n")][-1])
    done = recover(place.path, tmp_path / "out.db", passphrase="correct horse")
    assert done.returncode == 0, done.stderr
    rows = found(tmp_path / "out.db")
    assert all(rows["w/log", number, "value"][1] == f'"{str(number) * 50}"' for number in range(1, last + 1))


def test_a_damaged_header_does_not_matter_while_its_copy_is_good(place: Place, tmp_path: Path) -> None:
    with place.open() as vault:
        expected = fill(vault)
    (place.path / "vault.hdr").write_bytes(b"damaged")
    done = recover(place.path, tmp_path / "out.db", passphrase="correct horse")
    assert done.returncode == 0
    assert "vault.hdr is missing or damaged" in done.stderr
    assert found(tmp_path / "out.db") == expected


def test_a_damaged_page_is_named_and_skipped_when_forced(place: Place, tmp_path: Path) -> None:
    with place.open() as vault:
        fill(vault)
    data = bytearray((place.path / "vault.db").read_bytes())
    data[5 * 4096 + 100] ^= 1
    (place.path / "vault.db").write_bytes(data)
    done = recover(place.path, tmp_path / "out.db", passphrase="correct horse")
    assert done.returncode == 1
    assert "Page 6 is damaged" in done.stderr
    assert not (tmp_path / "out.db").exists()
    forced = recover(place.path, tmp_path / "out.db", "--force", passphrase="correct horse")
    assert "Page 6 is damaged" in forced.stderr
    assert (tmp_path / "out.db").exists()


def test_a_wrong_key_and_a_taken_name_write_nothing(place: Place, tmp_path: Path) -> None:
    done = recover(place.path, tmp_path / "out.db", passphrase="wrong")
    assert done.returncode == 1
    assert "opens nothing" in done.stderr
    assert not (tmp_path / "out.db").exists()
    (tmp_path / "out.db").write_text("mine")
    assert recover(place.path, tmp_path / "out.db", passphrase="correct horse").returncode != 0
    assert (tmp_path / "out.db").read_text() == "mine"


def test_a_backup_unpacked_by_tar_is_recovered(place: Place, tmp_path: Path) -> None:
    with place.open() as vault:
        expected = fill(vault)
        vault.backup(tmp_path / "b.kvb")
    shutil.rmtree(place.path)
    page = (ROOT / "docs" / "vault-format.md").read_text()
    commands = re.search(r"<!-- command: recover -->\n\n((?:    .*\n)+)", page)
    assert commands is not None, "the page shows the commands"
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    (tmp_path / "PASSPHRASE").write_text("correct horse\n")
    script = "".join(f"{line.strip()}\n" for line in commands[1].splitlines()).replace("BACKUP", "b.kvb")
    script = script.replace("python ", f"{sys.executable} -I ", 1)
    subprocess.run(["sh", "-ec", script], cwd=tmp_path, check=True, capture_output=True)
    assert found(tmp_path / "plain.db") == expected


def test_the_script_needs_only_cryptography_and_the_standard_library() -> None:
    tree = ast.parse(SCRIPT.read_text())
    names = {
        (alias.name if isinstance(node, ast.Import) else node.module or "").partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    assert names - set(sys.stdlib_module_names) == {"cryptography"}


@pytest.mark.parametrize("name", ["kvtui", "apsw"])
def test_it_names_nothing_of_ours(name: str) -> None:
    assert not re.search(rf"^\s*(?:import|from) {name}", SCRIPT.read_text(), re.MULTILINE)
    assert PASSPHRASE.passphrase is not None
