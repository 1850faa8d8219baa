"""Secret values: their types, and when two are the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvtui.domain import json_text
from kvtui.domain.errors import InvalidInput
from kvtui.domain.value import REDACTED, SecretValue, ValueType, decode_input, same_fields


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ("", ValueType.TEXT),
        (b"", ValueType.BYTES),
        (None, ValueType.NULL),
        (False, ValueType.BOOLEAN),
        (0, ValueType.NUMBER),
        (0.5, ValueType.NUMBER),
        (json_text.parse("1.10"), ValueType.NUMBER),
        ([], ValueType.LIST),
        ({}, ValueType.MAP),
    ],
)
def test_a_value_knows_its_type(value: json_text.Json, kind: ValueType) -> None:
    secret = SecretValue(value)
    assert secret.type is kind
    assert secret.reveal() is value
    assert repr(secret) == str(secret) == f"{secret}" == REDACTED


@pytest.mark.parametrize("value", [(1, 2), {1}, object(), bytearray(b"x")])
def test_what_is_no_value_is_refused_without_being_quoted(value: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        SecretValue(value)  # type: ignore[arg-type]
    assert repr(value) not in str(caught.value)


DISTINCT = [
    "",
    "1",
    "null",
    "true",
    "\ud800",
    None,
    True,
    False,
    1,
    1.0,
    0,
    -0.0,
    b"",
    b"1",
    [],
    {},
    [1],
    [True],
    [1.0],
]


@pytest.mark.parametrize("first", range(len(DISTINCT)))
def test_values_are_the_same_only_as_themselves(first: int) -> None:
    one = SecretValue(DISTINCT[first])  # type: ignore[arg-type]
    same = [number for number, other in enumerate(DISTINCT) if one.same_as(SecretValue(other))]  # type: ignore[arg-type]
    assert same == [first]


def test_a_literal_is_part_of_the_value() -> None:
    assert not SecretValue(json_text.parse("1.10")).same_as(SecretValue(1.1))
    assert SecretValue(json_text.parse("1.10")).same_as(SecretValue(json_text.parse("1.10")))
    assert not SecretValue({"a": 1, "b": 2}).same_as(SecretValue({"b": 2, "a": 1}))


def test_fields_are_the_same_in_the_same_order() -> None:
    fields = {"a": SecretValue(1), "b": SecretValue("x")}
    assert same_fields(fields, {"a": SecretValue(1), "b": SecretValue("x")})
    assert not same_fields(fields, {"b": SecretValue("x"), "a": SecretValue(1)})
    assert not same_fields(fields, {"a": SecretValue(1), "b": SecretValue("y")})
    assert not same_fields(fields, {"a": SecretValue(1)})
    assert same_fields({}, {})


@given(st.binary())
def test_input_is_text_where_it_is_utf_8_and_nothing_is_lost(data: bytes) -> None:
    value = decode_input(data)
    plain = value.reveal()
    if value.type is ValueType.TEXT:
        assert plain.encode("utf-8") == data
    else:
        assert plain == data
        with pytest.raises(UnicodeDecodeError):
            data.decode("utf-8")


@pytest.mark.parametrize("data", [b"x\n", b"\xef\xbb\xbfx", b"a\r\nb", b"\x00", b" x "])
def test_input_is_not_stripped(data: bytes) -> None:
    assert decode_input(data).same_as(SecretValue(data.decode()))
