"""A file as text, a bounded piece of it at a time, with the line that every place in it is on."""

from __future__ import annotations

import codecs
from io import BytesIO
from typing import BinaryIO

from kvtui.domain.errors import InvalidInput
from kvtui.services.transfer.model import encoding_of

SIZE = 1 << 20
"""Characters held at least, while the file has them."""
MAX_VALUE = 256 << 20
"""Characters of one value, or of a file of a format that is read whole."""


class Window:
    """The text from what is being read on. `text[at:]` is what is still to be read, by whoever moves `at` on.

    A stream is read from where it stands, by its byte order mark, else as UTF-8.
    """

    def __init__(self, stream: BinaryIO, size: int = SIZE) -> None:
        self.text = ""
        self.at = 0
        self.ended = False
        """Whether `text` goes to the end of the file."""
        self.bytes_read = 0
        self.size = size
        self._stream = stream
        self._line = self._column = 1
        head = self._read(max(size, 4))
        mark, self._encoding = encoding_of(head)
        self._decoder = codecs.getincrementaldecoder(self._encoding)()
        self._append(head[len(mark) :], last=not head)

    def more(self) -> None:
        """Forget what is behind `at`, and hold at least twice of what comes after it. Raises InvalidInput."""
        left = len(self.text) - self.at
        if left > MAX_VALUE:
            raise too_long(self.line(self.at))
        self._line, self._column = self.place(self.at)
        self.text = self.text[self.at :]
        self.at = 0
        wanted = left + max(self.size, left)
        while not self.ended and len(self.text) < wanted:
            piece = self._read(max(self.size, wanted - len(self.text)))
            self._append(piece, last=not piece)

    @classmethod
    def of(cls, text: str) -> Window:
        """A window on all of a text."""
        window = cls(BytesIO())
        window.text = text
        return window

    def whole(self, limit: int = MAX_VALUE) -> str:
        """All that is left, at most `limit` characters. Raises InvalidInput."""
        while not self.ended and len(self.text) - self.at <= limit:
            self.more()
        if len(self.text) - self.at > limit:
            raise InvalidInput(
                f"The file has more than {limit >> 20} MiB.", hint="Split it. JSON without --as may be of any size."
            )
        return self.text[self.at :]

    def line(self, at: int) -> int:
        return self.place(at)[0]

    def place(self, at: int) -> tuple[int, int]:
        """Line and column, from 1, of an index of `text`."""
        newlines = self.text.count("\n", 0, at)
        if not newlines:
            return self._line, self._column + at
        return self._line + newlines, at - self.text.rindex("\n", 0, at)

    def _read(self, count: int) -> bytes:
        piece = self._stream.read(count)
        self.bytes_read += len(piece)
        return piece

    def _append(self, piece: bytes, *, last: bool) -> None:
        try:
            self.text += self._decoder.decode(piece, last)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(self._encoding, "ignore")
            line = self.line(len(self.text)) + before.count("\n")
            # The exception holds what was read.
            raise InvalidInput(
                f"Line {line} is not {self._encoding.upper()} text.",
                hint="Convert the file to UTF-8, bytes to base64.",
            ) from None
        self.ended = last


def too_long(line: int) -> InvalidInput:
    return InvalidInput(
        f"What begins in line {line} goes on for more than {MAX_VALUE >> 20} MiB.", hint="Split the file."
    )
