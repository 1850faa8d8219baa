"""What the service does with one secret, for one caller: guard, policy, provider, record."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TypeVar

from tests.doubles.clock import Clock
from tests.doubles.crud.access import Access, Caller
from tests.doubles.crud.audit import Audit
from tests.doubles.crud.kv2 import Kv2
from tests.doubles.crud.settings import Settings, Shape
from tests.doubles.crud.uri import Uri, bad, parse
from tests.doubles.crud.wire import Failed, Json, kept, not_found, unsupported
from tests.doubles.crud.yaml_tree import YamlTree

Found = TypeVar("Found")


@dataclass
class Breakage:
    """A provider fails: instead of doing it, or with `after` when it has done it."""

    provider: str
    action: str
    after: bool
    times: int

    def covers(self, provider: str, action: str) -> bool:
        return self.times > 0 and self.provider in {"", provider} and self.action in {"", action}


@dataclass
class Service:
    """All methods raise Failed. Without a record of it nothing happens."""

    settings: Settings
    shape: Shape
    access: Access
    audit: Audit
    clock: Clock
    yaml: YamlTree = field(default_factory=YamlTree)
    clusters: dict[str, Kv2] = field(default_factory=lambda: {"openbao": Kv2(), "hashicorp": Kv2()})
    breakages: list[Breakage] = field(default_factory=list)

    # Before the provider.

    def parse(self, text: str) -> Uri:
        return parse(text, self.settings.mounts)

    def pathless(self, text: str) -> Uri:
        """A URI that names a whole secret. Raises Failed for a fragment."""
        uri = self.parse(text)
        if uri.fragment is not None:
            raise bad("ILLEGAL_SEGMENT", "uri must not have a fragment")
        return uri

    def permit(self, caller: Caller, purpose: str, uri: Uri) -> None:
        if not self.access.permits(caller.subject, purpose, str(uri)):
            self.audit.record(caller.subject, purpose, str(uri), "Deny")
            raise Failed(403, "SECRET_AUTHZ_FAILED", f"not permitted for purpose {purpose}")

    def kv2(self, uri: Uri, what: str = "operation") -> Kv2:
        """The cluster of a URI. Raises Failed(501) for a provider that has no versions."""
        if uri.provider not in self.clusters or uri.provider not in self.settings.providers:
            raise unsupported(f"{what} not supported for provider {uri.provider}")
        if uri.engine != "kv2":
            raise bad("UNSUPPORTED_ENGINE", "engine must be kv2")
        return self.clusters[uri.provider]

    def is_yaml(self, uri: Uri) -> bool:
        if uri.provider != "yaml":
            return False
        if "yaml" not in self.settings.providers:
            raise unsupported("provider yaml is not enabled")
        return True

    def _need_dev(self) -> None:
        if not self.settings.is_dev:
            raise Failed(403, "YAML_DISABLED", "YAML writes are only possible in dev and test")

    @contextmanager
    def _provider(self, caller: Caller, purpose: str, uri: Uri, action: str) -> Iterator[None]:
        """Around the provider's work: what it raises is on record, and it may be broken."""
        broken = next((one for one in self.breakages if one.covers(uri.provider, action)), None)
        try:
            if broken is not None:
                broken.times -= 1
            if broken is not None and not broken.after:
                raise Failed(502, "PROVIDER_ERROR", "provider failed")
            yield
            if broken is not None:
                raise Failed(502, "PROVIDER_ERROR", "provider failed")
        except Failed:
            self.audit.record(caller.subject, purpose, str(uri), "Error")
            raise

    def _done(self, caller: Caller, purpose: str, uri: Uri, version: int | None = None) -> None:
        self.audit.record(caller.subject, purpose, str(uri), "Permit", version)

    # One secret.

    def read(self, caller: Caller, uri: Uri, version: int | None = None) -> Json:
        """The map, or with a fragment what is at that key; a key that is not there is not found, or None."""
        self.permit(caller, "read", uri)
        number = uri.version if version is None else version
        with self._provider(caller, "read", uri, "read"):
            if self.is_yaml(uri):
                if number is not None:
                    raise unsupported("versions not supported for provider yaml")
                found: dict[str, Json] = self.yaml.node(uri)
            else:
                found = self.kv2(uri).read(uri.location, number)
            if uri.fragment and uri.fragment not in found and self.shape.missing_fragment == "404":
                raise not_found("fragment not found")
        self._done(caller, "read", uri, number)
        return found.get(uri.fragment) if uri.fragment else found

    def write(self, caller: Caller, uri: Uri, value: Json, purpose: str = "write") -> tuple[int | None, int | None]:
        """The version before and the new one, None where there is none."""
        self.permit(caller, purpose, uri)
        if self.shape.unwraps and isinstance(value, dict) and list(value) == [uri.fragment]:
            value = value[uri.fragment]
        if not uri.fragment and not isinstance(value, dict):
            raise bad("INVALID_VALUE", "value must be an object when there is no fragment")
        with self._provider(caller, purpose, uri, "write"):
            if self.is_yaml(uri):
                self._need_dev()
            before, after = self.store(uri, value, caller.subject)
        self._done(caller, purpose, uri, after)
        return before, after

    def store(self, uri: Uri, value: Json, subject: str) -> tuple[int | None, int | None]:
        """What the provider does of a write."""
        if self.is_yaml(uri):
            self.yaml.write(uri, kept(value))
            return None, None
        cluster = self.kv2(uri)
        before = cluster.secrets[uri.location].current if uri.location in cluster.secrets else None
        data = kept(value, rounds=self.settings.rounds_numbers)
        if uri.fragment:
            siblings = cluster.live(uri.location) if self.shape.fragment_writes == "merge" else None
            data = {**(siblings or {}), uri.fragment: data}
        keep = self.settings.max_versions
        return before, cluster.write(uri.location, data, subject=subject, now=self.clock.now(), keep=keep)

    def delete(self, caller: Caller, uri: Uri, *, destroy: bool = False) -> None:
        """On KVv2 a fragment makes no difference: the newest version goes, or with `destroy` all there is."""
        purpose = "destroy_versions" if destroy else "delete"
        self.permit(caller, purpose, uri)
        with self._provider(caller, purpose, uri, "destroy" if destroy else "delete"):
            if self.is_yaml(uri):
                self._need_dev()
                self.yaml.delete(uri)
            elif destroy:
                self.kv2(uri).destroy(uri.location)
            else:
                self.kv2(uri).delete(uri.location, self.clock.now())
        self._done(caller, purpose, uri)

    def change_versions(self, caller: Caller, uri: Uri, numbers: list[int], purpose: str) -> None:
        """`purpose` is undelete or destroy_versions."""
        self.permit(caller, purpose, uri)
        cluster = self.kv2(uri, purpose)
        if not numbers:
            raise bad("INVALID_VERSIONS", "versions must not be empty")
        with self._provider(caller, purpose, uri, purpose):
            change = cluster.undelete if purpose == "undelete" else cluster.destroy_versions
            change(uri.location, numbers)
        self._done(caller, purpose, uri)

    def set_owner(self, caller: Caller, uri: Uri, owner: str) -> None:
        self.permit(caller, "owner_update", uri)
        cluster = self.kv2(uri, "owner")
        with self._provider(caller, "owner_update", uri, "metadata"):
            secret = cluster.find(uri.location)
            secret.custom["owner"] = kept(owner)
            secret.updated = self.clock.now()
        self._done(caller, "owner_update", uri)

    def look(self, caller: Caller, uri: Uri, find: Callable[[], Found]) -> Found:
        """Runs a look at metadata."""
        self.permit(caller, "read_metadata", uri)
        with self._provider(caller, "read_metadata", uri, "metadata"):
            found = find()
        self._done(caller, "read_metadata", uri)
        return found

    # Two secrets.

    def copy(self, caller: Caller, source: Uri, target: Uri, *, overwrite: bool) -> int | None:
        """The target's new version. It carries the value only, not metadata, nor older versions."""
        value = self.read(caller, source)
        self.permit(caller, "write", target)
        if not overwrite and self._exists(target):
            raise Failed(409, "DESTINATION_EXISTS", "destination exists")
        if source.fragment and target.fragment:
            value = {target.fragment: value} if self.shape.unwraps else value
        return self.write(caller, target, value)[1]

    def move(self, caller: Caller, source: Uri, target: Uri, *, overwrite: bool) -> int | None:
        """Copies, then deletes the source as `delete` does: of a KVv2 secret the whole map, moved onto itself too."""
        version = self.copy(caller, source, target, overwrite=overwrite)
        self.delete(caller, replace(source, params=()))
        return version

    def _exists(self, uri: Uri) -> bool:
        if self.is_yaml(uri):
            return self.yaml.has(uri)
        live = self.kv2(uri).live(uri.location)
        return live is not None and (not uri.fragment or uri.fragment in live)
