"""Key derivation: Argon2id from a passphrase, HKDF-SHA256 for everything after it."""

from __future__ import annotations

import os
import threading
import time
from typing import Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from kvtui.backends.file.header import KdfCost
from kvtui.domain.errors import Unavailable

FLOOR = KdfCost(memory_kib=64 * 1024, passes=3, lanes=4)
"""RFC 9106, section 4, second recommended option: nothing cheaper is made."""
_TARGET_SECONDS = 0.5
_MAX_PASSES = 64
_deriving = threading.Lock()
"""One derivation at a time: OpenSSL shares as many threads as there are processors among all of them, and two that each
have some and wait for more wait for ever. It is the memory of one, too."""


class Keys:
    """The sub-keys of a vault, each for one use, all from the master key. 32 bytes each."""

    def __init__(self, page: bytes, value: bytes, accumulator: bytes, header: bytes) -> None:
        self.page = page
        self.value = value
        self.accumulator = accumulator
        self.header = header

    @classmethod
    def derive(cls, master: bytes, uuid: bytes) -> Self:
        return cls(
            page=hkdf(master, uuid, b"kvtui/page-key"),
            value=hkdf(master, uuid, b"kvtui/value"),
            accumulator=hkdf(master, uuid, b"kvtui/acc"),
            header=hkdf(master, uuid, b"kvtui/header-mac"),
        )


def backup_key(master: bytes, uuid: bytes) -> bytes:
    """What the backups of a vault are signed with."""
    return hkdf(master, uuid, b"kvtui/backup")


def purpose_key(seed: bytes, uuid: bytes, purpose: str) -> bytes:
    """A key for something about a vault that is kept outside of it: the same whatever its master key is."""
    return hkdf(seed, uuid, b"kvtui/purpose/" + purpose.encode("utf-8"))


def hkdf(secret: bytes, salt: bytes, info: bytes) -> bytes:
    """32 bytes by RFC 5869 with SHA-256."""
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(secret)


def argon2id(passphrase: bytes, salt: bytes, uuid: bytes, cost: KdfCost) -> bytes:
    """32 bytes by RFC 9106, the uuid as associated data. Raises Unavailable without the memory or the algorithm."""
    try:
        derivation = Argon2id(
            salt=salt,
            length=32,
            iterations=cost.passes,
            lanes=cost.lanes,
            memory_cost=cost.memory_kib,
            ad=uuid,
        )
        with _deriving:
            return derivation.derive(passphrase)
    except MemoryError:
        raise Unavailable(
            f"Not enough memory to derive the key ({cost.memory_kib // 1024} MiB).", hint="Close other programs."
        ) from None
    except UnsupportedAlgorithm:
        raise Unavailable(
            "This Python's OpenSSL has no Argon2id.",
            hint="Install cryptography from PyPI.",
            retryable=False,
        ) from None


def calibrated() -> KdfCost:
    """A cost of about half a second on this machine, by one measurement; never below FLOOR."""
    start = time.perf_counter()
    argon2id(b"calibration", os.urandom(16), bytes(16), FLOOR)
    spent = max(time.perf_counter() - start, 0.001)
    passes = max(FLOOR.passes, min(_MAX_PASSES, round(FLOOR.passes * _TARGET_SECONDS / spent)))
    return KdfCost(FLOOR.memory_kib, passes, FLOOR.lanes)
