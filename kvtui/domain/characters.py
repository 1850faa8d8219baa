"""Which characters may not be shown or named as they are, and what they are called when shown.

Two rules serve the whole program: `unsafe` (a terminal would act on it, hide it or reorder text because of it) and
`mixed_script` (a name that looks like another one). Categories are those of the Unicode database of the running Python;
what it does not know is unassigned, and therefore unsafe.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

# Default_Ignorable_Code_Point without the general category Cf (DerivedCoreProperties.txt): invisible letters and marks,
# among them the variation selectors, which can carry hidden bytes.
_IGNORABLE = (
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U0001bca0-\U0001bca3\U000e0000-\U000e0fff]"
)
# Not separators here, but they look like one.
_SLASHES = frozenset("\u1735\u2044\u2215\u2571\u27cb\u29f6\u29f8\u2cc6\u3033\uff0f")
# Letters of these scripts are drawn like Latin ones (UTS #39, confusables.txt).
_LATIN_LIKE = frozenset({"CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU", "GEORGIAN"})
_EAST_ASIAN = frozenset({"CJK", "HIRAGANA", "KATAKANA", "BOPOMOFO", "HANGUL"})
_SHARED_LETTERS = frozenset({"MODIFIER", "KATAKANA-HIRAGANA", "IDEOGRAPHIC"})


def unsafe(ch: str) -> bool:
    """Whether one character must not reach a terminal, nor be part of a new name.

    That is: categories Cc, Cf, Cs, Co, Cn, Zl, Zp, and what Unicode calls default-ignorable.
    """
    # isprintable() is false for exactly these categories and for the spaces (Zs) other than U+0020.
    if ch.isprintable():
        return ch > "~" and re.match(_IGNORABLE, ch) is not None
    return unicodedata.category(ch) != "Zs"


def visible_name(ch: str) -> str:
    """How an unsafe character is shown: its control picture (`␛`), else `<202E>` with at least four digits."""
    code = ord(ch)
    if code < 0x20:
        return chr(0x2400 + code)
    if code == 0x7F:
        return "\u2421"
    return f"<{code:04X}>"


def mixed_script(text: str) -> bool:
    """Whether a path segment of `text` mixes scripts the way forged names do.

    Follows UTS #39, "moderately restrictive": one script, Latin with East Asian ones, or Latin with one other script
    whose letters do not look Latin. Styled, full-width and numeral forms of ASCII letters beside plain ones, and
    look-alikes of the slash, are flagged too.
    """
    if text.isascii():
        return False
    return any(_mixed(segment) for segment in text.split("/"))


def _mixed(segment: str) -> bool:
    if segment.isascii():
        return False
    if not _SLASHES.isdisjoint(segment):
        return True
    scripts = {script for script in map(_script, segment) if script}
    if {"LATIN", "LOOKALIKE"} <= scripts:
        return True
    latin = bool(scripts & {"LATIN", "LOOKALIKE"})
    others = scripts - {"LATIN", "LOOKALIKE"}
    if latin and others & _LATIN_LIKE:
        return True
    return not others <= _EAST_ASIAN and len(others) > 1


@lru_cache(maxsize=4096)
def _script(ch: str) -> str:
    """The script of a letter by the first word of its Unicode name; "" for what all scripts share."""
    if ch == "\u00b5":  # the micro sign is written in Latin text
        return ""
    category = unicodedata.category(ch)
    decomposition = unicodedata.decomposition(ch)
    plain = unicodedata.normalize("NFKC", ch)
    styled = decomposition.startswith(("<font>", "<wide>", "<compat>"))
    if styled and plain.isascii() and plain.isalnum() and (category[0] == "L" or category == "Nl"):
        return "LOOKALIKE"
    if category[0] != "L":
        return ""
    word = unicodedata.name(plain[0], "").partition(" ")[0]
    return "" if word in _SHARED_LETTERS else word
