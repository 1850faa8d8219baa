"""JSON documents of any size, member by member, with no more of the file in memory than the largest value needs.

Each value that fits into the window of text is parsed in one go by the C scanner of `kvtui.domain.json_text`; only a
map or list that does not fit is gone through here, so that documents are read literal for literal, as small ones are,
and about as fast. (ijson does not do: it turns lone surrogates into `?` and `1E5` into `1E+5`, takes duplicate keys,
and its errors quote the file and name no line.)
"""

from __future__ import annotations

import json
import re
from typing import Final

from kvtui.domain import json_text
from kvtui.domain.errors import InvalidInput
from kvtui.domain.json_text import Json
from kvtui.services.transfer.model import MAX_DOCUMENT_DEPTH
from kvtui.services.transfer.names import Names
from kvtui.services.transfer.window import Window

DUPLICATE = "A map names the same key twice"
_SPACE = re.compile(r"[ \t\n\r]*")
_MARGIN = 16
"""What is wrong this close to the end of the window may be just cut off there: `-Infinit`, `1e+`, `\\u00e`."""
_USUAL_NAME = re.compile(r'[ \t\n\r]*,[ \t\n\r]*"([^"\\\x00-\x1f]*)"[ \t\n\r]*:[ \t\n\r]*(?=[^ \t\n\r])')
"""The next key of a map, without escapes and with its value in the window. All others are gone through slowly."""
_MARK = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{},:\n]|[^"\[\]{},:\n]+', re.DOTALL)


class Entered:
    """Stands for a map or list too large for the window: its members come next."""


ENTERED: Final = Entered()


class JsonStream:
    """One pass over a document whose top is a map, which is entered."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._open: list[Names | None] = []
        """The keys so far of each map that was entered; None for a list."""
        self._fresh = True
        """Whether nothing was read yet of what was entered last."""

    @property
    def depth(self) -> int:
        """How many maps and lists are entered now."""
        return len(self._open)

    def begin(self) -> None:
        """Enter the top. Raises InvalidInput when it is no map."""
        window = self._window
        window.at = self._skip(window.at)
        if window.text[window.at : window.at + 1] == "{":
            self._enter()
            return
        if window.text[window.at : window.at + 1] not in {"[", '"'}:
            self.value()
        raise not_a_map()

    def name(self) -> str | None:
        """The next key of the map entered last; None at its end, which leaves it. Behind the top the file must end."""
        window = self._window
        names = self._open[-1]
        usual = None if self._fresh else _USUAL_NAME.match(window.text, window.at)
        if usual and (names is None or names.add(usual[1])):
            window.at = usual.end()
            return usual[1]
        if self._ends("}"):
            return None
        at = window.at
        if window.text[at : at + 1] != '"':
            raise self._refusal("Expecting property name enclosed in double quotes", at)
        name, end = self._key()
        if names is not None and not names.add(name):
            raise InvalidInput(f"{DUPLICATE} (line {window.line(window.at)}).", hint="Keep one of the two.")
        window.at = end
        return name

    def has_item(self) -> bool:
        """Whether the list entered last has another value. At its end it is left."""
        return not self._ends("]")

    def value(self, *, enter: str = "") -> Json | Entered:
        """The value that comes next, or ENTERED for one that begins with `enter` (`{` or `[`) and does not fit."""
        window = self._window
        while True:
            at = window.at
            text = window.text
            try:
                value, end = json_text.parse_at(text, at)
            except json.JSONDecodeError as error:
                cut_off = error.pos >= len(text) - _MARGIN or error.msg.startswith("Unterminated string")
                if window.ended or not cut_off:
                    raise self._refusal(error.msg, error.pos) from None
            except RecursionError:
                raise json_text.too_deep(MAX_DOCUMENT_DEPTH) from None
            except InvalidInput as error:
                raise located(error, text, at, window.line(at)) from None
            else:
                if end < len(text) - _MARGIN or window.ended:
                    window.at = end
                    left = MAX_DOCUMENT_DEPTH - len(self._open)
                    if json_text.openings(text, at, end) > left:
                        json_text.check_depth(value, left)
                    return value
            if enter and text.startswith(enter, at) and len(text) - at >= window.size:
                self._enter()
                return ENTERED
            window.more()

    def _enter(self) -> None:
        if len(self._open) > MAX_DOCUMENT_DEPTH:
            raise json_text.too_deep(MAX_DOCUMENT_DEPTH)
        self._open.append(Names() if self._window.text[self._window.at] == "{" else None)
        self._window.at += 1
        self._fresh = True

    def _ends(self, closing: str) -> bool:
        """Go to the next member of what was entered last, or behind its end."""
        window = self._window
        at = window.at = self._skip(window.at)
        mark = window.text[at : at + 1]
        if mark == closing:
            self._open.pop()
            self._fresh = False
            window.at += 1
            if not self._open:
                self._end()
            return True
        if not self._fresh:
            if mark != ",":
                raise self._refusal("Expecting ',' delimiter", at)
            window.at = self._skip(at + 1)
        self._fresh = False
        return False

    def _key(self) -> tuple[str, int]:
        """The key that begins here, and where its value does."""
        window = self._window
        while True:
            text = window.text
            try:
                name, end = json_text.string_at(text, window.at)
            except json.JSONDecodeError as error:
                cut_off = error.pos >= len(text) - _MARGIN or error.msg.startswith("Unterminated string")
                if window.ended or not cut_off:
                    raise self._refusal(error.msg, error.pos) from None
            else:
                colon = self._after(end)
                if colon < len(text):
                    if text[colon] != ":":
                        raise self._refusal("Expecting ':' delimiter", colon)
                    start = self._after(colon + 1)
                    if start < len(text):
                        return name, start
                if window.ended:
                    raise self._refusal("Expecting ':' delimiter" if colon >= len(text) else "Expecting value", colon)
            window.more()

    def _after(self, at: int) -> int:
        found = _SPACE.match(self._window.text, at)
        return found.end() if found else at

    def _skip(self, at: int) -> int:
        """The next character that is no white space, with more of the file where that is needed."""
        window = self._window
        at = self._after(at)
        while at >= len(window.text) and not window.ended:
            window.at = at
            window.more()
            at = self._after(window.at)
        return at

    def _end(self) -> None:
        at = self._skip(self._window.at)
        if at < len(self._window.text):
            raise self._refusal("Extra data", at)

    def _refusal(self, what: str, at: int) -> InvalidInput:
        return json_text.refusal(what, *self._window.place(at))


def not_a_map() -> InvalidInput:
    return InvalidInput("The top of the file is not a map.", hint="Write {name: …}, or pipe one value to kvtui set.")


def located(error: InvalidInput, text: str, at: int = 0, first_line: int = 1) -> InvalidInput:
    """An error of `json_text`, which for a duplicate key says its line: `text[at:]` begins in `first_line`."""
    if error.message.startswith(DUPLICATE) and (line := _duplicate_line(text[at:])):
        return InvalidInput(f"{DUPLICATE} (line {first_line + line - 1}).", hint=error.hint)
    return error


def _duplicate_line(text: str) -> int | None:
    """The line of the first key that its map already has, in text that up to there is JSON otherwise."""
    line = 1
    open_maps: list[set[str]] = []
    last = ""
    for mark in _MARK.finditer(text):
        found = mark[0]
        if found == "\n":
            line += 1
        elif found in "[{":
            open_maps.append(set())
        elif found in "]}":
            open_maps.pop()
        elif found == ":":
            key = str(json_text.parse(last))
            if key in open_maps[-1]:
                return line
            open_maps[-1].add(key)
        elif found[0] == '"':
            last = found
    return None
