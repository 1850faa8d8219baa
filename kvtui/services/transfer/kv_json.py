"""The kv-json format: `{"path": {"field": value}}`, and what `vault kv get -format=json` prints.

The flat form holds every secret but one with a field that is itself a map with the single key `base64`: that is bytes.
"""

from __future__ import annotations

from collections.abc import Iterator

from kvtui.domain import path as paths
from kvtui.domain.codec import from_json
from kvtui.domain.errors import InvalidInput
from kvtui.domain.json_text import Json
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.value import Fields, ValueType
from kvtui.services.transfer.json_tree import is_bytes
from kvtui.services.transfer.model import Item


def read(document: dict[str, Json], *, into: str = "", as_path: str | None = None) -> Iterator[Item]:
    """The secrets of either form. Raises InvalidInput."""
    if is_kv_get(document):
        if as_path is None:
            raise InvalidInput("The output of vault kv get does not say its path.", hint="Give --as PATH.")
        yield _kv_get(document, as_path)
        return
    if as_path is not None:
        raise InvalidInput("The file names its own paths.", hint="Use --into PATH, or leave --as out.")
    for path, fields in document.items():
        yield item(path, fields, into)


def item(path: str, fields: Json, into: str = "") -> Item:
    """One secret of the flat form. Raises InvalidInput."""
    if not isinstance(fields, dict):
        raise InvalidInput(
            "Under a path there must be a map of fields.", hint='Write {"path": {"field": value}}.', path=path
        )
    return Item(paths.join(into, path), {name: from_json(value) for name, value in fields.items()})


def is_kv_get(document: dict[str, Json]) -> bool:
    """Whether this is an answer of Vault or OpenBao as their command line prints it.

    Both always print `request_id` and `lease_id` as text beside `data`, which a map of paths cannot have.
    """
    return "data" in document and isinstance(document.get("request_id"), str) and "lease_id" in document


def _kv_get(document: dict[str, Json], path: str) -> Item:
    data = document["data"]
    if not isinstance(data, dict):
        raise InvalidInput("The output of vault kv get holds no data.", hint="Read a version that exists.")
    metadata = data.get("metadata")
    if set(data) != {"data", "metadata"} or not isinstance(metadata, dict) or "version" not in metadata:  # KV 1
        return Item(path, {name: from_json(value) for name, value in data.items()})
    fields, custom = data["data"], metadata.get("custom_metadata")
    if not isinstance(fields, dict):
        raise InvalidInput("This version is deleted: its output holds no values.", hint="Read a live version.")
    patch = MetadataPatch()
    if isinstance(custom, dict) and custom:
        patch = MetadataPatch(custom={name: str(value) for name, value in custom.items()})
    return Item(path, {name: from_json(value) for name, value in fields.items()}, patch)


def refuses(_path: str, fields: Fields) -> str | None:
    """Why a secret cannot be written, None if it can."""
    mistaken = next((name for name, v in fields.items() if v.type is ValueType.MAP and is_bytes(v.reveal())), None)
    if mistaken is None:
        return None
    return f"Its field {paths.display(mistaken)} is a map that stands for bytes. Use --all-versions."
