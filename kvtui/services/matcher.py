"""Fuzzy matching of names, after fzf: every word of a query must be a subsequence of the name, whatever the case.

The score says how good a match is: what starts a segment or a word and what stands together counts most. Three classes
never mix: the word stands at the start of a segment, it stands somewhere, its letters are merely in order. Two letters
have to start a word to stand somewhere: inside of one they mean nothing, as "db" in "sandbox".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeAlias, TypeVar

T = TypeVar("T")

SEGMENT_START = 2000
LITERAL = 1000
"""Added to the score of the two better classes; more than any sum of bonuses below for a name of usual length."""

_PAIR = 2
_MATCH = 16
_AFTER_SLASH = 10
_AFTER_SEPARATOR = 8
_CAMEL = 7
_CONSECUTIVE = 6
_CONSECUTIVE_INSIDE = 4
_EXACT_CASE = 1
_SEGMENT_END = 6
_NAME_END = 6
_GAP = -2
_GAP_MORE = -1
_GAP_BY_PLACE = _GAP - 2 * _GAP_MORE
"""What a gap costs beside the distance of its two ends."""
_NEVER = -(10**9)
_END = (10**9, 0, 0)
_MOST = LITERAL - 1

_RUN = {bonus: max(_CONSECUTIVE_INSIDE, bonus - 1) for bonus in (0, _CAMEL, _AFTER_SEPARATOR, _AFTER_SLASH)}
"""What a letter is worth that follows at once, by the bonus of where its run started: a little less than a new start,
so that initials are seen as such."""

_Cells: TypeAlias = list[tuple[int, int, int]]
"""Where a letter occurs, ascending, the best score of the word up to it there, and the bonus of the run's start."""


class _Bonuses(dict[str, int]):
    """What a match of the second of two characters is worth for starting something; of one or none, at the very start.
    A dictionary, as this is asked for each letter of each name."""

    def __missing__(self, pair: str) -> int:
        bonus = self._of(*pair) if len(pair) > 1 else _AFTER_SLASH
        if len(self) < _PAIRS:
            self[pair] = bonus
        return bonus

    @staticmethod
    def _of(before: str, here: str) -> int:
        if before == "/":
            return _AFTER_SLASH
        if not before.isalnum() and here.isalnum():
            return _AFTER_SEPARATOR
        if (before.islower() and here.isupper()) or (before.isdigit() is not here.isdigit() and here.isalnum()):
            return _CAMEL
        return 0


_PAIRS = 10_000
_BONUSES = _Bonuses()


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


def says_little(word: str) -> bool:
    """Whether a word stands inside of others by chance."""
    return len(word) == _PAIR and word.isalnum()


def _to_start(ch: str) -> str:
    """An expression for what leads to the next such character that starts a word, and that. From one such character to
    the next, as these steps are the fast ones."""
    return rf"(?:[^{ch}]*+{ch})+?(?<![^\W_]{ch})"


class Word:
    """One word of a query, prepared to be matched against many names."""

    def __init__(self, word: str) -> None:
        self.text = word
        self.folded = fold(word)
        self.in_line = self.folded.replace("\n", " ")
        """As names are laid out to be searched, each on a line of its own."""
        self._says_little = says_little(self.folded)
        # Possessive: each piece stops at the first fitting character and never gives back, so this is linear.
        letters = [re.escape(ch) for ch in self.folded]
        self.in_order = re.compile("".join(f"[^{ch}]*+{ch}" for ch in letters), re.DOTALL).match
        """Whether a folded name has the letters in order."""

    @cached_property
    def in_pieces(self) -> Callable[[str], re.Match[str] | None]:
        """Whether a folded name has the letters in order, each at the start of a word or right after the one before it,
        where it can be. Atomic but for the first: a piece never gives back, so this finds most such names, not all, and
        is quick."""
        first, *others = [re.escape(ch) for ch in self.folded]
        pieces = [f"(?>{ch}|{_to_start(ch)})" for ch in others]
        return re.compile("".join((_to_start(first), *pieces)), re.DOTALL).match

    @cached_property
    def stands_in(self) -> Callable[[str], bool]:
        """Whether a folded name has the word as it is, where that counts."""
        text = self.folded
        return (lambda folded: self._next_in(folded, 0) >= 0) if self._says_little else lambda folded: text in folded

    def literal(self, name: str, folded: str) -> int:
        """The score where the word stands in the name as it is, else 0."""
        return self._literal(name, folded, first)[0] if (first := self._next_in(folded, 0)) >= 0 else 0

    def _next_in(self, folded: str, start: int) -> int:
        """Where it stands next, -1 for nowhere."""
        at = folded.find(self.folded, start)
        while self._says_little and at > 0 and folded[at - 1].isalnum():
            at = folded.find(self.folded, at + 1)
        return at

    def match(self, name: str, folded: str | None = None) -> Hit | None:
        """`folded` is fold(name), where it is at hand."""
        if folded is None:
            folded = fold(name)
        if not self.folded:
            return Hit(0, ())
        if (first := self._next_in(folded, 0)) >= 0:
            score, at = self._literal(name, folded, first)
            return Hit(score, tuple(range(at, at + len(self.folded))))
        if self.in_order(folded) is None:
            return None
        table: list[_Cells] = []
        score = self._aligned(name, folded, table)
        return Hit(max(1, min(score, _MOST)), _traced(name, table))

    def score(self, name: str, folded: str) -> int:
        """The score of `match`, 0 for no match."""
        if literal := self.literal(name, folded):
            return literal
        if self.in_order(folded) is None:
            return 0
        return max(1, min(self._aligned(name, folded), _MOST))

    def _literal(self, name: str, folded: str, at: int) -> tuple[int, int]:
        """The score of the best place where the word stands as it is, `at` the first, the last of equals, and that
        place."""
        size, best, place = len(self.folded), 0, -1
        while at >= 0:
            end = at + size
            starts_segment = at == 0 or folded[at - 1] == "/"
            score = size * (_MATCH + _CONSECUTIVE)
            score += 2 * _BONUSES[name[at - 1 : at + 1]]
            if end == len(folded):
                score += _SEGMENT_END + _NAME_END
            elif folded[end] == "/":
                score += _SEGMENT_END
            if name.startswith(self.text, at):
                score += size * _EXACT_CASE
            score = min(score, _MOST) + (SEGMENT_START if starts_segment else LITERAL)
            if score >= best:
                best, place = score, at
            at = self._next_in(folded, at + 1)
        return best, place

    def _aligned(self, name: str, folded: str, table: list[_Cells] | None = None) -> int:
        """The score of the best alignment of letters that are in order, by dynamic programming over the places where
        they occur: for each letter the best score up to each place, which `table` takes if given."""
        find, bonuses = folded.find, _BONUSES
        letters = iter(self.folded)
        cells: _Cells = []
        at = find(ch := next(letters))
        while at >= 0:
            bonus = bonuses[name[at - 1 : at + 1]]
            cells.append((at, _MATCH + 2 * bonus, bonus))
            at = find(ch, at + 1)
        for ch in letters:
            if table is not None:
                table.append(cells)
            before, cells = iter(cells), []
            place, score, start = next(before)
            gapped = _NEVER  # the best of the places before the last one, as a gap costs by its length
            at = find(ch, place + 1)
            while at >= 0:
                while place < at - 1:
                    gapped = max(gapped, place + score)
                    place, score, start = next(before, _END)
                bonus = bonuses[name[at - 1 : at + 1]]
                best = gapped - at + _GAP_BY_PLACE + bonus
                if place == at - 1 and best <= (together := score + max(bonus, _RUN[start])):
                    cells.append((at, together + _MATCH, max(bonus, start)))
                else:
                    cells.append((at, best + _MATCH, bonus))
                at = find(ch, at + 1)
        if table is not None:
            table.append(cells)
        return max([score for _, score, _ in cells])


def _traced(name: str, table: Sequence[_Cells]) -> tuple[int, ...]:
    """The places of the best alignment, the later ones of equals."""
    at = max(table[-1], key=lambda cell: (cell[1], cell[0]))[0]
    places = [at]
    for cells in reversed(table[:-1]):
        bonus = _BONUSES[name[at - 1 : at + 1]]
        ways = [
            (score + (max(bonus, _RUN[start]) if place == at - 1 else bonus + place - at + _GAP_BY_PLACE), place)
            for place, score, start in cells
            if place < at
        ]
        at = max(ways)[1]
        places.append(at)
    return tuple(reversed(places))


@lru_cache(maxsize=64)
def word(text: str) -> Word:
    """A prepared word; the same few are asked for again while somebody types."""
    return Word(text)


def forget() -> None:
    """Drop what is remembered of the words that were typed, the expressions made of them as well."""
    word.cache_clear()
    re.purge()


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
