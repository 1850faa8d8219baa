"""Names and texts that break stores which quote, fold, trim or decode what they are given."""

from __future__ import annotations

ALLOWED_NAMES = (
    "hello? sausage",
    "êé Hello, 世界 \" ' @ < > & ? + ≠.txt",
    "100%",
    "%2e%2e",
    "a%2Fb",
    "back\\slash",
    "semi;colon:colon",
    "[bold red]x[@click=app.quit]",
    "$(touch x)",
    "'; DROP TABLE secret; --",
    "_%*",
    "#fragment?version=1",
    " leading and trailing ",
    "...",
    "-rf",
    "~",
    "con",
    "\u05d0\u05d1\u05d2",
    "\U0001f511",
    "İstanbul",
    "n" * 512,
)
"""Segments a new path may have. They come back as they were."""

FORBIDDEN_NAMES = (
    "nul\x00byte",
    "new\nline",
    "return\r",
    "tab\t",
    "bell\x07",
    "clear\x1b[2J",
    "delete\x7f",
    "csi\x9b31m",
    "zero\u200bwidth",
    "over\u202eride",
    "isolate\u2066d",
    "soft\u00adhyphen",
    "bom\ufeff",
    "line\u2028separator",
    "variation\ufe0f",
    "hangul\u3164filler",
    "tag\U000e0041",
    "private\ue000",
    "lone\ud800",
    "e\u0301 decomposed",
    "\u212bngstrom",
    "n" * 513,
)
"""Segments no new path may have: invisible, commanding, unassigned, not composed, or too long."""

TEXTS = (
    "",
    " ",
    "\n",
    "line\nline\r\nline\rend\n",
    "\x00",
    "".join(map(chr, range(0x20))) + "\x7f",
    "\x1b]52;c;aGk=\x07\x1b[2J\x9b31m",
    "\u200b\u202e\u2066\ufeff\u2028",
    "e\u0301 \u00e9 \u212b",
    "\ud800 lone",
    "\udfff",
    "\U0001f511\U0010ffff",
    "[bold]x[/bold] [@click=app.quit]q[/]",
    "%s %(x)s {x} {0.__class__} ${HOME} $(id) `id`",
    "null",
    "true",
    "1.10",
    "0x10",
    "{}",
    '{"a": 1}',
    "NaN",
    "' OR 1=1 --",
    "\\u0041 \\x41 \\n",
    "x" * 100_000,
)
"""Texts that any value, field name or piece of metadata may be. They come back code point for code point."""

JSON_LITERALS = (
    "null",
    "true",
    "false",
    "0",
    "-0",
    "-0.0",
    "1.10",
    "1E5",
    "1e400",
    "0.1",
    "12345678901234567890123456789012345678901234567890",
    "[]",
    "{}",
    '[1, 1.0, true, "1", null]',
    '{"b": 1, "a": {"b": [], "": {}}}',
    '{"\\ud800": "\\udfff"}',
    "[" * 200 + "]" * 200,
)
"""JSON values as they are written; they come back in the same form, literal for literal."""

BYTES = (b"", b"\x00", b"\xff\xfe", bytes(range(256)), b"plain text", b"\xed\xa0\x80")
