"""Text with the letters that somebody typed made plain in it."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from textual.content import Content, Span

from kvtui.ui.show import show_name


def matched(name: str, positions: Iterable[int]) -> Content:
    """A name with these characters of it highlighted; positions, ascending, beyond its end are left out."""
    content = show_name(name)
    if len(content.plain) != len(name):  # something was spelled out, so the positions do not hold
        return content
    there = enumerate(at for at in positions if at < len(name))
    together = ([at for _, at in run] for _, run in groupby(there, lambda each: each[1] - each[0]))
    return content.add_spans([Span(places[0], places[-1] + 1, "$text-accent bold") for places in together])
