"""The metadata form: only what differs is changed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kvtui.domain.characters import unsafe
from kvtui.domain.metadata import UNSET, Metadata, SecretType
from kvtui.services.changes import Op
from kvtui.ui.dialogs.metadata import MetadataDialog
from tests.support.hostile import BY_CATEGORY, by_category
from tests.ui.dialogs.hosting import UNANSWERED, showing

FULL = Metadata(
    type=SecretType.TOKEN,
    description="about",
    tags=("a, b", "c"),
    owner="ops",
    rotation=timedelta(days=90),
    custom={"k": "v", "l": "w"},
)


async def test_nothing_changed_says_so() -> None:
    async with showing(MetadataDialog("app/db", FULL, 3)) as shown:
        for label in ("Type", "Description", "Tags", "Owner", "Rotation", "Custom", "Review"):
            assert label in shown.screen
        await shown.press("ctrl+s")
        assert "Nothing was changed." in shown.error
        await shown.press("escape")
        assert shown.answer is None


async def test_only_what_differs_is_in_the_change() -> None:
    dialog = MetadataDialog("app/db", FULL, 3)
    async with showing(dialog) as shown:
        dialog.query_one("#metadata-owner").focus()
        await shown.type("me")
        await shown.press("ctrl+s")
        change = shown.answer
        assert (change.op, change.path, change.base_version) == (Op.META, "app/db", 3)
        assert change.metadata.owner == "me"
        assert change.metadata.tags is UNSET
        assert change.metadata.apply(FULL).tags == ("a, b", "c")


async def test_tags_rotation_and_custom_pairs_are_edited() -> None:
    dialog = MetadataDialog("app/db", FULL, 3)
    async with showing(dialog) as shown:
        dialog.query_one("#metadata-tags").focus()
        await shown.type("x, y ,, x")
        await shown.press("enter")
        dialog.query_one("#metadata-rotation").value = ""
        dialog.query(".custom-remove").first().press()
        await shown.press("ctrl+n")
        await shown.type("new")
        await shown.press("enter", "1", "ctrl+s")
        after = shown.answer.metadata.apply(FULL)
        assert after.tags == ("x", "y")
        assert after.rotation is None
        assert dict(after.custom) == {"l": "w", "new": "1"}


@pytest.mark.parametrize(("typed", "told"), [("soon", "Not an interval."), ("0d", "Not an interval.")])
async def test_bad_interval_is_refused(typed: str, told: str) -> None:
    dialog = MetadataDialog("p", Metadata(), 1)
    async with showing(dialog, (60, 20)) as shown:
        dialog.query_one("#metadata-rotation").value = typed
        await shown.press("ctrl+s")
        assert told in shown.error
        assert shown.answer is UNANSWERED


async def test_nameless_and_doubled_custom_pairs_are_refused() -> None:
    dialog = MetadataDialog("p", FULL, 1)
    async with showing(dialog) as shown:
        await shown.press("ctrl+n", "ctrl+s")
        assert "no name" in shown.error
        await shown.press("k", "ctrl+s")
        assert "Two custom pairs are named k." in shown.error


@pytest.mark.parametrize("category", by_category())
async def test_hostile_metadata_is_neither_altered_nor_drawn_raw(category: str) -> None:
    texts = [entry.value[:500] for entry in BY_CATEGORY[category][:3]]
    metadata = Metadata(
        description=texts[0],
        tags=tuple(dict.fromkeys(texts)),
        owner=texts[0] or None,
        custom={text or "x": text for text in texts},
    )
    dialog = MetadataDialog(texts[0], metadata, 1)
    async with showing(dialog, (100, 40)) as shown:
        assert all(ch == "\n" or not unsafe(ch) for ch in shown.screen)
        await shown.press("ctrl+s")
        assert "Nothing was changed." in shown.error
        dialog.query_one("#metadata-rotation").value = "1d"
        await shown.press("ctrl+s")
        assert shown.answer.metadata.rotation == timedelta(days=1)
        assert shown.answer.metadata.description is UNSET
        assert shown.answer.metadata.tags is UNSET
        assert shown.answer.metadata.custom is UNSET
