"""A store on a double of the service, and what a test looks at there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kvtui.backends.crud.api import CrudApi
from kvtui.backends.crud.backend import CrudBackend
from kvtui.backends.crud.places import Places
from kvtui.backends.http import address
from kvtui.backends.http.client import HttpClient
from kvtui.domain.canonical_uri import CanonicalUri
from kvtui.domain.codec import to_json
from kvtui.domain.secret import Skipped
from kvtui.domain.value import Fields, SecretValue
from tests.doubles.crud import CrudDouble

TOKEN = "tok-3f7a91c2"
ROOTS = ("openbao+kv2://secret", "yaml://secret")
APP = "openbao+kv2/secret/app"
APP_URI = "openbao+kv2://secret/app"
ENV = "yaml/secret/env"
ENV_URI = "yaml://secret/env"


def store(
    double: CrudDouble,
    *,
    roots: tuple[str, ...] = ROOTS,
    root: str | None = None,
    token: str | None = None,
    timeout: float = 15.0,
    attempts: int = 3,
) -> CrudBackend:
    client = HttpClient(address.parse(double.url), timeout=timeout, attempts=attempts)
    places = Places([CanonicalUri.parse(text) for text in roots], CanonicalUri.parse(root) if root else None)
    return CrudBackend(CrudApi(client, token=None if token is None else SecretValue(token)), places)


def fields(**values: Any) -> Fields:
    return {name: SecretValue(value) for name, value in values.items()}


def plain(found: Fields) -> Mapping[str, Any]:
    return {name: to_json(value) for name, value in found.items()}


class Told(list[Skipped]):
    """What was left out."""

    @property
    def skip(self) -> Callable[[Skipped], None]:
        return self.append
