"""Paths: one canonical form, and which names may be new."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvtui.domain import path as paths
from kvtui.domain.characters import unsafe
from kvtui.domain.errors import InvalidPath
from kvtui.testing import ALLOWED_NAMES, FORBIDDEN_NAMES

segments = st.text(min_size=1, max_size=20).filter(lambda text: "/" not in text and text not in (".", ".."))
any_path = st.lists(segments, min_size=1, max_size=5).map("/".join)


@given(any_path)
def test_a_path_is_its_folder_and_its_name(path: str) -> None:
    assert paths.check(path) == path
    assert paths.join(paths.parent(path), paths.name(path)) == path
    assert "/" not in paths.name(path)


@given(any_path)
def test_a_path_lies_under_each_of_its_ancestors_and_the_root(path: str) -> None:
    above = paths.ancestors(path)
    assert len(above) == path.count("/")
    for folder in ["", *above]:
        assert paths.is_under(path, folder)
        assert paths.join(folder, paths.relative(path, folder)) == path
        assert paths.check_folder(folder) == folder
    assert above[-1:] == ([paths.parent(path)] if "/" in path else [])


@given(any_path)
def test_a_path_does_not_lie_under_itself(path: str) -> None:
    assert not paths.is_under(path, path)
    assert not paths.is_under(path + "x", path)


@pytest.mark.parametrize("path", ["", "/", "/a", "a/", "a//b", ".", "..", "a/.", "../a", "a/../b", "//"])
def test_what_cannot_be_a_path_is_refused(path: str) -> None:
    for check in (paths.check, paths.check_new):
        with pytest.raises(InvalidPath) as caught:
            check(path)
        assert caught.value.hint


@pytest.mark.parametrize(("folder", "canonical"), [("", ""), ("/", ""), ("a", "a"), ("a/", "a"), ("a/b/", "a/b")])
def test_a_folder_may_have_one_slash_at_its_end(folder: str, canonical: str) -> None:
    assert paths.check_folder(folder) == canonical


@pytest.mark.parametrize("folder", ["//", "a//", "/a", "a//b", ".", "a/.."])
def test_what_cannot_be_a_folder_is_refused(folder: str) -> None:
    with pytest.raises(InvalidPath):
        paths.check_folder(folder)


@pytest.mark.parametrize("name", ALLOWED_NAMES)
def test_strange_names_may_be_new(name: str) -> None:
    assert paths.check_new(f"app/{name}") == f"app/{name}"


@pytest.mark.parametrize("name", FORBIDDEN_NAMES, ids=ascii)
def test_forbidden_names_may_not_be_new(name: str) -> None:
    for path in (name, f"app/{name}", f"{name}/db"):
        with pytest.raises(InvalidPath):
            paths.check_new(path)


@given(any_path)
def test_a_new_path_is_composed_and_shows_everything(path: str) -> None:
    good = unicodedata.normalize("NFC", path) == path and not any(map(unsafe, path))
    try:
        assert paths.check_new(path) == path
        assert good
    except InvalidPath:
        assert not good


@given(st.text(st.characters(max_codepoint=0x7F), min_size=1, max_size=8))
def test_the_quick_way_for_plain_paths_gives_the_same_answer(path: str) -> None:
    try:
        paths.check(path)
        good = not any(map(unsafe, path))
    except InvalidPath:
        good = False
    try:
        paths.check_new(path)
        assert good
    except InvalidPath:
        assert not good


def test_the_characters_that_may_not_be_new_are_named() -> None:
    with pytest.raises(InvalidPath, match=r"U\+001B, U\+202E") as caught:
        paths.check_new("a\u202eb\x1b[2J")
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "fits"),
    [
        ("n" * 512, True),
        ("n" * 513, False),
        ("\u00e9" * 256, True),
        ("\u00e9" * 257, False),
        ("/".join(["d" * 511] * 8), True),
        ("/".join(["d" * 511] * 8) + "/d", False),
        ("\U0001f511" * 128, True),
        ("\U0001f511" * 129, False),
    ],
)
def test_lengths_are_limited_in_bytes(path: str, fits: bool) -> None:
    if fits:
        assert paths.check(path) == path
    else:
        with pytest.raises(InvalidPath, match="bytes"):
            paths.check(path)


@given(st.text(st.characters()))
def test_a_displayed_path_has_no_unsafe_character(path: str) -> None:
    assert not any(map(unsafe, paths.display(path)))


def test_a_displayed_path_keeps_what_is_safe() -> None:
    assert paths.display("app/\u4e16 \u00e9") == "app/\u4e16 \u00e9"
    assert paths.display("a\x1b\u202e") == "a\u241b<202E>"
