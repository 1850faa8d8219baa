"""What is being typed in a shell, as words, though it is not finished; and words as that shell takes them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from kvtui.domain.characters import unsafe

_SAFE = re.compile(r"[A-Za-z0-9_./,+%-]")
_IN_DOUBLE = '"$`\\!'
"""What a backslash takes the meaning of between double quotes; `!` calls up history, and keeps its backslash."""
_ANSI = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "v": "\v"}
_CODE = re.compile(r"x([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{1,4})|U([0-9a-fA-F]{1,8})|([0-7]{1,3})")


@dataclass(slots=True)
class Word:
    """`text` is what the program would get. `quote` is the one that is still open at its end, `""` for none.

    `kept` is how much of `text` stands before the part that the shell replaces by what is chosen.
    """

    text: str = ""
    quote: str = ""
    kept: int = 0


@dataclass(slots=True)
class _Reader:
    """`breaks`: characters at which bash begins the part to replace anew, though the word goes on."""

    line: str
    breaks: str
    words: list[Word] = field(default_factory=list)
    at: int = 0

    def read(self) -> list[Word]:
        word: Word | None = None
        while self.at < len(self.line):
            ch = self.line[self.at]
            self.at += 1
            if ch in " \t\n":
                word = None
                continue
            if word is None:
                word = Word()
                self.words.append(word)
            self._take(word, ch)
        if word is None:
            self.words.append(Word())
        return self.words

    def _take(self, word: Word, ch: str) -> None:
        rest = self.line[self.at :]
        if ch == "\\":
            word.text += rest[:1]
            self.at += 1
        elif ch in "'\"" or (ch == "$" and rest[:1] == "'"):
            quote = "$'" if ch == "$" else ch
            self.at += len(quote) - 1
            before = len(word.text)
            self._quoted(word, quote)
            if word.quote:
                word.kept = before
        else:
            word.text += ch
            if ch in self.breaks:
                word.kept = len(word.text)

    def _quoted(self, word: Word, quote: str) -> None:
        end = quote[-1]
        while self.at < len(self.line):
            ch = self.line[self.at]
            self.at += 1
            if ch == end:
                return
            if ch == "\\" and quote == '"' and self.line[self.at : self.at + 1] in {'"', "$", "`", "\\", "\n"}:
                ch = self.line[self.at]
                self.at += 1
            elif ch == "\\" and quote == "$'":
                ch = self._escape()
            word.text += ch
        word.quote = quote

    def _escape(self) -> str:
        if code := _CODE.match(self.line, self.at):
            self.at = code.end()
            number = int(code[4], 8) if code[4] else int(code[1] or code[2] or code[3], 16)
            return chr(number) if number < 0x110000 else "\ufffd"
        ch = self.line[self.at : self.at + 1]
        self.at += 1
        return _ANSI.get(ch, ch)


def split(line: str, breaks: str = "") -> list[Word]:
    """The words of a line up to the cursor, the last one being typed. `breaks` is bash's COMP_WORDBREAKS."""
    return _Reader(line, "".join(set(breaks) - set(" \t\n\"'"))).read()


def for_bash(text: str, quote: str = "") -> str | None:
    """Text as bash takes it for one word, or for the rest of one whose quote is open; None where that cannot be said
    between such quotes."""
    if quote == "$'":
        return "".join(_ansi(ch) for ch in text)
    if quote:
        if any(unsafe(ch) for ch in text):
            return None
        if quote == "'":
            return text.replace("'", "'\\''")
        return None if "!" in text else "".join(f"\\{ch}" if ch in _IN_DOUBLE else ch for ch in text)
    return "".join(f"$'{_ansi(ch)}'" if unsafe(ch) else _bare(ch) for ch in text)


def _bare(ch: str) -> str:
    return ch if _SAFE.match(ch) or ch.isalnum() else f"\\{ch}"


def _ansi(ch: str) -> str:
    if ch in "\\'":
        return f"\\{ch}"
    if not unsafe(ch):
        return ch
    data = ch.encode("utf-8", "surrogatepass")
    return "".join(f"\\x{byte:02x}" for byte in data) if len(data) == 1 else f"\\U{ord(ch):08x}"
