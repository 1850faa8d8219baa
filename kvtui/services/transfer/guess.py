"""The type of a secret that came without one, where its name or content leaves no doubt."""

from __future__ import annotations

import re

from kvtui.domain import path as paths
from kvtui.domain.metadata import SecretType
from kvtui.domain.value import Fields, SecretValue, ValueType
from kvtui.services.transfer.tree import ONLY_FIELD

_NAMES = (
    (re.compile(r"(?:^|_)(?:password|passwd|passphrase)$"), SecretType.PASSWORD),
    (re.compile(r"(?:^|_)api_?key$"), SecretType.API_KEY),
    (re.compile(r"(?:^|_)token$"), SecretType.TOKEN),
)
_HEADS = (
    ("-----BEGIN CERTIFICATE-----", SecretType.CERTIFICATE),
    ("-----BEGIN OPENSSH PRIVATE KEY-----", SecretType.SSH_KEY),
    ("otpauth://", SecretType.TOTP),
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def guess_type(path: str, fields: Fields) -> SecretType:
    """By content for any field, by name only for a secret with one field; else plain `secret`."""
    for value in fields.values():
        if guessed := _by_content(value):
            return guessed
    if len(fields) == 1:
        field = next(iter(fields))
        name = paths.name(path) if field == ONLY_FIELD else field
        plain = _CAMEL.sub("_", name).lower().replace("-", "_").replace(".", "_")
        for pattern, guessed in _NAMES:
            if pattern.search(plain):
                return guessed
    return SecretType.SECRET


def _by_content(value: SecretValue) -> SecretType | None:
    if value.type is not ValueType.TEXT:
        return None
    text: str = value.reveal()
    return next((guessed for head, guessed in _HEADS if text.startswith(head)), None)
