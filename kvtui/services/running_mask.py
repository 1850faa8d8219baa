"""Masking the output of a program that knows secrets: each of them becomes `<secret>` wherever it goes by.

Masked are a value as it is; each line of it that has at least eight characters; and what it is in base64 (both
alphabets, at any offset, so also inside of a `user:password` header), in hex, percent-encoded and in a JSON string. A
value of fewer than four bytes is not masked: it would hide half of all output. This is a help against accidents, such
as a password in a log, and holds no program that wants to tell.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

from kvtui.domain.value import REDACTED

LEAST = 4
"""Bytes of a value that is masked at all."""
_LEAST_PIECE = 8
"""Bytes of a line of a value, or of one in another encoding, that is masked by itself."""
_HEAD = 8
"""Bytes by which the beginning of a value is looked for."""
_WRAPPED = (64, 76)
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def forms(value: bytes) -> set[bytes]:
    """What of a value is masked; nothing for one that is too short."""
    if len(value) < LEAST:
        return set()
    # A newline at the end is the value's, but programs print it without.
    bare = value.rstrip(b"\r\n")
    whole = {value, bare}
    pieces = {line.strip() for line in value.splitlines()}
    for data in whole:
        pieces.update(_encoded(data))
    return {form for form in whole if len(form) >= LEAST} | {piece for piece in pieces if len(piece) >= _LEAST_PIECE}


def _encoded(value: bytes) -> Iterator[bytes]:
    yield from _base64(value)
    yield value.hex().encode("ascii")
    yield value.hex().upper().encode("ascii")
    yield quote(value, safe="").encode("ascii")
    yield quote(value).encode("ascii")
    yield quote_plus(value).encode("ascii")
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return
    yield json.dumps(text)[1:-1].encode("ascii")
    yield json.dumps(text, ensure_ascii=False)[1:-1].encode("utf-8")


def _base64(value: bytes) -> Iterator[bytes]:
    whole = [base64.b64encode(value)]
    for shift in range(3):
        # The characters that depend on what stands before and behind the value are left out.
        over = (shift + len(value)) % 3
        encoded = base64.b64encode(b"\0" * shift + value)
        whole.append(encoded[(0, 2, 3)[shift] : len(encoded) - (4 - over if over else 0)])
    # Programs that wrap it do so after 76 characters (MIME) or 64 (PEM).
    whole += [whole[0][at : at + width] for width in _WRAPPED for at in range(0, len(whole[0]), width)]
    for encoded in whole:
        yield encoded
        yield encoded.translate(_URL_SAFE)


class Masker:
    """One stream. What might be the beginning of a value is held back until it is clear; the result is the same however
    the stream is cut into pieces."""

    def __init__(self, values: Iterable[bytes], mask: bytes = REDACTED.encode("ascii")) -> None:
        self._forms = sorted({form for value in values for form in forms(value)})
        self._mask = mask
        self._held = b""
        self._covered = 0
        """How many bytes at the start of what is held belong to a value whose mask was given out already."""

    def feed(self, data: bytes) -> bytes:
        """What can be given out now."""
        self._held += data
        return self._given(self._safe())

    def flush(self) -> bytes:
        """The rest, at the end of the stream."""
        return self._given(len(self._held))

    def _given(self, end: int) -> bytes:
        held = self._held
        out: list[bytes] = []
        at, covered = 0, max(0, self._covered - end)
        for start, stop in self._spans():
            if start >= end:
                break
            out.append(held[at:start])
            if start or not self._covered:
                out.append(self._mask)
            at, covered = min(stop, end), max(0, stop - end)
        out.append(held[at:end])
        self._held, self._covered = held[end:], covered
        return b"".join(out)

    def _spans(self) -> list[tuple[int, int]]:
        """Where values are; those that overlap are one."""
        found = [(0, self._covered)] if self._covered else []
        for form in self._forms:
            at = self._held.find(form)
            while at >= 0:
                found.append((at, at + len(form)))
                at = self._held.find(form, at + 1)
        merged: list[tuple[int, int]] = []
        for start, stop in sorted(found):
            if merged and start < merged[-1][1]:
                merged[-1] = (merged[-1][0], max(merged[-1][1], stop))
            else:
                merged.append((start, stop))
        return merged

    def _safe(self) -> int:
        """Up to where no value can begin that is not there as a whole yet."""
        return min((self._beginning(form) for form in self._forms), default=len(self._held))

    def _beginning(self, form: bytes) -> int:
        """Where the end of what is held is the beginning of a value, first of all such places."""
        held = self._held
        head = form[:_HEAD]
        at = held.find(head, max(0, len(held) - len(form) + 1))
        while at >= 0:
            if form.startswith(held[at:]):
                return at
            at = held.find(head, at + 1)
        for at in range(max(0, len(held) - len(head) + 1, len(held) - len(form) + 1), len(held)):
            if form.startswith(held[at:]):
                return at
        return len(held)
