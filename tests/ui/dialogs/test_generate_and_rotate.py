"""The generator, and the rotation that uses it."""

from __future__ import annotations

import pytest

from kvtui.services.generator import CLASSES
from kvtui.ui.dialogs.edit import EditDialog
from kvtui.ui.dialogs.generate import GeneratorDialog
from kvtui.ui.dialogs.rotate import RotateDialog
from tests.support.hostile import BY_CATEGORY
from tests.ui.dialogs.hosting import EVERYTHING, UNANSWERED, secret, showing


@pytest.mark.parametrize("size", [(80, 24), (60, 20)])
async def test_generator_shows_exact_bits_and_a_masked_preview(size: tuple[int, int]) -> None:
    async with showing(GeneratorDialog(), size) as shown:
        assert "24 × log2(65) = 144.5 bits" in shown.screen
        assert "symbols" in shown.screen
        assert all(word in shown.screen for word in ("Use", "Again", "Cancel"))
        await shown.press("ctrl+s")
        value = shown.answer.reveal()
        assert len(value) == 24
        assert set(value) <= set(CLASSES["safe"])


async def test_preview_is_shown_on_demand_and_is_what_is_used() -> None:
    async with showing(GeneratorDialog()) as shown:
        await shown.press("ctrl+r")
        first = shown.screen
        await shown.press("ctrl+g")
        assert shown.screen != first
        await shown.press("ctrl+s")
        assert shown.answer is not None


async def test_bad_recipe_is_told_while_typing_and_gives_nothing() -> None:
    dialog = GeneratorDialog()
    async with showing(dialog) as shown:
        dialog.query_one("#generate-length").focus()
        await shown.press("x")
        assert "not a whole number" in shown.screen
        await shown.press("ctrl+s")
        assert shown.answer is UNANSWERED
        await shown.press("backspace", "8")
        assert "8 × log2(65)" in shown.screen
        await shown.press("ctrl+s")
        assert len(shown.answer.reveal()) == 8


async def test_words_own_characters_and_required_classes() -> None:
    dialog = GeneratorDialog()
    async with showing(dialog) as shown:
        dialog.query_one("#generate-kind").value = "words"
        await shown.rest()
        assert "7 × log2(7776) = 90.5 bits" in shown.screen
        assert "Length" not in shown.screen
        dialog.query_one("#generate-kind").value = "characters"
        dialog.query_one("#generate-charset").value = "own characters"
        await shown.rest()
        dialog.query_one("#generate-own").focus()
        await shown.type("ab1")
        dialog.query_one("#generate-digits").toggle()
        await shown.rest()
        await shown.press("ctrl+s")
        assert set(shown.answer.reveal()) <= set("ab1")
        assert "1" in shown.answer.reveal()


async def test_ctrl_g_in_a_value_fills_it_masked() -> None:
    dialog = EditDialog(EVERYTHING, secret=secret({"value": "old"}))
    async with showing(dialog) as shown:
        dialog.rows[0].area.focus()
        await shown.press("ctrl+g")
        assert "Generate" in shown.screen
        await shown.press("ctrl+s")
        value = dialog.rows[0].value().reveal()
        assert len(value) == 24
        assert value not in shown.screen
        await shown.press("ctrl+s")
        assert shown.answer.fields["value"].reveal() == value


async def test_ctrl_g_can_be_taken_back() -> None:
    before = secret({"value": "old"})
    dialog = EditDialog(EVERYTHING, secret=before)
    async with showing(dialog) as shown:
        dialog.rows[0].area.focus()
        await shown.press("ctrl+g", "ctrl+s", "ctrl+z")
        assert dialog.rows[0].value() is before.fields["value"]


async def test_rotate_names_what_it_will_do_and_generates() -> None:
    async with showing(RotateDialog(secret({"user": "u", "password": "p"}), "password")) as shown:
        assert "field password of app/db" in shown.screen
        assert "version 3 → 4" in shown.screen
        await shown.press("ctrl+s")
        assert shown.answer.field == "password"
        assert len(shown.answer.value.reveal()) == 24
        assert shown.answer.copy


async def test_rotate_takes_a_typed_value_but_not_the_old_or_none() -> None:
    dialog = RotateDialog(secret({"value": "old"}))
    async with showing(dialog) as shown:
        dialog.query_one("#rotate-source").value = "type"
        await shown.rest()
        await shown.press("ctrl+s")
        assert "no new value" in shown.error
        dialog.query_one("#rotate-value").focus()
        await shown.type("old")
        await shown.press("ctrl+s")
        assert "the value it has" in shown.error
        await shown.type("er")
        assert "older" not in shown.screen
        dialog.query_one("#rotate-copy").toggle()
        await shown.press("ctrl+s")
        assert shown.answer.value.reveal() == "older"
        assert not shown.answer.copy


async def test_rotate_uses_a_changed_recipe() -> None:
    dialog = RotateDialog(secret({"value": "old"}))
    async with showing(dialog) as shown:
        dialog.query_one("#rotate-recipe").press()
        await shown.rest()
        shown.app.screen.query_one("#generate-length").focus()
        await shown.press("9", "ctrl+s")
        assert "9 × log2(65)" in shown.screen
        await shown.press("ctrl+s")
        assert len(shown.answer.value.reveal()) == 9


async def test_rotate_offers_every_field_however_it_is_named() -> None:
    names = {
        entry.value[:200]: "v" for category in ("markup", "csi", "textual_action") for entry in BY_CATEGORY[category]
    }
    dialog = RotateDialog(secret(names))
    async with showing(dialog) as shown:
        dialog.query_one("#rotate-field").focus()
        await shown.press("enter", "down", "enter", "ctrl+s")
        assert shown.answer.field == list(names)[1]
