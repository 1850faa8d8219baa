"""Text from outside made safe for a terminal, as plain strings.

Everything that comes from a store, a file, the clipboard or a server passes `show` (or `show_name`) on its way to a
screen. `sanitize` is the second net below it, for what reaches the terminal all the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache

from kvtui.domain.characters import mixed_script, unsafe, visible_name

__all__ = ["cell_width", "clip", "mixed_script", "name_spans", "sanitize", "show", "show_name", "spans"]

TAB_STOP = 4
MAX_MARKS = 4  # combining marks drawn on one character; real languages need no more


@cache
def _plain() -> re.Pattern[str]:
    """Runs that need no closer look: ASCII and blocks made of assigned, visible, free-standing letters only."""
    return re.compile(
        "[ -~\u00a1-\u00ac\u00ae-\u02ff\u0400-\u0482\u048a-\u052f\u2500-\u259f"
        "\u3041-\u3096\u30a1-\u30fa\u4e00-\u9fff\uac00-\ud7a3]+"
    )


@cache
def _joining() -> re.Pattern[str]:
    """Drawn as one with their neighbour by some terminals and as two by others: regional indicators, skin tones."""
    return re.compile("[\U0001f1e6-\U0001f1ff\U0001f3fb-\U0001f3ff]")


@cache
def _dropped() -> re.Pattern[str]:
    """What the sink drops: C0, DEL, C1, Cf, Zl, Zp, surrogates, and the plane-14 tags and variation selectors."""
    return re.compile(
        "[\x00-\x1f\x7f-\x9f\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e"
        "\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
        "\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
    )


@cache
def _blanks() -> re.Pattern[str]:
    """A space nobody sees: at either end, beside another one, or of a width of its own."""
    return re.compile("^ +| +$| {2,}|[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\u2800]")


def show(text: str, *, lines: bool = False) -> str:
    """`text` with everything a terminal would act on, hide or reorder spelled out (`␛`, `<202E>`).

    With `lines`, newlines stay and tabs become spaces; otherwise both are spelled out too. The result holds no
    character that is `unsafe`, and no more than MAX_MARKS combining marks in a row.
    """
    if (text.isascii() and text.isprintable()) or _plain().fullmatch(text):
        return text
    return "".join(piece for piece, _ in spans(text, lines=lines))


def spans(text: str, *, lines: bool = False) -> Iterator[tuple[str, bool]]:
    """The pieces of `show(text)` in order, each with whether it stands for a character that cannot be shown itself."""
    column = marks = at = 0
    bare = True  # nothing to put a combining mark on
    plain, joining = _plain().match, _joining().match
    while at < len(text):
        run = plain(text, at)
        if run:
            at = run.end()
            piece, escaped = run[0], False
            marks, bare = 0, False
        else:
            ch = text[at]
            at += 1
            if lines and ch == "\n":
                column, marks, bare = 0, 0, True
                yield ch, False
                continue
            if lines and ch == "\t":
                piece, escaped = " " * (TAB_STOP - column % TAB_STOP), False
                marks, bare = 0, False
            elif _is_mark(ch):
                marks += 1
                escaped = bare or marks > MAX_MARKS or unsafe(ch)
                piece = visible_name(ch) if escaped else ch
            else:
                escaped = unsafe(ch) or joining(ch) is not None
                piece = visible_name(ch) if escaped else ch
                marks, bare = 0, escaped
        column += len(piece)
        yield piece, escaped


def show_name(text: str) -> str:
    """`show` for names: spaces that would go unnoticed are visible too, as `␣` or `<00A0>`."""
    if text.isascii() and text.isprintable() and not _blanks().search(text):
        return text
    return "".join(piece for piece, _ in name_spans(text))


def name_spans(text: str) -> Iterator[tuple[str, bool]]:
    """The pieces of `show_name(text)`, flagged as those of `spans`.

    A name that is not in normal form (NFC) has what keeps it from that spelled out: another one may look just like it.
    """
    at = 0
    for blank in _blanks().finditer(text):
        yield from _letters(text[at : blank.start()])
        yield "".join("\u2423" if ch == " " else f"<{ord(ch):04X}>" for ch in blank[0]), True
        at = blank.end()
    yield from _letters(text[at:])


def _letters(text: str) -> Iterator[tuple[str, bool]]:
    if unicodedata.is_normalized("NFC", text):
        yield from spans(text)
        return
    for ch in text:
        if _is_mark(ch) or not unicodedata.is_normalized("NFC", ch):
            yield f"<{ord(ch):04X}>", True
        else:
            yield from spans(ch)


def sanitize(text: str) -> str:
    """`text` without what no terminal may get: the net below `show`, cheap enough for every drawn segment."""
    if text.isascii() and text.isprintable():
        return text
    return _dropped().sub("", text)


def cell_width(text: str) -> int:
    """Terminal cells taken by shown text, by East Asian Width; ambiguous characters are narrow."""
    if text.isascii():
        return len(text)
    return sum(map(_width, text))


def clip(text: str, cells: int) -> str:
    """Shown text on at most `cells` cells, the end replaced by `…` where it does not fit."""
    if cells <= 0:
        return ""
    if cell_width(text) <= cells:
        return text
    used = 0
    for index, ch in enumerate(text):
        used += _width(ch)
        if used > cells - 1:
            return text[:index] + "…"
    return text


@lru_cache(maxsize=8192)
def _width(ch: str) -> int:
    if _is_mark(ch):
        return 0
    return 2 if unicodedata.east_asian_width(ch) in "WF" else 1


@lru_cache(maxsize=8192)
def _is_mark(ch: str) -> bool:
    """Whether a character takes no cell of its own: combining marks of all kinds, Hangul vowels and finals.

    As in the tables of Rich and wcwidth, where spacing marks (Mc) count as drawn within the cell before them.
    """
    return unicodedata.category(ch)[0] == "M" or "\u1160" <= ch <= "\u11ff" or "\ud7b0" <= ch <= "\ud7ff"
