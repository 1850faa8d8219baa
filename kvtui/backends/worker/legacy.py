"""The connections of before paths, read only: one document, as `import --format legacy-connections` takes it.

    {"connections": [
        {"id", …, "auth": {"secrets": {NAME: {"value", "type", "description"}}}, "secrets": [{"name", …}]}]}

Each is as its own GET gives it, with the list of its secrets beside it: the former leaves out those without a value.
One that may not be read has `"auth": null`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kvtui.backends.http.answer import Unreadable
from kvtui.backends.worker.api import WorkerApi
from kvtui.domain import json_text
from kvtui.domain.errors import NotFound, PermissionDenied
from kvtui.domain.json_text import Json
from kvtui.domain.value import SecretValue


def read(api: WorkerApi) -> tuple[SecretValue, str]:
    """The document, and the day the connections were to end ("" where the worker does not say). One request for the
    list, two for each connection. Raises as those do."""
    told = api.old()
    listed = told.get("connections")
    if not isinstance(listed, list):
        raise _odd()
    found: list[Json] = [row for each in listed if (row := _one(api, each)) is not None]
    return SecretValue(json_text.dump({"connections": found})), told["sunset"]


def _one(api: WorkerApi, listed: object) -> Json:
    """None for one that went away meanwhile."""
    name = listed.get("id") if isinstance(listed, dict) else None
    if not isinstance(name, str) or name in {"", ".", ".."}:
        raise _odd()
    try:
        whole = _member(api.old(name), "connection", dict)
        secrets = _member(api.old(name, "secrets"), "secrets", list)
    except NotFound:
        return None
    except PermissionDenied:
        return {"id": name, "auth": None}
    return {**whole, "secrets": secrets}


def _member(told: Mapping[str, Any], name: str, shape: type) -> Any:
    found = told.get(name)
    if not isinstance(found, shape):
        raise _odd()
    return found


def _odd() -> Unreadable:
    return Unreadable("The worker's old connections are not listed as expected.", hint="Check the address.")
