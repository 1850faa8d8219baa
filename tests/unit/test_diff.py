from datetime import timedelta

import pytest

from kvtui.domain.metadata import Metadata, SecretType
from kvtui.domain.value import SecretValue
from kvtui.services.diff import DiffKind, compare_fields, compare_metadata, differs, metadata_rows


def fields(**values: object) -> dict[str, SecretValue]:
    return {name: SecretValue(value) for name, value in values.items()}  # type: ignore[arg-type]


def test_every_field_of_either_side_is_compared_in_the_order_of_the_new() -> None:
    rows = compare_fields(fields(gone="x", same="s", changed="1"), fields(added="y", changed="2", same="s"))
    assert [(row.name, row.kind) for row in rows] == [
        ("added", DiffKind.ADDED),
        ("changed", DiffKind.CHANGED),
        ("same", DiffKind.SAME),
        ("gone", DiffKind.REMOVED),
    ]
    assert [(row.old is None, row.new is None) for row in rows] == [
        (True, False),
        (False, False),
        (False, False),
        (False, True),
    ]
    assert differs(rows)


@pytest.mark.parametrize(
    ("old", "new"), [("1", 1), ("", None), (b"a", "a"), (1, 1.0), (1, True), ([1, 2], [2, 1]), ("a\n", "a"), ({}, [])]
)
def test_another_type_or_the_slightest_change_is_a_difference(old: object, new: object) -> None:
    rows = compare_fields(fields(value=old), fields(value=new))
    assert [row.kind for row in rows] == [DiffKind.CHANGED]


def test_the_same_fields_do_not_differ() -> None:
    same = fields(a="x", b=[1, {"k": None}], c=b"\x00")
    rows = compare_fields(same, fields(a="x", b=[1, {"k": None}], c=b"\x00"))
    assert not differs(rows)
    assert len(rows) == 3
    assert not differs(compare_fields({}, {}))


def test_no_row_shows_its_value() -> None:
    rows = compare_fields(fields(a="hunter2"), fields(a="hunter3"))
    assert "hunter" not in repr(rows)


def test_metadata_differences_are_named_and_as_text() -> None:
    old = Metadata(description="one", tags=("a", "b"), custom={"team": "x", "gone": ""})
    new = Metadata(
        type=SecretType.TOKEN, description="two", tags=("a",), rotation=timedelta(days=90), custom={"team": "y"}
    )
    assert [(row.name, row.old, row.new) for row in compare_metadata(old, new)] == [
        ("type", "secret", "token"),
        ("description", "one", "two"),
        ("tags", "a, b", "a"),
        ("custom.team", "x", "y"),
        ("custom.gone", "", None),
        ("rotation", None, "90d"),
    ]
    assert compare_metadata(new, new) == []


def test_what_is_empty_has_no_row_but_a_custom_key_does() -> None:
    assert metadata_rows(Metadata(owner="", custom={"k": ""})) == {"type": "secret", "custom.k": ""}
