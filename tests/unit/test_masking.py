"""What a masked stream hides, wherever it is cut into pieces."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvtui.services.running_mask import Masker, forms

MASK = b"<secret>"
small = st.binary(min_size=4, max_size=9).map(lambda data: bytes(97 + byte % 3 for byte in data))
"""Values of few letters: they overlap, repeat and begin like one another."""


def masked(values: list[bytes], *pieces: bytes) -> bytes:
    masker = Masker(values)
    return b"".join([*(masker.feed(piece) for piece in pieces), masker.flush()])


@given(
    st.lists(small, max_size=4),
    st.lists(st.sampled_from("abcx\n"), max_size=80).map(lambda text: "".join(text).encode()),
    st.data(),
)
def test_the_result_is_the_same_however_the_stream_is_cut(
    values: list[bytes], text: bytes, data: st.DataObject
) -> None:
    for value in values:
        text += value
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    found = masked(values, *pieces)
    assert found == masked(values, text)
    assert found == masked(values, *(bytes([byte]) for byte in text))
    assert not any(value in found for value in values)


@given(st.binary(min_size=12, max_size=60), st.binary(max_size=40), st.binary(max_size=40), st.integers(1, 50))
def test_no_value_passes_in_any_form(value: bytes, before: bytes, after: bytes, step: int) -> None:
    text = value.decode("latin-1")
    written = [
        value,
        base64.b64encode(value),
        base64.urlsafe_b64encode(value),
        value.hex().encode(),
        quote(value, safe="").encode(),
    ]
    for form in written:
        stream = before + b"\n" + form + b"\n" + after
        found = masked([value], *(stream[at : at + step] for at in range(0, len(stream), step)))
        assert MASK in found
        if form not in before + after and form not in MASK:
            assert form not in found
    encoded = json.dumps(text).encode()[1:-1]
    assert encoded not in masked([text.encode()], encoded) or encoded == b""


@given(st.binary(min_size=12, max_size=40), st.binary(max_size=9), st.binary(max_size=9))
def test_base64_of_something_with_a_value_in_it_hides_the_value(value: bytes, before: bytes, after: bytes) -> None:
    encoded = base64.b64encode(before + value + after)
    found = masked([value], encoded)
    assert found.count(MASK) == 1
    # A character at either end that holds bits of the neighbours too may stay.
    assert len(found) - len(MASK) <= len(encoded) - (len(value) * 8 // 6 - 1)


@given(st.binary(max_size=200), st.integers(1, 20))
def test_without_values_nothing_changes_and_nothing_waits(text: bytes, step: int) -> None:
    masker = Masker([])
    for at in range(0, len(text), step):
        assert masker.feed(text[at : at + step]) == text[at : at + step]
    assert masker.flush() == b""


def test_lines_of_a_value_are_masked_one_by_one() -> None:
    value = b"-----BEGIN KEY-----\nabcdefgh12345678\r\nshort\n-----END KEY-----\n"
    found = masked([value], b"> -----BEGIN KEY-----\n> abcdefgh12345678\n> short\n> -----END KEY-----\n")
    assert found == b"> <secret>\n> <secret>\n> short\n> <secret>\n"


@pytest.mark.parametrize("width", [64, 76])
def test_base64_in_lines_is_masked_line_by_line(width: int) -> None:
    encoded = base64.b64encode(bytes(range(150)))
    lines = [encoded[at : at + width] for at in range(0, len(encoded), width)]
    assert masked([bytes(range(150))], b"\n".join(lines)) == b"\n".join([MASK] * len(lines))


def test_a_newline_at_the_end_of_a_value_need_not_be_printed() -> None:
    assert masked([b"hunter2\n"], b"[hunter2]") == b"[<secret>]"


def test_overlapping_values_leave_nothing_of_either() -> None:
    assert masked([b"abcabc", b"cabcd"], b"xabcabcdx") == b"x<secret>x"


def test_values_that_touch_are_two() -> None:
    assert masked([b"abcd", b"efgh"], b"abc", b"defgh") == b"<secret><secret>"


def test_a_stream_of_one_value_over_and_over_needs_no_more_memory() -> None:
    masker = Masker([b"aaaa"])
    given = sum(len(masker.feed(b"a" * 64)) for _ in range(200))
    assert len(masker._held) < 64
    assert given == len(MASK)


def test_what_cannot_become_a_value_is_given_out_at_once() -> None:
    assert Masker([b"hunter2"]).feed(b"Password: ") == b"Password: "


def test_the_beginning_of_a_value_waits_for_the_rest() -> None:
    masker = Masker([b"hunter2"])
    assert masker.feed(b"x hunt") == b"x "
    assert masker.feed(b"ing") == b"hunting"
    assert masker.feed(b"hunter") == b""
    assert masker.flush() == b"hunter"


@pytest.mark.parametrize("value", [b"", b"1", b"abc"])
def test_short_values_are_not_masked(value: bytes) -> None:
    assert forms(value) == set()


def test_a_large_stream_is_masked_in_good_time() -> None:
    value = bytes(range(33, 127)) * 40
    masker = Masker([value, b"hunter2-hunter2"])
    block = b'a line of a log that holds nothing, but !"#$ in it\n' * 1300
    given = sum(len(masker.feed(block)) for _ in range(50))
    assert given + len(masker.flush()) == 50 * len(block)
