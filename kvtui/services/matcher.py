"""Fuzzy matching of names, after fzf: every word of a query must be a subsequence of the name, whatever the case.

The score says how good a match is: what starts a segment or a word and what stands together counts most. Three classes
never mix: the word stands at the start of a segment, it stands somewhere, its letters are merely in order.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")

SEGMENT_START = 2000
LITERAL = 1000
"""Added to the score of the two better classes; more than any sum of bonuses below for a name of usual length."""

_MATCH = 16
_AFTER_SLASH = 10
_AFTER_SEPARATOR = 8
_CAMEL = 7
_CONSECUTIVE = 6
_EXACT_CASE = 1
_SEGMENT_END = 6
_NAME_END = 6
_GAP = -3
_GAP_MORE = -1
_LONGEST_GAP = 10
_MOST = LITERAL - 1


@dataclass(frozen=True, slots=True)
class Hit:
    """A match: the higher the score the better; indexes of the matched characters, ascending."""

    score: int
    positions: tuple[int, ...]


def fold(text: str) -> str:
    """Lower case, character by character: the result is as long as the text, so that positions are the same."""
    folded = text.lower()
    if len(folded) == len(text):
        return folded
    return "".join(low if len(low := ch.lower()) == 1 else ch for ch in text)


class Word:
    """One word of a query, prepared to be matched against many names."""

    def __init__(self, word: str) -> None:
        self.text = word
        self.folded = fold(word)
        # Possessive: each piece stops at the first fitting character and never gives back, so this is linear.
        letters = [re.escape(ch) for ch in self.folded]
        self.in_order = re.compile("".join(f"[^{ch}]*+{ch}" for ch in letters), re.DOTALL).match
        """Whether a folded name has the letters in order."""

    def match(self, name: str, folded: str | None = None) -> Hit | None:
        """`folded` is fold(name), where it is at hand."""
        if folded is None:
            folded = fold(name)
        if not self.folded:
            return Hit(0, ())
        if self.in_order(folded) is None:
            return None
        literal = self._literal(name, folded)
        if literal is not None:
            return literal
        ways = {self._forward(folded), self._backward(folded), self._by_starts(folded)}
        return max(
            (Hit(self._score(name, folded, way), way) for way in ways), key=lambda hit: (hit.score, hit.positions)
        )

    def _literal(self, name: str, folded: str) -> Hit | None:
        """The best place where the word stands as it is."""
        size, best, place = len(self.folded), 0, -1
        at = folded.find(self.folded)
        while at >= 0:
            end = at + size
            score = size * (_MATCH + _CONSECUTIVE) + 2 * _start_bonus(name, at) + _end_bonus(folded, end)
            score += size * _EXACT_CASE if name.startswith(self.text, at) else 0
            score = min(score, _MOST) + (SEGMENT_START if at == 0 or folded[at - 1] == "/" else LITERAL)
            if score >= best:
                best, place = score, at
            at = folded.find(self.folded, at + 1)
        return None if place < 0 else Hit(best, tuple(range(place, place + size)))

    def _forward(self, folded: str) -> tuple[int, ...]:
        found, at = [], -1
        for ch in self.folded:
            at = folded.index(ch, at + 1)
            found.append(at)
        return tuple(found)

    def _backward(self, folded: str) -> tuple[int, ...]:
        found, at = [], len(folded)
        for ch in reversed(self.folded):
            at = folded.rindex(ch, 0, at)
            found.append(at)
        return tuple(reversed(found))

    def _by_starts(self, folded: str) -> tuple[int, ...]:
        """Each letter at the next start of a segment or word that leaves room for the rest, else anywhere after."""
        latest = self._backward(folded)
        found, at = [], -1
        for ch, last in zip(self.folded, latest, strict=True):
            start = _next_start(folded, ch, at + 1, last)
            at = folded.index(ch, at + 1) if start < 0 or folded.startswith(ch, at + 1) else start
            found.append(at)
        return tuple(found)

    def _score(self, name: str, folded: str, positions: tuple[int, ...]) -> int:
        score, last = 0, -2
        for at, wanted in zip(positions, self.text, strict=True):
            score += _MATCH + (name[at] == wanted) * _EXACT_CASE
            if at == last + 1:
                score += _CONSECUTIVE
            else:
                score += _start_bonus(name, at) * (2 if last < 0 else 1)
                if last >= 0:
                    score += _GAP + _GAP_MORE * min(at - last - 2, _LONGEST_GAP)
            last = at
        if positions[-2:] == (last - 1, last):
            score += _end_bonus(folded, last + 1)
        return max(1, min(score, _MOST))


def _start_bonus(name: str, at: int) -> int:
    if at == 0 or name[at - 1] == "/":
        return _AFTER_SLASH
    before, here = name[at - 1], name[at]
    if not before.isalnum() and here.isalnum():
        return _AFTER_SEPARATOR
    if (before.islower() and here.isupper()) or (before.isdigit() is not here.isdigit() and here.isalnum()):
        return _CAMEL
    return 0


def _end_bonus(folded: str, end: int) -> int:
    if end == len(folded):
        return _SEGMENT_END + _NAME_END
    return _SEGMENT_END if folded[end] == "/" else 0


def _next_start(folded: str, ch: str, begin: int, end: int) -> int:
    """Where `ch` next starts a segment or word, from `begin` to `end` inclusive, else -1."""
    at = folded.find(ch, begin, end + 1)
    while at > 0 and folded[at - 1].isalnum():
        at = folded.find(ch, at + 1, end + 1)
    return at


@lru_cache(maxsize=64)
def word(text: str) -> Word:
    """A prepared word; the same few are asked for again while somebody types."""
    return Word(text)


def match(query: str, name: str) -> Hit | None:
    """How a name matches all words of a query; an empty query matches everything with score 0."""
    folded = fold(name)
    score, positions = 0, set[int]()
    for each in query.split():
        hit = word(each).match(name, folded)
        if hit is None:
            return None
        score += hit.score
        positions.update(hit.positions)
    return Hit(score, tuple(sorted(positions)))


def rank(query: str, items: Iterable[T], *, name: Callable[[T], str]) -> list[tuple[T, Hit]]:
    """The items whose name matches, the best first, equal ones in their order."""
    hits = ((item, match(query, name(item))) for item in items)
    return sorted(((item, hit) for item, hit in hits if hit is not None), key=lambda pair: -pair[1].score)
