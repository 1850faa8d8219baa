"""Showing text from outside: nothing a terminal acts on gets through, and nothing is hidden."""

from __future__ import annotations

import subprocess
import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len

from kvtui import text
from kvtui.domain.characters import mixed_script, unsafe, visible_name
from kvtui.text import cell_width, clip, name_spans, sanitize, show, show_name, spans
from tests.support.hostile import BY_CATEGORY, CATEGORIES, HOSTILE, HostileString, on_every_string
from tests.support.oracle import bad_tokens, payload_slices_inside

any_text = st.text(st.characters(exclude_categories=()), max_size=60) | st.sampled_from(
    [h.value for h in HOSTILE[:400]]
)
INVISIBLE = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) in {"Cc", "Cf", "Zl", "Zp"}]
IGNORABLE_NOT_FORMAT = [*"\u034f\u115f\u1160\u17b4\u17b5\u180b\u180f\u3164\ufe00\ufe0f\uffa0\U000e0100\U000e01ef"]


def test_corpus_covers_every_category_it_describes() -> None:
    assert all(BY_CATEGORY[category] for category in CATEGORIES)
    assert {entry.category for entry in HOSTILE} == set(CATEGORIES)
    assert len({entry.id for entry in HOSTILE}) == len(HOSTILE)


@on_every_string
def test_hostile_strings_leave_no_control_token_in_the_output(entry: HostileString) -> None:
    for shown in (show(entry.value), show(entry.value, lines=True), show_name(entry.value), sanitize(entry.value)):
        stream = shown.encode()
        assert bad_tokens(stream) == []
        assert payload_slices_inside(stream, entry.value) == []


@given(any_text)
def test_show_never_returns_an_unsafe_character(value: str) -> None:
    assert not any(map(unsafe, show(value)))
    assert not any(unsafe(ch) for ch in show(value, lines=True) if ch != "\n")
    assert not any(map(unsafe, show_name(value)))


@given(any_text)
def test_show_leaves_shown_text_as_it_is(value: str) -> None:
    once = show(value)
    assert show(once) == once
    assert show_name(show_name(value)) == show_name(value)


@given(any_text, st.booleans())
@example("a\tb\nab\tc\x1b\t", True)
def test_spans_are_the_pieces_of_show(value: str, lines: bool) -> None:
    assert "".join(piece for piece, _ in spans(value, lines=lines)) == show(value, lines=lines)
    assert "".join(piece for piece, _ in name_spans(value)) == show_name(value)


@given(st.sampled_from(INVISIBLE), st.sampled_from(INVISIBLE))
def test_two_invisible_characters_are_told_apart(one: str, other: str) -> None:
    assert (show(f"a{one}b") == show(f"a{other}b")) == (one == other)
    assert (show_name(f"a{one}b") == show_name(f"a{other}b")) == (one == other)


@pytest.mark.parametrize("ch", IGNORABLE_NOT_FORMAT, ids=lambda ch: f"U+{ord(ch):04X}")
def test_invisible_letters_and_variation_selectors_are_spelled_out(ch: str) -> None:
    assert unsafe(ch)
    assert show(f"a{ch}") == f"a<{ord(ch):04X}>"


def test_every_control_format_and_separator_character_is_unsafe() -> None:
    categories = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    wrong = [c for c in range(0x110000) if unicodedata.category(chr(c)) in categories and not unsafe(chr(c))]
    assert wrong == []


def test_ordinary_letters_marks_and_spaces_are_safe() -> None:
    assert not any(map(unsafe, "aZ0 ~éßДλש漢字かなカナ한글กำ\u0301€→🔑\u00a0\u3000"))


def test_plain_runs_hold_only_safe_free_standing_characters() -> None:
    plain = [chr(c) for c in range(0x110000) if text._plain().match(chr(c))]
    assert [
        ch for ch in plain if unsafe(ch) or text._is_mark(ch) or (unicodedata.category(ch) == "Zs" and ch != " ")
    ] == []


@pytest.mark.parametrize(
    ("ch", "shown"),
    [("\0", "␀"), ("\x1b", "␛"), ("\x7f", "␡"), ("\x9b", "<009B>"), ("\u202e", "<202E>"), ("\U000e0041", "<E0041>")],
)
def test_control_characters_have_pictures_and_others_their_number(ch: str, shown: str) -> None:
    assert visible_name(ch) == shown
    assert show(ch) == shown


def test_newlines_and_tabs_lay_out_only_where_lines_are_asked_for() -> None:
    assert show("a\n\tb") == "a␊␉b"
    assert show("a\tb\n\tc\r\n", lines=True) == "a   b\n    c␍\n"


def test_escapes_are_flagged_and_look_alikes_of_escapes_are_not() -> None:
    assert list(spans("<202E>\u202e␛")) == [("<202E>", False), ("<202E>", True), ("␛", False)]


def test_a_flood_of_combining_marks_is_bounded_and_still_told() -> None:
    shown = show("a" + "\u0301" * 500)
    assert shown.startswith("a" + "\u0301" * text.MAX_MARKS + "<0301>")
    assert shown.count("\u0301") == text.MAX_MARKS
    assert cell_width(shown) == 1 + 496 * len("<0301>")


@pytest.mark.parametrize("value", ["\u0301x", "a\n\u0301x", "\x1b\u0301x"])
def test_a_mark_with_nothing_below_it_does_not_reach_the_neighbouring_cell(value: str) -> None:
    assert "\u0301" not in show(value, lines=True)


def test_flags_and_skin_tones_do_not_join_with_their_neighbours() -> None:
    assert show("🇩🇪") == "<1F1E9><1F1EA>"
    assert show("👍🏽") == "👍<1F3FD>"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (" lead", "␣lead"),
        ("trail ", "trail␣"),
        ("a  b", "a␣␣b"),
        ("a b", "a b"),
        (" ", "␣"),
        ("a\u00a0b", "a<00A0>b"),
        ("\u2003", "<2003>"),
        ("a\u2800", "a<2800>"),
        ("a\nb\t", "a␊b␉"),
        ("é", "é"),
        ("e\u0301", "e<0301>"),
        ("\u212b", "<212B>"),
        ("กำลัง", "กำลัง"),
    ],
)
def test_spaces_and_decomposed_letters_in_names_are_visible(name: str, shown: str) -> None:
    assert show_name(name) == shown


@pytest.mark.parametrize(
    "name",
    ["prоd/db", "pаypal", "аdmin", "paypaⅼ", "ａdmin", "𝐚dmin", "Αpi", "prod⁄db", "prod／db", "ok/prοd", "Москваα"],
)
def test_names_that_mix_look_alike_scripts_are_flagged(name: str) -> None:
    assert mixed_script(name)
    assert text.mixed_script is mixed_script


@pytest.mark.parametrize(
    "name",
    [
        "prod/db", "", "日本語DB", "データベースprod", "서버-db", "Москва", "Ελλάδα", "prod/Москва", "straße", "café",
        "İstanbul", "e\u0301", "µs-latency", "ＤＢサーバー", "שלום-a", "العربية", "กำลัง", "mañana", "🔑 key",
        "한국漢字abc",
    ],
)  # fmt: skip
def test_ordinary_names_are_not_flagged(name: str) -> None:
    assert not mixed_script(name)


def test_the_sink_filter_drops_every_character_a_terminal_may_act_on() -> None:
    acted_on = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]
    assert sanitize("".join(acted_on)) == ""
    assert sanitize("a\U000e0100b\x1b[2Jc") == "ab[2Jc"


@given(st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs", "M"))))
def test_the_sink_filter_keeps_everything_else(value: str) -> None:
    kept = "".join(ch for ch in value if not 0xE0000 <= ord(ch) <= 0xE0FFF)
    assert sanitize(value) == kept


@given(any_text, st.integers(0, 40))
def test_clip_never_takes_more_cells_than_given(value: str, cells: int) -> None:
    shown = show(value)
    clipped = clip(shown, cells)
    assert cell_width(clipped) <= cells
    assert clipped in {shown, ""} or (clipped.endswith("…") and shown.startswith(clipped[:-1]))


@on_every_string
def test_shown_text_is_as_wide_as_the_screen_library_takes_it_for(entry: HostileString) -> None:
    for shown in (show(entry.value), show_name(entry.value)):
        assert cell_width(shown) == cell_len(shown)


def test_clip_counts_wide_characters_twice() -> None:
    assert clip("漢字漢字", 8) == "漢字漢字"
    assert clip("漢字漢字", 5) == "漢字…"
    assert clip("漢字漢字", 4) == "漢…"


def test_oracle_finds_what_a_naive_program_would_send() -> None:
    assert bad_tokens(b"ok\x1b[31mred\x1b[0m\x1b[3;4H\r\n") == []
    assert bad_tokens(b"\x1b]52;c;QQ==\x07") == [b"\x1b]52;c;QQ==\x07"]
    assert bad_tokens(b"\x1b]52;c;QQ==\x07", copying=True) == []
    assert bad_tokens("a\u202eb\x9bc\x00".encode()) == [b"\xe2\x80\xae", b"\xc2\x9b", b"\x00"]
    assert payload_slices_inside(b"row \x1b[31mred", "x\x1b[31mred") == [b"\x1b[31mre"]


def test_text_imports_nothing_heavy() -> None:
    script = "import sys; before = set(sys.modules); import kvtui.text; print(*(set(sys.modules) - before))"
    added = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    third_party = {"textual", "rich", "cryptography", "apsw", "yaml", "platformdirs", "asyncio", "logging"}
    assert third_party.isdisjoint(name.partition(".")[0] for name in added)
