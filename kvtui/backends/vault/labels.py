"""Our metadata in KV v2's custom_metadata, readable for every other tool: plain keys, plain texts.

`type`, `description`, `tags` (joined by commas, a comma or backslash in a tag after a backslash), `owner`, `rotation`
(`90d`), `created_by`; every other key is a custom pair, as is what does not read as ours, such as a type nobody knows.
A change touches the keys it is about: what other tools wrote stays as they wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from kvtui.domain.errors import InvalidInput
from kvtui.domain.metadata import (
    UNSET,
    Metadata,
    MetadataPatch,
    SecretType,
    check_tags,
    format_duration,
    parse_duration,
)

_TAG = re.compile(r"((?:[^\\,]|\\.)*)(?:,|$)", re.DOTALL)
_MAX_PAIRS, _MAX_KEY, _MAX_VALUE = 64, 128, 512
OURS = frozenset({"type", "description", "tags", "owner", "rotation", "created_by"})


def texts(labels: object) -> Mapping[str, str]:
    """custom_metadata as the server gives it: null for none."""
    pairs = labels.items() if isinstance(labels, dict) else ()
    return MappingProxyType({key: value for key, value in pairs if isinstance(value, str)})


def patched(labels: Mapping[str, str], patch: MetadataPatch) -> dict[str, str]:
    """custom_metadata after a change. Raises InvalidInput for what the server would refuse, in our words."""
    changed = dict(labels)
    for key, text in ({} if patch.custom is UNSET else patch.custom).items():
        _put_custom(changed, key, text)
    for key, text in _ours(patch).items():
        if key in changed and not _is_ours(key, changed[key]):
            if text is None:
                continue  # there is none of ours
            raise InvalidInput(f"A custom pair is called {key}, by another tool.", hint="Remove that pair first.")
        if text is None:
            changed.pop(key, None)
        else:
            changed[key] = text
    _check(changed)
    return changed


def _ours(patch: MetadataPatch) -> dict[str, str | None]:
    """What a change makes of the keys that have a meaning here; None drops one."""
    found: dict[str, str | None] = {}
    if patch.type is not UNSET:
        found["type"] = None if patch.type is SecretType.SECRET else patch.type.value
    if patch.description is not UNSET:
        found["description"] = patch.description or None
    if patch.tags is not UNSET:
        escaped = (re.sub(r"[\\,]", r"\\\g<0>", tag) for tag in check_tags(patch.tags))
        found["tags"] = ",".join(escaped) or None
    if patch.owner is not UNSET:
        found["owner"] = patch.owner
    if patch.rotation is not UNSET:
        found["rotation"] = None if patch.rotation is None else format_duration(patch.rotation)
    return found


def _put_custom(labels: dict[str, str], key: str, text: str | None) -> None:
    if _is_ours(key, labels.get(key, "")) or (text is not None and _is_ours(key, text)):
        raise InvalidInput(f"A custom pair may not be called {key} here.", hint="That name has a meaning.")
    if text is None:
        labels.pop(key, None)
    else:
        labels[key] = text


def _is_ours(key: str, text: str) -> bool:
    """Whether a pair reads as ours: not a type nobody knows, not a rotation that is no interval."""
    return key in OURS and key not in from_labels({key: text}).custom


def from_labels(labels: Mapping[str, str], **times: Any) -> Metadata:
    """The reverse; `times` are created_at, updated_at."""
    left = dict(labels)
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
        raise InvalidInput(
            f"This server takes at most {_MAX_PAIRS} pairs of metadata, and these would be {len(labels)}.",
            hint="Drop some.",
        )
