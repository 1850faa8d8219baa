"""JSON comes out as it went in."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvtui.domain import json_text
from kvtui.domain.errors import InvalidInput
from kvtui.domain.json_text import MAX_DEPTH, Number, check, dump, parse, same

numbers = st.from_regex(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,4})?", fullmatch=True)
# Pairs of surrogates are one character in JSON, so single ones may not stand beside each other.
texts = st.text(st.characters()) | st.text(st.sampled_from('a\u00e9\u2028\x00"\\/\x7f\ud800'))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=20,
)


@given(numbers)
def test_a_number_keeps_its_literal(literal: str) -> None:
    assert dump(parse(literal)) == literal
    assert dump(parse(f"[{literal}]")) == f"[{literal}]"


@pytest.mark.parametrize("literal", ["1.10", "1e400", "-1e400", "-0", "-0.0", "1E5", "1e5", "0.1e-7", "9" * 4300])
def test_a_literal_python_would_rewrite_is_kept(literal: str) -> None:
    assert dump(parse(literal)) == literal


@given(values)
def test_what_is_written_is_read_back_the_same(value: json_text.Json) -> None:
    check(value)
    for text in (dump(value), dump(value, indent=2), dump(value, ascii_only=False)):
        assert same(parse(text), value)
    assert dump(value).isascii()


@given(values)
def test_python_reads_what_is_written(value: json_text.Json) -> None:
    assert json.loads(dump(value, indent=2)) == value


@given(st.lists(texts, unique=True))
def test_keys_keep_their_order(keys: list[str]) -> None:
    value = parse(dump({key: number for number, key in enumerate(keys)}))
    assert isinstance(value, dict)
    assert list(value) == keys


def test_a_lone_surrogate_is_kept() -> None:
    assert parse('"\\ud800"') == "\ud800"
    assert dump("\ud800") == '"\\ud800"'


def test_a_surrogate_pair_is_one_character() -> None:
    assert parse('"\\ud83d\\udd11"') == "\U0001f511"


@pytest.mark.parametrize("text", ['{"a": 1, "a": 1}', '{"a": 1, "\\u0061": 2}', '[{"b": {"c": 1, "c": 2}}]'])
def test_a_key_named_twice_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="twice"):
        parse(text)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "[NaN]"])
def test_a_constant_that_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse(text)


@pytest.mark.parametrize(
    "text", ["", " ", "{", "SENTINEL", '"SENTINEL', '{"a": SENTINEL}', "1 2", "\ufeff1", '"\\SENTINEL"', "'a'", "01"]
)
def test_what_is_no_json_is_refused_by_place_and_never_quoted(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"line \d+, column \d+") as caught:
        parse(text)
    assert "SENTINEL" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_nesting_is_limited() -> None:
    deepest = "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)
    assert dump(parse(deepest)) == deepest
    for depth in (MAX_DEPTH + 2, 100_000):
        with pytest.raises(InvalidInput, match="nested"):
            parse("[" * depth + "]" * depth)
        with pytest.raises(InvalidInput, match="nested"):
            parse('{"a":' * depth + "1" + "}" * depth)


def test_a_number_of_too_many_digits_is_refused() -> None:
    with pytest.raises(InvalidInput, match="digits"):
        parse("9" * 4301)


@pytest.mark.parametrize(("one", "other"), [("1", "1.0"), ("1", "true"), ("0", "-0"), ("1.0", "1.00"), ("0", "false")])
def test_values_that_python_calls_equal_are_not_the_same(one: str, other: str) -> None:
    assert not same(parse(one), parse(other))


def test_maps_of_other_order_are_not_the_same() -> None:
    assert not same({"a": 1, "b": 2}, {"b": 2, "a": 1})


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), [-float("inf")], {"a": {1: 2}}, {None: 1}, [b"x"], {"a": (1,)}, [10**5000]]
)
def test_what_json_cannot_hold_does_not_pass_the_check(value: object) -> None:
    with pytest.raises(InvalidInput):
        check(value)


@pytest.mark.parametrize("value", ["\ud83d\ude00", ["\ud83d\ude00"], {"\ud83d\ude00": 1}])
def test_a_character_in_two_halves_does_not_pass_the_check(value: object) -> None:
    with pytest.raises(InvalidInput, match="halves"):
        check(value)


def test_a_number_counts_like_a_float() -> None:
    number = parse("1.10")
    assert isinstance(number, Number)
    assert number == 1.1
    assert parse("1e400") == float("inf")
