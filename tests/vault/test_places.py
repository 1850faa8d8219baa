"""Where a vault is, who else can write there, and which modes its files have."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from kvtui.backends.factory import StoreState
from kvtui.backends.file import checks, files, mounts
from kvtui.backends.file.factory import FileFactory
from kvtui.domain.errors import (
    AlreadyExists,
    Corrupt,
    InvalidInput,
    KvtuiError,
    NotFound,
    PermissionDenied,
    Unavailable,
    Unsupported,
)
from kvtui.domain.value import SecretValue
from tests.vault.places import CHEAP, PASSPHRASE, Place


def modes(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.lstat().st_mode) for path in folder.iterdir()}


@pytest.mark.parametrize("umask", [0o000, 0o777, 0o022])
def test_modes_are_private_under_any_umask(tmp_path: Path, umask: int) -> None:
    old = os.umask(umask)
    try:
        place = Place(tmp_path)
        vault = place.open()
        vault.write("a", {"value": SecretValue("x")})
        vault.add_recovery_key()
        assert modes(place.path) == dict.fromkeys(
            ["vault.hdr", "vault.hdr.bak", "vault.db", "vault.db-wal", "vault.db-shm"], 0o600
        )
        assert stat.S_IMODE(place.path.stat().st_mode) == 0o700
        anchors = place.state / "anchors"
        assert set(modes(anchors).values()) == {0o600}
        assert stat.S_IMODE(anchors.stat().st_mode) == 0o700
        vault.close()
        assert set(modes(place.path)) == {"vault.hdr", "vault.hdr.bak", "vault.db"}
    finally:
        os.umask(old)


def test_a_vault_may_be_made_in_an_empty_folder_and_in_one_that_is_not_there_yet(tmp_path: Path) -> None:
    factory = FileFactory(lambda: tmp_path / "state")
    empty = tmp_path / "empty"
    empty.mkdir(mode=0o755)
    for path in (empty, tmp_path / "deep" / "er" / "v"):
        assert factory.probe({"path": path}) is StoreState.MISSING
        with pytest.raises(NotFound):
            factory.open({"path": path}, PASSPHRASE)
        factory.create_with({"path": path}, PASSPHRASE, kdf=CHEAP)
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
        assert factory.probe({"path": path}) is StoreState.LOCKED
        factory.open({"path": path}, PASSPHRASE).close()


def test_a_folder_of_other_files_is_left_alone(tmp_path: Path) -> None:
    factory = FileFactory(lambda: tmp_path / "state")
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "cat.jpg").write_bytes(b"cat")
    for call in (factory.probe, lambda s: factory.create(s, PASSPHRASE), lambda s: factory.open(s, PASSPHRASE)):
        with pytest.raises(Corrupt, match="not a vault"):
            call({"path": folder})
    assert [path.name for path in folder.iterdir()] == ["cat.jpg"]


def test_what_is_no_folder_is_refused_by_name_and_left_alone(tmp_path: Path) -> None:
    factory = FileFactory(lambda: tmp_path / "state")
    file = tmp_path / "file"
    file.write_text("x")
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    expected: dict[Path, type[KvtuiError]] = {
        file: Corrupt,
        fifo: PermissionDenied,
        Path("/dev/null"): PermissionDenied,
    }
    for path, error in expected.items():
        for call in (factory.probe, lambda s: factory.open(s, PASSPHRASE), lambda s: factory.create(s, PASSPHRASE)):
            with pytest.raises(error, match=path.name):
                call({"path": path})
    assert file.read_text() == "x"


def test_a_symbolic_link_to_a_vault_is_refused(place: Place, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(place.path)
    for path in (link, tmp_path / "dangling"):
        if not path.is_symlink():
            path.symlink_to(tmp_path / "nowhere")
        with pytest.raises(PermissionDenied, match="symbolic link"):
            place.factory.open({"path": path}, PASSPHRASE)
        with pytest.raises(PermissionDenied, match="symbolic link"):
            place.factory.create_with({"path": path}, PASSPHRASE, kdf=CHEAP)
    assert not (tmp_path / "nowhere").exists()


def test_a_link_on_the_way_to_a_vault_is_fine(place: Place, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").symlink_to(place.path.parent)
    place.factory.open({"path": tmp_path / "elsewhere" / place.path.name}, PASSPHRASE).close()


@pytest.mark.parametrize("name", ["vault.hdr", "vault.hdr.bak", "vault.db", "vault.db-wal", "vault.db-shm"])
def test_parts_that_are_links_pipes_or_writable_by_others_are_refused_by_name(
    place: Place, tmp_path: Path, name: str
) -> None:
    part = place.path / name
    target = tmp_path / "target"
    content = part.read_bytes() if part.exists() else b""
    target.write_bytes(content)
    part.unlink(missing_ok=True)

    part.symlink_to(target)
    with pytest.raises(PermissionDenied, match=rf"{name} is a symbolic link"):
        place.open()
    part.unlink()

    os.mkfifo(part)
    with pytest.raises(PermissionDenied, match=rf"{name} is not a regular file"):
        place.open()
    part.unlink()

    part.write_bytes(content)
    for mode in (0o620, 0o602):
        part.chmod(mode)
        with pytest.raises(PermissionDenied, match=rf"{name} can be written by others"):
            place.open()
    assert target.read_bytes() == content


def test_a_vault_folder_others_can_write_is_refused(place: Place) -> None:
    place.path.chmod(0o770)
    with pytest.raises(PermissionDenied, match="written by others"):
        place.open()
    with pytest.raises(PermissionDenied):
        place.factory.probe(place.settings)


def test_a_vault_in_a_folder_where_others_could_exchange_it_is_refused(place: Place) -> None:
    place.path.parent.chmod(0o777)
    with pytest.raises(PermissionDenied, match="exchange"):
        place.open()
    place.path.parent.chmod(0o1777)
    place.open().close()


def test_somebody_elses_vault_is_refused(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(PermissionDenied, match="belongs to another user"):
        place.open()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give files away")
@pytest.mark.parametrize("name", ["", "vault.hdr", "vault.db"])
def test_parts_that_belong_to_somebody_else_are_refused_by_name(place: Place, name: str) -> None:
    os.chown(place.path / name, 12345, 12345)
    with pytest.raises(PermissionDenied, match="belongs to another user"):
        place.open()


def test_a_second_hard_link_and_readable_files_are_noted(place: Place, tmp_path: Path) -> None:
    assert not place.open().notes
    os.link(place.path / "vault.db", tmp_path / "second")
    place.path.chmod(0o755)
    (place.path / "vault.hdr").chmod(0o644)
    notes = "\n".join(place.open().notes)
    assert "vault.db has a second hard link" in notes
    assert "chmod 700" in notes
    assert "vault.hdr can be read by others" in notes


@pytest.mark.parametrize("name", ["vault.hdr", "vault.db"])
def test_a_vault_without_one_of_its_parts_says_which(place: Place, name: str) -> None:
    (place.path / name).unlink()
    with pytest.raises(Corrupt, match=name):
        place.open()
    with pytest.raises(AlreadyExists):
        place.factory.create_with(place.settings, PASSPHRASE, kdf=CHEAP)


@pytest.mark.parametrize("settings", [{}, {"path": ""}, {"path": None}])
def test_settings_without_a_path_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        FileFactory().probe(settings)


@pytest.mark.parametrize("path", ["a\0b", "a\ud800b", "~nobody-of-this-name/v", "x" * 5000])
def test_paths_no_file_can_have_are_refused(place: Place, path: str) -> None:
    for call in (place.factory.probe, lambda s: place.factory.open(s, PASSPHRASE)):
        with pytest.raises((InvalidInput, Unavailable)):
            call({"path": path})
    with pytest.raises((InvalidInput, KvtuiError)):
        place.factory.open({**place.settings, "key_file": path}, PASSPHRASE)


@pytest.mark.parametrize("limit", [-1, "3", 2**31, 1.5, None])
def test_a_max_versions_that_is_no_number_is_refused(place: Place, limit: object) -> None:
    with pytest.raises(InvalidInput):
        place.open(max_versions=limit)


def test_a_state_folder_that_cannot_be_written_is_noted_and_nothing_is_lost(place: Place) -> None:
    place.open().close()
    (place.state / "anchors").rename(place.state / "away")
    (place.state / "anchors").symlink_to(place.state / "away")
    vault = place.open()
    vault.write("a", {"value": SecretValue("x")})
    assert any("would not be noticed" in note for note in vault.notes)
    assert vault.read("a").fields["value"].reveal() == "x"


def test_a_home_in_the_path_is_expanded(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(place.path.parent))
    place.factory.open({"path": f"~/{place.path.name}"}, PASSPHRASE).close()


def test_probing_needs_neither_sqlite_nor_cryptography(place: Place) -> None:
    import subprocess
    import sys

    code = (
        "import sys\nfrom kvtui.backends.registry import factory\n"
        f"print(factory('file').probe({{'path': {str(place.path)!r}}}))\n"
        "print([m for m in ('apsw', 'cryptography', 'textual') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "locked\n[]\n"


def test_operating_system_errors_become_ours() -> None:
    path = Path("/x")
    assert isinstance(files.fault(PermissionError(13, "Permission denied"), path), PermissionDenied)
    assert isinstance(files.fault(OSError(40, "loop"), path), PermissionDenied)
    assert isinstance(files.fault(OSError(30, "read-only"), path), PermissionDenied)
    assert "disk is full" in files.fault(OSError(28, "no space"), path).message
    assert "disk is full" in files.fault(OSError(122, "quota"), path).message
    assert isinstance(files.fault(OSError(5, "Input/output error"), path), Unavailable)


def test_control_characters_in_a_place_are_shown_not_sent(tmp_path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        checks.inspect(tmp_path / "a\x1b]0;x\x07")
    assert "\x1b" not in str(caught.value)


TABLE = """\
22 27 0:21 / / rw,relatime - ext4 /dev/vda rw
23 22 0:22 / /home/me/nas rw - nfs4 server:/export rw
24 22 0:23 / /home/me/nas/local rw shared:5 master:1 - ext4 /dev/vdb rw
25 22 0:24 / /mnt/with\\040space rw - fuse.sshfs you@there:/ rw
26 22 0:25 / /mnt/with\\040space rw - tmpfs tmpfs rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "ext4"),
        ("/home/me/vault", "ext4"),
        ("/home/me/nas", "nfs4"),
        ("/home/me/nas/vault", "nfs4"),
        ("/home/me/nasty/vault", "ext4"),
        ("/home/me/nas/local/vault", "ext4"),
        ("/mnt/with space/x", "tmpfs"),
    ],
)
def test_the_file_system_of_a_path_is_that_of_the_last_mount_over_it(path: str, kind: str) -> None:
    assert mounts.find(TABLE, path) == kind
    assert mounts.find("", path) == mounts.find("broken\n - \n1 2 3 - x", path) == ""


def test_a_network_file_system_is_refused_with_the_reason(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(f"1 0 0:1 / / rw - ext4 x rw\n2 1 0:2 / {tmp_path} rw - cifs //server/share rw\n")
    monkeypatch.setattr(mounts, "TABLE", table)
    for attempt in (
        lambda: place.factory.probe(place.settings),
        place.open,
        lambda: place.factory.create_with({"path": str(tmp_path / "new")}, PASSPHRASE, kdf=CHEAP),
    ):
        with pytest.raises(Unsupported, match=r"network file system \(cifs\)"):
            attempt()
    assert not (tmp_path / "new").exists()
    monkeypatch.setattr(mounts, "TABLE", tmp_path / "not there")  # another system: not known, not refused
    place.open()


@pytest.mark.parametrize("mark", [".dropbox", ".stfolder", ".csync_journal.db"])
def test_a_folder_that_is_synchronised_is_noted(place: Place, tmp_path: Path, mark: str) -> None:
    assert not place.open().notes
    (tmp_path / mark).mkdir()
    (note,) = place.open().notes
    assert "copy a vault in parts" in note


def test_a_folder_named_as_such_programs_name_theirs_is_noted(tmp_path: Path) -> None:
    folder = tmp_path / "OneDrive" / "deep"
    folder.mkdir(parents=True, mode=0o700)
    place = Place(folder)
    with place.open() as vault:
        assert "OneDrive" in vault.notes[0]
