"""New secret values: random characters or random words, from the operating system's generator (`secrets`).

A recipe is checked when it is made, so every recipe that exists can be generated. Each result is drawn uniformly from
all results the recipe allows: a text that misses a required class is thrown away whole and drawn again, because putting
a missing character in afterwards would favour some texts over others.
"""

from __future__ import annotations

import math
import secrets
import string
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Literal

from kvtui.domain.errors import InvalidInput
from kvtui.domain.value import SecretValue

DEFAULT_LENGTH = 24
DEFAULT_WORDS = 7
MAX_LENGTH = 4096
MAX_WORDS = 256
MAX_SEPARATOR = 8
MAX_CHARSET = 1024
MAX_TRIES = 1000  # mean number of draws until all required classes are met; beyond it a recipe is refused

SAFE_SYMBOLS = "-._"
"""Need no quoting in shells, URLs, dotenv and YAML, at any place but the first (`-`)."""

CLASSES: dict[str, str] = {
    "lower": string.ascii_lowercase,
    "upper": string.ascii_uppercase,
    "letters": string.ascii_letters,
    "digits": string.digits,
    "hex": "0123456789abcdef",
    "alnum": string.ascii_letters + string.digits,
    "symbols": string.punctuation,
    "base64url": string.ascii_letters + string.digits + "-_",
    "safe": string.ascii_letters + string.digits + SAFE_SYMBOLS,
}
"""Character classes by name; `safe` is the default character set."""

REQUIRABLE = ("lower", "upper", "digits", "symbols")
"""Classes a recipe can require. No character is in two of them."""


@dataclass(frozen=True)
class Recipe:
    """How to make a value.

    kind: `characters` uses length, charset and required; `words` uses words and separator.
    charset: class names joined by `+` (`alnum+symbols`), else the characters themselves, each counted once.
    required: classes of `REQUIRABLE` of which at least one character must occur.

    Raises InvalidInput for a recipe that cannot be followed.
    """

    kind: Literal["characters", "words"] = "characters"
    length: int = DEFAULT_LENGTH
    charset: str = "safe"
    words: int = DEFAULT_WORDS
    separator: str = "-"
    required: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind == "words":
            _check_range("number of words", self.words, MAX_WORDS)
            _check_separator(self.separator)
        else:
            _check_range("length", self.length, MAX_LENGTH)
            _check_required(self)

    @classmethod
    def parse(
        cls,
        *,
        length: int | str | None = None,
        charset: str | None = None,
        words: int | str | None = None,
        separator: str | None = None,
        required: Iterable[str] = (),
    ) -> Recipe:
        """A recipe from options as people type them; None means not given. Words or a separator choose words.

        Raises InvalidInput, also for options of both kinds at once.
        """
        required = tuple(dict.fromkeys(required))
        if words is None and separator is None:
            return cls(
                length=DEFAULT_LENGTH if length is None else _whole_number("length", length),
                charset="safe" if charset is None else charset,
                required=required,
            )
        if length is not None or charset is not None or required:
            raise InvalidInput(
                "Words have no length, character set or required classes.", hint="Choose words or characters."
            )
        return cls(
            kind="words",
            words=DEFAULT_WORDS if words is None else _whole_number("number of words", words),
            separator="-" if separator is None else separator,
        )


def generate(recipe: Recipe) -> SecretValue:
    """A new text made by the recipe."""
    if recipe.kind == "words":
        listed = word_list()
        return SecretValue(recipe.separator.join(secrets.choice(listed) for _ in range(recipe.words)))
    characters = alphabet(recipe.charset)
    needed = [frozenset(CLASSES[name]) for name in recipe.required]
    while True:
        text = "".join(secrets.choice(characters) for _ in range(recipe.length))
        if not any(group.isdisjoint(text) for group in needed):
            return SecretValue(text)


def entropy_bits(recipe: Recipe) -> float:
    """Bits of entropy, exact: log2 of how many equally likely texts the recipe allows.

    Without required classes that is L * log2(N): 24 characters of 65 are 144.5 bits, 7 words of 7,776 are 90.5.
    Required classes shrink it a little, and the shrunk number is returned.
    """
    if recipe.kind == "words":
        return recipe.words * math.log2(len(word_list()))
    if not recipe.required:
        return recipe.length * math.log2(len(alphabet(recipe.charset)))
    return math.log2(_count_texts(recipe))


def formula(recipe: Recipe) -> str:
    """How the bits come about, for people: `24 × log2(65) = 144.5 bits`."""
    bits = f"{entropy_bits(recipe):.1f} bits"
    if recipe.kind == "words":
        return f"{recipe.words} × log2({len(word_list())}) = {bits}"
    base = f"{recipe.length} × log2({len(alphabet(recipe.charset))})"
    if not recipe.required:
        return f"{base} = {bits}"
    return f"{base}, less texts without {' or '.join(recipe.required)} = {bits}"


@lru_cache(maxsize=32)
def alphabet(charset: str) -> str:
    """The distinct characters a character-set expression stands for, in order of first mention.

    Raises InvalidInput when they are fewer than two, not visible, or the expression looks like a mistyped class name.
    """
    names = charset.split("+")
    if all(name in CLASSES for name in names):
        return "".join(dict.fromkeys("".join(CLASSES[name] for name in names)))
    unknown = [name for name in names if name not in CLASSES]
    if len(unknown) < len(names) or _nearest_class(charset) is not None:
        raise InvalidInput(f"There is no character class {unknown[0]!r}.", hint=_class_hint(unknown[0]))
    if len(charset) > MAX_CHARSET:
        raise InvalidInput("The character set is too long.", hint=f"Name at most {MAX_CHARSET} characters.")
    for character in charset:
        if character != " " and unicodedata.category(character)[0] in "CMZ":
            raise InvalidInput(
                f"The character set holds U+{ord(character):04X}, which cannot be seen.",
                hint="Use letters, digits, symbols and the plain space.",
            )
    characters = "".join(dict.fromkeys(charset))
    if len(characters) < 2:
        raise InvalidInput(
            "The character set needs at least two different characters.",
            hint=f"Name a class ({', '.join(CLASSES)}) or the characters.",
        )
    return characters


@lru_cache(maxsize=1)
def word_list() -> tuple[str, ...]:
    """The 7,776 words of the EFF large list in their order (attribution: data/WORDLIST-NOTICE.txt)."""
    return tuple(read_data("eff_large_wordlist.txt").split())


def read_data(name: str) -> str:
    """The text of a file in `kvtui/services/data`."""
    from importlib.resources import files  # noqa: PLC0415  not needed until something is generated or judged

    return (files("kvtui.services") / "data" / name).read_text("utf-8")


def _count_texts(recipe: Recipe) -> int:
    """How many texts meet all required classes, by inclusion and exclusion over the classes that could be missing."""
    characters = set(alphabet(recipe.charset))
    sizes = [len(characters.intersection(CLASSES[name])) for name in recipe.required]
    return sum(
        (-1) ** count * (len(characters) - sum(missing)) ** recipe.length
        for count in range(len(sizes) + 1)
        for missing in combinations(sizes, count)
    )


def _check_required(recipe: Recipe) -> None:
    characters = alphabet(recipe.charset)
    for name in recipe.required:
        if name not in REQUIRABLE:
            raise InvalidInput(f"The class {name!r} cannot be required.", hint=f"Use {', '.join(REQUIRABLE)}.")
        if set(characters).isdisjoint(CLASSES[name]):
            raise InvalidInput(
                f"The character set has no character of the required class {name}.",
                hint=f"Add +{name} to the character set, or do not require it.",
            )
    if len(set(recipe.required)) != len(recipe.required):
        raise InvalidInput("A class is required twice.", hint="Name each class once.")
    if recipe.length < len(recipe.required):
        raise InvalidInput(
            f"{recipe.length} characters cannot hold {len(recipe.required)} required classes.",
            hint="Make it longer, or require fewer.",
        )
    if recipe.required and _count_texts(recipe) * MAX_TRIES < len(characters) ** recipe.length:
        raise InvalidInput(
            "Hardly any text of this length meets all required classes.", hint="Make it longer, or require fewer."
        )


def _check_range(what: str, number: int, most: int) -> None:
    if not 1 <= number <= most:
        raise InvalidInput(f"The {what} cannot be {number}.", hint=f"Use 1 to {most}.")


def _check_separator(separator: str) -> None:
    # Without one, or with letters, two choices of words could spell the same text and the bits would be overstated.
    visible = all(c == " " or unicodedata.category(c)[0] not in "CMZ" for c in separator)
    if not 1 <= len(separator) <= MAX_SEPARATOR or not visible or any(c in string.ascii_lowercase for c in separator):
        raise InvalidInput(
            "The separator cannot keep the words apart.",
            hint=f"Use 1 to {MAX_SEPARATOR} symbols, digits or spaces.",
        )


def _whole_number(what: str, typed: int | str) -> int:
    if isinstance(typed, int):
        return typed
    typed = typed.strip()
    if not (typed.isascii() and typed.isdigit() and len(typed) <= 9):
        raise InvalidInput(f"The {what} is not a whole number.", hint="Use digits only.")
    return int(typed)


def _nearest_class(typed: str) -> str | None:
    from difflib import get_close_matches  # noqa: PLC0415

    near = get_close_matches(typed.casefold()[:32], CLASSES, n=1, cutoff=0.75)
    return near[0] if near else None


def _class_hint(typed: str) -> str:
    near = _nearest_class(typed)
    known = f"The classes are {', '.join(CLASSES)}."
    return f"Did you mean {near}? {known}" if near else known
