"""Fields to bytes and back; values to the outside and back."""

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvtui.domain import json_text
from kvtui.domain.codec import (
    decode_fields,
    encode_fields,
    from_base64,
    from_json,
    to_bytes,
    to_json,
    to_text,
)
from kvtui.domain.errors import Corrupt, InvalidInput
from kvtui.domain.value import SecretValue, ValueType, decode_input, same_fields
from kvtui.testing.cruel import BYTES, JSON_LITERALS, TEXTS

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
secret_values = (json_values | st.binary()).map(SecretValue)


@given(st.dictionaries(st.text(), secret_values))
def test_fields_come_back_the_same_in_order(fields: dict[str, SecretValue]) -> None:
    data = encode_fields(fields)
    assert data.isascii()
    assert same_fields(decode_fields(data), fields)


def test_cruel_fields_come_back_the_same() -> None:
    values: list[json_text.Json | bytes] = [*TEXTS, *BYTES, *map(json_text.parse, JSON_LITERALS)]
    fields = {text: SecretValue(value) for text, value in zip([*TEXTS, *"abcdefghijklmnopqrstuvwxyz"], values)}  # noqa: B905
    assert same_fields(decode_fields(encode_fields(fields)), fields)
    assert len(fields) > len(TEXTS)


@pytest.mark.parametrize("value", [float("nan"), ["\ud83d\ude00"], {1: 2}, [b"x"]])
def test_what_would_not_come_back_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput):
        encode_fields({"value": SecretValue(value)})  # type: ignore[arg-type]


def test_a_field_name_that_would_not_come_back_is_refused() -> None:
    with pytest.raises(InvalidInput):
        encode_fields({"\ud83d\ude00": SecretValue("x")})


@given(st.binary() | st.text().map(str.encode) | json_values.map(lambda value: json_text.dump(value).encode()))
def test_any_bytes_are_fields_or_corrupt(data: bytes) -> None:
    with suppress(Corrupt):
        fields = decode_fields(data)
        assert same_fields(decode_fields(encode_fields(fields)), fields)


@pytest.mark.parametrize(
    "data",
    [
        b"{}",
        b"1",
        b"[1]",
        b'["ajx"]',
        b'[["a", "j"]]',
        b'[["a", "x", 1]]',
        b'[[1, "j", 1]]',
        b'[["a", "b", 1]]',
        b'[["a", "b", "!"]]',
        b'[["a", "j", 1, 2]]',
        b'[["a", "j", NaN]]',
        b"\xff",
        b"",
    ],
)
def test_what_is_no_encoding_is_corrupt(data: bytes) -> None:
    with pytest.raises(Corrupt):
        decode_fields(data)


@given(st.text() | st.binary())
def test_text_and_bytes_leave_as_they_are(plain: str | bytes) -> None:
    data = to_bytes(SecretValue(plain))
    assert data == (plain if isinstance(plain, bytes) else plain.encode())


@given(st.text())
def test_text_read_from_outside_is_the_text_that_left(text: str) -> None:
    assert decode_input(to_bytes(SecretValue(text))).same_as(SecretValue(text))


@pytest.mark.parametrize("literal", JSON_LITERALS)
def test_other_types_leave_as_their_json(literal: str) -> None:
    value = SecretValue(json_text.parse(literal))
    assert json_text.same(json_text.parse(to_text(value)), value.reveal())
    assert to_bytes(value) == to_text(value).encode("utf-8", "surrogatepass")


def test_a_lone_surrogate_leaves_in_its_generalised_form() -> None:
    assert to_bytes(SecretValue("\ud800")) == b"\xed\xa0\x80"


@given(st.binary())
def test_bytes_are_base64_in_text_and_json(data: bytes) -> None:
    text = base64.b64encode(data).decode()
    assert to_text(SecretValue(data)) == text
    assert to_json(SecretValue(data)) == {"base64": text}
    assert from_base64(text).same_as(SecretValue(data))


@given(secret_values)
def test_json_is_read_back_as_the_same_value(value: SecretValue) -> None:
    assert from_json(to_json(value)).same_as(value)


@pytest.mark.parametrize("value", [{"base64": 1}, {"base64": "eA==", "x": 1}, {"Base64": "eA=="}])
def test_just_a_map_of_one_base64_text_is_bytes(value: json_text.Json) -> None:
    assert from_json(value).type is ValueType.MAP


def test_white_space_in_base64_is_ignored() -> None:
    assert from_base64(" eH\nh4\t\n").same_as(SecretValue(b"xxx"))


@pytest.mark.parametrize("text", ["SENTINEL!", "eA=", "e", "eA==eA==", "\u00e9", "e\x00A=="])
def test_what_is_no_base64_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        from_base64(text)
    assert "SENTINEL" not in str(caught.value)
