"""What is looked for, and what fits."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kvtui.services.matcher import fold, word

_FIELD = "type|tags?|owner|desc|description|path"
_TOKEN = re.compile(rf'(?:(?P<field>{_FIELD}):)?(?:"(?P<quoted>[^"]*)"?|(?P<plain>\S+))', re.IGNORECASE)
_HALF_TYPED = re.compile(f"(?:{_FIELD}):", re.IGNORECASE)
_SHORT = {"tags": "tag", "description": "desc"}


@dataclass(frozen=True, slots=True)
class Query:
    """A query, taken apart; all texts are folded but the words."""

    words: tuple[str, ...] = ()
    filters: tuple[tuple[str, str], ...] = ()
    """Pairs of field (type, tag, owner, desc, path) and text."""

    @classmethod
    def parse(cls, text: str) -> Query:
        """Any text is a query: what is no filter is a word, half-typed filters are ignored."""
        words, filters = [], []
        for found in _TOKEN.finditer(text):
            value = found["plain"] if found["quoted"] is None else found["quoted"]
            if found["field"] and value:
                field = found["field"].lower()
                filters.append((_SHORT.get(field, field), fold(value)))
            elif value and not _HALF_TYPED.fullmatch(value):
                words.append(value)
        return cls(tuple(words), tuple(filters))


@dataclass(frozen=True, slots=True)
class Match:
    """A secret that fits. `where` is what else matched: path, description or tags."""

    path: str
    score: int = 0
    where: str = "path"
    words: tuple[str, ...] = ()
    """What was looked for in the path; where exact, one literal piece of it."""
    exact: bool = False

    @property
    def positions(self) -> tuple[int, ...]:
        """The matched characters of the path, ascending. Worked out when asked for: few matches are ever shown."""
        if self.exact:
            at = self.path.index(self.words[0])
            return tuple(range(at, at + len(self.words[0])))
        folded = fold(self.path)
        hits = (word(text).match(self.path, folded) for text in self.words)
        return tuple(sorted({position for hit in hits if hit is not None for position in hit.positions}))

    @property
    def order(self) -> tuple[int, int, str]:
        """The best first, of those the shortest, then by code point."""
        return -self.score, len(self.path), self.path
