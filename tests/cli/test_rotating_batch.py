"""rotate of several: killed at any moment, the same again does exactly the rest; and all of it is taken back."""

from __future__ import annotations

import fcntl
import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kvtui.backends.memory import ALL, MemoryBackend
from kvtui.domain.capability import Capability
from kvtui.domain.errors import Unavailable
from kvtui.services import rotation_batch
from kvtui.services.batch_record import BatchRecord
from kvtui.services.session import Session
from tests.cli.conftest import Cli, Ran, Vault
from tests.cli.killing import killed_after

NAMES = ("app/api", "app/db", "note")


class Killed(BaseException):
    """In place of SIGKILL, where the process goes on to look at what is left."""


@pytest.fixture
def three(cli: Cli) -> Cli:
    for name in NAMES:
        cli("set", name, stdin=f"old of {name}".encode())
    return cli


def die_at(patch: pytest.MonkeyPatch, number: int, *, before: bool) -> None:
    """Die before or after the record is written for the so-manieth time."""
    count, add = 0, BatchRecord.add

    def adding(self: BatchRecord, row: Any, **how: bool) -> None:
        nonlocal count
        count += 1
        if before and count == number:
            raise Killed
        add(self, row, **how)
        if count == number:
            raise Killed

    patch.setattr(BatchRecord, "add", adding)


def versions(cli: Any) -> list[int]:
    return [cli("versions", name, "--json").json["current"] for name in NAMES]


MOMENTS = [(number, before) for number in range(2, 11) for before in (True, False)]
"""The first row is the batch itself; three follow for each secret."""


@pytest.mark.parametrize(("number", "before"), MOMENTS)
def test_a_batch_killed_at_any_moment_rotates_each_secret_once(
    three: Cli, monkeypatch: pytest.MonkeyPatch, number: int, before: bool
) -> None:
    with monkeypatch.context() as patch:
        die_at(patch, number, before=before)
        with pytest.raises(Killed):
            three("rotate", *NAMES)
    again = three("rotate", *NAMES, "--json")
    assert (again.code, again.json["failed"]) == (0, [])
    assert versions(three) == [2, 2, 2]
    assert three("rotate", *NAMES).code == 0
    assert versions(three) == [3, 3, 3]


@pytest.mark.parametrize("number", [2, 3, 4])
@pytest.mark.parametrize("keeps", ["versions", "nothing"])
def test_where_no_versions_are_kept_the_new_value_is_known_by_its_hash(
    home: Path, three: Cli, monkeypatch: pytest.MonkeyPatch, number: int, keeps: str
) -> None:
    if keeps == "nothing":
        monkeypatch.setattr(MemoryBackend, "can", _without(Capability.VERSIONS))
    with monkeypatch.context() as patch:
        die_at(patch, number, before=False)
        with pytest.raises(Killed):
            three("rotate", *NAMES)
    first = three("get", NAMES[0]).out
    assert three("rotate", "--resume").code == 0
    assert (three("get", NAMES[0]).out == first) == (number > 2)
    assert all(three("get", name).out != f"old of {name}".encode() for name in NAMES)


def _without(capability: Capability) -> Callable[..., bool]:
    def can(self: MemoryBackend, asked: Capability, path: str | None = None) -> bool:
        return asked is not capability and asked in ALL

    return can


@pytest.mark.parametrize(
    "case",
    [
        (3, False, 1, False),  # it is written
        (4, False, 1, True),  # the hook is begun, and nobody knows that it was not
        (5, True, 2, True),  # the hook was content, and nobody knows
        (5, False, 1, False),  # it is known
        (6, True, 1, False),  # what was written is read back
    ],
)
def test_the_hook_is_run_at_least_once_and_again_only_where_that_is_said(
    three: Cli, config_file: Path, home: Path, monkeypatch: pytest.MonkeyPatch, case: tuple[int, bool, int, bool]
) -> None:
    """The case: killed at which row of the record, or before it; how often the hook is run for that secret; whether
    that is said."""
    number, before, times, is_told = case
    told = home / "told"
    hook = json.dumps(["sh", "-c", f'(printf "%s %s " "$KVTUI_PATH" "$KVTUI_VERSION"; cat; echo) >> {told}'])
    config_file.write_text(config_file.read_text().replace(f"name: {home}}}", f"name: {home}, after_rotate: {hook}}}"))
    with monkeypatch.context() as patch:
        die_at(patch, number, before=before)
        with pytest.raises(Killed):
            three("rotate", *NAMES)
    again = three("rotate", *NAMES)
    assert (again.code, "after_rotate was run again" in again.err) == (0, is_told)
    one, *others = [f"{name} 2 {three('get', name).text}" for name in NAMES]
    assert told.read_text().splitlines() == [one] * times + others


def test_a_hook_that_failed_is_run_by_the_same_again(three: Cli, config_file: Path, home: Path) -> None:
    hook = json.dumps(["sh", "-c", f"cat >> {home}/told; test -e {home}/ready"])
    config_file.write_text(config_file.read_text().replace(f"name: {home}}}", f"name: {home}, after_rotate: {hook}}}"))
    assert three("rotate", *NAMES).code == 4
    (home / "ready").touch()
    again = three("rotate", *NAMES)
    assert (again.code, again.err.count("after_rotate was run again")) == (0, 3)
    assert versions(three) == [2, 2, 2]


def test_what_somebody_wrote_since_the_run_was_killed_is_left_alone(
    three: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        die_at(patch, 3, before=False)
        with pytest.raises(Killed):
            three("rotate", *NAMES)
    three("set", NAMES[0], stdin=b"theirs")
    again = three("rotate", *NAMES)
    assert (again.code, "Version 3 was written since" in again.err) == (0, True)
    assert three("get", NAMES[0]).out == b"theirs"
    assert versions(three) == [3, 2, 2]


def test_what_failed_is_done_by_the_same_again(three: Cli) -> None:
    ran = three("rotate", "missing", *NAMES, "--json")
    assert (ran.code, len(ran.json["done"])) == (4, 3)
    three("set", "missing", stdin=b"x")
    again = three("rotate", "missing", *NAMES, "--json")
    assert again.json == {"done": [{"path": "missing", "version": 2}], "failed": []}
    assert "Going on with what was begun at" in again.err
    assert versions(three) == [2, 2, 2]


def test_an_old_batch_is_gone_on_with_only_when_asked(three: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert three("rotate", "missing", *NAMES).code == 4
    monkeypatch.setattr(rotation_batch, "REPEATED_WITHIN", rotation_batch.timedelta(0))
    assert three("rotate", "--resume").code == 3
    assert versions(three) == [2, 2, 2]
    assert three("rotate", "missing", *NAMES).code == 4
    assert versions(three) == [3, 3, 3]
    assert three("rotate", "missing", *NAMES, "--anew").code == 4
    assert versions(three) == [4, 4, 4]


def test_a_lost_answer_is_looked_for(three: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    apply = Session.apply

    def lost(self: Session, *args: Any, **options: Any) -> Any:
        apply(self, *args, **options)
        raise Unavailable("The answer was lost.")

    with monkeypatch.context() as patch:
        patch.setattr(Session, "apply", lost)
        assert three("rotate", *NAMES).code == 4
    assert three("rotate", *NAMES).code == 0
    assert versions(three) == [2, 2, 2]


def test_undo_takes_back_all_of_the_last_batch(three: Cli) -> None:
    three("rotate", *NAMES)
    ran = three("rotate", "--undo", "--json")
    assert (ran.code, [row["version"] for row in ran.json["done"]]) == (0, [3, 3, 3])
    assert [three("get", name).text for name in NAMES] == [f"old of {name}" for name in NAMES]
    assert three("rotate", "--undo").code == 2
    assert three("journal", NAMES[0], "--json").json["entries"][1]["act"] == "undo"


def test_undo_leaves_what_others_wrote_since(three: Cli) -> None:
    three("rotate", *NAMES)
    three("set", NAMES[1], stdin=b"theirs")
    ran = three("rotate", "--undo", "--json")
    assert (ran.code, [row["error"]["kind"] for row in ran.json["failed"]]) == (4, ["Conflict"])
    assert three("get", NAMES[1]).out == b"theirs"
    assert three("get", NAMES[2]).text == f"old of {NAMES[2]}"


@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("before", [True, False])
def test_an_undo_that_is_killed_is_gone_on_with(
    three: Cli, monkeypatch: pytest.MonkeyPatch, number: int, before: bool
) -> None:
    three("rotate", *NAMES)
    with monkeypatch.context() as patch:
        die_at(patch, number, before=before)
        with pytest.raises(Killed):
            three("rotate", "--undo")
    assert three("rotate", "--undo").code in ({0, 2} if (number, before) == (3, False) else {0})
    assert [three("get", name).text for name in NAMES] == [f"old of {name}" for name in NAMES]
    assert versions(three) == [3, 3, 3]


@pytest.mark.parametrize("again", [["rotate", *NAMES, "--anew"], ["rotate", "--resume"], ["rotate", "--undo"]])
def test_what_another_process_does_is_refused_and_its_record_left_alone(
    three: Cli, monkeypatch: pytest.MonkeyPatch, again: list[str]
) -> None:
    rotate, inner = rotation_batch.rotate, list[Ran]()

    def rotating(*args: Any, **options: Any) -> Any:
        inner.append(three(*again))
        return rotate(*args, **options)

    monkeypatch.setattr(rotation_batch, "rotate", rotating)
    assert three("rotate", *NAMES).code == 0
    assert [(ran.code, "Another process is doing this" in ran.err) for ran in inner] == [(8, True)] * 3
    assert versions(three) == [2, 2, 2]
    assert three("rotate", "--undo").code == 0
    assert versions(three) == [3, 3, 3]


def test_a_lock_that_was_dropped_before_it_was_held_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    record, other = (BatchRecord(tmp_path / "batch" / "a.rows", None) for _ in range(2))
    flock, waited = fcntl.flock, list[int]()

    def late(handle: int, how: int) -> None:
        if not waited:
            record.drop()
        waited.append(handle)
        flock(handle, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with record.held(), pytest.raises(Unavailable), other.held():
        pass
    assert len(waited) == 3


def test_half_a_batch_is_taken_back_too(three: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        die_at(patch, 6, before=True)
        with pytest.raises(Killed):
            three("rotate", *NAMES)
    assert three("rotate", "--undo").code == 0
    assert versions(three) == [3, 3, 1]
    assert [three("get", name).text for name in NAMES] == [f"old of {name}" for name in NAMES]


def test_the_dry_run_names_what_would_be_rotated(three: Cli) -> None:
    three("set", NAMES[0], "-f", "second", stdin=b"x")
    plan = three("rotate", *NAMES, "--dry-run", "--json").json["plan"]
    assert plan[1] == {"op": "rotate", "path": "app/db", "base_version": 1, "notes": ["Rotates value."]}
    assert "several fields" in plan[0]["notes"][0]
    assert versions(three) == [2, 1, 1]


def test_the_record_of_a_vault_tells_nothing(vault: Vault, home: Path) -> None:
    canary = secrets.token_hex(8)
    for name in ("a", "b"):
        vault("set", f"{canary}-{name}", stdin=b"x")
    assert vault("rotate", f"{canary}-a", f"{canary}-b").code == 0
    value = vault("get", f"{canary}-a").text
    files = [file for file in (home / "state").rglob("*") if file.is_file()]
    assert any(file.suffix == ".rows" for file in files)
    for file in files:
        assert file.stat().st_mode & 0o077 == 0
        assert canary.encode() not in file.read_bytes()
        assert value.encode() not in file.read_bytes()


def test_a_record_that_was_changed_is_refused(vault: Vault, home: Path) -> None:
    for name in ("a", "b"):
        vault("set", name, stdin=b"x")
    assert vault("rotate", "a", "b", "missing").code == 4
    (file,) = (home / "state").rglob("*.rows")
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([lines[0], *lines[2:]]))
    ran = vault("rotate", "--resume")
    assert (ran.code, "cannot be read" in ran.err) == (1, True)
    file.write_bytes(b"".join(lines) + b"unfinished")
    vault("set", "missing", stdin=b"x")
    assert vault("rotate", "--resume").code == 0


@pytest.mark.slow
def test_kill_9_in_a_loop_rotates_each_secret_once(vault: Vault) -> None:
    names = [f"s{number}" for number in range(12)]
    for name in names:
        vault("set", name, stdin=b"old")
    command = ["rotate", *names, "--vault", str(vault.path), "--passphrase-file", str(vault.passphrase_file)]
    for calls in (1, 60, 200, 400, 600, 777, 900, 1200, 1500):  # of some 9000
        assert killed_after(calls, *command)
    assert vault("rotate", "--resume").code == 0
    assert [vault("versions", name, "--json").json["current"] for name in names] == [2] * len(names)
