"""The only way data reaches a widget: as `Content` that is never parsed for markup, with escapes dimmed."""

from __future__ import annotations

from collections.abc import Iterable

from textual.content import Content
from textual.style import Style

from kvtui import text as texts

MASK = "••••••••"
"""What stands for a value that is not revealed, whatever its length."""

_ESCAPED = Style(dim=True, italic=True)


def show(text: str, *, lines: bool = False) -> Content:
    """Text from a store, a file, the clipboard or a server. With `lines`, newlines are laid out as rows."""
    return _content(texts.spans(text, lines=lines))


def show_name(text: str) -> Content:
    """A path, folder, field or tag: blanks that would go unnoticed are visible, mixed scripts are flagged."""
    name = _content(texts.name_spans(text))
    return name + Content.styled(" ⚠ mixed script", "$text-warning") if texts.mixed_script(text) else name


def say(template: str, **data: str | Content) -> Content:
    """One of our own sentences with data in it: `say("Delete $path?", path=path)`. Strings are shown as names."""
    safe = {key: value if isinstance(value, Content) else show_name(value) for key, value in data.items()}
    return Content.from_markup(template, **safe)


def _content(pieces: Iterable[tuple[str, bool]]) -> Content:
    return Content("").join(Content.styled(piece, _ESCAPED) if escaped else Content(piece) for piece, escaped in pieces)
