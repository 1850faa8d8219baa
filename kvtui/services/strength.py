"""How hard a typed text is to guess: an estimate, and always called one.

The cheapest way to spell the text is searched: character by character, or by what people and guessing programs use
(passwords seen everywhere, words, dates, rows of keys, runs, repeats of what came before). The idea is that of zxcvbn
(Wheeler, USENIX Security 2016), kept small: at most 100 characters are looked at, and no step is worse than quadratic.
It knows English words only, so a sentence in another language comes out too strong. For generated values use
`generator.entropy_bits`, which is exact.
"""

from __future__ import annotations

import math
import re
import string
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Literal, NamedTuple

from kvtui.services.generator import DEFAULT_WORDS, read_data, word_list

LOOKED_AT = 100
"""Characters beyond these are not counted: they could only make the text stronger."""

Label = Literal["very weak", "weak", "fair", "good", "strong"]

_BANDS: tuple[tuple[float, Label], ...] = ((25, "very weak"), (50, "weak"), (75, "fair"), (100, "good"))
"""Upper ends in bits. 75 and 100 are KeePassXC's."""
_BEST: Label = "strong"

_POOLS = (string.ascii_lowercase, string.ascii_uppercase, string.digits, string.punctuation + " ")
_POOL_OF_OTHERS = 100
_ROWS = ("`1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./", "qwertzuiop", "azertyuiop", "yxcvbnm")
_COLUMNS = ("1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm", "8ik,", "9ol.", "0p;/")
_KEYS = 47
_LEET = str.maketrans("013457@$!", "oleastasi")
_LONGEST_LISTED = 25
_DATES = re.compile(
    r"(?=((?:19|20)\d\d[-./ ]?(?:0[1-9]|1[0-2])[-./ ]?(?:0[1-9]|[12]\d|3[01])"
    r"|(?:0?[1-9]|[12]\d|3[01])[-./ ]?(?:0?[1-9]|1[0-2])[-./ ]?(?:19|20)\d\d"
    r"|(?:0?[1-9]|1[0-2])[-./ ](?:0?[1-9]|[12]\d|3[01])[-./ ](?:19|20)\d\d))",
    re.ASCII,
)
_YEARS = re.compile(r"(?=((?:19|20)\d\d))", re.ASCII)
_DAY_BITS = math.log2(366 * 130)
_YEAR_BITS = math.log2(130)

_REASONS = {
    "common": "It holds a password that everybody tries first.",
    "repeat": "Repeats add next to nothing.",
    "run": "Runs of letters, digits or neighbouring keys add next to nothing.",
    "date": "Dates are tried early.",
}


@dataclass(frozen=True)
class Strength:
    """bits: estimated log2 of the guesses needed. advice: one or two sentences, never a part of the text."""

    bits: float
    label: Label
    advice: str

    def __str__(self) -> str:
        return f"estimate: {self.bits:.0f} bits, {self.label}"


class _Piece(NamedTuple):
    """A stretch of the text from `start` up to `end` that costs `bits` to guess as what `kind` says."""

    start: int
    end: int
    bits: float
    kind: str


def estimate(text: str) -> Strength:
    """The estimated strength of a typed text of any length. Takes at most a few milliseconds, and never fails."""
    bits, label, reason = _judge(text)
    if label in {"good", "strong"}:
        return Strength(bits, label, "Nothing easy to guess was found.")
    return Strength(
        bits, label, f"{reason} Make it longer; a few words chosen by chance are easy to remember.".lstrip()
    )


def warn_passphrase(text: str) -> str | None:
    """What to tell somebody who chooses this passphrase for a vault, or None. A warning, not a refusal.

    After NIST SP 800-63B-4, 3.1.1: at least 15 characters and not what everybody tries, no rules of composition. A
    shorter one passes when the estimate is 50 bits or more, a longer one needs 40.
    """
    bits, label, reason = _judge(text)
    if bits >= 50 or (len(text) >= 15 and bits >= 40):
        return None
    length = f"{len(text)} character{'' if len(text) == 1 else 's'}"
    told = f"This passphrase looks easy to guess ({length}; estimate: {bits:.0f} bits, {label}). {reason}".rstrip()
    return f"{told} Use 15 characters or more, or {DEFAULT_WORDS} words chosen by chance."


def _judge(text: str) -> tuple[float, Label, str]:
    """Bits, label and what is wrong with it, if anything in particular."""
    text = text[:LOOKED_AT]
    if not text:
        return 0.0, "very weak", "It is empty."
    pieces = _cheapest(text)
    bits = sum(piece.bits for piece in pieces)
    label = next((label for end, label in _BANDS if bits < end), _BEST)
    covered = Counter[str]()
    for piece in pieces:
        covered[piece.kind] += piece.end - piece.start
    kind = covered.most_common(1)[0][0]
    return bits, label, _REASONS.get(kind, "")


def _cheapest(text: str) -> list[_Piece]:
    """The pieces that spell the text for the fewest bits, by dynamic programming from the left."""
    single = math.log2(_pool(text))
    by_start: dict[int, list[_Piece]] = {}
    for find in (_listed, _repeats, _runs, _dates):
        for piece in find(text):
            by_start.setdefault(piece.start, []).append(piece)
    best: list[tuple[float, _Piece | None]] = [(0.0, None), *[(math.inf, None)] * len(text)]
    for start in range(len(text)):
        spent = best[start][0]
        for piece in (_Piece(start, start + 1, single, "character"), *by_start.get(start, ())):
            if spent + piece.bits < best[piece.end][0]:
                best[piece.end] = (spent + piece.bits, piece)
    pieces: list[_Piece] = []
    last = best[-1][1]
    while last is not None:
        pieces.append(last)
        last = best[last.start][1]
    return pieces[::-1]


def _pool(text: str) -> int:
    """How many characters somebody has to try for each place: the sizes of all groups that occur."""
    used = set(text)
    groups = [group for group in _POOLS if not used.isdisjoint(group)]
    return sum(map(len, groups)) + (_POOL_OF_OTHERS if used.difference(*groups) else 0)


def _listed(text: str) -> Iterator[_Piece]:
    """Common passwords and words, also in capitals, backwards, and with the usual digits for letters.

    A sign after a word is part of it: joined words differ from words by the choice of the sign, made once.
    """
    listed = _dictionary()
    lower = _lower(text)
    plain = lower.translate(_LEET)
    for start in range(len(text)):
        for end in range(start + 3, min(start + _LONGEST_LISTED, len(text)) + 1):
            word = lower[start:end]
            for spelt, extra in ((word, 0), (plain[start:end], 2), (word[::-1], 1)):
                if spelt in listed:
                    bits, kind = listed[spelt]
                    bits += extra + _capitals(text[start:end])
                    yield _Piece(start, end, bits, kind)
                    if end < len(text) and not text[end].isalnum():
                        yield _Piece(start, end + 1, bits + (0 if text[end] in text[:start] else 5), kind)
                    break


def _capitals(text: str) -> float:
    """Bits for where the capitals are."""
    upper = sum(character.isupper() for character in text)
    if upper == 0:
        return 0
    if upper == len(text) or (upper == 1 and text[0].isupper()):
        return 1
    return math.log2(math.comb(len(text), upper)) + 1


def _repeats(text: str) -> Iterator[_Piece]:
    """At each place the longest stretch that also begins earlier: guessed by where it was and how long it is."""
    length = 0
    for start in range(1, len(text)):
        length = max(length - 1, 0)
        # A stretch may overlap what it repeats, as in "aaaa". The search goes on where the last one ended.
        while start + length < len(text) and text.find(text[start : start + length + 1], 0, start + length) != -1:
            length += 1
        for taken in {length, length // 2} - {0, 1, 2}:
            yield _Piece(start, start + taken, math.log2(start) + math.log2(taken) + 1, "repeat")


def _runs(text: str) -> Iterator[_Piece]:
    """Neighbours in the alphabet, among the digits or on the keyboard, in either direction, three or more."""
    lower = _lower(text)
    for step in (_alphabet_step, _keyboard_step):
        start = 0
        last: int | None = None
        steps = [step(one, other) for one, other in pairwise(lower)]
        for place, now in enumerate([*steps, None]):
            if now == last and now is not None:
                continue
            if last is not None and place - start >= 2:
                size = place - start + 1
                yield _Piece(start, place + 1, math.log2(2 * _KEYS) + math.log2(size), "run")
            start, last = place, now


def _alphabet_step(one: str, other: str) -> int | None:
    """1 or -1 for neighbours by code point, 0 for the same character, else None."""
    distance = ord(other) - ord(one)
    return distance if distance in {-1, 0, 1} else None


def _keyboard_step(one: str, other: str) -> int | None:
    return _neighbours().get(one + other)


def _dates(text: str) -> Iterator[_Piece]:
    for pattern, bits in ((_DATES, _DAY_BITS), (_YEARS, _YEAR_BITS)):
        for match in pattern.finditer(text):
            yield _Piece(match.start(1), match.end(1), bits, "date")


def _lower(text: str) -> str:
    """Lower case, character by character: str.lower can change the length."""
    return "".join(low if len(low := character.lower()) == 1 else character for character in text)


@lru_cache(maxsize=1)
def _neighbours() -> dict[str, int]:
    """Pairs of keys beside each other: 1 to the right or down, -1 the other way."""
    pairs = {}
    for row in _ROWS + _COLUMNS:
        for left, right in pairwise(row):
            pairs[left + right] = 1
            pairs[right + left] = -1
    return pairs


@lru_cache(maxsize=1)
def _dictionary() -> dict[str, tuple[float, str]]:
    """Bits and kind by lower-case word: a word of the list like any other, a common password by its rank."""
    word_bits = math.log2(len(word_list()))
    listed = dict.fromkeys(word_list(), (word_bits, "word"))
    for rank, common in enumerate(read_data("common.txt").split(), start=1):
        listed[common] = (math.log2(rank) + 1, "common")
    return listed
