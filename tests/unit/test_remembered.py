"""Names of paths between runs: private, whole, shared by several processes, and never a value."""

import json
import multiprocessing
import stat
from pathlib import Path

import pytest

from kvtui.domain.errors import Corrupt, PermissionDenied
from kvtui.services.remembered import RememberedNames


def names(folder: Path, *, kept: bool = True) -> RememberedNames:
    return RememberedNames("prod", folder, kept=kept)


def test_names_come_back_in_order(tmp_path: Path) -> None:
    first = names(tmp_path)
    for path in ("b", "a/c", "\u00e9", "a\ud800"):
        first.add(path)
    first.save()
    assert list(names(tmp_path).paths()) == ["a/c", "a\ud800", "b", "\u00e9"]


def test_the_file_and_its_folder_are_private(tmp_path: Path) -> None:
    first = names(tmp_path)
    first.add("a")
    first.save()
    assert stat.S_IMODE(first.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(first.file.parent.stat().st_mode) == 0o700
    assert "prod" not in first.file.name


def test_with_remember_off_nothing_is_written(tmp_path: Path) -> None:
    first = names(tmp_path, kept=False)
    first.add("a")
    first.save()
    assert list(first.paths()) == ["a"]
    assert list(tmp_path.iterdir()) == []


def test_two_at_once_keep_each_other_s_names(tmp_path: Path) -> None:
    one, other = names(tmp_path), names(tmp_path)
    one.add("a")
    other.add("b")
    one.save()
    other.save()
    other.drop("a")
    other.save()
    one.add("c")
    one.save()
    assert list(names(tmp_path).paths()) == ["b", "c"] == list(one.paths())


def _add(folder: Path, start: int) -> None:
    mine = names(folder)
    for number in range(start, start + 50):
        mine.add(f"p{number:03}")
        mine.save()


def test_many_processes_lose_no_name(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    running = [spawn.Process(target=_add, args=(tmp_path, start)) for start in (0, 50, 100)]
    for each in running:
        each.start()
    for each in running:
        each.join()
        assert each.exitcode == 0
    assert len(names(tmp_path).paths()) == 150


def test_many_names_are_not_one_write_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kvtui import locations

    writes: list[Path] = []
    write = locations.write_private
    monkeypatch.setattr(locations, "write_private", lambda file, data: (writes.append(file), write(file, data)))
    mine = names(tmp_path)
    for number in range(1000):
        mine.add(str(number))
    mine.save()
    assert len(writes) < 100
    assert len(names(tmp_path).paths()) == 1000


@pytest.mark.parametrize("content", [b"", b"[]", b'{"paths": [1]}', b'{"paths": "a"}', b"\xff", b"[" * 5000])
def test_a_damaged_file_is_named_and_left_alone(tmp_path: Path, content: bytes) -> None:
    first = names(tmp_path)
    first.add("a")
    first.save()
    first.file.write_bytes(content)
    with pytest.raises(Corrupt) as caught:
        names(tmp_path)
    assert str(first.file) in caught.value.hint
    assert first.file.read_bytes() == content


def test_a_symlink_in_its_place_is_refused(tmp_path: Path) -> None:
    first = names(tmp_path)
    first.add("a")
    first.save()
    first.file.rename(tmp_path / "elsewhere")
    first.file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermissionDenied):
        names(tmp_path)


def test_forgetting_removes_the_file(tmp_path: Path) -> None:
    first = names(tmp_path)
    first.add("a")
    first.save()
    first.forget()
    assert not first.file.exists()
    assert list(first.paths()) == []


def test_the_file_holds_names_and_nothing_else(tmp_path: Path) -> None:
    first = names(tmp_path)
    first.add("a/b")
    first.save()
    assert json.loads(first.file.read_bytes()) == {"paths": ["a/b"]}
