"""The judge of what a terminal was sent: every control token must be one the program has a reason to send.

Blind spot of `bad_tokens`: colour, position and mode sequences of a payload look like the program's own. So tests also
require that no piece of a payload that starts with ESC stands in its row: `payload_slices_inside`.
"""

from __future__ import annotations

import re

# Everything a terminal may act on: OSC, the string controls, CSI, other ESC, C0 but tab, newline and CR, DEL, and in
# UTF-8 C1, soft hyphen, zero-width, bidi, line separators, BOM, Arabic letter mark, plane-14 tags.
TOKEN = re.compile(
    rb"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"
    rb"|\x1b[P_^X][^\x1b]*(?:\x1b\\)?"
    rb"|\x1b\[[0-?]*[ -/]*[@-~]"
    rb"|\x1b[ -/]*[0-~]?"
    rb"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
    rb"|\xc2[\x80-\x9f\xad]"
    rb"|\xe2\x80[\x8b-\x8f\xa8-\xae]"
    rb"|\xe2\x81[\xa0-\xaf]"
    rb"|\xef\xbb\xbf"
    rb"|\xd8\x9c"
    rb"|\xf3\xa0[\x80-\x87]."
)
# What Textual's driver and compositor send: colours, positions, modes and their queries, key protocol, pointer shape.
ALLOWED = re.compile(
    rb"\x1b\[[0-9;]*m"
    rb"|\x1b\[\d+;\d+H"
    rb"|\x1b\[\?(?:1049|25|1004|2004|7|1000|1002|1003|1006|1015|1016|2026|2048)[hl]"
    rb"|\x1b\[\?(?:2026|2048)\$p"
    rb"|\x1b\[[<>]\d*u"
    rb"|\x1b\]22;[a-z-]*\x07"
)
CLIPBOARD_WRITE = re.compile(rb"\x1b\]52;[cps]*;[A-Za-z0-9+/=]*(?:\x07|\x1b\\)")
_SLICE = re.compile(r"\x1b.{0,6}", re.DOTALL)


def bad_tokens(stream: bytes, *, copying: bool = False) -> list[bytes]:
    """The control tokens of a pty's output that the program has no reason to send; OSC 52 only while `copying`."""
    return [
        token
        for token in TOKEN.findall(stream)
        if not ALLOWED.fullmatch(token) and not (copying and CLIPBOARD_WRITE.fullmatch(token))
    ]


def payload_slices_inside(stream: bytes, payload: str) -> list[bytes]:
    """The pieces of `payload` starting with ESC (up to seven characters) that occur in the bytes of its row.

    Give the bytes of the row the payload is drawn in. A lone ESC proves nothing and is left out.
    """
    pieces = {match.encode("utf-8", "surrogatepass") for match in _SLICE.findall(payload)}
    return sorted(piece for piece in pieces if len(piece) > 1 and piece in stream)
