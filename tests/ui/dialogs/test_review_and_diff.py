"""Review and diff: what will happen, or what differs, masked until shown."""

from __future__ import annotations

import pytest

from kvtui.domain.characters import unsafe
from kvtui.domain.errors import PermissionDenied
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.value import SecretValue
from kvtui.services.changes import Change, Op
from kvtui.services.diff import compare_fields
from kvtui.ui.dialogs.diff import DiffDialog
from kvtui.ui.dialogs.review import Decision, ReviewDialog
from tests.support.hostile import BY_CATEGORY, by_category
from tests.ui.dialogs.hosting import UNANSWERED, secret, showing

BEFORE = secret({"a": "SENTINEL-old", "gone": "x"})
CHANGE = Change(
    Op.SET,
    "app/db",
    fields={"a": SecretValue("SENTINEL-new"), "b": SecretValue("y")},
    metadata=MetadataPatch(description="about"),
    base_version=3,
)


async def test_review_names_path_version_and_every_difference_masked() -> None:
    async with showing(ReviewDialog(CHANGE, BEFORE)) as shown:
        for told in ("Review", "Write version 4 of app/db", "~ a", "+ b", "- gone", "description", "about"):
            assert told in shown.screen
        assert "SENTINEL" not in shown.screen
        await shown.press("ctrl+r")
        assert "SENTINEL-old" in shown.screen
        assert "SENTINEL-new" in shown.screen
        shown.app.app_focus = False
        await shown.rest()
        assert "SENTINEL" not in shown.screen


@pytest.mark.parametrize(
    ("keys", "decision"),
    [
        (["ctrl+s"], Decision.APPLY),
        (["tab", "enter"], Decision.APPLY),
        (["tab", "tab", "enter"], Decision.STAGE),
        (["escape"], None),
    ],
)
async def test_review_is_answered_by_keys(keys: list[str], decision: Decision | None) -> None:
    async with showing(ReviewDialog(CHANGE, BEFORE)) as shown:
        await shown.press(*keys)
        assert shown.answer is decision


async def test_enter_alone_applies_nothing() -> None:
    async with showing(ReviewDialog(CHANGE, BEFORE)) as shown:
        await shown.press("enter")
        assert shown.answer is UNANSWERED


@pytest.mark.parametrize("size", [(80, 24), (60, 20)])
async def test_long_diff_scrolls_and_the_buttons_stay(size: tuple[int, int]) -> None:
    fields = {f"f{index}": SecretValue("1\n2\n3") for index in range(40)}
    async with showing(ReviewDialog(Change(Op.SET, "p", fields=fields, base_version=0), None), size) as shown:
        for keys in (("G",), ("ctrl+r", "G"), ("g",)):
            await shown.press(*keys)
            assert all(word in shown.screen for word in ("Create p", "Apply", "Stage", "Cancel"))
        assert "f0" in shown.screen
        await shown.press("G")
        assert "f39" in shown.screen


@pytest.mark.parametrize("category", by_category())
async def test_hostile_text_in_a_review_is_shown_and_never_acts(category: str) -> None:
    texts = [entry.value[:300] for entry in BY_CATEGORY[category][:4]]
    fields = {text or "x": SecretValue(text) for text in texts}
    change = Change(
        Op.SET, texts[0] or "p", fields=fields, metadata=MetadataPatch(description=texts[0]), base_version=2
    )
    async with showing(ReviewDialog(change, None), (120, 40)) as shown:
        await shown.press("ctrl+r")
        assert all(ch == "\n" or not unsafe(ch) for ch in shown.screen)
        await shown.press("ctrl+s")
        assert shown.answer is Decision.APPLY


async def test_diff_is_revealed_after_it_was_journaled_and_has_only_close() -> None:
    told: list[str] = []
    fields = compare_fields(BEFORE.fields, CHANGE.fields or {})
    dialog = DiffDialog("app/[b]db", fields, [], lambda: told.append("journaled"))
    async with showing(dialog) as shown:
        assert "app/[b]db" in shown.screen
        assert "Close" in shown.screen
        await shown.press("ctrl+s", "ctrl+r")
        assert told == ["journaled"]
        assert "SENTINEL-new" in shown.screen
        await shown.press("ctrl+r")
        assert "SENTINEL" not in shown.screen
        await shown.press("escape")
        assert shown.answer is None


async def test_diff_that_cannot_be_journaled_stays_masked() -> None:
    def refuse() -> None:
        raise PermissionDenied("The journal cannot be written.")

    dialog = DiffDialog("two", compare_fields(BEFORE.fields, CHANGE.fields or {}), [], refuse)
    async with showing(dialog) as shown:
        await shown.press("ctrl+r")
        assert "SENTINEL" not in shown.screen
        assert "journal cannot be written" in shown.error
