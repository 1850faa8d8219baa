"""Conflict: nothing is lost, whatever both sides did."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.value import SecretValue
from kvtui.services.changes import Change, Op
from kvtui.ui.dialogs.conflict import ConflictDialog, Kind, fate, merge_fields
from tests.ui.dialogs.hosting import UNANSWERED, plain, secret, showing

BASE = secret({"a": "0", "b": "0", "c": "SENTINEL-c"})
THEIRS = secret({"a": "1", "b": "0", "c": "SENTINEL-c", "t": "1"}, version=5)
MINE = Change(
    Op.SET,
    "app/db",
    fields={"a": SecretValue("2"), "b": SecretValue("2"), "c": SecretValue("SENTINEL-c")},
    base_version=3,
)
MERGED = {"a": "2", "b": "2", "c": "SENTINEL-c", "t": "1"}

sides = st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["0", "1", 1, True, None]))


@given(sides, sides, sides)
def test_merge_takes_mine_where_i_changed_and_theirs_everywhere_else(base: dict, theirs: dict, mine: dict) -> None:
    b, t, m = ({name: SecretValue(value) for name, value in side.items()} for side in (base, theirs, mine))
    merged = merge_fields(b, t, m)
    for name in {*base, *theirs, *mine}:
        changed = (name in base) != (name in mine) or (name in base and not b[name].same_as(m[name]))
        source = m if changed else t
        assert merged.get(name) is source.get(name)
        kept = "mine" if changed else "theirs"
        assert f"{kept} will be kept" in fate(name, b, t, m) or fate(name, b, t, m) == "the same on both sides"
    assert set(merged) <= {*theirs, *mine}


@given(sides, sides)
def test_merge_with_one_side_unchanged_is_the_other_side_in_its_order(base: dict, other: dict) -> None:
    b, o = ({name: SecretValue(value) for name, value in side.items()} for side in (base, other))
    assert list(merge_fields(b, b, o)) == list(o)
    assert list(merge_fields(b, o, b)) == list(o)
    assert all(merge_fields(b, o, b)[name] is o[name] for name in o)


async def test_conflict_shows_base_theirs_and_mine_masked() -> None:
    for size in ((80, 24), (200, 50), (60, 20)):
        async with showing(ConflictDialog(MINE, BASE, THEIRS), size) as shown:
            for word in ("Conflict", "base", "theirs", "mine", "version 5", "Keep mine on top of theirs", "Drop mine"):
                assert word in shown.screen
            assert "changed by both, mine will be kept" in shown.screen
            assert "SENTINEL" not in shown.screen
            assert shown.focused.id == "cancel"
    async with showing(ConflictDialog(MINE, BASE, THEIRS), (200, 50)) as shown:
        await shown.press("ctrl+r")
        assert shown.screen.count("SENTINEL-c") == 3


async def test_keeping_mine_is_based_on_their_version_and_keeps_what_only_they_changed() -> None:
    async with showing(ConflictDialog(MINE, BASE, THEIRS)) as shown:
        await shown.press("ctrl+s")
        assert shown.answer.kind is Kind.MERGE
        assert not shown.answer.again
        assert plain(shown.answer.change.fields) == MERGED
        assert shown.answer.change.base_version == 5


async def test_edit_again_brings_the_merged_change_and_drop_none() -> None:
    for button, kind in (("#conflict-edit", Kind.EDIT), ("#conflict-drop", Kind.DROP)):
        dialog = ConflictDialog(MINE, BASE, THEIRS)
        async with showing(dialog) as shown:
            dialog.query_one(button).focus()
            await shown.press("enter")
            assert shown.answer.kind is kind
            assert shown.answer.again is (kind is Kind.EDIT)
            assert (shown.answer.change is None) is (kind is Kind.DROP)
            if shown.answer.change is not None:
                assert plain(shown.answer.change.fields) == MERGED


async def test_escape_leaves_without_a_choice() -> None:
    async with showing(ConflictDialog(MINE, BASE, THEIRS)) as shown:
        await shown.press("escape")
        assert shown.answer is None


async def test_secret_removed_meanwhile_is_created_again_only_by_choice() -> None:
    async with showing(ConflictDialog(MINE, BASE, None)) as shown:
        assert "removed" in shown.screen
        await shown.press("ctrl+s")
        assert shown.answer.change.base_version == 0
        assert plain(shown.answer.change.fields)["a"] == "2"


async def test_metadata_of_what_is_gone_cannot_be_kept() -> None:
    mine = Change(Op.META, "app/db", metadata=MetadataPatch(owner="me"), base_version=3)
    async with showing(ConflictDialog(mine, BASE, None)) as shown:
        await shown.press("ctrl+s")
        assert shown.answer is UNANSWERED
        assert "not there any more" in shown.error


async def test_metadata_conflict_names_what_both_have() -> None:
    mine = Change(Op.META, "app/db", metadata=MetadataPatch(owner="me"), base_version=3)
    async with showing(ConflictDialog(mine, BASE, THEIRS)) as shown:
        assert "owner" in shown.screen
        await shown.press("ctrl+s")
        assert shown.answer.change.metadata.owner == "me"
        assert shown.answer.change.base_version == 5
