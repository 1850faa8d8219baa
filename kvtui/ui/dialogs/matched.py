"""Text with the letters that somebody typed made plain in it."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content

from kvtui.ui.show import show_name


def matched(name: str, positions: Iterable[int]) -> Content:
    """A name with these characters of it highlighted; positions beyond its end are left out."""
    content = show_name(name)
    if len(content.plain) == len(name):  # nothing was spelled out, so the positions hold
        for position in positions:
            if position < len(name):
                content = content.stylize("$text-accent bold", position, position + 1)
    return content
