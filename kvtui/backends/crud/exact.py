"""What comes back from the service as it was sent, told before it is sent."""

from __future__ import annotations

from kvtui.backends.vault.engine import to_map
from kvtui.domain import json_text
from kvtui.domain.errors import InvalidInput
from kvtui.domain.json_text import Json
from kvtui.domain.value import Fields


def checked(fields: Fields, path: str) -> dict[str, Json]:
    """The fields as JSON. Raises InvalidInput for what is none, for text that is no UTF-8, and for a number that the
    service, a Python program, would write otherwise or not at all."""
    data = to_map(fields, path)
    for name, value in data.items():
        if not _is_exact(value):
            raise InvalidInput(
                f"The service would change a number in the field {name!a}.",
                hint="Store it as text, in quotes.",
                path=path,
            )
    return data


def _is_exact(value: Json) -> bool:
    match value:
        case dict():
            return all(map(_is_exact, value.values()))
        case list():
            return all(map(_is_exact, value))
    return not isinstance(value, json_text.Number)
