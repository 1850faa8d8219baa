"""docs/recover.py: a vault and any one key become plain SQLite, by nothing but the format page."""

from __future__ import annotations

import ast
import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from kvtui.backends.file import header, mastering, schema, successor
from kvtui.backends.file.backend import FileBackend
from kvtui.domain import json_text
from kvtui.domain.credential import Credential
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.value import SecretValue
from kvtui.testing import cruel
from tests.vault.places import CHEAP, PASSPHRASE, Place

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "recover.py"
FORMAT = ROOT / "docs" / "vault-format.md"
PAGE = 4096

Row = tuple[str, int, str, str, object]


def recover(
    folder: Path, out: Path, *options: str, typed: bytes = b"correct horse\n"
) -> subprocess.CompletedProcess[bytes]:
    """Run it as somebody without kvtui would, with `typed` on its standard input."""
    argv = [sys.executable, "-I", str(SCRIPT), str(folder), str(out), *options]
    if "--passphrase-file" not in options:
        argv += ["--passphrase-file", "-"]
    return subprocess.run(argv, input=typed, capture_output=True, check=False, start_new_session=True)


def recovered(folder: Path, out: Path, *options: str, typed: bytes = b"correct horse\n") -> set[Row]:
    done = recover(folder, out, *options, typed=typed)
    assert done.returncode == 0, done.stderr
    assert b"NOT ENCRYPTED" in done.stderr
    return values(out)


def values(file: Path) -> set[Row]:
    database = sqlite3.connect(file)
    try:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        rows = database.execute("SELECT path, version, name, kind, value FROM value").fetchall()
        assert len(rows) == len(set(rows))
        return set(rows)
    finally:
        database.close()


def told(vault: FileBackend) -> set[Row]:
    """What kvtui says is in it, in the script's words."""
    rows: set[Row] = set()
    for entry in vault.walk():
        for stored in vault.read_history(entry.path).versions:
            for name, value in (stored.fields or {}).items():
                rows.add((entry.path, stored.version.number, in_column(name), *in_words(value.reveal())))
    return rows


def in_column(text: str) -> str:
    return re.sub("[\0\ud800-\udfff\ufdd0]", lambda found: f"\ufdd0{ord(found[0]):04x}", text)


def in_words(value: object) -> tuple[str, object]:
    if isinstance(value, bytes):
        return "bytes", value
    if isinstance(value, str) and not re.search("[\0\ud800-\udfff]", value):
        return "text", value
    return "json", json_text.dump(value)  # type: ignore[arg-type]


def fill(vault: FileBackend) -> None:
    fields = {f"field {number}": SecretValue(text) for number, text in enumerate(cruel.TEXTS)}
    vault.write("texts", fields)
    vault.write("names", {text[:100]: SecretValue(number) for number, text in enumerate(cruel.TEXTS)})
    vault.write("literals", {text: SecretValue(json_text.parse(text)) for text in cruel.JSON_LITERALS})
    vault.write("bytes", {str(number): SecretValue(data) for number, data in enumerate(cruel.BYTES)})
    vault.write("large", {"value": SecretValue(os.urandom(300_000))})
    vault.write("nothing", {})
    for name in cruel.ALLOWED_NAMES:
        vault.write(f"folder/{name}", {"value": SecretValue(name)}, metadata=MetadataPatch(description=name))
    for number in range(5):
        vault.write("versions", {"value": SecretValue(f"version {number}")})
    vault.delete("versions", [2])
    vault.destroy("versions", [3])
    vault.delete("texts")
    vault.destroy("folder/con")


def test_it_says_what_kvtui_says(place: Place, vault: FileBackend, tmp_path: Path) -> None:
    """Of a copy made while the vault is open: much of it is still in the write-ahead log."""
    fill(vault)
    shutil.copytree(place.path, tmp_path / "copy")
    assert (tmp_path / "copy" / "vault.db-wal").stat().st_size > 100 * PAGE
    found = recovered(tmp_path / "copy", tmp_path / "out.db")
    assert found == told(vault)
    assert {kind for _, _, _, kind, _ in found} == {"text", "json", "bytes"}
    assert {version for path, version, *_ in found if path == "versions"} == {1, 2, 4, 5}
    vault.close()
    assert not (place.path / "vault.db-wal").exists()
    assert recovered(place.path, tmp_path / "closed.db") == found


def test_the_result_is_private_and_the_tables_are_in_it(place: Place, vault: FileBackend, tmp_path: Path) -> None:
    fill(vault)
    before = {path.name: path.read_bytes() for path in place.path.iterdir()}
    old = os.umask(0)
    try:
        recovered(place.path, tmp_path / "out.db")
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "out.db").stat().st_mode) == 0o600
    assert {path.name: path.read_bytes() for path in place.path.iterdir()} == before
    database = sqlite3.connect(tmp_path / "out.db")
    assert database.execute("SELECT description FROM secret WHERE path = 'folder/~'").fetchall() == [("~",)]
    if sqlite3.sqlite_version_info >= (3, 42):
        rows = database.execute("SELECT path FROM search WHERE path LIKE '%sausage%'").fetchall()
        assert rows == [("folder/hello? sausage",)]
    assert database.execute("SELECT number, state FROM version WHERE state = 2").fetchall() == [(3, 2)]
    database.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.db", "state", "v.kvtui"]


# Every kind of key

KEY_FILE = b"the content of a key file"


@pytest.mark.parametrize(
    ("added", "file", "typed"),
    [
        (Credential(SecretValue("new one ")), False, b"new one \r\nanother line"),
        (Credential(SecretValue("caf\u00e9")), False, "cafe\u0301\n".encode()),
        (Credential(SecretValue(b"\xff\xfe not text")), False, b"\xff\xfe not text\n"),
        (Credential(key_file=Path("key")), True, b""),
        (Credential(SecretValue("both"), Path("key")), True, b"both\n"),
        (PASSPHRASE, True, b"correct horse\n"),
    ],
    ids=["passphrase", "composed", "bytes", "key file", "both", "passphrase beside another's key file"],
)
def test_each_kind_of_key_opens_it(place: Place, tmp_path: Path, added: Credential, file: bool, typed: bytes) -> None:
    (tmp_path / "key").write_bytes(KEY_FILE)
    if added.key_file is not None:
        added = Credential(added.passphrase, tmp_path / added.key_file)
    with place.open() as vault:
        vault.write("a", {"value": SecretValue("x")})
        vault.add_key_slot(added)
    options = ["--key-file", str(tmp_path / "key")] if file else []
    assert recovered(place.path, tmp_path / "out.db", *options, typed=typed) == {("a", 1, "value", "text", "x")}


@pytest.mark.parametrize("change", [str, str.lower, lambda key: key.replace("-", " ").replace("O", "0")])
def test_the_recovery_key_opens_it(
    place: Place, vault: FileBackend, tmp_path: Path, change: Callable[[str], str]
) -> None:
    vault.write("a", {"value": SecretValue("x")})
    assert place.recovery.passphrase is not None
    (tmp_path / "key").write_text(change(place.recovery.passphrase.reveal()) + "\n")
    options = ["--passphrase-file", str(tmp_path / "key")]
    assert recovered(place.path, tmp_path / "out.db", *options) == {("a", 1, "value", "text", "x")}


def test_a_wrong_key_says_so_and_leaves_nothing(place: Place, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(KEY_FILE)
    for options, typed in (
        ([], b"wrong\n"),
        ([], b""),
        (["--key-file", str(tmp_path / "key")], b""),
        ([], b"-".join([b"A" * 7] * 8)),
    ):
        done = recover(place.path, tmp_path / "out.db", *options, typed=typed)
        assert done.returncode == 1
        assert b"wrong passphrase, key file or recovery key" in done.stderr
        assert b"Traceback" not in done.stderr
        assert not (tmp_path / "out.db").exists()


def test_nothing_is_overwritten_and_what_is_missing_is_named(place: Place, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("mine", "link"):
        done = recover(place.path, tmp_path / name)
        assert done.returncode == 1
        assert b"File exists" in done.stderr
    assert (tmp_path / "mine").read_text() == "mine"
    assert not (tmp_path / "elsewhere").exists()
    done = recover(tmp_path, tmp_path / "out.db")
    assert done.returncode == 1
    assert b"without a header" in done.stderr.lower()
    (place.path / schema.FILE).unlink()
    done = recover(place.path, tmp_path / "out.db")
    assert done.returncode == 1
    assert b"vault.db" in done.stderr
    assert b"Traceback" not in done.stderr
    assert not (tmp_path / "out.db").exists()


# What is left after a crash


def test_after_a_kill_it_says_what_kvtui_says(place: Place, tmp_path: Path) -> None:
    place.close()
    argv = [sys.executable, "-m", "tests.vault.writer", str(place.path), str(place.state), "killed", "append"]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=ROOT)
    assert process.stdout is not None
    for line in process.stdout:
        if line == b"60\n":
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    shutil.copytree(place.path, tmp_path / "copy")
    found = recovered(tmp_path / "copy", tmp_path / "out.db")
    assert {f"killed/each/{number}" for number in range(1, 61)} <= {path for path, *_ in found}
    with place.open() as vault:
        assert told(vault) == found


def test_what_was_not_committed_is_not_in_it(place: Place, vault: FileBackend, tmp_path: Path) -> None:
    """Although its pages are in the log: a long transaction spills them there."""
    vault.write("a", {"value": SecretValue("x")})
    log = place.path / "vault.db-wal"
    before = log.stat().st_size
    vault._database._writer.pragma("cache_size", 10)
    with suppress(ZeroDivisionError), vault._vault.change() as transaction:
        transaction.connection.execute("UPDATE secret SET path = 'b'")
        transaction.connection.execute("CREATE TABLE junk AS SELECT randomblob(400000) AS x")
        assert log.stat().st_size > before + 50 * PAGE
        shutil.copytree(place.path, tmp_path / "copy")
        raise ZeroDivisionError
    assert recovered(tmp_path / "copy", tmp_path / "out.db") == {("a", 1, "value", "text", "x")}


def test_a_log_that_was_begun_again_gives_its_new_pages_only(place: Place, vault: FileBackend, tmp_path: Path) -> None:
    for number in range(40):
        vault.write("a", {"value": SecretValue(str(number) * 2000)})
    with vault._database.exclusive_use() as connection:
        connection.pragma("wal_checkpoint(RESTART)")
    vault.write("b", {"value": SecretValue("x")})  # over the first frames; old ones follow
    shutil.copytree(place.path, tmp_path / "copy")
    assert recovered(tmp_path / "copy", tmp_path / "out.db") == told(vault)


def test_a_torn_log_is_told_and_what_is_before_is_kept(place: Place, vault: FileBackend, tmp_path: Path) -> None:
    for name in "ab":
        vault.write(name, {"value": SecretValue("x")})
    shutil.copytree(place.path, tmp_path / "copy")
    log = tmp_path / "copy" / "vault.db-wal"
    data = bytearray(log.read_bytes())
    data[-100] ^= 1
    log.write_bytes(data)
    done = recover(tmp_path / "copy", tmp_path / "out.db")
    assert done.returncode == 0, done.stderr
    assert b"torn or damaged" in done.stderr
    assert {path for path, *_ in values(tmp_path / "out.db")} == {"a"}
    log.write_bytes(data[: -PAGE // 2])
    assert {path for path, *_ in recovered(tmp_path / "copy", tmp_path / "short.db")} == {"a"}


def test_a_change_of_the_master_key_that_was_cut_short_loses_nothing(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The header is of the new key and vault.db still of the old one."""
    with place.open() as vault:
        fill(vault)
        expected = told(vault)

    def killed(vault: Path) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(successor, "put_in_place", killed)
    with pytest.raises(ZeroDivisionError):
        mastering.rotate_master(place.path, PASSPHRASE, place.state)
    monkeypatch.undo()
    assert (place.path / successor.NAME).exists()
    assert recovered(place.path, tmp_path / "out.db") == expected
    place.open()
    assert not (place.path / successor.NAME).exists()
    assert recovered(place.path, tmp_path / "after.db") == expected


# Damage


@pytest.fixture
def closed(place: Place) -> Place:
    with place.open() as vault:
        for number in range(40):
            vault.write(f"s{number:02}", {"value": SecretValue(f"{number} " * 400)})
    return place


def test_the_copy_of_the_header_is_taken_when_the_first_is_bad(closed: Place, tmp_path: Path) -> None:
    file = closed.path / header.NAME
    data = bytearray(file.read_bytes())
    data[100] ^= 1
    file.write_bytes(data)
    done = recover(closed.path, tmp_path / "out.db")
    assert done.returncode == 0
    assert b"vault.hdr is missing, damaged" in done.stderr
    file.unlink()
    assert len(recovered(closed.path, tmp_path / "again.db")) == 40
    (closed.path / header.COPY).write_bytes(data)
    assert b"Take vault.hdr from a backup" in recover(closed.path, tmp_path / "never.db").stderr


def test_a_header_somebody_wrote_is_told(closed: Place, tmp_path: Path) -> None:
    parsed = header.read(closed.path)
    (closed.path / header.NAME).write_bytes(parsed.encode(bytes(32)))
    done = recover(closed.path, tmp_path / "out.db")
    assert done.returncode == 1
    assert b"somebody without a key" in done.stderr


def test_damaged_pages_are_named_and_the_rest_is_kept_on_demand(closed: Place, tmp_path: Path) -> None:
    file = closed.path / schema.FILE
    whole = file.read_bytes()
    expected = recovered(closed.path, tmp_path / "out.db")
    pages = len(whole) // PAGE
    kept = 0
    for number in range(1, pages + 1, 7):
        data = bytearray(whole)
        data[(number - 1) * PAGE + 2000] ^= 1
        file.write_bytes(data)
        out = tmp_path / f"{number}.db"
        done = recover(closed.path, out)
        assert done.returncode == 1
        assert f"Page {number} is damaged".encode() in done.stderr
        assert not out.exists()
        done = recover(closed.path, out, "--force")
        assert done.returncode == 1
        assert b"Traceback" not in done.stderr
        assert f"Page {number} is damaged".encode() in done.stderr
        assert out.read_bytes()[(number - 1) * PAGE : number * PAGE].count(0) == PAGE or number == 1
        if number > 1:
            database = sqlite3.connect(out)
            rows = {row[1:] for row in database.execute("SELECT path, version, name, kind, value FROM value")}
            database.close()
            assert rows <= {row[1:] for row in expected}
            kept += len(rows) >= 30
    assert kept > pages // 7 // 2


def test_a_truncated_database_is_told(closed: Place, tmp_path: Path) -> None:
    file = closed.path / schema.FILE
    data = file.read_bytes()
    last = len(data) // PAGE
    for length in (len(data) - PAGE, len(data) - 1):
        file.write_bytes(data[:length])
        done = recover(closed.path, tmp_path / "out.db")
        assert done.returncode == 1
        assert f"Page {last} is damaged".encode() in done.stderr


def test_a_value_moved_to_another_secret_is_told_and_left_out(place: Place, vault: FileBackend, tmp_path: Path) -> None:
    for name in "abc":
        vault.write(name, {"value": SecretValue(name)})
    with vault._database.writing() as connection:
        connection.execute("UPDATE version SET sealed = (SELECT sealed FROM version WHERE secret = 1) WHERE secret = 2")
    done = recover(place.path, tmp_path / "out.db", "--force")
    assert done.returncode == 1
    assert b"'b', version 1: the value was changed" in done.stderr
    assert {row[0] for row in values(tmp_path / "out.db")} == {"a", "c"}


def test_a_header_that_asks_for_all_memory_is_refused(place: Place, tmp_path: Path) -> None:
    parsed = header.read(place.path)
    greedy = header.KdfCost(memory_kib=2**31, passes=60, lanes=4)
    slots = tuple(slot._replace(kdf=greedy if slot.kdf == CHEAP else slot.kdf) for slot in parsed.slots)
    (place.path / header.NAME).write_bytes(parsed._replace(slots=slots).encode(bytes(32)))
    done = recover(place.path, tmp_path / "out.db")
    assert done.returncode == 1
    assert b"asks for more than kvtui ever does" in done.stderr


# Independence


def test_it_imports_nothing_but_the_standard_library_and_cryptography() -> None:
    names = set()
    for node in ast.walk(ast.parse(SCRIPT.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names.add(node.module or "")
    foreign = {name.partition(".")[0] for name in names} - sys.stdlib_module_names
    assert foreign == {"cryptography"}


def test_no_secret_is_taken_from_the_arguments(place: Place, tmp_path: Path) -> None:
    shown = subprocess.run([sys.executable, "-I", str(SCRIPT), "--help"], capture_output=True, text=True, check=True)
    assert set(re.findall(r"^  (--[a-z-]+)", shown.stdout, re.MULTILINE)) == {
        *("--passphrase-file", "--key-file", "--force"),
    }
    done = recover(place.path, tmp_path / "out.db", "correct horse", typed=b"")
    assert done.returncode == 2


def test_a_backup_is_recovered_as_the_format_page_says(place: Place, vault: FileBackend, tmp_path: Path) -> None:
    """The page's own commands, on a backup, with the passphrase typed."""
    vault.write("app/db", {"password": SecretValue("hunter2")})
    page = FORMAT.read_text()
    commands = re.search(r"## Disaster recovery\n(?:(?:\S.*)?\n)+((?:    .*\n)+)", page)
    assert commands is not None
    assert "python3 recover.py" in commands[1]
    here = tmp_path / "here"
    here.mkdir()
    vault.backup(here / "backup.kvb")
    shutil.copy(SCRIPT, here)
    tools = tmp_path / "tools"
    tools.mkdir()
    shell = "import sqlite3, sys\nfor row in sqlite3.connect(sys.argv[1]).execute(sys.argv[2]): print('|'.join(row))\n"
    (tools / "sqlite3").write_text(f"#!{sys.executable}\n{shell}")
    (tools / "sqlite3").chmod(0o755)
    (tools / "python3").symlink_to(sys.executable)
    venv = Path(sys.executable).parent
    done = subprocess.run(
        ["bash", "-euc", commands[1]],
        cwd=here,
        env={"PATH": f"{venv}:{os.environ['PATH']}:{tools}"},
        input=b"correct horse\n",
        capture_output=True,
        check=False,
        start_new_session=True,  # no terminal: the passphrase is read from standard input
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().splitlines()[-1] == "app/db|password|hunter2"
