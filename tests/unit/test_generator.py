"""What is generated: uniform, within the recipe, with the bits it claims."""

from __future__ import annotations

import ast
import hashlib
import itertools
import math
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvtui
from kvtui.domain.errors import InvalidInput
from kvtui.domain.value import ValueType
from kvtui.services import generator
from kvtui.services.generator import CLASSES, REQUIRABLE, Recipe, alphabet, entropy_bits, formula, generate, word_list

PACKAGE = Path(kvtui.__file__).parent
EFF_SHA256 = "6d557f0693958fb5e650b68b5bee585eb82cf4da32965505c789e924743bc522"


def text(recipe: Recipe) -> str:
    made = generate(recipe)
    assert made.type is ValueType.TEXT
    revealed = made.reveal()
    assert isinstance(revealed, str)
    return revealed


def test_default_is_24_characters_safe_to_paste_anywhere() -> None:
    made = text(Recipe())
    assert len(made) == 24
    assert set(made) <= set(CLASSES["alnum"] + "-._")


def test_word_list_is_the_eff_large_list_with_its_attribution() -> None:
    data = PACKAGE / "services" / "data"
    assert hashlib.sha256((data / "eff_large_wordlist.txt").read_bytes()).hexdigest() == EFF_SHA256
    assert len(word_list()) == len(set(word_list())) == 7776
    notice = (data / "WORDLIST-NOTICE.txt").read_text("utf-8")
    assert "Electronic Frontier" in notice
    assert "CC BY 3.0" in notice
    assert EFF_SHA256 in notice


def test_seven_words_are_90_and_a_half_bits() -> None:
    recipe = Recipe.parse(words=7)
    assert f"{entropy_bits(recipe):.1f}" == "90.5"
    assert formula(recipe) == "7 × log2(7776) = 90.5 bits"
    made = text(Recipe.parse(words=7, separator=" ")).split(" ")
    assert len(made) == 7
    assert set(made) <= set(word_list())


def test_no_two_choices_of_words_spell_the_same_text() -> None:
    listed = set(word_list())
    hyphenated = [word for word in listed if "-" in word]
    assert hyphenated
    # Each has a part that is no word and in no other hyphenated word: a join by "-" can be split in one way only.
    parts = Counter(part for word in hyphenated for part in set(word.split("-")))
    for word in hyphenated:
        assert any(part not in listed and parts[part] == 1 for part in word.split("-"))


@pytest.mark.parametrize("separator", ["", "a", "-x-", "\n", "\x1b", "\u200b", "-" * 9])
def test_separator_that_cannot_keep_words_apart_is_refused(separator: str) -> None:
    with pytest.raises(InvalidInput, match="separator"):
        Recipe.parse(separator=separator)


def test_bits_without_required_classes_are_length_times_log2_of_the_alphabet() -> None:
    assert entropy_bits(Recipe()) == 24 * math.log2(65)
    assert formula(Recipe()) == "24 × log2(65) = 144.5 bits"
    assert entropy_bits(Recipe.parse(length=32, charset="hex")) == 128.0
    assert entropy_bits(Recipe.parse(length=4096, charset="symbols")) == 4096 * 5.0


@pytest.mark.parametrize("required", [("digits",), ("lower", "digits"), ("lower", "upper", "digits")])
def test_bits_with_required_classes_match_a_count_by_hand(required: tuple[str, ...]) -> None:
    recipe = Recipe(length=4, charset="abAB1", required=required)
    allowed = sum(
        all(set(CLASSES[name]) & set(candidate) for name in required)
        for candidate in itertools.product("abAB1", repeat=4)
    )
    assert entropy_bits(recipe) == pytest.approx(math.log2(allowed), abs=1e-12)
    assert "less texts without" in formula(recipe)


@settings(max_examples=150, deadline=None)
@given(
    length=st.integers(4, 64),
    classes=st.sets(st.sampled_from(sorted(CLASSES)), min_size=1),
    required=st.sets(st.sampled_from(REQUIRABLE)),
)
def test_made_text_has_the_length_the_alphabet_and_every_required_class(
    length: int, classes: set[str], required: set[str]
) -> None:
    charset = "+".join(sorted(classes))
    try:
        recipe = Recipe.parse(length=length, charset=charset, required=sorted(required))
    except InvalidInput:
        available = [name for name in required if set(CLASSES[name]) & set(alphabet(charset))]
        assert len(available) < len(required) or length < 8  # only what cannot be met, or hardly ever, is refused
        return
    made = text(recipe)
    assert len(made) == length
    assert set(made) <= set(alphabet(charset))
    for name in required:
        assert set(made) & set(CLASSES[name])


def test_charset_takes_classes_combinations_and_literal_characters() -> None:
    assert alphabet("digits") == "0123456789"
    assert alphabet("digits+hex") == "0123456789abcdef"
    assert alphabet("aabbé c+") == "abé c+"
    assert set(alphabet("lower+upper+digits")) == set(CLASSES["alnum"])


@pytest.mark.parametrize("charset", ["", "a", "aaa", "ab\n", "ab\x1b", "ab\x9b", "ab\u202e", "ab\u200b", "ab\ud800"])
def test_charset_that_is_too_small_or_cannot_be_seen_is_refused(charset: str) -> None:
    with pytest.raises(InvalidInput, match="character set") as error:
        Recipe.parse(charset=charset)
    assert all(character.isprintable() for character in str(error.value))


@pytest.mark.parametrize(("typed", "meant"), [("digit", "digits"), ("HEX", "hex"), ("alnum+symbol", "symbols")])
def test_mistyped_class_is_not_taken_for_literal_characters(typed: str, meant: str) -> None:
    with pytest.raises(InvalidInput) as error:
        Recipe.parse(charset=typed)
    assert f"Did you mean {meant}?" in error.value.hint


@pytest.mark.parametrize("length", [0, -1, 4097, "x", "", "1.5", "٣", "9" * 5000])
def test_impossible_length_is_refused(length: int | str) -> None:
    with pytest.raises(InvalidInput, match="length"):
        Recipe.parse(length=length)


@pytest.mark.parametrize("words", [0, 257, "seven"])
def test_impossible_number_of_words_is_refused(words: int | str) -> None:
    with pytest.raises(InvalidInput, match="number of words"):
        Recipe.parse(words=words)


def test_lengths_at_both_ends_work() -> None:
    assert len(text(Recipe.parse(length="1"))) == 1
    assert len(text(Recipe.parse(length=4096))) == 4096


def test_recipe_that_cannot_meet_its_classes_is_refused() -> None:
    with pytest.raises(InvalidInput, match="cannot hold"):
        Recipe.parse(length=3, charset="alnum+symbols", required=REQUIRABLE)
    with pytest.raises(InvalidInput, match="no character of the required class"):
        Recipe.parse(charset="lower", required=["digits"])
    with pytest.raises(InvalidInput, match="cannot be required"):
        Recipe.parse(required=["vowels"])
    with pytest.raises(InvalidInput, match="Hardly any"):
        Recipe.parse(length=1, charset="1" + "".join(map(chr, range(0x4E00, 0x4E00 + 1023))), required=["digits"])


def test_words_and_character_options_do_not_mix() -> None:
    with pytest.raises(InvalidInput, match="Words have no length"):
        Recipe.parse(words=7, length=20)


def test_required_classes_are_met_by_drawing_again_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = iter("abc" + "xyz" + "a1b")
    monkeypatch.setattr(generator.secrets, "choice", lambda _: next(draws))
    assert text(Recipe(length=3, charset="alnum", required=("digits",))) == "a1b"


def test_package_never_uses_the_random_module() -> None:
    for source in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(source.read_bytes())):
            if isinstance(node, ast.Import):
                assert not any(name.name.split(".")[0] == "random" for name in node.names), source
            elif isinstance(node, ast.ImportFrom):
                assert node.level or (node.module or "").split(".")[0] != "random", source


def chi_square_p(counts: list[int], expected: list[float]) -> float:
    """Upper tail of the chi-square distribution by the Wilson-Hilferty approximation."""
    statistic = sum((seen - wanted) ** 2 / wanted for seen, wanted in zip(counts, expected, strict=True))
    freedom = len(counts) - 1
    z = ((statistic / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / math.sqrt(2 / (9 * freedom))
    return 0.5 * math.erfc(z / math.sqrt(2))


def share_by_class(recipe: Recipe) -> dict[str, float]:
    """How often each character stands at a given place, from counting: the same at every place."""
    characters = alphabet(recipe.charset)
    total = generator._count_texts(recipe)
    shares = {}
    for character in characters:
        met = next((name for name in recipe.required if character in CLASSES[name]), None)
        others = tuple(name for name in recipe.required if name != met)
        rest = Recipe(length=recipe.length - 1, charset=recipe.charset, required=others)
        shares[character] = generator._count_texts(rest) / total
    return shares


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(),
        Recipe(length=12, charset="digits"),
        Recipe(length=8, charset="alnum", required=("lower", "upper", "digits")),
        Recipe(length=12, charset="alnum+symbols", required=REQUIRABLE),
    ],
    ids=["default", "digits", "three classes", "four classes"],
)
def test_hundred_thousand_texts_are_uniform_at_every_position(recipe: Recipe) -> None:
    runs = 100_000
    places: list[Counter[str]] = [Counter() for _ in range(recipe.length)]
    for _ in range(runs):
        made = text(recipe)
        assert all(set(made) & set(CLASSES[name]) for name in recipe.required)
        for place, character in zip(places, made, strict=True):
            place[character] += 1
    shares = share_by_class(recipe)
    assert sum(shares.values()) == pytest.approx(1)
    for place in places:
        p = chi_square_p([place[c] for c in shares], [runs * share for share in shares.values()])
        # 0.001 over all positions together: one test in a thousand fails by chance.
        assert p > 0.001 / recipe.length


@pytest.mark.slow
def test_hundred_thousand_words_are_uniform() -> None:
    counts = Counter(text(Recipe.parse(words=1)) for _ in range(100_000))
    assert chi_square_p([counts[word] for word in word_list()], [100_000 / 7776] * 7776) > 0.001
