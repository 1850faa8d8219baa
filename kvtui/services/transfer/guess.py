"""The type of a secret that came without one, where its name or content leaves no doubt."""

from __future__ import annotations

import re

from kvtui.domain import path as paths
from kvtui.domain.metadata import SecretType
from kvtui.domain.value import Fields, SecretValue, ValueType
from kvtui.services.transfer.tree import ONLY_FIELD

_NAME = re.compile(r"(?:^|_)(?:(password|passwd|passphrase)|(api_?key)|(token))$")
_OF_NAME = (SecretType.SECRET, SecretType.PASSWORD, SecretType.API_KEY, SecretType.TOKEN)
"""By the group that was found."""
_HEADS = (
    ("-----BEGIN CERTIFICATE-----", SecretType.CERTIFICATE),
    ("-----BEGIN OPENSSH PRIVATE KEY-----", SecretType.SSH_KEY),
    ("otpauth://", SecretType.TOTP),
)
_ANY_HEAD = tuple(head for head, _ in _HEADS)
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
        if (found := _NAME.search(plain)) and found.lastindex:
            return _OF_NAME[found.lastindex]
    return SecretType.SECRET


def _by_content(value: SecretValue) -> SecretType | None:
    if value.type is not ValueType.TEXT:
        return None
    text: str = value.reveal()
    if not text.startswith(_ANY_HEAD):
        return None
    return next((guessed for head, guessed in _HEADS if text.startswith(head)), None)
