"""Our metadata among the pairs other tools keep with a secret of KV version 2."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kvtui.backends.vault.labels import OURS, from_labels, patched
from kvtui.domain.errors import InvalidInput
from kvtui.domain.metadata import Metadata, MetadataPatch, SecretType

FOREIGN = {"type": "database", "rotation": "every spring", "tags": "a,, b,", "managed-by": "terraform", "owner": "ops"}


def test_a_change_touches_the_keys_it_is_about_and_no_other() -> None:
    assert patched(FOREIGN, MetadataPatch(description="new")) == {**FOREIGN, "description": "new"}
    assert patched(FOREIGN, MetadataPatch(owner=None)) == {k: v for k, v in FOREIGN.items() if k != "owner"}
    assert patched(FOREIGN, MetadataPatch(custom={"managed-by": None, "x": "1"})) == {
        **{k: v for k, v in FOREIGN.items() if k != "managed-by"},
        "x": "1",
    }
    assert patched({"rotation": "2160h"}, MetadataPatch(owner="me"))["rotation"] == "2160h"


def test_what_other_tools_call_by_our_names_is_shown_as_theirs() -> None:
    known = from_labels(FOREIGN)
    assert known.type is SecretType.SECRET
    assert known.rotation is None
    assert dict(known.custom) == {"type": "database", "rotation": "every spring", "managed-by": "terraform"}
    assert known.tags == ("a", " b")


@pytest.mark.parametrize(
    ("name", "patch"),
    [("type", MetadataPatch(type=SecretType.TOKEN)), ("rotation", MetadataPatch(rotation=timedelta(days=1)))],
)
def test_a_pair_of_another_tool_is_not_replaced_by_ours_of_the_same_name(name: str, patch: MetadataPatch) -> None:
    with pytest.raises(InvalidInput, match="by another tool"):
        patched(FOREIGN, patch)
    assert patched({key: text for key, text in FOREIGN.items() if key != name}, patch)[name] != FOREIGN[name]


def test_ours_is_set_in_the_change_that_drops_theirs() -> None:
    patch = MetadataPatch(type=SecretType.TOKEN, custom={"type": None})
    assert patched(FOREIGN, patch)["type"] == "token"


def test_taking_ours_away_leaves_theirs() -> None:
    assert patched(FOREIGN, MetadataPatch(type=SecretType.SECRET, rotation=None)) == FOREIGN


@pytest.mark.parametrize(("key", "text"), [("type", "token"), ("rotation", "90d"), ("owner", "x"), ("created_by", "x")])
def test_a_custom_pair_that_would_read_as_ours_is_refused(key: str, text: str) -> None:
    assert key in OURS
    with pytest.raises(InvalidInput, match=f"may not be called {key}"):
        patched({}, MetadataPatch(custom={key: text}))
    with pytest.raises(InvalidInput):
        patched({key: text}, MetadataPatch(custom={key: None}))


def test_who_created_it_stays() -> None:
    assert from_labels(patched({"created_by": "ann"}, MetadataPatch(owner="me"))).created_by == "ann"


def test_the_limit_of_64_pairs_is_told_before_anything_is_sent() -> None:
    full = {f"key{number}": "x" for number in range(64)}
    assert len(patched(full, MetadataPatch(custom={"key0": "y"}))) == 64
    with pytest.raises(InvalidInput, match="at most 64 pairs of metadata, and these would be 65"):
        patched(full, MetadataPatch(description="one more"))
    assert len(patched(full, MetadataPatch(description="one more", custom={"key0": None}))) == 64


@pytest.mark.parametrize("text", ["x" * 513, "two\nlines", "\ud800", "", "ü" * 257])
def test_what_the_server_would_refuse_is_refused_here(text: str) -> None:
    with pytest.raises(InvalidInput, match="printable text"):
        patched({}, MetadataPatch(custom={"key": text}))


def test_everything_of_ours_comes_back() -> None:
    metadata = Metadata(
        SecretType.TOKEN, "about", ("a, b", "c\\"), "me", rotation=timedelta(days=90), custom={"k": "v"}
    )
    assert from_labels(patched({}, MetadataPatch.replacing(metadata))) == metadata
