"""Values under a key of their own: one for each version, bound to the vault, the secret and the version number.

sealed = salt (16) || AES-256-GCM(k, nonce = 0, value, AAD = place)
k      = BLAKE2b-256(key = value key, salt || place),  place = uuid || secret id u64 || version u64
"""

from __future__ import annotations

import os
from hashlib import blake2b

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kvtui.domain.errors import Corrupt

_NONCE = bytes(12)  # the key is used once
_SALT = 16
OVERHEAD = _SALT + 16


def seal(key: bytes, uuid: bytes, secret: int, version: int, value: bytes) -> bytes:
    salt = os.urandom(_SALT)
    place = _place(uuid, secret, version)
    return salt + AESGCM(_key(key, salt, place)).encrypt(_NONCE, value, place)


def unseal(key: bytes, uuid: bytes, secret: int, version: int, sealed: bytes) -> bytes:
    """Raises Corrupt when the bytes are not what was sealed for this very place."""
    salt = sealed[:_SALT]
    place = _place(uuid, secret, version)
    try:
        return AESGCM(_key(key, salt, place)).decrypt(_NONCE, sealed[_SALT:], place)
    except (InvalidTag, ValueError):
        raise Corrupt(
            "A stored value was changed, or belongs to another version.", hint="Run kvtui doctor; restore a backup."
        ) from None


def _place(uuid: bytes, secret: int, version: int) -> bytes:
    return uuid + secret.to_bytes(8, "big") + version.to_bytes(8, "big")


def _key(key: bytes, salt: bytes, place: bytes) -> bytes:
    return blake2b(salt + place, key=key, digest_size=32).digest()
