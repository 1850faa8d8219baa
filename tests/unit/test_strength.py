"""The estimate for typed texts: bounded, never failing, and low where people think they are clever."""

from __future__ import annotations

import statistics
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvtui.services.generator import Recipe, entropy_bits, generate
from kvtui.services.strength import LOOKED_AT, estimate, warn_passphrase
from tests.support.hostile import HOSTILE


@pytest.mark.parametrize(
    "text",
    [
        "password", "PASSWORD", "Password", "P@ssw0rd", "drowssap", "passwordpassword1", "qwertyuiop[]", "1qaz2wsx3edc",
        "abcdefghijklmnopqrstuvwxyz", "zyxwvutsrqponm", "9876543210", "aaaaaaaaaaaaaaaaaaaaaaaaa", "abcabcabcabcabc",
        "19841231", "31.12.1984", "12/31/1984", "correcthorsebatterystaple", "letmein2024",
    ],
)  # fmt: skip
def test_what_everybody_tries_is_very_weak_and_warned_about(text: str) -> None:
    assert estimate(text).label == "very weak"
    warning = warn_passphrase(text)
    assert warning is not None
    assert "estimate" in warning
    assert "15 characters" in warning


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("password1", "everybody tries"),
        ("aaaaaaaaaaaa", "Repeats"),
        ("abcdefgh", "Runs"),
        ("19841231", "Dates"),
        ("", "empty"),
        ("xv7", "Make it longer"),
    ],
)
def test_advice_names_what_is_wrong(text: str, reason: str) -> None:
    assert reason in estimate(text).advice


@pytest.mark.parametrize("words", [3, 4, 5, 7])
@pytest.mark.parametrize("separator", ["-", " ", "."])
def test_words_chosen_by_chance_are_estimated_near_their_true_bits(words: int, separator: str) -> None:
    recipe = Recipe.parse(words=words, separator=separator)
    # Short words can be cheaper letter by letter, and a separator adds its choice once.
    estimates = [estimate(generate(recipe).reveal()).bits for _ in range(20)]
    assert statistics.median(estimates) == pytest.approx(entropy_bits(recipe), abs=7)


def test_random_characters_are_estimated_near_their_true_bits() -> None:
    recipe = Recipe.parse(length=20, charset="alnum")
    estimates = [estimate(generate(recipe).reveal()).bits for _ in range(20)]
    assert statistics.median(estimates) == pytest.approx(entropy_bits(recipe), abs=8)


def test_labels_rise_with_the_bits() -> None:
    labels = [estimate("q7Xv!m2Kz#9pLw4R&t"[:length]).label for length in (2, 6, 10, 13, 18)]
    assert labels == ["very weak", "weak", "fair", "good", "strong"]


def test_warning_never_holds_a_part_of_the_passphrase() -> None:
    warning = warn_passphrase("kitten~Zq")
    assert warning is not None
    assert "kitten" not in warning
    assert "Zq" not in warning


def test_estimate_calls_itself_one() -> None:
    assert str(estimate("hunter2")).startswith("estimate: ")


def test_text_beyond_the_limit_is_not_looked_at() -> None:
    head = generate(Recipe.parse(length=LOOKED_AT)).reveal()
    assert estimate(head + "x" * 1_000_000) == estimate(head)


@pytest.mark.parametrize(
    "text",
    ["a" * 500, "ab" * 500_000, "\x1b[31m" * 10_000, "İß" * 60, "\ud800" * 200, "12" * 50, "abacus-" * 20, "a1!B" * 25],
    ids=range(8),
)
def test_hostile_lengths_stay_within_a_few_milliseconds(text: str) -> None:
    estimate("words are read once")
    durations = []
    for _ in range(5):
        start = time.thread_time()
        estimate(text)
        durations.append(time.thread_time() - start)
    assert min(durations) < 0.02  # measured 1 ms; the bar is 100 ms


def test_every_hostile_string_is_judged_within_the_bar() -> None:
    assert HOSTILE
    for entry in HOSTILE:
        start = time.thread_time()
        strength = estimate(entry.value)
        warning = warn_passphrase(entry.value)
        assert time.thread_time() - start < 0.1, entry
        assert f"{strength}{strength.advice}{warning}".isprintable(), entry


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet=st.characters(), max_size=120))
def test_any_text_has_a_finite_estimate_that_repeats_cannot_inflate(text: str) -> None:
    bits = estimate(text).bits
    assert 0 <= bits < 100 * 9
    assert estimate(text[:40] * 2).bits <= estimate(text[:40]).bits + 20


@pytest.mark.parametrize(
    "text", ["volley retiree amusable prance", "xK9$mPq2!v", "sunflower-kitten-drum", "ich bin gern hier"]
)
def test_long_or_unpredictable_passphrases_pass_without_rules_of_composition(text: str) -> None:
    assert warn_passphrase(text) is None


@pytest.mark.parametrize("text", ["", "a", "kitten", "summer2024", "sunflower1"])
def test_short_and_predictable_passphrases_are_warned_about(text: str) -> None:
    warning = warn_passphrase(text)
    assert warning is not None
    assert "15 characters" in warning
