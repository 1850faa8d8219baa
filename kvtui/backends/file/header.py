"""`vault.hdr`: what is needed to get from a credential to the master key.

    "KVTUIVLT" 0x01 | length u32 big-endian | canonical JSON | HMAC-SHA256 | SHA-256 of all before

The checksum tells a damaged file from a wrong passphrase without a key; the HMAC, under a key derived from the master
key, tells one that somebody wrote. Everything is bounded and checked for type before it is used: until the HMAC is
verified a header is whatever an enemy put there.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from kvtui.backends.file import files
from kvtui.domain.errors import Corrupt, Unsupported

NAME = "vault.hdr"
COPY = "vault.hdr.bak"
VERSION = 1
CIPHER = "sqlcipher-4"
SLOT_TYPES = frozenset({"passphrase", "keyfile", "passphrase+keyfile", "recovery"})
MAX_SLOTS = 32
MAX_LABEL = 200

_MAGIC = b"KVTUIVLT"
_PREFIX = len(_MAGIC) + 1 + 4
_MAX_BYTES = 64 * 1024
_HEADER_KEYS = {"v", "uuid", "epoch", "cipher", "created", "slots"}
_SLOT_KEYS = {"id", "type", "label", "created", "salt", "kdf", "nonce", "wrapped"}
_KDF_KEYS = {"name", "memory_kib", "passes", "lanes"}
_TIME = "%Y-%m-%dT%H:%M:%SZ"


class KdfCost(NamedTuple):
    """Argon2id parameters: memory in KiB, passes (t), lanes (p)."""

    memory_kib: int
    passes: int
    lanes: int

    def sane(self) -> bool:
        """Whether a header may ask for this: 8 MiB to 4 GiB, and at most about ten seconds of work."""
        return (
            8 * 1024 <= self.memory_kib <= 4 * 1024 * 1024
            and 1 <= self.passes <= 64
            and 1 <= self.lanes <= 16
            and self.memory_kib * self.passes <= 8 * 1024 * 1024
        )


class Slot(NamedTuple):
    """One wrapped copy of the master key. `kdf` is None for a recovery key, which is random already."""

    id: str
    type: str
    label: str
    created: datetime
    salt: bytes
    kdf: KdfCost | None
    nonce: bytes
    wrapped: bytes

    def bound(self, uuid: bytes) -> bytes:
        """What the wrapping authenticates besides the master key: the vault and every other part of the slot."""
        plain = _slot_json(self)
        del plain["wrapped"]
        return uuid + _canonical(plain)


class Header(NamedTuple):
    """A parsed header; `mac` is as it was in the file, checked by `verified`."""

    uuid: bytes
    epoch: int
    created: datetime
    slots: tuple[Slot, ...]
    mac: bytes = b""

    def encode(self, key: bytes) -> bytes:
        """The file's bytes under the header key."""
        signed = self.signed()
        body = signed + hmac.digest(key, signed, "sha256")
        return body + hashlib.sha256(body).digest()

    def verified(self, key: bytes) -> Header:
        """Itself, if it was written under this key. Raises Corrupt."""
        if not hmac.compare_digest(self.mac, hmac.digest(key, self.signed(), "sha256")):
            raise damaged()
        return self

    def following(self, slots: tuple[Slot, ...]) -> Header:
        """The next header: other slots, next epoch."""
        return self._replace(slots=slots, epoch=self.epoch + 1)

    def signed(self) -> bytes:
        """All that the MAC is over."""
        text = _canonical(
            {
                "v": VERSION,
                "uuid": self.uuid.hex(),
                "epoch": self.epoch,
                "cipher": CIPHER,
                "created": self.created.strftime(_TIME),
                "slots": [_slot_json(slot) for slot in self.slots],
            }
        )
        return _MAGIC + bytes([VERSION]) + len(text).to_bytes(4, "big") + text


def read(vault: Path) -> Header:
    """The header of a vault folder, not yet verified. Raises Corrupt, PermissionDenied, Unsupported."""
    return parse(read_bytes(vault))


def read_bytes(vault: Path, name: str = NAME) -> bytes:
    try:
        return files.read_small(vault / name, _MAX_BYTES)
    except FileNotFoundError:
        raise Corrupt(
            f"{name} is missing, and with it the keys of this vault.",
            hint=f"Put {COPY} or a backup's {NAME} in its place.",
        ) from None


def parse(data: bytes) -> Header:
    """A header from a file's bytes. Raises Corrupt for what kvtui does not write, Unsupported for a newer version."""
    if data[: len(_MAGIC)] != _MAGIC or len(data) < _PREFIX + 64:
        raise damaged()
    if not hmac.compare_digest(hashlib.sha256(data[:-32]).digest(), data[-32:]):
        raise damaged()
    if data[len(_MAGIC)] != VERSION:
        raise Unsupported(
            "This vault was made by a newer kvtui.", capability="open", hint="Use that version or a later one."
        )
    text = data[_PREFIX:-64]
    if int.from_bytes(data[_PREFIX - 4 : _PREFIX], "big") != len(text):
        raise damaged()
    try:
        header = _header(json.loads(text.decode("ascii")), mac=data[-64:-32])
        if header.signed() != data[:-64]:  # one header has one form
            raise ValueError
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        raise damaged() from None
    return header


def damaged() -> Corrupt:
    return Corrupt("The vault has a damaged header.", hint=f"Put {COPY} or a backup's {NAME} in the place of {NAME}.")


def _header(plain: Any, mac: bytes) -> Header:
    _expect(isinstance(plain, dict) and set(plain) == _HEADER_KEYS)
    _expect(plain["v"] == VERSION and plain["cipher"] == CIPHER)
    slots = plain["slots"]
    _expect(isinstance(slots, list) and 1 <= len(slots) <= MAX_SLOTS)
    parsed = tuple(_slot(slot) for slot in slots)
    _expect(len({slot.id for slot in parsed}) == len(parsed))
    return Header(
        uuid=_hex(plain["uuid"], 16),
        epoch=_integer(plain["epoch"], 1, 2**62),
        created=_time(plain["created"]),
        slots=parsed,
        mac=mac,
    )


def _slot(plain: Any) -> Slot:
    _expect(isinstance(plain, dict) and set(plain) == _SLOT_KEYS)
    _expect(isinstance(plain["type"], str) and plain["type"] in SLOT_TYPES)
    _expect(isinstance(plain["label"], str) and len(plain["label"]) <= MAX_LABEL)
    _expect((plain["kdf"] is None) == (plain["type"] == "recovery"))
    return Slot(
        id=_hex(plain["id"], 4).hex(),
        type=plain["type"],
        label=plain["label"],
        created=_time(plain["created"]),
        salt=_hex(plain["salt"], 16),
        kdf=None if plain["kdf"] is None else _kdf(plain["kdf"]),
        nonce=_hex(plain["nonce"], 12),
        wrapped=_hex(plain["wrapped"], 48),
    )


def _kdf(plain: Any) -> KdfCost:
    _expect(isinstance(plain, dict) and set(plain) == _KDF_KEYS and plain["name"] == "argon2id")
    cost = KdfCost(
        memory_kib=_integer(plain["memory_kib"], 1, 2**32),
        passes=_integer(plain["passes"], 1, 2**32),
        lanes=_integer(plain["lanes"], 1, 2**32),
    )
    _expect(cost.sane())
    return cost


def _slot_json(slot: Slot) -> dict[str, Any]:
    kdf = slot.kdf and {
        "name": "argon2id",
        "memory_kib": slot.kdf.memory_kib,
        "passes": slot.kdf.passes,
        "lanes": slot.kdf.lanes,
    }
    return {
        "id": slot.id,
        "type": slot.type,
        "label": slot.label,
        "created": slot.created.strftime(_TIME),
        "salt": slot.salt.hex(),
        "kdf": kdf,
        "nonce": slot.nonce.hex(),
        "wrapped": slot.wrapped.hex(),
    }


def _canonical(plain: Mapping[str, Any]) -> bytes:
    return json.dumps(plain, sort_keys=True, separators=(",", ":")).encode("ascii")


def _expect(condition: bool) -> None:
    if not condition:
        raise ValueError


def _integer(value: Any, low: int, high: int) -> int:
    _expect(type(value) is int and low <= value <= high)
    number: int = value
    return number


def _hex(value: Any, size: int) -> bytes:
    _expect(isinstance(value, str) and len(value) == 2 * size)
    return bytes.fromhex(value)


def _time(value: Any) -> datetime:
    _expect(isinstance(value, str))
    found = datetime.fromisoformat(value)  # strptime would load the locale, which every start would feel
    _expect(found.strftime(_TIME) == value)
    return found.replace(tzinfo=UTC)
