"""A new master key: all of the vault under it, or none; nothing of the old key opens anything."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from kvtui.backends.file import header, mastering, rewriting, schema, successor
from kvtui.backends.file.backend import FileBackend
from kvtui.backends.file.factory import FileFactory
from kvtui.domain.credential import Credential
from kvtui.domain.errors import Corrupt, InvalidInput, KvtuiError, Unavailable, WrongCredential
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.value import SecretValue
from tests.vault.places import OTHER_PLACE, PASSPHRASE, Place

ROOT = Path(__file__).parents[2]


def fill(vault: FileBackend, count: int = 20) -> None:
    for number in range(count):
        path = f"team/app{number}"
        vault.write(path, {"value": SecretValue(f"first {number}")})
        vault.write(
            path,
            {"value": SecretValue(f"value {number}"), "bytes": SecretValue(bytes([number % 256]))},
            metadata=MetadataPatch(description=f"about {number}", tags=("a", "b")),
        )
    vault.delete("team/app1")
    vault.destroy("team/app2", [1])
    vault.destroy("team/app3")
    vault.create_container("empty")


def content(vault: FileBackend) -> dict[str, Any]:
    found: dict[str, Any] = {"containers": tuple(vault.containers())}
    for entry in vault.walk():
        history = vault.read_history(entry.path)
        found[entry.path] = (history.metadata, [(one.version, _plain(one.fields)) for one in history.versions])
    return found


def _plain(fields: Any) -> Any:
    return fields and {name: value.reveal() for name, value in fields.items()}


def test_everything_is_there_under_the_new_key(place: Place) -> None:
    with place.open() as vault:
        fill(vault)
        before, old_page = content(vault), vault.export_page_key().reveal()
        journal, generation = vault.derive_key("journal"), vault.change_token()
    told: list[tuple[int, int | None]] = []
    created = place.factory.rotate_master(place.settings, PASSPHRASE, progress=lambda *each: told.append(each))
    with place.open() as vault:
        assert content(vault) == before
        assert vault.verify() == []
        assert vault.export_page_key().reveal() != old_page
        assert vault.derive_key("journal") == journal
        assert vault.change_token() > generation
        assert [slot.type for slot in vault.key_slots()] == ["passphrase", "recovery"]
        assert [entry.path for entry in vault.find("about 7", 10)] == ["team/app7"]
        vault.write("team/new", {"value": SecretValue("x")})
        assert vault._database._writer.execute("SELECT max(id) FROM secret").get == 21  # ids are not used again
    assert told[0] == (0, told[0][1])
    assert told[-1][0] == told[-1][1]
    assert created.recovery_key is not None
    with place.open(Credential(created.recovery_key)) as vault:
        assert set(content(vault)) > set(before)
    with pytest.raises(WrongCredential):
        place.open(place.recovery)
    assert sorted(path.name for path in place.path.iterdir()) == ["vault.db", "vault.hdr", "vault.hdr.bak"]
    assert {path.stat().st_mode & 0o777 for path in place.path.iterdir()} == {0o600}


def test_the_old_page_key_opens_nothing(place: Place) -> None:
    sqlcipher = pytest.importorskip("sqlcipher3", reason="NOT PROVEN: needs pip install sqlcipher3")
    with place.open() as vault:
        fill(vault)
        old = vault.export_page_key().reveal()
    place.factory.rotate_master(place.settings, PASSPHRASE)
    with place.open() as vault:
        new = vault.export_page_key().reveal()

    def look(key: str) -> Any:
        connection = sqlcipher.connect(place.path / schema.FILE)
        try:
            connection.execute(f"PRAGMA key = \"x'{key}'\"")
            return connection.execute("PRAGMA integrity_check").fetchall()
        finally:
            connection.close()

    assert look(new) == [("ok",)]
    with pytest.raises(sqlcipher.DatabaseError):
        look(old)


def test_the_other_keys_end_and_are_named_before(place: Place, tmp_path: Path) -> None:
    with place.open() as vault:
        vault.add_key_slot(OTHER_PLACE, "other")
    ending = place.factory.ending_slots(place.settings, PASSPHRASE)
    assert [(slot.type, slot.label) for slot in ending] == [("recovery", ""), ("passphrase", "other")]
    place.factory.rotate_master(place.settings, PASSPHRASE)
    for gone in (OTHER_PLACE, place.recovery):
        with pytest.raises(WrongCredential):
            place.open(gone)
    new = Credential(SecretValue("a new passphrase"))
    place.factory.rotate_master(place.settings, PASSPHRASE, new=new)
    with pytest.raises(WrongCredential):
        place.open()
    place.open(new)


def test_a_slot_keeps_its_type_beside_a_key_file_of_the_profile(place: Place, tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    key_file.write_bytes(os.urandom(64))
    place.factory.rotate_master({**place.settings, "key_file": str(key_file)}, PASSPHRASE)
    with place.open() as vault:
        assert [slot.type for slot in vault.key_slots()] == ["passphrase", "recovery"]


def test_a_recovery_key_needs_a_new_passphrase(place: Place) -> None:
    with pytest.raises(InvalidInput):
        place.factory.rotate_master(place.settings, place.recovery)
    new = Credential(SecretValue("a new passphrase"))
    place.factory.rotate_master(place.settings, place.recovery, new=new)
    place.open(new)


def test_it_is_refused_while_anybody_has_the_vault_open(place: Place, vault: FileBackend) -> None:
    fill(vault, 4)
    before = (place.path / header.NAME).read_bytes()
    with pytest.raises(Unavailable, match="has this vault open"):
        place.factory.rotate_master(place.settings, PASSPHRASE)
    assert (place.path / header.NAME).read_bytes() == before
    vault.write("still", {"value": SecretValue("works")})


def test_an_older_vault_under_the_old_key_is_refused(place: Place, tmp_path: Path) -> None:
    with place.open() as vault:
        fill(vault, 4)
    shutil.copytree(place.path, tmp_path / "old")
    place.factory.rotate_master(place.settings, PASSPHRASE)
    shutil.rmtree(place.path)
    shutil.copytree(tmp_path / "old", place.path)
    with pytest.raises(Corrupt, match="older than when it was last used here"):
        place.open()


def test_half_an_old_vault_is_refused(place: Place, tmp_path: Path) -> None:
    with place.open() as vault:
        fill(vault, 4)
    shutil.copytree(place.path, tmp_path / "old")
    place.factory.rotate_master(place.settings, PASSPHRASE)
    shutil.copytree(place.path, tmp_path / "new")
    for name in (header.NAME, schema.FILE):
        shutil.copy(tmp_path / "old" / name, place.path / name)
        with pytest.raises(Corrupt):
            place.open()
        shutil.copy(tmp_path / "new" / name, place.path / name)
    place.open()


def test_a_damaged_or_altered_vault_is_left_as_it_was(place: Place) -> None:
    with place.open() as vault:
        fill(vault)
        with vault._database.writing() as connection:
            connection.execute("UPDATE version SET created_by = 'eve' WHERE secret = 5")
    before = {path.name: path.read_bytes() for path in place.path.iterdir()}
    with pytest.raises(Corrupt):
        place.factory.rotate_master(place.settings, PASSPHRASE)
    assert {path.name: path.read_bytes() for path in place.path.iterdir()} == before


def test_stopping_leaves_the_vault_as_it_was(place: Place) -> None:
    with place.open() as vault:
        fill(vault)
        before = content(vault)

    def stop(_done: int, _total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        place.factory.rotate_master(place.settings, PASSPHRASE, progress=stop)
    assert not (place.path / successor.NAME).exists()
    with place.open(place.recovery) as vault:
        assert content(vault) == before


class CutError(BaseException):
    """What a kill would have ended."""


STEPS: dict[str, tuple[Any, str]] = {
    "before the new database is whole": (rewriting.Rewriter, "finish"),
    "before the header": (mastering, "_write_header"),
    "before the database is exchanged": (successor, "put_in_place"),
    "before the copy of the header": (mastering, "write_private"),
}


@pytest.mark.parametrize("step", list(STEPS))
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_cut_short_at_any_step_it_is_the_old_or_the_new(
    place: Place, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, step: str, after: bool
) -> None:
    with place.open() as vault:
        fill(vault)
        before = content(vault)
    owner, name = STEPS[step]
    real = getattr(owner, name)

    def cut(*args: Any, **options: Any) -> None:
        if after:
            real(*args, **options)
        raise CutError

    with monkeypatch.context() as patched:
        patched.setattr(successor, "remove", lambda _path: None)  # a kill leaves what a failure would tidy up
        patched.setattr(owner, name, cut)
        with pytest.raises(CutError):
            place.factory.rotate_master(place.settings, PASSPHRASE)
    for _ in range(2):  # opening finishes it, and opening again changes nothing
        with place.open() as vault:
            assert content(vault) == before
            assert vault.verify() == []
    assert sorted(path.name for path in place.path.iterdir()) == ["vault.db", "vault.hdr", "vault.hdr.bak"]
    place.factory.rotate_master(place.settings, PASSPHRASE)


def test_two_processes_finish_it_together(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    with place.open() as vault:
        fill(vault)

    def cut(_vault: Path) -> None:
        raise CutError

    with monkeypatch.context() as patched:
        patched.setattr(successor, "put_in_place", cut)
        with pytest.raises(CutError):
            place.factory.rotate_master(place.settings, PASSPHRASE)
    code = (
        "import sys; from pathlib import Path; from kvtui.backends.file.factory import FileFactory\n"
        "from tests.vault.places import PASSPHRASE\n"
        "f = FileFactory(lambda: Path(sys.argv[2]))\n"
        "print(len(list(f.open({'path': sys.argv[1]}, PASSPHRASE).walk())))\n"
    )
    command = [sys.executable, "-c", code, str(place.path), str(place.state)]
    opening = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(4)]
    assert [process.communicate()[0].strip() for process in opening] == ["19"] * 4


KILLED = """
import sys; from pathlib import Path
from kvtui.backends.file.factory import FileFactory
from tests.vault.places import PASSPHRASE
f = FileFactory(lambda: Path(sys.argv[2]))
print("ready", flush=True)
f.rotate_master({"path": sys.argv[1]}, PASSPHRASE)
print("done", flush=True)
"""


def kill_once(place: Place, chance: random.Random, longest: float) -> None:
    command = [sys.executable, "-c", KILLED, str(place.path), str(place.state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(chance.random() * longest)
        process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("kills", [4, pytest.param(60, marks=pytest.mark.slow)])
def test_kills_at_random_leave_the_old_or_the_new(place: Place, kills: int) -> None:
    chance = random.Random(11)
    with place.open() as vault:
        fill(vault, 300 if kills > 20 else 80)
        before = content(vault)
    for name in (".vault.hdr.0123456789abcdef", ".vault.hdr.bak.0123456789abcdef"):
        (place.path / name).write_text("left by a kill, long ago")
        os.utime(place.path / name, (0, 0))
    started = time.monotonic()
    place.factory.rotate_master(place.settings, PASSPHRASE)
    longest = (time.monotonic() - started) * 1.2
    epochs = set()
    for _ in range(kills):
        kill_once(place, chance, longest)
        with place.open() as vault:
            assert content(vault) == before
            epochs.add(vault._vault.header().epoch)
        left = {path.name for path in place.path.iterdir() if not path.name.startswith(".vault.hdr")}
        journal = place.path / "vault.db-journal"  # of the exclusive connection; without its magic it says nothing
        assert not journal.exists() or not any(journal.read_bytes()[:8])
        left.discard(journal.name)
        assert left == {"vault.db", "vault.hdr", "vault.hdr.bak"}
    assert not (place.path / ".vault.hdr.0123456789abcdef").exists()
    assert not (place.path / ".vault.hdr.bak.0123456789abcdef").exists()
    with place.open() as vault:
        assert vault.verify() == []
    assert kills < 20 or len(epochs) > 1  # some of them came after the new header


def test_whoever_waited_meanwhile_is_told_to_open_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """It read the old header, then waited for the database until it was exchanged."""
    with place.open() as vault:
        fill(vault, 4)
    real = header.read
    turns = iter([True])

    def read_then_exchange(folder: Path) -> header.Header:
        found = real(folder)
        if next(turns, False):
            FileFactory(lambda: place.state).rotate_master(place.settings, PASSPHRASE)
        return found

    monkeypatch.setattr(header, "read", read_then_exchange)
    with pytest.raises(KvtuiError) as caught:
        place.open()
    assert isinstance(caught.value, (Unavailable, Corrupt))
    with place.open() as vault:
        assert vault.verify() == []
