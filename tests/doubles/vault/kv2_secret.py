"""What KV v2 keeps of a secret, and how its settings and custom metadata are read from a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.doubles.vault.call import Call
from tests.doubles.vault.wire import (
    Failed,
    Json,
    Number,
    clock_time,
    dumps,
    go_duration,
    go_quote,
    integer,
    mapping,
    one_error,
    seconds_of,
    several,
    truth,
)

FAULT = "custom_metadata validation failed"


@dataclass
class Version:
    """`data` None was written as null, or is destroyed."""

    data: dict[str, Json] | None
    created: int
    deletion: int | None = None
    destroyed: bool = False

    def shown(self) -> dict[str, Json]:
        times = {"created_time": clock_time(self.created), "deletion_time": clock_time(self.deletion)}
        return {**times, "destroyed": self.destroyed}


@dataclass
class Settings:
    """Of a mount and of a secret. `delete_after` in seconds; -1 on a mount switches all such deletion off."""

    max_versions: int = 0
    cas_required: bool = False
    metadata_cas_required: bool = False
    delete_after: int = 0

    def shown(self, openbao: bool) -> dict[str, Json]:
        known = {
            "max_versions": self.max_versions,
            "cas_required": self.cas_required,
            "delete_version_after": go_duration(self.delete_after),
        }
        return known | ({"metadata_cas_required": self.metadata_cas_required} if openbao else {})


@dataclass
class Secret:
    created: int
    updated: int
    settings: Settings = field(default_factory=Settings)
    versions: dict[int, Version] = field(default_factory=dict)
    current: int = 0
    oldest: int = 0
    metadata_version: int = 0
    custom: dict[str, str] | None = None

    def shown(self, openbao: bool) -> dict[str, Json]:
        return {
            "versions": {str(number): version.shown() for number, version in self.versions.items()},
            "current_version": self.current,
            "oldest_version": self.oldest,
            "created_time": clock_time(self.created),
            "updated_time": clock_time(self.updated),
            "custom_metadata": self.custom,
            **self.settings.shown(openbao),
            **({"current_metadata_version": self.metadata_version} if openbao else {}),
        }


def changes_of(call: Call) -> dict[str, Json]:
    known: dict[str, Callable[[str, Json], Any]] = {
        "max_versions": integer,
        "cas_required": truth,
        "delete_version_after": _duration,
        "custom_metadata": mapping,
    }
    if call.openbao:
        known["metadata_cas_required"] = truth
    return {name: read(name, call.data[name]) for name, read in known.items() if name in call.data}


def _duration(name: str, value: Json) -> int:
    try:
        return seconds_of(value)
    except ValueError:
        text = f'error converting input for field "{name}": time: invalid duration {dumps(value)}'
        raise Failed(400, text) from None


def refuse_negative(changes: dict[str, Json]) -> None:
    seconds = changes.get("delete_version_after", 0)
    if seconds < 0:
        text = f"cannot provide negative value '{seconds}'"
        raise Failed(400, f'error converting input for field "delete_version_after": {text}')


def apply(settings: Settings, changes: dict[str, Json]) -> None:
    settings.max_versions = changes.get("max_versions", settings.max_versions)
    settings.cas_required = changes.get("cas_required", settings.cas_required)
    settings.metadata_cas_required = changes.get("metadata_cas_required", settings.metadata_cas_required)
    settings.delete_after = max(-1, changes.get("delete_version_after", settings.delete_after))


def merged(old: Json, patch: Json) -> Json:
    """RFC 7386, but null is dropped from new objects in lists too."""
    if isinstance(patch, list):
        return [merged({}, item) if isinstance(item, dict) else item for item in patch]
    if not isinstance(patch, dict):
        return patch
    result = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def parsed(custom: dict[str, Json]) -> dict[str, str]:
    """Custom metadata as strings. Raises Failed(400) with all that is wrong with it."""
    if len(custom) > 64:
        raise Failed(400, one_error(f"{FAULT}: payload must contain at most 64 keys, provided {len(custom)}"))
    texts: dict[str, str] = {}
    for key, value in custom.items():
        if isinstance(value, dict | list):
            kind = "map[string]interface {}" if isinstance(value, dict) else "[]interface {}"
            raise Failed(400, f"{FAULT}: '' expected type 'string', got unconvertible type '{kind}'")
        text = value.literal if isinstance(value, Number) else str(int(value)) if isinstance(value, bool) else value
        texts[key] = text or ""
    faults: list[str] = []
    for key, text in texts.items():
        size = len(key.encode())
        if not 0 < size <= 128:
            faults.append(f"{FAULT}: length of key {go_quote(key)} is {size} but must be 0 < len(key) <= 128")
        size = len(text.encode())
        if not 0 < size <= 512:
            told = f"{FAULT}: length of value for key {go_quote(key)} is {size} but must be 0 < len(value) <= 512"
            faults.append(told)
        if not key.isprintable():
            faults.append(f"{FAULT}: key {go_quote(key)} ({key}) contains unprintable characters")
        if not text.isprintable():
            faults.append(f"{FAULT}: value for key {go_quote(key)} contains unprintable characters")
    if faults:
        raise Failed(400, several(faults))
    return texts
