"""Key slots: how a passphrase, a key file, both together, or a recovery key wraps the master key.

ikm     = Argon2id(passphrase, salt)                    passphrase
          Argon2id(SHA-256(key file), salt)             keyfile
          Argon2id(passphrase, salt) || SHA-256(file)   passphrase+keyfile
          the 32 bytes themselves                       recovery
kek     = HKDF(ikm, salt, "kvtui/kek/" type)
wrapped = AES-256-GCM(kek, nonce, master key, AAD = uuid || canonical JSON of the slot without `wrapped`)
"""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kvtui.backends.file import files, recovery
from kvtui.backends.file.header import MAX_LABEL, Header, KdfCost, Slot
from kvtui.backends.file.keys import argon2id, hkdf
from kvtui.domain.credential import Credential, KeySlot
from kvtui.domain.errors import AuthenticationRequired, InvalidInput, WrongCredential
from kvtui.domain.value import SecretValue

_MAX_KEY_FILE = 16 * 1024 * 1024
_MIN_NEW_KEY_FILE = 16


class _Secret:
    """What a credential comes to for one type of slot: `stretched` goes through Argon2id, and is empty where nothing
    does; `direct` goes into HKDF as it is."""

    def __init__(self, type_: str, stretched: bytes, direct: bytes) -> None:
        self.type = type_
        self.stretched = stretched
        self.direct = direct


def unlock(header: Header, credential: Credential) -> tuple[Slot, bytes]:
    """The slot a credential opens, and the master key. Raises WrongCredential, AuthenticationRequired for a key file
    that is not there. Which part was wrong is not told."""
    for secret in _secrets(credential):
        for slot in header.slots:
            if slot.type == secret.type:
                try:
                    return slot, AESGCM(_kek(secret, slot, header.uuid)).decrypt(
                        slot.nonce, slot.wrapped, slot.bound(header.uuid)
                    )
                except InvalidTag:
                    continue
    raise WrongCredential(
        "This opens nothing: wrong passphrase, key file or recovery key.",
        hint="Try again; capitals and keyboard layout count.",
    )


def new_slot(master: bytes, uuid: bytes, credential: Credential, label: str, cost: KdfCost) -> Slot:
    """A slot for a passphrase, a key file or both. Raises InvalidInput for an unusable one."""
    return _wrap(master, uuid, _new_secret(credential), label, cost)


def new_recovery_slot(master: bytes, uuid: bytes, label: str) -> tuple[Slot, SecretValue]:
    """A slot for a fresh recovery key, and its text."""
    key = recovery.new()
    slot = _wrap(master, uuid, _Secret("recovery", b"", key), label, None)
    return slot, SecretValue(recovery.to_text(key))


def public(slot: Slot) -> KeySlot:
    return KeySlot(id=slot.id, type=slot.type, label=slot.label, created_at=slot.created)


def _wrap(master: bytes, uuid: bytes, secret: _Secret, label: str, cost: KdfCost | None) -> Slot:
    if len(label) > MAX_LABEL:
        raise InvalidInput(f"A label has at most {MAX_LABEL} characters.", hint="Use a shorter one.")
    slot = Slot(
        id=os.urandom(4).hex(),
        type=secret.type,
        label=label,
        created=datetime.now(UTC).replace(microsecond=0),
        salt=os.urandom(16),
        kdf=cost,
        nonce=os.urandom(12),
        wrapped=b"",
    )
    sealed = AESGCM(_kek(secret, slot, uuid)).encrypt(slot.nonce, master, slot.bound(uuid))
    return slot._replace(wrapped=sealed)


def _kek(secret: _Secret, slot: Slot, uuid: bytes) -> bytes:
    stretched = b"" if slot.kdf is None else argon2id(secret.stretched, slot.salt, uuid, slot.kdf)
    return hkdf(stretched + secret.direct, slot.salt, b"kvtui/kek/" + slot.type.encode("ascii"))


def _secrets(credential: Credential) -> Iterator[_Secret]:
    """Every way to take a credential, the most specific first: a key file of the profile does not hide the others."""
    text = _passphrase(credential)
    key = None if text is None else recovery.from_text(text.decode("utf-8", "replace"))
    if key is not None:
        yield _Secret("recovery", b"", key)
        return
    digest = None if credential.key_file is None else hashlib.sha256(read_key_file(credential.key_file)).digest()
    if text is not None and digest is not None:
        yield _Secret("passphrase+keyfile", text, digest)
    if text is not None:
        yield _Secret("passphrase", text, b"")
    if digest is not None:
        yield _Secret("keyfile", digest, b"")


def _new_secret(credential: Credential) -> _Secret:
    text = _passphrase(credential)
    if text is None and credential.key_file is None:
        raise InvalidInput("Neither a passphrase nor a key file.", hint="Give one of them.")
    if text is not None and not text:
        raise InvalidInput("The passphrase is empty.", hint="Use a few words.")
    if text is not None and recovery.from_text(text.decode("utf-8", "replace")) is not None:
        raise InvalidInput("This passphrase has the form of a recovery key.", hint="Choose another.")
    if credential.key_file is None:
        return _Secret("passphrase", text or b"", b"")
    content = read_key_file(credential.key_file)
    if len(content) < _MIN_NEW_KEY_FILE:
        raise InvalidInput(
            f"A key file needs at least {_MIN_NEW_KEY_FILE} bytes.",
            hint="Make one with: head -c 64 /dev/urandom > FILE",
        )
    digest = hashlib.sha256(content).digest()
    return _Secret("keyfile", digest, b"") if text is None else _Secret("passphrase+keyfile", text, digest)


def _passphrase(credential: Credential) -> bytes | None:
    """In Unicode form C as UTF-8, so that one passphrase is one however it was typed; other bytes as they are."""
    if credential.passphrase is None:
        return None
    plain = credential.passphrase.reveal()
    if isinstance(plain, bytes):
        return plain
    if not isinstance(plain, str):
        raise InvalidInput("A passphrase is text.", hint="Type it again.")
    return unicodedata.normalize("NFC", plain).encode("utf-8", "surrogatepass")


def read_key_file(path: Path) -> bytes:
    """Raises AuthenticationRequired when it is missing, InvalidInput for what is no key file, PermissionDenied."""
    try:
        content = files.read_regular(path, _MAX_KEY_FILE + 1, follow=True)
    except FileNotFoundError:
        raise AuthenticationRequired(
            f"The key file {files.shown(path)} is not there.", hint="Check its path, or plug in its disk."
        ) from None
    except OSError as error:
        raise files.fault(error, path) from None
    if content is None:
        raise InvalidInput(f"The key file {files.shown(path)} is not a regular file.", hint="Name a file.")
    if not 0 < len(content) <= _MAX_KEY_FILE:
        raise InvalidInput(f"The key file {files.shown(path)} is empty or larger than 16 MiB.", hint="Use another.")
    return content
