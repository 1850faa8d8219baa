"""What somebody who types a path may mean: what is listed below it, and what is known of the whole store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from kvtui.services.matcher import fold, word
from kvtui.services.query import Match

if TYPE_CHECKING:
    from kvtui.services.names import Names

MOST_LISTED = 1000
"""Listed rows that are ranked; in a longer list only what starts as it was typed is offered."""


class Completions:
    """`listed` are the children of a folder that are known, folders with a slash behind them, and `folders` those that
    it has children of; `names` is searched besides."""

    def __init__(
        self, listed: Callable[[str], Sequence[str]], folders: Iterable[str] = (), names: Names | None = None
    ) -> None:
        self._known, self._names = listed, names
        self._read: dict[str, Sequence[str]] = {}
        self._near: list[str] = []
        for folder in folders:
            rows = listed(folder)
            if len(self._near) + len(rows) <= MOST_LISTED:
                self._near += rows

    def _listed(self, folder: str) -> Sequence[str]:
        return self._known(folder) or self._read.get(folder, ())

    def knows(self, folder: str) -> bool:
        """Whether anything that is listed in a folder is known."""
        return bool(self._listed(folder))

    def add(self, folder: str, rows: Sequence[str]) -> None:
        """What was read of a folder, as `listed` gives it."""
        self._read[folder] = rows

    def below(self, typed: str) -> list[str]:
        """The children of the folder that is typed which go on as what is typed after it."""
        return [row for row in self._listed(typed.rpartition("/")[0]) if row.startswith(typed)]

    def completed(self, typed: str) -> str:
        """What is typed as far as it can only go on in one way; if it cannot go on at all, the best match."""
        if below := self.below(typed):
            least, greatest = min(below), max(below)
            size = next((at for at, ch in enumerate(least) if not greatest.startswith(ch, at)), len(least))
            return least[:size]
        return next((found.path for found in self.found(typed, 1)), typed)

    def found(self, typed: str, most: int) -> list[Match]:
        """Matches, the best first: what goes on as it is typed, then what has it somewhere."""
        words = tuple(typed.split())
        if not words:
            return []
        ranked = [Match(row, score, words=words) for row in self._near if (score := _score(words, row))]
        if self._names is not None and '"' not in typed:
            ranked += self._names.query(_as_words(words), most, at_once=True).matches
        below = [Match(row, words=(typed,)) for row in sorted(self.below(typed), key=len)[:most]]
        by_path = {each.path: each for each in (*below, *sorted(ranked, key=lambda each: each.order))}
        return list(by_path.values())[:most]


def _score(words: Iterable[str], row: str) -> int:
    """The score of all words, 0 if one does not match."""
    folded = fold(row)
    scores = [word(text).score(row, folded) for text in words]
    return sum(scores) if all(scores) else 0


def _as_words(words: Iterable[str]) -> str:
    """Words of a path are none of a query's filters. A quotation mark cannot be asked for."""
    return " ".join(f'"{word}"' for word in words)
