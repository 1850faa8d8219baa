"""The corpus of hostile strings, `tests/data/hostile.json`: names, values and server answers from an enemy."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark import ParameterSet

CORPUS = Path(__file__).parents[1] / "data" / "hostile.json"


@dataclass(frozen=True, slots=True)
class HostileString:
    """One string with `repeat` already applied. `id` is short, ASCII and stable: use it as a test id."""

    id: str
    category: str
    value: str

    def __repr__(self) -> str:
        return f"<{self.id}>"


def _load() -> tuple[dict[str, str], list[HostileString]]:
    corpus = json.loads(CORPUS.read_text(encoding="ascii"))
    strings = [
        HostileString(row["id"], row["category"], row["value"] * row.get("repeat", 1)) for row in corpus["strings"]
    ]
    return corpus["categories"], strings


CATEGORIES, HOSTILE = _load()
"""What is expected of each category, and all strings."""

BY_CATEGORY: dict[str, list[HostileString]] = {
    category: [entry for entry in HOSTILE if entry.category == category] for category in CATEGORIES
}
"""The strings of each category, in the corpus' order."""


def hostile_id(entry: HostileString) -> str:
    """For `pytest.mark.parametrize(..., ids=hostile_id)`."""
    return entry.id


def on_every_string(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test of `entry: HostileString` on the whole corpus, one category a test; what fails names its string."""

    @wraps(test)
    def on_category(*args: Any, category: str, **kwargs: Any) -> None:
        for entry in BY_CATEGORY[category]:
            try:
                test(*args, entry=entry, **kwargs)
            except BaseException as error:
                error.add_note(f"with {entry!r}")
                raise

    signature = inspect.signature(test)
    parameters = [
        each.replace(name="category") if each.name == "entry" else each for each in signature.parameters.values()
    ]
    on_category.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    return pytest.mark.parametrize("category", BY_CATEGORY)(on_category)


_QUICK = ("csi", "osc", "c0", "bidi", "newline", "markup")


def by_category() -> list[ParameterSet]:
    """Every category as a parameter; all but the few most telling run with the long loops only."""
    return [
        pytest.param(category, id=category, marks=() if category in _QUICK else pytest.mark.slow)
        for category in BY_CATEGORY
    ]
