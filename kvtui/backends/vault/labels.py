"""Our metadata in KV v2's custom_metadata, readable for every other tool: plain keys, plain texts.

`type`, `description`, `tags` (joined by commas, a comma or backslash in a tag after a backslash), `owner`, `rotation`
(`90d`), `created_by`; every other key is a custom pair, as is what does not read as ours, such as a type nobody knows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from kvtui.domain.errors import InvalidInput
from kvtui.domain.metadata import Metadata, SecretType, check_tags, format_duration, parse_duration

_TAG = re.compile(r"((?:[^\\,]|\\.)*)(?:,|$)", re.DOTALL)
_MAX_PAIRS, _MAX_KEY, _MAX_VALUE = 64, 128, 512
OURS = frozenset({"type", "description", "tags", "owner", "rotation", "created_by"})


def to_labels(metadata: Metadata) -> dict[str, str]:
    """custom_metadata for this. Raises InvalidInput for what the server would refuse, in our words."""
    labels = dict(metadata.custom)
    if clash := OURS.intersection(labels):
        raise InvalidInput(f"A custom pair may not be called {min(clash)} here.", hint="That name has a meaning.")
    if metadata.type is not SecretType.SECRET:
        labels["type"] = metadata.type.value
    if metadata.description:
        labels["description"] = metadata.description
    if metadata.tags:
        labels["tags"] = ",".join(re.sub(r"[\\,]", r"\\\g<0>", tag) for tag in check_tags(metadata.tags))
    if metadata.owner is not None:
        labels["owner"] = metadata.owner
    if metadata.created_by is not None:
        labels["created_by"] = metadata.created_by
    if metadata.rotation is not None:
        labels["rotation"] = format_duration(metadata.rotation)
    _check(labels)
    return labels


def from_labels(labels: object, **times: Any) -> Metadata:
    """The reverse; `times` are created_at, updated_at."""
    left = {key: value for key, value in labels.items() if isinstance(value, str)} if isinstance(labels, dict) else {}
    found: dict[str, Any] = {}
    try:
        found["type"] = SecretType(left["type"])
        del left["type"]
    except (KeyError, ValueError):
        pass
    try:
        found["rotation"] = parse_duration(left["rotation"])
        del left["rotation"]
    except (KeyError, InvalidInput):
        pass
    for name in ("description", "owner", "created_by"):
        if name in left:
            found[name] = left.pop(name)
    if "tags" in left:
        found["tags"] = _tags(left.pop("tags"))
    return Metadata(**found, **times, custom=MappingProxyType(left))


def _tags(text: str) -> tuple[str, ...]:
    parts = [re.sub(r"\\(.)", r"\1", match[1], flags=re.DOTALL) for match in _TAG.finditer(text)]
    return tuple(dict.fromkeys(part for part in parts if part.strip()))


def _check(labels: Mapping[str, str]) -> None:
    for key, value in labels.items():
        printable = (key + value).isprintable()  # which half a character is not
        if not printable or not (1 <= len(key.encode()) <= _MAX_KEY and 1 <= len(value.encode()) <= _MAX_VALUE):
            raise InvalidInput(
                "This server takes printable text as metadata, 1 to 128 bytes a key and 1 to 512 a value.",
                hint="Shorten it, or leave line breaks out.",
            )
    if len(labels) > _MAX_PAIRS:
        raise InvalidInput(f"This server takes at most {_MAX_PAIRS} pairs of metadata.", hint="Drop some.")
