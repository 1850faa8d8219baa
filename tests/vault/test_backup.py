"""A backup that exists is one that restores; whatever else a file is, nothing is made of it."""

from __future__ import annotations

import errno
import hashlib
import hmac
import io
import json
import os
import random
import shutil
import stat
import subprocess
import sys
import tarfile
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from kvtui.backends.file import archive, header, schema
from kvtui.backends.file.archive import Manifest
from kvtui.backends.file.backend import FileBackend
from kvtui.backends.file.factory import FileFactory
from kvtui.backends.file.keys import backup_key, hkdf
from kvtui.domain.errors import (
    AlreadyExists,
    Corrupt,
    InvalidInput,
    KvtuiError,
    Locked,
    NotFound,
    PermissionDenied,
    Unavailable,
    Unsupported,
    WrongCredential,
)
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.value import SecretValue
from tests.vault.places import OTHER_PLACE, PASSPHRASE, Place


def fill(vault: FileBackend, count: int = 30) -> None:
    for number in range(count):
        vault.write(
            f"team/app{number}",
            {"value": SecretValue(f"value {number} " * 20)},
            metadata=MetadataPatch(description=f"about {number}"),
        )
    vault.delete("team/app1")
    vault.destroy("team/app2", [1])


def content(vault: FileBackend) -> dict[str, object]:
    return {
        entry.path: [
            (one.version, None if one.fields is None else {name: value.reveal() for name, value in one.fields.items()})
            for one in vault.read_history(entry.path).versions
        ]
        for entry in vault.walk()
    }


def restored(place: Place, file: Path, name: str = "again") -> Place:
    """The place of a vault made of a backup."""
    other = object.__new__(Place)
    other.path, other.state = place.path.with_name(name), place.state.with_name(f"{name} state")
    other.settings = {"path": str(other.path)}
    other.factory = FileFactory(lambda: other.state)  # a machine that has seen nothing
    other._opened = []
    other.factory.restore(file, other.settings, PASSPHRASE)
    return other


def test_a_backup_restores_to_the_same(place: Place, vault: FileBackend, tmp_path: Path) -> None:
    fill(vault)
    made = vault.backup(tmp_path / "b.kvb")
    assert (made.path, made.size, made.secrets) == (tmp_path / "b.kvb", (tmp_path / "b.kvb").stat().st_size, 30)
    other = restored(place, made.path)
    with other.open() as again:
        assert content(again) == content(vault)
        assert again.verify() == []
    assert {stat.S_IMODE(path.stat().st_mode) for path in other.path.iterdir()} == {0o600}
    assert stat.S_IMODE(other.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["again", "again state", "b.kvb", "state", "v.kvtui"]


def test_every_key_opens_what_was_restored(place: Place, vault: FileBackend, tmp_path: Path) -> None:
    vault.add_key_slot(OTHER_PLACE)
    fill(vault, 3)
    other = restored(place, vault.backup(tmp_path / "b").path)
    for credential in (PASSPHRASE, OTHER_PLACE, place.recovery):
        with other.open(credential) as again:
            assert len(content(again)) == 3
    place.factory.restore(tmp_path / "b", {"path": str(tmp_path / "by recovery key")}, place.recovery)
    with pytest.raises(WrongCredential):
        place.factory.restore(tmp_path / "b", {"path": str(tmp_path / "no")}, OTHER_PLACE.__class__(SecretValue("x")))
    assert not (tmp_path / "no").exists()


def test_tar_alone_gives_a_vault_that_opens(place: Place, vault: FileBackend, tmp_path: Path) -> None:
    fill(vault)
    vault.backup(tmp_path / "b.tar")
    for umask in (0o022, 0o002, 0o077):
        folder = tmp_path / f"{umask:o}"
        folder.mkdir()
        folder.chmod(0o700)
        subprocess.run(["tar", "xf", tmp_path / "b.tar"], cwd=folder, check=True, umask=umask)
        place.settings = {"path": str(folder / archive.FOLDER)}
        with place.open() as again:
            assert content(again) == content(vault)
            assert again.notes == ()


def test_a_backup_is_of_one_moment_while_others_write(place: Place, vault: FileBackend, tmp_path: Path) -> None:
    vault.write("a", {"value": SecretValue(0)})
    vault.write("b", {"value": SecretValue(0)})
    over = threading.Event()

    def write() -> None:
        with place.factory.open(place.settings, PASSPHRASE) as other:
            number = 0
            while not over.is_set():
                number += 1
                other.write("a", {"value": SecretValue(number)})
                other.write("b", {"value": SecretValue(number)})

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for turn in range(5):
            made = vault.backup(tmp_path / f"b{turn}")
            with restored(place, made.path, f"again{turn}").open() as again:
                first, second = (again.read(path).fields["value"].reveal() for path in ("a", "b"))
                assert first - second in {0, 1}
    finally:
        over.set()
        writer.join()


def test_a_backup_made_while_keys_change_opens(place: Place, vault: FileBackend, tmp_path: Path) -> None:
    """The header in it is that of its database, whichever came first."""
    real = vault._vault.header
    changes = iter([True, True])

    def change_then_tell() -> header.Header:
        if next(changes, False):
            with place.factory.open(place.settings, PASSPHRASE) as other:
                other.add_key_slot(OTHER_PLACE)
        return real()

    vault._vault.header = change_then_tell  # type: ignore[method-assign]
    made = vault.backup(tmp_path / "b")
    other = restored(place, made.path)
    with other.open(OTHER_PLACE) as again:
        assert len(again.key_slots()) == 4


def test_an_older_backup_is_refused_until_it_is_accepted(place: Place, vault: FileBackend, tmp_path: Path) -> None:
    fill(vault, 3)
    made = vault.backup(tmp_path / "b")
    vault.write("later", {"value": SecretValue("x")})
    vault.close()
    told = place.factory.restore(made.path, place.settings, PASSPHRASE, replace=True)
    assert told.is_older
    assert told.generation == made.generation
    assert told.replaced is not None
    with pytest.raises(Corrupt, match="older than when it was last used"):
        place.open()
    place.factory.accept_rollback(place.settings, PASSPHRASE)
    with place.open() as again:
        assert "later" not in content(again)
    place.settings = {"path": told.replaced}
    shutil.rmtree(place.state)
    with place.open() as before:
        assert "later" in content(before)


def test_a_vault_that_is_in_use_is_not_moved_aside(place: Place, vault: FileBackend, tmp_path: Path) -> None:
    """Whoever has it open would go on writing its header to the old place."""
    made = vault.backup(tmp_path / "b")
    vault.close()
    command = [sys.executable, "-m", "tests.vault.writer", str(place.path), str(place.state), "w", "append"]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    assert writer.stdout is not None
    try:
        assert writer.stdout.readline() == b"ready\n"
        with pytest.raises(Unavailable, match="Another kvtui has the vault open"):
            place.factory.restore(made.path, place.settings, PASSPHRASE, replace=True)
    finally:
        writer.kill()
        writer.wait()
        writer.stdout.close()
    with place.open() as again:
        assert "w/each/1" in content(again)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "state", "v.kvtui"]
    assert place.factory.restore(made.path, place.settings, PASSPHRASE, replace=True).replaced is not None


def test_what_cannot_be_put_in_place_leaves_the_vault_where_it_was(
    place: Place, vault: FileBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault.write("a", {"value": SecretValue("x")})
    made = vault.backup(tmp_path / "b")
    vault.close()
    real = Path.rename

    def rename(path: Path, target: Path) -> Path:
        if path.name.endswith(".new"):
            raise OSError(errno.EIO, "no")
        return real(path, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(Unavailable):
        place.factory.restore(made.path, place.settings, PASSPHRASE, replace=True)
    monkeypatch.undo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b", "state", "v.kvtui"]
    with place.open() as again:
        assert list(content(again)) == ["a"]


def test_an_empty_folder_is_filled_and_another_is_not(place: Place, vault: FileBackend, tmp_path: Path) -> None:
    made = vault.backup(tmp_path / "b")
    folder = tmp_path / "folder"
    folder.mkdir(0o755)
    restored(place, made.path, "folder").open().close()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter").touch()
    for replace in (False, True):
        with pytest.raises(Corrupt, match="other files"):
            place.factory.restore(made.path, {"path": str(tmp_path / "mine")}, PASSPHRASE, replace=replace)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["letter"]


def test_a_damaged_vault_is_replaced_too(place: Place, vault: FileBackend, tmp_path: Path) -> None:
    fill(vault, 3)
    made = vault.backup(tmp_path / "b")
    expected = content(vault)
    vault.close()
    (place.path / schema.FILE).unlink()
    (place.path / header.NAME).write_bytes(b"damaged")
    told = place.factory.restore(made.path, place.settings, PASSPHRASE, replace=True)
    assert not told.is_older
    assert told.replaced is not None
    assert (Path(told.replaced) / header.NAME).read_bytes() == b"damaged"
    with place.open() as again:
        assert content(again) == expected


def test_what_does_not_read_back_gets_no_name(
    place: Place, vault: FileBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that keeps other bytes than it was given."""
    real = archive.write

    def write(target: BinaryIO, *rest: Any) -> None:
        real(target, *rest)
        target.seek(-3000, os.SEEK_CUR)
        target.write(b"other")
        target.seek(0, os.SEEK_END)

    monkeypatch.setattr(archive, "write", write)
    with pytest.raises(Corrupt):
        vault.backup(tmp_path / "b")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state", "v.kvtui"]


def test_nothing_is_replaced_unasked(place: Place, vault: FileBackend, tmp_path: Path) -> None:
    file = tmp_path / "b"
    file.write_text("mine")
    with pytest.raises(AlreadyExists):
        vault.backup(file)
    with pytest.raises(AlreadyExists):
        vault.backup(tmp_path, overwrite=True)
    assert file.read_text() == "mine"
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(AlreadyExists):
        vault.backup(tmp_path / "link")
    vault.backup(file, overwrite=True)
    with pytest.raises(AlreadyExists):
        place.factory.restore(file, place.settings, PASSPHRASE)
    (tmp_path / "other").write_text("x")
    with pytest.raises(KvtuiError):
        place.factory.restore(file, {"path": str(tmp_path / "other")}, PASSPHRASE)
    assert (tmp_path / "other").read_text() == "x"
    with pytest.raises(InvalidInput, match="inside of its own vault"):
        vault.backup(place.path / "b")


def test_a_cancelled_backup_or_restore_leaves_nothing(place: Place, vault: FileBackend, tmp_path: Path) -> None:
    fill(vault, 300)

    class CancelledError(Exception):
        pass

    told: list[tuple[int, int | None]] = []

    def stop(done: int, total: int | None) -> None:
        told.append((done, total))
        raise CancelledError

    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(CancelledError):
        vault.backup(tmp_path / "b", progress=stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    vault.backup(tmp_path / "b")
    with pytest.raises(CancelledError):
        place.factory.restore(tmp_path / "b", {"path": str(tmp_path / "again")}, PASSPHRASE, progress=stop)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*before, "b"])
    assert all(total is None or done <= total for done, total in told)
    vault.write("still", {"value": SecretValue("works")})


def test_a_closed_vault_makes_no_backup(vault: FileBackend, tmp_path: Path) -> None:
    vault.close()
    with pytest.raises(Locked):
        vault.backup(tmp_path / "b")


def test_a_damaged_or_altered_vault_makes_no_backup(place: Place, tmp_path: Path) -> None:
    with place.open() as vault:
        fill(vault)
    with place.open() as vault:
        with vault._database.writing() as connection:
            connection.execute("UPDATE secret SET description = 'changed'")
        with pytest.raises(Corrupt):
            vault.backup(tmp_path / "b")
    assert not list(tmp_path.glob(".b*"))
    assert not (tmp_path / "b").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="NOT PROVEN: only root can make a small file system")
def test_a_full_disk_leaves_nothing_and_says_so(place: Place, vault: FileBackend, tmp_path: Path) -> None:
    fill(vault, 300)
    small = tmp_path / "small"
    small.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(small)], check=False)
    if made.returncode:
        pytest.skip("NOT PROVEN: no file system can be mounted here")
    try:
        with pytest.raises(Unavailable, match="disk is full"):
            vault.backup(small / "b")
        assert not list(small.iterdir())
    finally:
        subprocess.run(["umount", str(small)], check=True)


# Files that are no backup, or not any more


@pytest.fixture
def backup(place: Place, tmp_path: Path) -> bytes:
    with place.open() as vault:
        fill(vault, 5)
        return vault.backup(tmp_path / "b").path.read_bytes()


def refuse(place: Place, tmp_path: Path, data: bytes) -> KvtuiError:
    """The error for these bytes as a backup; nothing is made of them."""
    file = tmp_path / "hostile"
    file.write_bytes(data)
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(KvtuiError) as caught:
        place.factory.restore(file, {"path": str(tmp_path / "again")}, PASSPHRASE)
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    return caught.value


def test_a_flipped_bit_anywhere_is_noticed(place: Place, tmp_path: Path, backup: bytes) -> None:
    chance = random.Random(7)
    places = {*range(0, 4 * 512, 37), *(chance.randrange(len(backup)) for _ in range(60)), len(backup) - 1}
    for position in sorted(places):
        flipped = bytearray(backup)
        flipped[position] ^= 1 << chance.randrange(8)
        error = refuse(place, tmp_path, bytes(flipped))
        assert isinstance(error, (Corrupt, WrongCredential, Unsupported)), position


def test_truncation_at_any_length_and_anything_behind_is_noticed(place: Place, tmp_path: Path, backup: bytes) -> None:
    lengths = [0, 1, 511, 512, 513, 1024, 2000, len(backup) // 2, len(backup) - 1024, len(backup) - 1]
    for length in lengths:
        assert isinstance(refuse(place, tmp_path, backup[:length]), Corrupt), length
    for more in (b"\0", bytes(512), b"x"):
        assert isinstance(refuse(place, tmp_path, backup + more), Corrupt)


def test_other_archives_are_refused(place: Place, tmp_path: Path, backup: bytes) -> None:
    def tar(*members: tuple[str, bytes, bytes]) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as made:
            for name, kind, data in members:
                info = tarfile.TarInfo(name)
                info.type, info.size, info.linkname = kind, len(data), "/etc/passwd" if kind == tarfile.SYMTYPE else ""
                made.addfile(info, io.BytesIO(data))
        return buffer.getvalue()

    with tarfile.open(fileobj=io.BytesIO(backup)) as opened:
        parts = {
            Path(member.name).name: source.read()
            for member in opened
            if (source := opened.extractfile(member)) is not None
        }
    names = [archive.MANIFEST, *archive.MEMBERS]
    hostile = [
        tar((f"../{archive.MANIFEST}", tarfile.REGTYPE, parts[archive.MANIFEST])),
        tar((f"/{archive.FOLDER}/{archive.MANIFEST}", tarfile.REGTYPE, parts[archive.MANIFEST])),
        tar((f"{archive.FOLDER}/{archive.MANIFEST}", tarfile.SYMTYPE, b"")),
        tar(*((f"other/{name}", tarfile.REGTYPE, parts[name]) for name in names)),
        tar(*((f"{archive.FOLDER}/{name}", tarfile.REGTYPE, parts[name]) for name in reversed(names))),
        tar(*((f"{archive.FOLDER}/{name}", tarfile.REGTYPE, parts[name]) for name in (*names, archive.MANIFEST))),
        b"",
        b"\0" * 4096,
        b"not a tar at all" * 100,
    ]
    for data in hostile:
        assert isinstance(refuse(place, tmp_path, data), Corrupt)


def test_a_manifest_somebody_wrote_is_refused(place: Place, tmp_path: Path, backup: bytes) -> None:
    """With correct hashes, of a database of another time: only the key can sign that."""
    file = io.BytesIO(backup)
    found = archive.Archive(file)
    for change in ({"generation": 10**6}, {"epoch": 7}, {"secrets": 0}, {"uuid": bytes(16)}):
        kept = {name: getattr(found.manifest, name) for name in Manifest.__dataclass_fields__ if name != "mac"}
        forged = Manifest(**{**kept, **change}).encode(bytes(32))
        buffer = io.BytesIO()
        size = found.manifest.files[schema.FILE][0]
        database = backup[len(backup) - 1024 - size - (-size % 512) :][:size]
        members = {**found.headers, schema.FILE: database}
        archive.write(buffer, forged, found.manifest.created, members)  # type: ignore[arg-type]
        assert isinstance(refuse(place, tmp_path, buffer.getvalue()), Corrupt)


def test_a_newer_format_is_told(place: Place, tmp_path: Path, backup: bytes) -> None:
    plain = json.loads(backup[1024:2048].split(b"\0")[0])
    plain["v"] = 2
    encoded = json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()
    buffer = io.BytesIO()
    archive.write(buffer, encoded, datetime(2026, 1, 1, tzinfo=UTC), {})
    assert isinstance(refuse(place, tmp_path, buffer.getvalue()), Unsupported)


@pytest.mark.parametrize(
    "change",
    [
        {"created": "0001-01-01T00:00:00Z"},
        {"created": "9999-12-31T23:59:59Z"},
        {"created": "2026-13-01T00:00:00Z"},
        {"created": 5},
        {"generation": -1},
        {"generation": True},
        {"generation": 2**62},
        {"secrets": 1.0},
        {"v": "1"},
        {"v": 0},
        {"uuid": "00"},
        {"uuid": "zz" * 16},
        {"mac": None},
        {"files": []},
        {"files": {"vault.hdr": {"size": 1, "sha256": 5}}},
        {"files": {name: {"size": 2**61, "sha256": "00" * 32} for name in archive.MEMBERS}},
        {"files": {name: {"size": 0, "sha256": []} for name in archive.MEMBERS}},
        {"files": {"../vault.hdr": {"size": 1, "sha256": "00" * 32}}},
        {"more": 1},
    ],
    ids=str,
)
def test_a_manifest_that_makes_no_sense_is_refused(place: Place, tmp_path: Path, backup: bytes, change: Any) -> None:
    plain = {**json.loads(backup[1024:2048].split(b"\0")[0]), **change}
    encoded = json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()
    buffer = io.BytesIO()
    archive.write(buffer, encoded, datetime(2026, 1, 1, tzinfo=UTC), {})
    assert isinstance(refuse(place, tmp_path, buffer.getvalue()), Corrupt)


@pytest.mark.parametrize(
    "text", [b"", b"[" * 60_000, b"{" + b" " * 70_000, b"\xff", b"{}", b"[]", b'{"v":1}', b"1" * 5000]
)
def test_a_manifest_that_is_none_is_refused(place: Place, tmp_path: Path, text: bytes) -> None:
    buffer = io.BytesIO()
    archive.write(buffer, text, datetime(2026, 1, 1, tzinfo=UTC), {})
    assert isinstance(refuse(place, tmp_path, buffer.getvalue()), Corrupt)


def test_what_is_no_file_is_refused_by_name(place: Place, tmp_path: Path) -> None:
    target = {"path": str(tmp_path / "again")}
    with pytest.raises(NotFound):
        place.factory.restore(tmp_path / "nothing", target, PASSPHRASE)
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "state"):
        (tmp_path / "state").mkdir(exist_ok=True)
        with pytest.raises(PermissionDenied, match=name):
            place.factory.restore(tmp_path / name, target, PASSPHRASE)


def test_the_manifest_is_what_the_format_page_says() -> None:
    """Golden vector."""
    manifest = Manifest(
        bytes(range(16)), 5, 2, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), 3, {"vault.hdr": (10, "ab" * 32)}
    )
    key = hkdf(b"m" * 32, manifest.uuid, b"kvtui/backup")
    assert backup_key(b"m" * 32, manifest.uuid) == key
    signed = (
        b'{"created":"2026-01-02T03:04:05Z","epoch":2,"files":{"vault.hdr":{"sha256":"' + b"ab" * 32 + b'","size":10}},'
        b'"generation":5,"secrets":3,"uuid":"000102030405060708090a0b0c0d0e0f","v":1}'
    )
    assert manifest.signed() == signed
    mac = hmac.new(key, signed, hashlib.sha256).hexdigest()
    assert json.loads(manifest.encode(key))["mac"] == mac
    assert mac == "31c9f3ed28b1feb66f5cbfc76f2746f0d6a1c99ca93f9d2cb8d1db27496daf01"
