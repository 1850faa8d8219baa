"""Server-sent events (WHATWG HTML, section 9.2): a body without end, read as it comes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from kvtui.backends.http.answer import Answer, Unreadable
from kvtui.domain.errors import Locked

MEDIA_TYPE = "text/event-stream"
MAX_LINE = 64 * 1024
MAX_EVENT = 1024 * 1024
"""Bytes."""
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True, repr=False)
class Event:
    """One event, values and all. All of it is shown through show() only."""

    type: str
    """"message" where the server does not say."""
    data: str
    id: str
    """The last one told: what a Last-Event-ID header names to go on from here; "" for none."""


class EventStream:
    """An open stream. `answer` is how it began, with a body only where that is no stream of events.

    To be iterated once, on the thread that opened it. It ends when the server ends it or it is closed.
    """

    def __init__(self, answer: Answer, parts: Iterable[bytes], end: Callable[[], None]) -> None:
        self.answer = answer
        self._parts = parts
        self._end = end
        self._closed = False

    def close(self) -> None:
        """From any thread: the iteration ends, at once."""
        self._closed = True
        self._end()

    def __iter__(self) -> Iterator[Event]:
        """Raises Unreadable for what is no stream of events, or has a line or event that is too long; Unavailable where
        the connection is lost; Locked where the client is closed."""
        if not begins(self.answer):
            raise Unreadable("The server sent no events.", hint="Check the address; it may not have any.")
        try:
            yield from parse(self._parts)
        except Locked:
            if not self._closed:
                raise


def begins(answer: Answer) -> bool:
    """Whether an answer is a stream of events."""
    return answer.ok and answer.media_type == MEDIA_TYPE


def parse(parts: Iterable[bytes], *, max_line: int = MAX_LINE, max_event: int = MAX_EVENT) -> Iterator[Event]:
    """The events in a body that comes in parts; one that is cut off at the end is none. Raises Unreadable."""
    type_, last_id, size = "", "", 0
    data: list[str] = []
    for line in _lines(parts, max_line):
        if not line:
            if data:
                yield Event(type_ or "message", "\n".join(data), last_id)
            type_, data, size = "", [], 0
            continue
        name, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            size += len(line)
            if size > max_event:
                raise _too_long(f"An event is longer than {max_event // 1024} KiB.")
            data.append(value)
        elif name == "event":
            type_ = value
        elif name == "id" and "\0" not in value:
            last_id = value


def _lines(parts: Iterable[bytes], max_line: int) -> Iterator[bytes]:
    """Lines ended by LF, CR LF or CR, without their end; a byte order mark before the first is dropped."""
    rest, first, skip_lf = b"", True, False
    for part in filter(None, parts):
        rest += part.removeprefix(b"\n") if skip_lf else part
        if first:
            if len(rest) < len(_BOM) and _BOM.startswith(rest):
                continue
            rest, first = rest.removeprefix(_BOM), False
        skip_lf = rest.endswith(b"\r")  # the other half of a CR LF may come with the next part
        *lines, rest = rest.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        if max(map(len, (*lines, rest))) > max_line:
            raise _too_long(f"A line of its events is longer than {max_line // 1024} KiB.")
        yield from lines


def _too_long(what: str) -> Unreadable:
    return Unreadable(f"The server sends too much at once. {what}", hint="Check the address.")
