"""YAML is read in the part where nothing is guessed, and written so that nobody can read it otherwise."""

from __future__ import annotations

import time

import pytest

from kvtui.domain.errors import InvalidInput
from kvtui.domain.json_text import Json, dump
from kvtui.services.transfer import Format, read_items

SENTINEL = "SENTINEL-51c9"


def value(text: str) -> Json | bytes:
    (item,) = read_items(f"a:\n  b: {text}\n".encode(), Format.YAML)
    plain: Json | bytes = item.fields["b"].reveal()
    return plain


@pytest.mark.parametrize(
    "text",
    ["yes", "No", "on", "OFF", "y", "0123", "0o17", "0x10", "1_000", "1:20", "2024-01-01", "2024-01-01T00:00:00Z",
     ".inf", "-.INF", ".nan", "+1", "1.", ".5", "=", "tRue", "nULL", "1e", "--1", "12e03x", "\u0661"],
)  # fmt: skip
def test_plain_scalar_that_json_does_not_know_stays_the_text_it_is(text: str) -> None:
    assert value(text) == text


@pytest.mark.parametrize("text", ["0", "-0", "12", "1.10", "1e5", "-1.5E-7", "123456789012345678901234567890", "1e400"])
def test_number_keeps_its_literal(text: str) -> None:
    number = value(text)
    assert not isinstance(number, str | bytes)
    assert dump(number) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("true", True), ("False", False), ("~", None), ("null", None), ("", None), ("'true'", "true"), ('"12"', "12"),
        ("!!str 12", "12"), ("!!int 12", 12), ("!!float 1.5", 1.5), ("!!bool true", True), ("! 12", "12"),
        ("!!binary /wA=", b"\xff\x00"), ('"\\x1b\\u2028\\U0001F600\\e"', "\x1b\u2028\U0001f600\x1b"),
        ("|\n    l1\n     l2\n", "l1\n l2\n"), (">-\n    a\n    b", "a b"), ("[1, {c: d}]", [1, {"c": "d"}]),
        ("'it''s'", "it's"),
    ],
)  # fmt: skip
def test_styles_and_tags_of_json_types_are_read(text: str, expected: Json | bytes) -> None:
    read = value(text)
    assert read == expected
    assert type(read) is type(expected)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"a: {{x: 1}}\nb: !!python/object/apply:os.system ['{SENTINEL}']", 2),
        (f"a: !{SENTINEL} x", 1),
        ("a:\n  b: 1\n  b: 2", 3),
        ("a: &x {b: 1}\nc:\n  <<: *x", 3),
        ("a: 1\n---\nb: 2", 2),
        (f"a: *{SENTINEL}", 1),
        ("? [1, 2]\n: x", 1),
        ("a: !!int soon", 1),
        ("a: !!int true", 1),
        (f"a: '{SENTINEL}", 1),
        (f"a:\n\t{SENTINEL}", 2),
        ("a: " + "1" * 5000, 1),
    ],
)
def test_what_is_not_plain_data_is_refused_by_line_and_not_quoted(text: str, line: int) -> None:
    with pytest.raises(InvalidInput) as raised:
        read_items(text.encode(), Format.YAML)
    assert SENTINEL not in str(raised.value)
    assert f"ine {line}" in raised.value.message or f"ine {line + 1}" in raised.value.message
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


@pytest.mark.parametrize("text", ["- a", "text", "12", "a: \x1b", "a: [!!binary /wA=]", "a: !!binary '*'"])
def test_document_that_is_no_map_of_secrets_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_items(text.encode(), Format.YAML)


def test_empty_document_holds_nothing() -> None:
    assert list(read_items(b"# nothing\n", Format.YAML)) == []


def test_alias_shares_its_value() -> None:
    items = {item.path: item.fields for item in read_items(b"a: &x {k: v}\nb: *x\n", Format.YAML)}
    assert items["b"]["k"].reveal() == "v"


def test_aliases_that_multiply_are_refused_at_once() -> None:
    levels = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    start = time.thread_time()
    with pytest.raises(InvalidInput, match="aliases"):
        read_items("\n".join(levels).encode(), Format.YAML)
    assert time.thread_time() - start < 5


def test_nesting_costs_an_error_and_not_the_stack() -> None:
    chained = ["a0: &a0 " + "[" * 240 + "]" * 240]
    chained += [f"a{n}: &a{n} " + "[" * 240 + f"*a{n - 1}" + "]" * 240 for n in range(1, 7)]
    for text in ("a: " + "[" * 900 + "]" * 900, "\n".join(chained), "a: " + "{b: " * 5000):
        with pytest.raises(InvalidInput):
            read_items(text.encode(), Format.YAML)
