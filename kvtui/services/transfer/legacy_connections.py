"""The legacy-connections format: what workers kept before paths, as their deprecated API gives it. It is only read.

    {"connections": [{"id": "conn_infra",
        "auth": {"secrets": {"OPENAI_API_KEY": {"value": "…", "type": "api_key", "description": "…"}}},
        "secrets": [{"name": "OPENAI_API_KEY", "has_value": true}]}]}

or one of them as `{"connection": {…}}`. `secrets` may be left out: it names those without a value, which the API does
not have in `auth`. conn_infra/OPENAI_API_KEY becomes infra/openai_api_key. Where two become the same, neither is taken:
nobody can tell which is meant.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from kvtui.domain import path as paths
from kvtui.domain.errors import InvalidInput
from kvtui.domain.json_text import Json
from kvtui.domain.metadata import MetadataPatch, SecretType
from kvtui.domain.value import SecretValue
from kvtui.services.transfer.model import Item
from kvtui.services.transfer.tree import ONLY_FIELD

_PREFIX = "conn_"
_TYPES = {each.value: each for each in SecretType}
_REFUSED = "Its secrets may not be read with this sign-in, so they are not in here."
_NO_VALUES = "This is a list without values: take what GET /vault/connections/ID answers."
_EMPTY = "It has no value there, so there is nothing to import."


def read(document: Mapping[str, Json], *, into: str = "") -> Iterator[Item]:
    """In the order of the document. Raises InvalidInput."""
    items = [item for connection in _connections(document) for item in _secrets(connection, into)]
    sources: dict[str, list[str]] = defaultdict(list)
    for source, item in items:
        sources[item.path].append(source)
    for _, item in items:
        same = sources[item.path]
        if len(same) == 1:
            yield item
        else:
            yield Item(item.path, {}, trouble=f"{paths.display(' and '.join(same))} would all become this.")


def _connections(document: Mapping[str, Json]) -> list[dict[str, Json]]:
    one, many = document.get("connection"), document.get("connections")
    found = [one] if many is None else many
    rows = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
    if not isinstance(found, list) or len(rows) != len(found):
        raise InvalidInput(
            "This is not what the old connections of a worker look like.", hint='Write {"connections": […]}.'
        )
    return rows


def _secrets(connection: dict[str, Json], into: str) -> Iterator[tuple[str, Item]]:
    """Each with how it was called before."""
    name = connection.get("id")
    if not isinstance(name, str) or not name:
        raise InvalidInput("A connection has no id.", hint="Take what the worker answers, as it is.")
    folder = paths.join(into, name.removeprefix(_PREFIX))
    auth = connection.get("auth")
    values = auth.get("secrets") if isinstance(auth, dict) else None
    if not isinstance(values, dict):
        yield name, Item(folder, {}, trouble=_REFUSED if "auth" in connection else _NO_VALUES)
        return
    listed = connection.get("secrets")
    named = [each.get("name") for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    for secret in dict.fromkeys([*values, *(each for each in named if isinstance(each, str))]):
        path = paths.join(folder, secret.lower())
        yield f"{name}/{secret}", _item(path, values.get(secret))


def _item(path: str, held: Json) -> Item:
    about = held if isinstance(held, dict) else {"value": held}
    value, kind, description = (about.get(name) for name in ("value", "type", "description"))
    if value is None or value == "":
        return Item(path, {}, trouble=_EMPTY)
    patch = MetadataPatch()
    if isinstance(kind, str) and kind in _TYPES:
        patch = patch._replace(type=_TYPES[kind])
    if isinstance(description, str) and description:
        patch = patch._replace(description=description)
    return Item(path, {ONLY_FIELD: SecretValue(value)}, patch)
