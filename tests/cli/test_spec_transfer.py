"""What the specification says about import and export, on a real vault: nothing lost, or told."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kvtui.backends.file.factory import FileFactory
from kvtui.domain.credential import Credential
from kvtui.domain.value import SecretValue
from tests.cli.conftest import CHEAP, PASSPHRASE, Cli, Ran, Vault, run_here
from tests.support.hostile import HOSTILE

LONGEST = 2000


@pytest.fixture
def fresh(vault: Vault, tmp_path: Path) -> Callable[..., Ran]:
    """A second vault with the same passphrase."""
    place = tmp_path / "fresh.kvtui"
    FileFactory().create_with({"path": str(place)}, Credential(SecretValue(PASSPHRASE)), kdf=CHEAP)
    return lambda *argv, **options: run_here(
        "--vault", str(place), "--passphrase-file", str(vault.passphrase_file), *argv, **options
    )


def _fill(vault: Vault, tmp_path: Path) -> None:
    """Every hostile string as a value and, cut, as the name of a field; histories with all states."""
    secrets = {
        f"hostile/{entry.id}": {"value": entry.value, entry.value[:200]: "x"}
        for entry in HOSTILE
        if len(entry.value) <= LONGEST
    }
    file = tmp_path / "hostile.json"
    file.write_text(json.dumps(secrets), encoding="ascii")
    assert vault("import", str(file), "--format", "kv-json").code == 0
    for value in (b"1", b"2", b"\xff"):
        vault("set", "app/db", "--description", "d", "--tag", "t", "--custom", "k=v", stdin=value)
    vault("rm", "app/db", "--versions", "2")
    vault("rm", "app/db", "--versions", "1", "--destroy", "--yes")
    vault("set", "gone", stdin=b"x")
    vault("rm", "gone")


def test_all_versions_in_a_fresh_vault_export_as_the_very_same_file(
    vault: Vault, fresh: Callable[..., Ran], tmp_path: Path
) -> None:
    _fill(vault, tmp_path)
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    assert vault("export", "--all-versions", "-o", str(first)).code == 0
    assert fresh("import", str(first)).code == 0
    assert fresh("export", "--all-versions", "-o", str(second)).code == 0
    assert second.read_bytes() == first.read_bytes()
    assert fresh("undelete", "gone").code == 0
    assert fresh("get", "app/db", "--version", "1", "--json").error["state"] == "destroyed"
    assert fresh("get", "app/db", "--version", "2", "--json").error["state"] == "deleted"


@pytest.mark.parametrize("form", ["json", "kv-json"])
def test_every_hostile_value_and_field_comes_back_from_json(
    vault: Vault, fresh: Callable[..., Ran], tmp_path: Path, form: str
) -> None:
    _fill(vault, tmp_path)
    file = tmp_path / "out"
    assert vault("export", "hostile", "--format", form, "-o", str(file)).code == 0
    assert fresh("import", str(file), "--format", form).code == 0
    again = fresh("export", "hostile", "--format", form)
    assert again.out == file.read_bytes()
    assert not any(byte < 0x20 and byte != 0x0A for byte in again.out)


def test_what_yaml_cannot_hold_is_reported_by_path_and_the_rest_comes_back(
    vault: Vault, fresh: Callable[..., Ran], tmp_path: Path
) -> None:
    _fill(vault, tmp_path)
    file = tmp_path / "out.yaml"
    ran = vault("export", "hostile", "-o", str(file), "--json")
    assert ran.code == 4
    left_out = {row["path"] for row in ran.json["failed"]}
    assert left_out == {
        f"hostile/{entry.id}"
        for entry in HOSTILE
        if len(entry.value) <= LONGEST and any("\ud800" <= ch <= "\udfff" for ch in entry.value)
    }
    assert fresh("import", str(file)).code == 0
    here, there = (json.loads(side("export", "hostile", "--format", "kv-json").out) for side in (vault, fresh))
    assert there == {path: fields for path, fields in here.items() if path not in left_out}


@pytest.mark.parametrize("options", [["--all-versions"], ["--format", "yaml"], []])
def test_an_empty_container_that_is_left_out_is_told(vault: Vault, options: list[str]) -> None:
    vault("vault", "create", "empty")
    vault("vault", "create", "used")
    vault("set", "used/a", stdin=b"x")
    told = vault("export", *options).err
    assert "kvtui: empty: " in told
    assert "used" not in told


def test_export_to_a_name_without_a_format_is_json(cli: Cli, tmp_path: Path) -> None:
    cli("set", "a", stdin=b"x")
    file = tmp_path / "backup"
    assert cli("export", "-o", str(file)).code == 0
    assert json.loads(file.read_bytes()) == {"a": {"value": "x"}}


def test_an_import_that_does_a_part_exits_4_and_names_the_rest(cli: Cli) -> None:
    ran = cli("import", "-", "--format", "json", "--json", stdin=b'{"..": {"a": "x"}, "ok": {"a": "x"}}')
    assert ran.code == 4
    assert [row["path"] for row in ran.json["failed"]] == [".."]
    assert [row["path"] for row in ran.json["done"]] == ["ok"]


MANY = 20_000


@pytest.fixture
def large(tmp_path: Path) -> Path:
    file = tmp_path / "large.json"
    document = {
        f"team{team:02}": {f"secret-{number:05}": {"value": f"{team} {number}"} for number in range(MANY // 20)}
        for team in range(20)
    }
    file.write_text(json.dumps(document))
    return file


def _importing(vault: Vault, file: Path) -> subprocess.Popen[bytes]:
    """An import that has written its first secrets, and waits for somebody to read on what it prints."""
    words = ["--vault", str(vault.path), "--passphrase-file", str(vault.passphrase_file), "import", str(file), "--json"]
    child = subprocess.Popen(
        [sys.executable, "-m", "kvtui", *words],
        bufsize=0,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stdout.read(1) == b"{"
    return child


@pytest.mark.slow
def test_ctrl_c_ends_an_import_between_two_commits_and_repeating_it_goes_on(vault: Vault, large: Path) -> None:
    with _importing(vault, large) as child:
        child.send_signal(signal.SIGINT)
        out, err = child.communicate()
    assert child.returncode == 130
    rows = json.loads(b"{" + out)
    count = len(rows["done"])
    assert 0 < count < MANY
    assert rows["failed"] == []
    error = json.loads(err)["error"]
    assert error["kind"] == "Interrupted"
    assert str(count) in error["message"]
    listed = vault("ls", "-r", "--json").json["entries"]
    assert sum(entry["kind"] == "secret" for entry in listed) == count
    assert vault("import", str(large)).text == f"Imported: {MANY - count} created, {count} skipped\n"
    assert vault("journal", "verify").code == 0


@pytest.mark.slow
def test_import_killed_in_the_middle_and_repeated_is_the_whole(vault: Vault, large: Path, tmp_path: Path) -> None:
    with _importing(vault, large) as child:
        child.kill()
    assert child.returncode == -signal.SIGKILL
    assert vault("import", str(large)).code == 0
    again = tmp_path / "again.json"
    assert vault("export", "-o", str(again)).code == 0
    assert json.loads(again.read_bytes()) == json.loads(large.read_bytes())
    assert vault("journal", "verify").code == 0
    assert vault("doctor", "--verify").code == 0


_PEAK = """
import resource, sys
from kvtui.cli.main import run
code = run(sys.argv[1:], sys.stdin.buffer, sys.stdout.buffer, sys.stderr.buffer)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""


def _peak_kib(vault: Vault, *words: str) -> int:
    """The most memory a command took, in a process of its own."""
    argv = ["--vault", str(vault.path), "--passphrase-file", str(vault.passphrase_file), *words]
    ran = subprocess.run([sys.executable, "-c", _PEAK, *argv], capture_output=True, check=True)
    return int(ran.stderr.split()[-1]) // (1024 if sys.platform == "darwin" else 1)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(vault: Vault, large: Path, tmp_path: Path) -> None:
    small = tmp_path / "small.json"
    small.write_text('{"one": {"value": "x"}}')
    bulky = tmp_path / "bulky.json"
    document = {f"{folder}": {f"{n}": {"value": "x" * 2000} for n in range(MANY // 20)} for folder in range(20)}
    bulky.write_text(json.dumps(document))
    assert bulky.stat().st_size > 40_000_000
    floor = _peak_kib(vault, "import", str(small))
    for words in (("import", str(bulky)), ("import", str(bulky)), ("export", "-o", str(tmp_path / "out.json"))):
        # A chunk of 4000 secrets and their commit: not the 20,000 of the file.
        assert _peak_kib(vault, *words) - floor < 70 * 1024
    assert json.loads((tmp_path / "out.json").read_bytes()) == {**document, "one": {"value": "x"}}


def test_progress_is_drawn_on_a_terminal_only(vault: Vault, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('{"a": {"value": "x"}}')
    shown = vault("import", str(file), screen=True).err
    assert "Checking the file" in shown
    assert "Importing: 1 secrets" in shown
    assert shown.endswith("\r\x1b[K")
    assert vault("import", str(file)).err == ""
    assert vault("import", str(file), "-q", screen=True).err == ""


def test_error_at_the_end_of_a_file_is_told_before_anything_is_written(vault: Vault, tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('{"a": {"value": "' + "x" * 3_000_000 + '"},\n"b": {"value": "y"}\n')
    ran = vault("import", str(file))
    assert ran.code == 2
    assert "line 3" in ran.err
    assert vault("ls", "--json").json["entries"] == []


@pytest.mark.parametrize("how", ["file", "pipe"])
def test_standard_input_is_a_file_or_a_pipe(vault: Vault, large: Path, how: str) -> None:
    words = ["--vault", str(vault.path), "--passphrase-file", str(vault.passphrase_file), "import", "-"]
    argv = [sys.executable, "-m", "kvtui", *words, "--format", "json", "--dry-run", "--json"]
    with large.open("rb") as file:
        given = {"stdin": file} if how == "file" else {"input": file.read()}
        ran = subprocess.run(argv, capture_output=True, check=True, **given)  # type: ignore[call-overload]
    assert len(json.loads(ran.stdout)["plan"]) == MANY


def test_export_that_is_stopped_leaves_the_old_file_and_nothing_else(
    vault: Vault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(sink: Callable[[str], object], *_: object, **__: object) -> None:
        sink("half a")
        raise KeyboardInterrupt

    vault("set", "a", stdin=b"x")
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "a.json").write_text("old")
    monkeypatch.setattr("kvtui.services.transfer.exporting.export_to", stopped)
    assert vault("export", "-o", str(folder / "a.json")).code == 130
    assert [(file.name, file.read_text()) for file in folder.iterdir()] == [("a.json", "old")]
