"""Changes kept over a lock: sealed under a key of the store, so that only an unlocked session can read them again.

Sealed = nonce (12) || AES-256-GCM(key, nonce, canonical JSON of the changes); in memory only, never on disk.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from kvtui.domain import json_text
from kvtui.domain.codec import decode_fields, encode_fields
from kvtui.domain.json_text import Json
from kvtui.domain.metadata import UNSET, MetadataPatch, SecretType
from kvtui.domain.retention import Retention
from kvtui.services.changes import Basis, Change, Op

PURPOSE = "pending changes"
"""What the key is derived for, see Backend.derive_key."""


def seal(changes: Sequence[Change], key: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - not needed before the first frame

    nonce = os.urandom(12)
    return nonce + AESGCM(key).encrypt(nonce, json_text.dump([_plain(change) for change in changes]).encode(), None)


def unseal(sealed: bytes, key: bytes) -> list[Change]:
    """What was sealed with this key. Raises cryptography's InvalidTag for any other."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    rows: Any = json_text.parse(AESGCM(key).decrypt(sealed[:12], sealed[12:], None).decode())
    return [_change(row) for row in rows]


def _plain(change: Change) -> Json:
    return {
        "op": change.op.value,
        "path": change.path,
        "fields": None if change.fields is None else base64.b64encode(encode_fields(change.fields)).decode(),
        "metadata": _plain_patch(change.metadata),
        "to": change.to,
        "versions": list(change.versions),
        "base_version": change.base_version,
        "retention": _plain_retention(change.retention),
        "basis": None if change.basis.digest is None else change.basis.digest.hex(),
        "numbered": change.basis.numbered,
    }


def _change(row: dict[str, Any]) -> Change:
    fields = row["fields"]
    return Change(
        Op(row["op"]),
        row["path"],
        fields=None if fields is None else decode_fields(base64.b64decode(fields)),
        metadata=_patch(row["metadata"]),
        to=row["to"],
        versions=tuple(row["versions"]),
        base_version=row["base_version"],
        retention=_retention(row["retention"]),
        basis=Basis(None if row["basis"] is None else bytes.fromhex(row["basis"]), numbered=row["numbered"]),
    )


def _plain_retention(retention: Retention | None) -> Json:
    if retention is None:
        return None
    seconds = None if retention.delete_after is None else retention.delete_after.total_seconds()
    return [retention.max_versions, retention.cas_required, seconds]


def _retention(plain: list[Any] | None) -> Retention | None:
    if plain is None:
        return None
    most, required, seconds = plain
    return Retention(most, required, None if seconds is None else timedelta(seconds=seconds))


def _plain_patch(patch: MetadataPatch) -> dict[str, Json]:
    """Only what is set."""
    plain: dict[str, Json] = {}
    for name, value in patch._asdict().items():
        if value is UNSET:
            continue
        if isinstance(value, timedelta):
            plain[name] = value.total_seconds()
        elif isinstance(value, tuple):
            plain[name] = list(value)
        else:
            plain[name] = dict(value) if name == "custom" else value
    return plain


def _patch(plain: dict[str, Any]) -> MetadataPatch:
    values = dict(plain)
    if "type" in values:
        values["type"] = SecretType(values["type"])
    if "tags" in values:
        values["tags"] = tuple(values["tags"])
    if values.get("rotation") is not None:
        values["rotation"] = timedelta(seconds=values["rotation"])
    return MetadataPatch(**values)
