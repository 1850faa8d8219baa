"""Connections to doubles of Vault, and what the doubles hold, in a form that two moments can be compared by."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kvtui.backends.http import address
from kvtui.backends.http.client import HttpClient
from kvtui.backends.vault.api import VaultApi, is_final
from kvtui.backends.vault.backend import VaultBackend
from kvtui.backends.vault.mounts import Mounts
from kvtui.domain.value import Fields, SecretValue
from tests.doubles.server import Fault, Reply, Seen
from tests.doubles.vault import VaultDouble

TOKEN = "hvs.SENTINEL-token-7f3a"
VALUE = "SENTINEL-value-91c2"
MOUNTS = {"kv": 2, "old": 1}


def fields(text: str = VALUE) -> Fields:
    return {"field": SecretValue(text)}


def api(double: VaultDouble, token: str | None = None, *, timeout: float = 5.0, connections: int = 20) -> VaultApi:
    client = HttpClient(address.parse(double.url), timeout=timeout, connections=connections, is_final=is_final)
    return VaultApi(client, token=SecretValue(token or double.root_token))


@contextmanager
def opened(
    double: VaultDouble, token: str | None = None, *, root: str = "", timeout: float = 5.0, width: int = 10
) -> Iterator[VaultBackend]:
    with (
        api(double, token, timeout=timeout) as made,
        VaultBackend(made, Mounts(made), location="double", root=root, width=width) as backend,
    ):
        yield backend


def answering(status: int, body: Any = None, *, times: int = 1, **headers: str) -> Fault:
    """A fault that is this answer, to any request."""
    content = body if isinstance(body, bytes) else json.dumps({"errors": []} if body is None else body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault("reply", times=times, reply=Reply(status, content, named))


def changes(request: Seen) -> bool:
    return request.method in {"POST", "PUT", "PATCH", "DELETE"} and not request.path.startswith("/v1/sys/")


def held(double: VaultDouble, mount: str, key: str) -> Any:
    """What the double has at a key, without times; None for nothing."""
    found = double.secrets_of(mount).get(key)
    if MOUNTS[mount] == 1 or found is None:
        return None if found is None else json.dumps(found, default=str, sort_keys=True)
    states = [
        (number, str(one.data), one.deletion is not None, one.destroyed) for number, one in found.versions.items()
    ]
    return found.current, states, found.custom, found.settings.max_versions
