"""A KVv2 cluster behind the service: versions that can be deleted, undeleted and destroyed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from tests.doubles.crud.wire import Failed, Json, not_found


@dataclass
class Version:
    data: dict[str, Json] | None
    created: datetime
    deleted: datetime | None = None
    destroyed: bool = False

    @property
    def is_live(self) -> bool:
        return self.deleted is None and not self.destroyed

    def shown(self) -> dict[str, Json]:
        return {
            "created_time": timestamp(self.created),
            "deletion_time": timestamp(self.deleted) if self.deleted else "",
            "destroyed": self.destroyed,
        }


@dataclass
class Secret:
    created: datetime
    updated: datetime
    current: int = 0
    versions: dict[int, Version] = field(default_factory=dict)
    custom: dict[str, str] = field(default_factory=dict)

    def shown(self, max_versions: int) -> dict[str, Json]:
        return {
            "created_time": timestamp(self.created),
            "updated_time": timestamp(self.updated),
            "current_version": self.current,
            "oldest_version": min(self.versions, default=0),
            "max_versions": max_versions,
            "custom_metadata": dict(self.custom) or None,
            "versions": {str(number): version.shown() for number, version in sorted(self.versions.items())},
        }


@dataclass
class Kv2:
    """All methods raise Failed. A location is mount and path."""

    secrets: dict[str, Secret] = field(default_factory=dict)

    def find(self, location: str) -> Secret:
        secret = self.secrets.get(location)
        if secret is None:
            raise not_found("secret not found")
        return secret

    def live(self, location: str) -> dict[str, Json] | None:
        """The newest version's map, None where nothing can be read."""
        secret = self.secrets.get(location)
        newest = secret.versions.get(secret.current) if secret else None
        return newest.data if newest is not None and newest.is_live else None

    def read(self, location: str, number: int | None) -> dict[str, Json]:
        secret = self.find(location)
        version = secret.versions.get(number or secret.current)
        if version is None:
            raise not_found("version not found")
        if not version.is_live and not number:
            raise not_found("secret not found")
        if version.destroyed:
            raise Failed(409, "VERSION_DESTROYED", "version has been destroyed")
        if version.deleted is not None:
            raise Failed(409, "VERSION_DELETED", "version has been deleted")
        assert version.data is not None
        return version.data

    def write(self, location: str, data: dict[str, Json], *, subject: str, now: datetime, keep: int) -> int:
        """The number of the new version. The first write stamps who and when."""
        secret = self.secrets.setdefault(location, Secret(now, now))
        for name, value in (("created_by", subject), ("created_at", timestamp(now)), ("owner", subject)):
            secret.custom.setdefault(name, value)
        secret.current += 1
        secret.updated = now
        secret.versions[secret.current] = Version(data, now)
        for number in sorted(secret.versions)[:-keep]:
            del secret.versions[number]
        return secret.current

    def delete(self, location: str, now: datetime) -> None:
        """Of the newest version only."""
        secret = self.find(location)
        newest = secret.versions[secret.current]
        if newest.is_live:
            newest.deleted = secret.updated = now

    def destroy(self, location: str) -> None:
        """All versions and the metadata."""
        self.find(location)
        del self.secrets[location]

    def undelete(self, location: str, numbers: Iterable[int]) -> None:
        """Versions that are not there, or destroyed, are passed over in silence."""
        secret = self.find(location)
        for number in numbers:
            if number in secret.versions:
                secret.versions[number].deleted = None

    def destroy_versions(self, location: str, numbers: Iterable[int]) -> None:
        secret = self.find(location)
        for number in numbers:
            if version := secret.versions.get(number):
                version.data, version.destroyed = None, True

    def names(self, location: str) -> list[str]:
        """What lies directly below, folders with a slash at the end, as a KV engine lists it."""
        below = (path.removeprefix(f"{location}/") for path in self.secrets if path.startswith(f"{location}/"))
        return sorted({name + slash for name, slash, _ in (path.partition("/") for path in below)})


def timestamp(instant: datetime) -> str:
    """RFC 3339, UTC."""
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%f").rstrip("0").removesuffix(".") + "Z"
