"""New secret and edit, driven by keys."""

from __future__ import annotations

import json

import pytest

from kvtui.domain.characters import unsafe
from kvtui.domain.metadata import SecretType
from kvtui.domain.value import SecretValue, ValueType
from kvtui.services.changes import Change, Op
from kvtui.ui.dialogs.edit import EditDialog
from kvtui.ui.show import MASK
from kvtui.ui.widgets.value_area import ValueArea, form_text, holds_exactly, split_line_ends
from tests.support.hostile import BY_CATEGORY, HostileString, by_category, on_every_string
from tests.ui.dialogs.hosting import EVERYTHING, ONE_TEXT, UNANSWERED, plain, secret, showing

TYPED = {
    "text": "p4ss w0rd",
    "number": 42,
    "boolean": True,
    "null": None,
    "list": ["a", 1],
    "map": {"b": 1, "a": [1.5]},
    "bytes": b"\x00\xff",
    "crlf": "one\r\ntwo\r\n",
    "lines": "one\ntwo\n",
}


async def test_new_secret_is_typed_with_enter_and_ctrl_s() -> None:
    async with showing(EditDialog(EVERYTHING, path="app/")) as shown:
        await shown.type("db")
        await shown.press("enter", "enter")
        await shown.type("hunter2")
        assert "hunter2" not in shown.screen
        assert "•" * 7 in shown.screen
        await shown.press("enter")
        await shown.type("The database")
        await shown.press("enter")
        await shown.type("prod, db")
        await shown.press("enter")
        await shown.type("ops")
        await shown.press("enter")
        assert shown.focused.id == "main"
        await shown.press("enter")
        change = shown.answer
        assert isinstance(change, Change)
        assert (change.op, change.path, change.base_version) == (Op.SET, "app/db", 0)
        assert plain(change.fields or {}) == {"value": "hunter2"}
        assert change.metadata.description == "The database"
        assert change.metadata.tags == ("prod", "db")
        assert change.metadata.owner == "ops"


async def test_labels_are_the_words_of_the_product() -> None:
    async with showing(EditDialog(EVERYTHING)) as shown:
        for label in ("Path", "Field", "Value", "Type", "Description", "Tags", "Owner", "Review", "Cancel"):
            assert label in shown.screen


@pytest.mark.parametrize(
    "size", [(80, 24), *(pytest.param(size, marks=pytest.mark.slow) for size in ((60, 20), (200, 50)))]
)
async def test_buttons_stay_visible_with_many_fields(size: tuple[int, int]) -> None:
    many = {f"field{index}": "x\ny\nz" for index in range(20)}
    async with showing(EditDialog(EVERYTHING, secret=secret(many)), size) as shown:
        assert any(widget.max_scroll_y for widget in shown.app.screen.query())  # more than is seen at once
        for word in ("Review", "+ Add field", "Cancel"):
            assert word in shown.screen
        await shown.press("ctrl+r")
        for word in ("Review", "+ Add field", "Cancel"):
            assert word in shown.screen


async def test_tab_from_the_last_field_reaches_the_main_button() -> None:
    async with showing(EditDialog(EVERYTHING, path="a")) as shown:
        while shown.focused.id != "edit-owner":
            await shown.press("tab")
        await shown.press("tab")
        assert shown.focused.id == "main"


async def test_edit_without_change_says_so_and_returns_nothing() -> None:
    before = secret(TYPED)
    dialog = EditDialog(EVERYTHING, secret=before)
    async with showing(dialog) as shown:
        await shown.press("ctrl+s")
        assert "Nothing was changed." in shown.error
        assert dialog.draft() is None
        await shown.press("ctrl+r", "ctrl+s")
        assert "p4ss w0rd" in shown.screen
        assert "Nothing was changed." in shown.error
        assert shown.answer is UNANSWERED
        await shown.press("ctrl+r", "escape")
        assert shown.answer is None


async def test_what_is_not_edited_stays_the_very_same_object_in_the_same_order() -> None:
    before = secret(TYPED)
    dialog = EditDialog(EVERYTHING, secret=before)
    async with showing(dialog) as shown:
        await shown.press("ctrl+r")
        dialog.rows[0].area.focus()
        await shown.press("end", "!", "ctrl+r", "ctrl+s")
        fields = shown.answer.fields
        assert list(fields) == list(TYPED)
        assert fields["text"].reveal() == "p4ss w0rd!"
        assert all(fields[name] is before.fields[name] for name in TYPED if name != "text")
        assert shown.answer.base_version == 3


async def test_values_are_masked_with_one_width_until_shown() -> None:
    async with showing(EditDialog(EVERYTHING, secret=secret({"a": "x", "b": "y" * 20}))) as shown:
        assert "yyy" not in shown.screen
        rows = [row for row in shown.screen.split("\n") if "Value" in row]
        assert [row.count("•") for row in rows] == [len(MASK)] * 2
        await shown.press("ctrl+r")
        assert "y" * 20 in shown.screen
        await shown.press("ctrl+r")
        assert "yyy" not in shown.screen


async def test_typing_into_a_masked_value_replaces_it_and_ctrl_z_brings_it_back() -> None:
    before = secret({"value": "old secret"})
    dialog = EditDialog(EVERYTHING, secret=before)
    async with showing(dialog) as shown:
        dialog.rows[0].area.focus()
        await shown.type("new")
        assert "new" not in shown.screen.replace("a new", "")
        assert dialog.rows[0].value().reveal() == "new"
        await shown.press("ctrl+z")
        assert dialog.rows[0].value() is before.fields["value"]
        assert not dialog.is_dirty()
        await shown.type("n")
        await shown.press("backspace", "ctrl+s")
        assert shown.answer.fields["value"].reveal() == ""


async def test_crlf_text_is_edited_as_lines_and_saved_with_crlf() -> None:
    dialog = EditDialog(EVERYTHING, secret=secret({"value": "one\r\ntwo\r\n"}))
    async with showing(dialog) as shown:
        dialog.rows[0].area.focus()
        await shown.press("ctrl+r")
        assert "CRLF" in shown.screen
        await shown.press("X", "ctrl+s")
        assert shown.answer.fields["value"].reveal() == "Xone\r\ntwo\r\n"


@pytest.mark.parametrize(
    "category",
    [each if each.id in ("csi", "markup") else pytest.param(each.id, marks=pytest.mark.slow) for each in by_category()],
)
async def test_hostile_values_and_names_are_never_altered_nor_drawn_raw(category: str) -> None:
    fields = {entry.value or "x": entry.value for entry in BY_CATEGORY[category][:8]}
    before = secret({**fields, "last": "plain"})
    dialog = EditDialog(EVERYTHING, secret=before)
    async with showing(dialog) as shown:
        for _ in range(2):
            await shown.press("ctrl+r", "ctrl+s")
            assert "Nothing was changed." in shown.error
            assert all(ch == "\n" or not unsafe(ch) for ch in shown.screen)
        dialog.rows[-1].area.focus()
        await shown.press("!", "ctrl+s")
        assert plain(shown.answer.fields) == {**fields, "last": "!"}
        assert all(shown.answer.fields[name] is before.fields[name] for name in fields)


@on_every_string
def test_what_counts_as_exact_is_given_back_exactly_by_the_widget(entry: HostileString) -> None:
    area = ValueArea(SecretValue(entry.value))
    assert area.form_text() == entry.value
    if area.is_exact:
        text, crlf = split_line_ends(entry.value)
        document = ValueArea()
        document._set_document(text, None)
        document._crlf = crlf
        assert document.form_text() == entry.value


async def test_value_that_cannot_be_held_is_replaced_only_by_choice() -> None:
    before = secret({"value": "a\x1b]52;c;YQ==\x1b\\b"})
    dialog = EditDialog(EVERYTHING, secret=before)
    async with showing(dialog) as shown:
        assert "cannot hold exactly" in shown.screen
        dialog.rows[0].area.focus()
        await shown.press("x", "q")
        await shown.paste("pasted")
        assert not dialog.is_dirty()
        await shown.press("tab")
        assert str(shown.focused.label) == "Replace"
        await shown.press("enter", "n", "e", "w", "ctrl+s")
        assert shown.answer.fields["value"].reveal() == "new"


@pytest.mark.parametrize(
    ("kind", "typed", "expected"),
    [
        (ValueType.NUMBER, "1.10", "1.10"),
        (ValueType.BOOLEAN, "true", "true"),
        (ValueType.LIST, '["a", 1]', '["a", 1]'),
        (ValueType.MAP, '{"b": 1, "a": 2}', '{"b": 1, "a": 2}'),
    ],
)
async def test_kinds_are_parsed_exactly(kind: ValueType, typed: str, expected: str) -> None:
    from kvtui.domain import codec

    dialog = EditDialog(EVERYTHING, path="p")
    async with showing(dialog) as shown:
        dialog.rows[0]._kind_select.value = kind
        dialog.rows[0].area.focus()
        await shown.paste(typed)
        await shown.press("ctrl+s")
        value = shown.answer.fields["value"]
        assert value.type is kind
        assert codec.to_text(value) == expected


async def test_bytes_are_typed_as_base64_and_null_has_no_text() -> None:
    dialog = EditDialog(EVERYTHING, secret=secret({"b": b"\x00", "n": "x"}))
    async with showing(dialog) as shown:
        dialog.rows[0].area.focus()
        await shown.type("/w==")
        dialog.rows[1]._kind_select.value = ValueType.NULL
        await shown.press("ctrl+s")
        assert plain(shown.answer.fields) == {"b": b"\xff", "n": None}


@pytest.mark.parametrize(
    "kind",
    [
        ValueType.NUMBER,
        ValueType.BYTES,
        *(pytest.param(kind, marks=pytest.mark.slow) for kind in (ValueType.BOOLEAN, ValueType.LIST, ValueType.MAP)),
    ],
)
async def test_what_is_not_of_its_kind_is_refused_by_field_never_quoting_it(kind: ValueType) -> None:
    dialog = EditDialog(EVERYTHING, path="p")
    async with showing(dialog) as shown:
        dialog.rows[0]._kind_select.value = kind
        dialog.rows[0].area.focus()
        await shown.type("SENTINEL!")
        await shown.press("ctrl+s")
        assert shown.answer is UNANSWERED
        assert "The field value is not" in shown.error
        assert "SENTINEL" not in shown.error
        assert "SENTINEL" not in repr(dialog.draft())
        assert dialog.draft().fields["value"].reveal() == "SENTINEL!"


@pytest.mark.parametrize(
    ("path", "told"), [("", "empty"), ("a//b", "empty segment"), ("a/../b", ".."), ("a/\u202eb", "U+202E")]
)
async def test_invalid_paths_are_refused(path: str, told: str) -> None:
    async with showing(EditDialog(EVERYTHING, path=path)) as shown:
        await shown.press("ctrl+s")
        assert told in shown.error


async def test_taken_path_is_refused() -> None:
    async with showing(EditDialog(EVERYTHING, path="a/b", existing={"a/b"})) as shown:
        await shown.press("ctrl+s")
        assert "There is a secret at this path." in shown.error


async def test_fields_are_added_named_and_removed() -> None:
    dialog = EditDialog(EVERYTHING, secret=secret({"user": "u", "password": "p"}))
    async with showing(dialog) as shown:
        await shown.press("ctrl+n", "ctrl+s")
        assert "no name" in shown.error
        await shown.type("user")
        await shown.press("ctrl+s")
        assert "Two fields are named user." in shown.error
        await shown.type("2")
        await shown.press("enter")
        await shown.type("v")
        remove = dialog.rows[0].query_one(".field-remove")
        remove.focus()
        await shown.press("enter", "ctrl+s")
        assert plain(shown.answer.fields) == {"password": "p", "user2": "v"}


async def test_new_field_name_may_not_hide_characters() -> None:
    async with showing(EditDialog(EVERYTHING, path="p")) as shown:
        await shown.press("enter")
        await shown.paste("a\u202eb")
        await shown.press("ctrl+s")
        assert "<202E>" in shown.error


async def test_store_of_one_text_has_one_value_and_nothing_else() -> None:
    async with showing(EditDialog(ONE_TEXT, path="k")) as shown:
        for word in ("Field", "Type", "Description", "Add field"):
            assert word not in shown.screen
        await shown.press("ctrl+n")
        assert "one value" in shown.error
        await shown.press("enter")
        await shown.type("v")
        await shown.press("ctrl+s")
        assert plain(shown.answer.fields) == {"value": "v"}
        assert not shown.answer.metadata


async def test_several_lines_are_typed_with_ctrl_j_and_pasted_whole() -> None:
    pem = "-----BEGIN X-----\nQUJD\n-----END X-----\n"
    dialog = EditDialog(EVERYTHING, path="k")
    async with showing(dialog) as shown:
        dialog.rows[0].area.focus()
        await shown.paste(pem.replace("\n", "\r"))
        assert dialog.rows[0].area.form_text() == pem
        await shown.press("a", "enter", "b", "ctrl+j", "c", "ctrl+s")
        assert shown.answer.fields["value"].reveal() == pem + "a\nb\nc"


async def test_paste_of_a_megabyte_is_refused_whole_and_keys_still_answer() -> None:
    dialog = EditDialog(EVERYTHING, path="k")
    async with showing(dialog) as shown:
        dialog.rows[0].area.focus()
        for text in ("x" * 1_000_000, "y\n" * 100_000, "a\x1b[201~b"):
            await shown.paste(text)
        assert len(shown.app.notices) == 3
        await shown.type("ok")
        assert dialog.rows[0].area.form_text() == "ok"


@pytest.mark.parametrize("field", ["edit-path", "edit-description"])
async def test_line_fields_refuse_several_pasted_lines(field: str) -> None:
    dialog = EditDialog(EVERYTHING)
    async with showing(dialog) as shown:
        dialog.query_one(f"#{field}").focus()
        await shown.paste("one\ntwo")
        assert dialog.query_one(f"#{field}").value == ""
        assert len(shown.app.notices) == 1


async def test_nothing_is_copied_or_cut_out_of_a_value() -> None:
    dialog = EditDialog(EVERYTHING, secret=secret({"value": "SENTINEL"}))
    async with showing(dialog) as shown:
        dialog.rows[0].area.focus()
        await shown.press("ctrl+r", "f7", "ctrl+c", "ctrl+x")
        assert shown.app.clipboard == ""
        assert dialog.rows[0].area.form_text() == "SENTINEL"


async def test_values_are_masked_after_the_time_and_when_the_window_loses_focus() -> None:
    dialog = EditDialog(EVERYTHING, secret=secret({"value": "SENTINEL"}), reveal_seconds=0.01)
    async with showing(dialog) as shown:
        drawn: list[bool] = []
        draw = dialog.show_values
        dialog.show_values = lambda on: (drawn.append(on), draw(on))  # type: ignore[method-assign]
        await shown.press("ctrl+r")
        while drawn != [True, False]:
            await shown.pilot.pause()
        assert "SENTINEL" not in shown.screen
        dialog._reveal_seconds = 1000
        await shown.press("ctrl+r")
        assert "SENTINEL" in shown.screen
        shown.app.app_focus = False
        await shown.rest()
        assert "SENTINEL" not in shown.screen


async def test_reveal_that_cannot_be_journaled_stays_masked() -> None:
    from kvtui.domain.errors import PermissionDenied

    def refuse() -> None:
        raise PermissionDenied("The journal cannot be written.")

    dialog = EditDialog(EVERYTHING, secret=secret({"value": "SENTINEL"}), disclose=refuse)
    async with showing(dialog) as shown:
        await shown.press("ctrl+r")
        assert "SENTINEL" not in shown.screen
        assert "journal cannot be written" in shown.error


async def test_escape_asks_once_when_something_was_typed() -> None:
    async with showing(EditDialog(EVERYTHING, path="a/")) as shown:
        await shown.press("b", "escape")
        assert shown.answer is UNANSWERED
        await shown.press("escape")
        assert shown.answer is None


async def test_escape_leaves_an_untouched_form_at_once() -> None:
    async with showing(EditDialog(EVERYTHING, path="a/")) as shown:
        await shown.press("escape")
        assert shown.answer is None


async def test_draft_brings_the_form_back() -> None:
    first = EditDialog(EVERYTHING, path="a/")
    async with showing(first) as shown:
        await shown.press("b", "tab", "tab")
        await shown.type("typed")
        first.query_one("#edit-description").focus()
        await shown.type("about")
        draft = first.draft()
    assert draft is not None
    second = EditDialog(EVERYTHING, draft=draft)
    async with showing(second) as shown:
        assert "a/b" in shown.screen
        assert "typed" not in shown.screen
        assert second.is_dirty()
        await shown.press("ctrl+s")
        assert shown.answer.path == "a/b"
        assert plain(shown.answer.fields) == {"value": "typed"}
        assert shown.answer.metadata.description == "about"


async def test_draft_of_an_edit_is_compared_with_the_secret() -> None:
    before = secret({"value": "old"})
    draft = Change(Op.SET, "app/db", fields={"value": SecretValue("mine")}, base_version=2)
    async with showing(EditDialog(EVERYTHING, secret=before, draft=draft)) as shown:
        await shown.press("ctrl+s")
        assert plain(shown.answer.fields) == {"value": "mine"}
        assert shown.answer.base_version == 3
    same = Change(Op.SET, "app/db", fields={"value": SecretValue("old")}, base_version=2)
    async with showing(EditDialog(EVERYTHING, secret=before, draft=same)) as shown:
        await shown.press("ctrl+s")
        assert "Nothing was changed." in shown.error


async def test_type_is_chosen_from_the_list() -> None:
    dialog = EditDialog(EVERYTHING, path="p")
    async with showing(dialog) as shown:
        dialog.query_one("#edit-type").focus()
        await shown.press("enter", "down", "enter", "ctrl+s")
        assert shown.answer.metadata.type is list(SecretType)[1]


async def test_nothing_of_a_value_is_left_in_the_widgets_or_said_about_them() -> None:
    dialog = EditDialog(EVERYTHING, path="p")
    async with showing(dialog) as shown:
        area = dialog.rows[0].area
        area.focus()
        await shown.type("zq9!SENTINEL")
        assert "SENTINEL" not in repr(area) + str(area) + repr(dialog) + repr(dialog.draft())
        await shown.press("escape", "escape")
        await shown.rest()
        assert area.text == ""
        assert not area.history.undo_stack


def test_json_of_a_map_is_shown_so_that_it_can_be_read() -> None:
    tree = {"a": [1, {"\u202e": "x"}], "b": 1.5}
    text = form_text(SecretValue(tree))
    assert json.loads(text) == tree
    assert holds_exactly(text)
