"""Recovery keys: 256 random bits and a checksum as eight groups of seven base32 letters, told by their form."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os

_LENGTH = 56
_GROUP = 7
_CONFUSED = str.maketrans("018", "OIB", " -\t\r\n")


def new() -> bytes:
    return os.urandom(32)


def to_text(key: bytes) -> str:
    """`ABCDEFG-…`: RFC 4648 base32 of the key and three bytes of checksum."""
    letters = base64.b32encode(key + _checksum(key)).decode("ascii")
    return "-".join(letters[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP))


def from_text(text: str) -> bytes | None:
    """The key a text stands for, None for any other text. Case, spaces and dashes do not count; 0, 1, 8 are O, I, B."""
    letters = text.translate(_CONFUSED)
    if len(letters) != _LENGTH or not letters.isascii():
        return None
    try:
        data = base64.b32decode(letters, casefold=True)
    except binascii.Error:
        return None
    key, checksum = data[:32], data[32:]
    return key if checksum == _checksum(key) else None


def _checksum(key: bytes) -> bytes:
    return hashlib.sha256(b"kvtui/recovery" + key).digest()[:3]
