"""Metadata, its patches, intervals and tags."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvtui.domain.errors import InvalidInput
from kvtui.domain.metadata import (
    UNSET,
    Metadata,
    MetadataPatch,
    SecretType,
    check_tags,
    format_duration,
    parse_duration,
)

intervals = st.integers(1, 36500 * 86400).map(lambda seconds: timedelta(seconds=seconds))
metadata = st.builds(
    Metadata,
    type=st.sampled_from(SecretType),
    description=st.text(max_size=5),
    tags=st.lists(st.text(max_size=3), max_size=3).map(tuple),
    owner=st.none() | st.text(max_size=3),
    created_by=st.none(),  # these three are the store's
    created_at=st.none(),
    updated_at=st.none(),
    rotation=st.none() | intervals,
    custom=st.dictionaries(st.sampled_from("abc"), st.text(max_size=3)),
)
patches = st.builds(
    MetadataPatch,
    type=st.just(UNSET) | st.sampled_from(SecretType),
    description=st.just(UNSET) | st.text(max_size=5),
    tags=st.just(UNSET),
    owner=st.just(UNSET) | st.none() | st.text(max_size=3),
    rotation=st.just(UNSET) | st.none() | intervals,
    custom=st.just(UNSET) | st.dictionaries(st.sampled_from("abc"), st.none() | st.text(max_size=3)),
)


@given(metadata, metadata)
def test_the_patch_between_two_makes_one_of_the_other(old: Metadata, new: Metadata) -> None:
    patch = MetadataPatch.replacing(new, old)
    assert patch.apply(old) == new
    assert bool(patch) == (old != new)


@given(metadata)
def test_a_patch_without_a_base_starts_from_nothing(new: Metadata) -> None:
    assert MetadataPatch.replacing(new).apply(Metadata()) == new


@given(metadata, patches)
def test_applying_twice_is_applying_once(old: Metadata, patch: MetadataPatch) -> None:
    assert patch.apply(patch.apply(old)) == patch.apply(old)


@given(metadata)
def test_an_empty_patch_changes_nothing(old: Metadata) -> None:
    assert not MetadataPatch()
    assert MetadataPatch().apply(old) == old


@given(metadata, patches)
def test_what_is_unset_stays(old: Metadata, patch: MetadataPatch) -> None:
    new = patch.apply(old)
    for name in ("type", "description", "tags", "owner", "rotation", "custom"):
        if getattr(patch, name) is UNSET:
            assert getattr(new, name) == getattr(old, name)
        elif name != "custom":
            assert getattr(new, name) == getattr(patch, name)


def test_a_custom_pair_is_dropped_by_none_and_the_others_stay() -> None:
    old = Metadata(custom={"a": "1", "b": "2"})
    new = MetadataPatch(custom={"a": None, "c": "3", "missing": None}).apply(old)
    assert new.custom == {"b": "2", "c": "3"}
    assert old.custom == {"a": "1", "b": "2"}


def test_a_patch_leaves_times_and_creator_to_the_store() -> None:
    old = Metadata(created_by="ann")
    assert MetadataPatch(owner="bob").apply(old) == old._replace(owner="bob")


def test_owner_none_is_a_change_and_unset_is_none() -> None:
    assert MetadataPatch(owner=None)
    assert MetadataPatch(owner=None).apply(Metadata(owner="ann")).owner is None


@given(intervals)
def test_an_interval_is_read_back_as_it_was_written(interval: timedelta) -> None:
    assert parse_duration(format_duration(interval)) == interval


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("90d", timedelta(days=90)),
        ("12h", timedelta(hours=12)),
        ("1w", timedelta(days=7)),
        ("1w2d", timedelta(days=9)),
        ("1d12h30m5s", timedelta(days=1, hours=12, minutes=30, seconds=5)),
        ("36500d", timedelta(days=36500)),
        ("1s", timedelta(seconds=1)),
    ],
)
def test_an_interval_is_read(text: str, interval: timedelta) -> None:
    assert parse_duration(text) == interval


@pytest.mark.parametrize(
    "text",
    ["", "0d", "0s", "d", "90", "90 d", "-1d", "1.5d", "1y", "90D", "36501d", "9999999d", "1d ", "\u0663d", "1d\n"],
)
def test_what_is_no_interval_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="interval"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (timedelta(days=90), "90d"),
        (timedelta(hours=36), "1d12h"),
        (timedelta(seconds=61), "1m1s"),
        (timedelta(), "0s"),
    ],
)
def test_an_interval_is_written_short(interval: timedelta, text: str) -> None:
    assert format_duration(interval) == text


def test_types_are_known_by_name() -> None:
    assert SecretType.parse("api_key") is SecretType.API_KEY
    with pytest.raises(InvalidInput, match="ssh_key"):
        SecretType.parse("API_KEY")


@given(st.lists(st.text(min_size=1).filter(str.strip)).map(tuple))
def test_tags_lose_doubles_and_keep_their_order(tags: tuple[str, ...]) -> None:
    kept = check_tags(tags)
    assert len(set(kept)) == len(kept)
    assert set(kept) == set(tags)
    assert [tags.index(tag) for tag in kept] == sorted(tags.index(tag) for tag in kept)


@pytest.mark.parametrize("tags", [("",), ("a", " "), ("\t\n",)])
def test_an_empty_tag_is_refused(tags: tuple[str, ...]) -> None:
    with pytest.raises(InvalidInput):
        check_tags(tags)
