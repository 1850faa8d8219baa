"""Changing fields of a KV 2 secret without reading the others: PATCH, a merge patch (RFC 7396) the server applies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from kvtui.backends.http.answer import Unanswered
from kvtui.backends.http.settle import settle
from kvtui.backends.not_found import missing
from kvtui.backends.vault import numbers
from kvtui.backends.vault.answers import written
from kvtui.backends.vault.api import VaultApi
from kvtui.backends.vault.engine import Place, to_map
from kvtui.domain.capability import Capability
from kvtui.domain.errors import NotFound, PermissionDenied, Unsupported
from kvtui.domain.json_text import Json
from kvtui.domain.secret import Outline, Secret, Version
from kvtui.domain.value import Fields, ValueType, like_fields


def check(fields: Fields, path: str) -> None:
    """Raise Unsupported for what a merge patch cannot say: null removes a field, and a map is merged into the old one.
    InvalidInput for what the server would change."""
    if any(value.type in {ValueType.NULL, ValueType.MAP} for value in fields.values()):
        raise Unsupported(
            "A null or a map cannot be written without the other fields.", capability=Capability.PATCH.value, path=path
        )
    numbers.check_exact(fields, path)
    to_map(fields, path)


def send(api: VaultApi, where: str, at: Place, fields: Fields, expected: int | None) -> Version:
    """One request, answered with the new version. Raises CasMismatchError, NotFound where nothing live is,
    Unanswered."""
    body: dict[str, Json] = {"data": to_map(fields, at.path)}
    if expected is not None:
        body["options"] = {"cas": expected}
    try:
        return written(api.change("PATCH", where, body, about=at.path))
    except NotFound:
        raise missing(at.path) from None


def settled(
    error: Unanswered,
    at: Place,
    fields: Fields,
    expected: int | None,
    *,
    outline: Callable[[], Outline],
    read: Callable[[int], Secret],
) -> Version:
    """The version an unanswered patch has made. Raises Unavailable where it made none, else `error`."""

    def look() -> Version | Literal[False] | None:
        current = outline().current
        if expected is None or current == expected:
            return False if current == expected else None
        try:
            made = read(expected + 1)
        except PermissionDenied:
            return None
        found: Mapping[str, object] = made.fields
        if not set(fields) <= set(found):
            return None
        return made.version if like_fields({name: made.fields[name] for name in fields}, fields) else None

    return settle(error, look, at.path)
