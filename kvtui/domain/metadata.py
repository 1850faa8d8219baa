"""What is known about a secret besides its values; safe to list and to search."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias

from kvtui.domain.errors import InvalidInput


class SecretType(StrEnum):
    SECRET = "secret"  # noqa: S105
    API_KEY = "api_key"
    TOKEN = "token"  # noqa: S105
    CERTIFICATE = "certificate"
    PASSWORD = "password"  # noqa: S105
    SSH_KEY = "ssh_key"
    TOTP = "totp"
    NOTE = "note"

    @classmethod
    def parse(cls, text: str) -> SecretType:
        try:
            return cls(text)
        except ValueError:
            raise InvalidInput("Unknown type.", hint=f"Use one of: {', '.join(cls)}.") from None


class MetadataField(StrEnum):
    """What of the metadata people write; named as in Metadata and MetadataPatch."""

    TYPE = "type"
    DESCRIPTION = "description"
    TAGS = "tags"
    OWNER = "owner"
    ROTATION = "rotation"
    CUSTOM = "custom"


ALL_FIELDS = frozenset(MetadataField)

_EMPTY: Mapping[str, str] = MappingProxyType({})


class Metadata(NamedTuple):
    """Times are aware UTC. `rotation` is the interval after which the secret is due, None for never."""

    type: SecretType = SecretType.SECRET
    description: str = ""
    tags: tuple[str, ...] = ()
    owner: str | None = None
    created_by: str | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    rotation: timedelta | None = None
    custom: Mapping[str, str] = _EMPTY


class Unset(Enum):
    """Marks what a patch leaves alone."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET
_Unset: TypeAlias = Literal[Unset.UNSET]


class MetadataPatch(NamedTuple):
    """A change of metadata: what is UNSET stays. `custom` maps a key to its new value, or to None to drop it."""

    type: SecretType | _Unset = UNSET
    description: str | _Unset = UNSET
    tags: tuple[str, ...] | _Unset = UNSET
    owner: str | _Unset | None = UNSET
    rotation: timedelta | _Unset | None = UNSET
    custom: Mapping[str, str | None] | _Unset = UNSET

    def __bool__(self) -> bool:
        return self.count(UNSET) < len(self)  # asked for every write of a bulk

    @property
    def fields(self) -> frozenset[MetadataField]:
        """What it changes."""
        return frozenset(field for field in MetadataField if getattr(self, field) is not UNSET)

    def only(self, fields: Collection[MetadataField]) -> MetadataPatch:
        """The part of it that changes no others than these."""
        return self._replace(**{field.value: UNSET for field in self.fields if field not in fields})

    def apply(self, metadata: Metadata) -> Metadata:
        """The metadata as it is after this change; times and creator are the backend's to set."""
        changed = metadata
        if self.type is not UNSET:
            changed = changed._replace(type=self.type)
        if self.description is not UNSET:
            changed = changed._replace(description=self.description)
        if self.tags is not UNSET:
            changed = changed._replace(tags=self.tags)
        if self.owner is not UNSET:
            changed = changed._replace(owner=self.owner)
        if self.rotation is not UNSET:
            changed = changed._replace(rotation=self.rotation)
        if self.custom is not UNSET:
            merged = {**metadata.custom, **self.custom}
            custom = {key: value for key, value in merged.items() if value is not None}
            changed = changed._replace(custom=MappingProxyType(custom))
        return changed

    @classmethod
    def replacing(cls, metadata: Metadata, base: Metadata | None = None) -> MetadataPatch:
        """The patch that turns `base` (default: empty) into `metadata`; only what differs is named."""
        old = base or Metadata()
        custom: dict[str, str | None] = {k: v for k, v in metadata.custom.items() if old.custom.get(k) != v}
        custom.update({key: None for key in old.custom if key not in metadata.custom})
        return cls(
            type=metadata.type if metadata.type != old.type else UNSET,
            description=metadata.description if metadata.description != old.description else UNSET,
            tags=metadata.tags if metadata.tags != old.tags else UNSET,
            owner=metadata.owner if metadata.owner != old.owner else UNSET,
            rotation=metadata.rotation if metadata.rotation != old.rotation else UNSET,
            custom=custom or UNSET,
        )


NOTICE = timedelta(days=7)
"""How long before its date a secret is due; a tenth of a shorter interval."""


def due_from(rotation: timedelta | None, since: datetime | None) -> datetime | None:
    """From when on a secret is due whose current version was made then; None without an interval, or of unknown age,
    or beyond all calendars."""
    if rotation is None or since is None:
        return None
    try:
        return since + rotation - min(NOTICE, rotation / 10)
    except OverflowError:
        return None


_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = r"(?:[0-9]{1,6}[wdhms])+"


def parse_duration(text: str) -> timedelta:
    """`90d`, `12h`, `1w2d`: at least a second, at most 100 years. Raises InvalidInput."""
    if re.fullmatch(_DURATION, text):
        units = {**_UNITS, "w": 7 * 86400}
        seconds = sum(int(part[:-1]) * units[part[-1]] for part in re.findall(r"[0-9]+[wdhms]", text))
        if 0 < seconds <= 36500 * 86400:
            return timedelta(seconds=seconds)
    raise InvalidInput("Not an interval.", hint="Write it as 90d, 12h or 1w, up to 36500d.")


def format_duration(interval: timedelta) -> str:
    """The shortest form parse_duration reads back: `90d`, `1d12h`."""
    left = int(interval.total_seconds())
    parts = []
    for unit, size in _UNITS.items():
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def check_tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    """Tags without doubles, in the given order. Raises InvalidInput on an empty one."""
    if any(not tag.strip() for tag in tags):
        raise InvalidInput("A tag is empty.", hint="Leave it out.")
    return tuple(dict.fromkeys(tags))
