import stat
from pathlib import Path
from types import MappingProxyType

import pytest

from kvtui.domain.errors import Corrupt, PermissionDenied
from kvtui.services.bookmarks import Bookmarks, TreeState
from kvtui.services.profiles import Profile, vault_profile


def test_nothing_is_there_at_first_and_nothing_is_made(tmp_path: Path) -> None:
    marks = Bookmarks("personal", tmp_path)
    assert (marks.paths(), marks.tree()) == ([], TreeState())
    assert list(tmp_path.iterdir()) == []


def test_toggling_adds_and_drops_in_order(tmp_path: Path) -> None:
    marks = Bookmarks("personal", tmp_path)
    assert [marks.toggle(path) for path in ("b", "a\n\ud800", "ü")] == [True, True, True]
    assert not marks.toggle("b")
    assert Bookmarks("personal", tmp_path).paths() == ["a\n\ud800", "ü"]


def test_tree_and_bookmarks_leave_each_other_alone(tmp_path: Path) -> None:
    marks = Bookmarks("personal", tmp_path)
    marks.toggle("a")
    marks.remember(TreeState(("app", "app/db"), "app/db/password"))
    marks.toggle("b")
    assert marks.paths() == ["a", "b"]
    assert marks.tree() == TreeState(("app", "app/db"), "app/db/password")
    marks.forget()
    marks.forget()
    assert (marks.paths(), marks.tree()) == ([], TreeState())


def test_the_file_is_private(tmp_path: Path) -> None:
    marks = Bookmarks("personal", tmp_path)
    marks.toggle("a")
    assert stat.S_IMODE(marks.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(marks.file.parent.stat().st_mode) == 0o700
    assert list(marks.file.parent.iterdir()) == [marks.file]


@pytest.mark.parametrize("name", ["../x", "", "A/B", "Prod", "x" * 300])
def test_any_profile_name_makes_a_file_in_the_folder(tmp_path: Path, name: str) -> None:
    marks = Bookmarks(name, tmp_path)
    marks.toggle("a")
    assert marks.file.parent == tmp_path / "bookmarks"
    assert marks.file.name != Bookmarks(name.lower() + "1", tmp_path).file.name


def test_vaults_named_directly_have_their_own(tmp_path: Path) -> None:
    one, two = vault_profile(Path("/a")), vault_profile(Path("/b"))
    assert Bookmarks.of(one, tmp_path).file != Bookmarks.of(two, tmp_path).file
    named = Profile("personal", "file", MappingProxyType({"path": Path("/a")}))
    assert Bookmarks.of(named, tmp_path).file == Bookmarks("personal", tmp_path).file


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"bookmarks": 3}', '{"bookmarks": [3]}', "[" * 100_000, '{"bookmarks": {"a": 1}}']
)
def test_a_damaged_file_is_refused_and_kept(tmp_path: Path, content: str) -> None:
    marks = Bookmarks("personal", tmp_path)
    marks.toggle("a")
    marks.file.write_text(content)
    for use in (marks.paths, lambda: marks.toggle("b")):
        with pytest.raises(Corrupt) as error:
            use()
        assert str(marks.file) in error.value.hint
    assert marks.file.read_text() == content


@pytest.mark.parametrize("content", ['{"tree": 3}', '{"tree": {"cursor": 3}}', '{"tree": {"open": "app"}}'])
def test_a_damaged_tree_is_refused(tmp_path: Path, content: str) -> None:
    marks = Bookmarks("personal", tmp_path)
    marks.toggle("a")
    marks.file.write_text(content)
    with pytest.raises(Corrupt):
        marks.tree()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    marks = Bookmarks("personal", tmp_path)
    marks.file.parent.mkdir(mode=0o700)
    marks.file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PermissionDenied):
        marks.toggle("a")
    assert not (tmp_path / "elsewhere").exists()
