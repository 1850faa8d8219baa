"""Where files are, and that private ones are private and whole."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from kvtui import locations
from kvtui.domain.errors import PermissionDenied, Unavailable
from kvtui.locations import check_private_file, private_dir, replacing_private, write_private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def any_umask(request: pytest.FixtureRequest) -> object:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_folders_follow_the_platform_and_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("KVTUI_CONFIG", raising=False)
    for name in ("CONFIG", "DATA", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    assert locations.config_file() == tmp_path / "CONFIG" / "kvtui" / "config.yaml"
    assert locations.themes_dir() == tmp_path / "CONFIG" / "kvtui" / "themes"
    assert locations.default_vault().parent == locations.data_dir() == tmp_path / "DATA" / "kvtui"
    assert locations.state_dir() == tmp_path / "STATE" / "kvtui"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "RUN"))
    assert locations.runtime_dir() == tmp_path / "RUN" / "kvtui"
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert locations.runtime_dir() == locations.state_dir() / "run"
    assert not any(tmp_path.iterdir())


def test_kvtui_config_names_the_config_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KVTUI_CONFIG", "~/mine.yaml")
    assert locations.config_file() == tmp_path / "mine.yaml"
    assert locations.themes_dir() == tmp_path / "themes"


def test_private_folders_are_0700_with_their_parents(any_umask: int, tmp_path: Path) -> None:
    made = private_dir(tmp_path / "a" / "b")
    assert (mode(made), mode(made.parent)) == (0o700, 0o700)
    assert private_dir(made) == made


def test_a_folder_others_may_read_is_closed_to_them(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o755)
    assert mode(private_dir(tmp_path / "open")) == 0o700


def test_a_folder_others_may_write_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(PermissionDenied, match="written by others"):
        private_dir(tmp_path / "open")
    assert mode(tmp_path / "open") == 0o777


@pytest.mark.parametrize("kind", ["symlink", "dangling", "file", "fifo"])
def test_what_is_no_folder_is_refused_by_name(kind: str, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir(mode=0o755)
    path = tmp_path / "private"
    match kind:
        case "symlink":
            path.symlink_to(target)
        case "dangling":
            path.symlink_to(tmp_path / "nowhere")
        case "file":
            path.touch()
        case _:
            os.mkfifo(path)
    with pytest.raises(PermissionDenied, match="private"):
        private_dir(path)
    assert mode(target) == 0o755
    assert not (tmp_path / "nowhere").exists()


def test_a_folder_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.lstat().st_uid + 1)
    with pytest.raises(PermissionDenied, match="another user"):
        private_dir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(PermissionDenied, match="another user"):
        check_private_file(tmp_path / "file")


def test_a_private_file_is_0600_and_replaces_the_old_one(any_umask: int, tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    write_private(path, b"old")
    path.chmod(0o644)
    write_private(path, b"new\r\n\x00")
    assert path.read_bytes() == b"new\r\n\x00"
    assert mode(path) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]


@pytest.fixture(params=["unnamed", "named"])
def way(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to write a file, where the file system has the first."""
    if request.param == "named":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
        return "named"
    try:
        os.close(os.open(tmp_path, os.O_WRONLY | os.O_TMPFILE))
    except (OSError, AttributeError):
        return "named"
    return "unnamed"


def test_what_is_written_has_no_name_before_it_is_whole(way: str, tmp_path: Path) -> None:
    path = tmp_path / "state"
    for data in (b"old", b"new"):
        with replacing_private(path) as file:
            file.write(data)
            file.flush()
            beside = [entry.name for entry in tmp_path.iterdir() if entry != path]
            assert len(beside) == (way == "named")
            assert all(mode(tmp_path / name) == 0o600 for name in beside)
        assert path.read_bytes() == data
        assert mode(path) == 0o600
        assert [entry.name for entry in tmp_path.iterdir()] == ["state"]


def test_a_process_killed_while_it_writes_leaves_no_part(way: str, tmp_path: Path) -> None:
    script = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from kvtui.locations import replacing_private\n"
        "if sys.argv[2] == 'named' and hasattr(os, 'O_TMPFILE'):\n"
        "    del os.O_TMPFILE\n"
        "with replacing_private(Path(sys.argv[1])) as file:\n"
        "    file.write(b'part')\n"
        "    file.flush()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "state"), way], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.iterdir())) == (way == "named")


@pytest.mark.parametrize("kind", ["symlink", "fifo", "folder"])
def test_only_regular_files_are_replaced(kind: str, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"untouched")
    path = tmp_path / "state"
    match kind:
        case "symlink":
            path.symlink_to(target)
        case "fifo":
            os.mkfifo(path)
        case _:
            path.mkdir()
    with pytest.raises(PermissionDenied, match="state"):
        write_private(path, b"x")
    assert target.read_bytes() == b"untouched"


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("step", ["fsync", "fchmod"])
def test_a_failing_disk_leaves_the_old_file_and_no_other(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state"
    write_private(path, b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(Unavailable, match="No space left") as caught:
        write_private(path, b"SENTINEL")
    assert "SENTINEL" not in str(caught.value)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["state"]


def test_a_missing_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be written"):
        write_private(tmp_path / "no" / "state", b"x")
