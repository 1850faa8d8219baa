"""The crud backend keeps the contract: over KVv2 and over the YAML file of a double of the secrets API."""

from __future__ import annotations

import itertools
from bisect import insort
from collections.abc import Iterator, Sequence
from typing import ClassVar

import pytest

from kvtui.backends.contract import Backend
from kvtui.backends.crud import exact
from kvtui.backends.crud.api import CrudApi
from kvtui.backends.crud.backend import CrudBackend
from kvtui.backends.crud.places import Places
from kvtui.backends.http import address
from kvtui.backends.http.client import HttpClient
from kvtui.backends.remembering import RememberingBackend
from kvtui.backends.vault import numbers
from kvtui.domain import path as paths
from kvtui.domain.canonical_uri import CanonicalUri, InvalidUri
from kvtui.domain.capability import Capability
from kvtui.domain.errors import InvalidInput
from kvtui.domain.json_text import Json
from kvtui.domain.metadata import Metadata
from kvtui.domain.value import SecretValue
from kvtui.testing import BackendConformance
from tests.doubles.crud import CrudDouble, Settings, Shape

_count = itertools.count()


class Names:
    def __init__(self) -> None:
        self.known: list[str] = []

    def paths(self) -> Sequence[str]:
        return self.known

    def add(self, path: str) -> None:
        if path not in self.known:
            insort(self.known, path)

    def drop(self, path: str) -> None:
        if path in self.known:
            self.known.remove(path)

    def save(self) -> None:
        """They live as long as the test."""


class Crud(BackendConformance):
    """Each test in a folder of its own of one double, which all of a class use."""

    keeps_field_order = False
    tells_states = False
    machine_examples = 2
    large_values = 3
    machine_steps = 10
    shape = Shape()
    root: CanonicalUri

    double: ClassVar[CrudDouble]

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _double(cls) -> Iterator[None]:
        settings = Settings(tenant_salt=None, require_auth=True, enforce_scopes=True)
        with CrudDouble(settings, cls.shape) as cls.double:
            cls.double.token("t", subject="alice")
            yield

    def keeps_path(self, path: str) -> bool:
        try:
            self.root.child(paths.check(path))
        except InvalidUri:
            return False
        return True

    def keeps(self, value: Json | bytes) -> bool:
        try:
            exact.checked({"": SecretValue(value)}, "")
            numbers.check_exact({"": SecretValue(value)}, "")
        except InvalidInput:
            return False
        return True

    def make(self) -> Backend:
        self.here = self.root.child(f"conformance{next(_count)}")
        return self.connect()

    def connect(self) -> Backend:
        api = CrudApi(HttpClient(address.parse(self.double.url)), token=SecretValue("t"))
        return CrudBackend(api, Places(root=self.here))

    def second(self, backend: Backend) -> Backend:
        return self.connect()

    reopen = second


class Kv2(Crud):
    capabilities = frozenset(
        {
            Capability.READ,
            Capability.WRITE,
            Capability.FIELDS,
            Capability.TYPED_VALUES,
            Capability.METADATA,
            Capability.EDIT_METADATA,
            Capability.VERSIONS,
            Capability.DELETE,
            Capability.UNDELETE,
            Capability.DESTROY,
            Capability.REREAD,
            Capability.ROTATE,
            Capability.COPY,
            Capability.SEARCH,
            Capability.EVENTS,
            Capability.AUDIT,
        }
    )
    root = CanonicalUri("openbao", "secret", engine="kv2")
    fresh = Metadata(owner="alice")
    clears_owner = False
    writes_at_once = False
    deletes_old_versions = False
    searches_below = False

    def keeps_metadata(self, text: str) -> bool:
        return 0 < len(text.encode("utf-8", "surrogatepass")) <= 512 and text.isprintable()


class TestKv2(Kv2):
    """As the service tells it: nothing is listed."""


@pytest.mark.slow
class TestRememberedKv2(Kv2):
    """As a profile shows it: by the paths that were used."""

    capabilities = Kv2.capabilities | {Capability.LIST}
    shape = Shape(value="bare", lists="bare", writes="empty", errors="nested")

    def make(self) -> Backend:
        self.names = Names()
        return super().make()

    def connect(self) -> Backend:
        return RememberingBackend(super().connect(), self.names)


class TestYaml(Crud):
    capabilities = frozenset(
        {
            Capability.LIST,
            Capability.READ,
            Capability.WRITE,
            Capability.FIELDS,
            Capability.TYPED_VALUES,
            Capability.DELETE,
            Capability.REREAD,
            Capability.INDEX,
            Capability.ROTATE,
            Capability.COPY,
            Capability.SEARCH,
            Capability.EVENTS,
            Capability.AUDIT,
        }
    )
    root = CanonicalUri("yaml", "secret")
    keeps_empty_secrets = False

    def keeps(self, value: Json | bytes) -> bool:
        if isinstance(value, dict):
            return False
        try:
            exact.checked({"": SecretValue(value)}, "")
        except InvalidInput:
            return False
        return True

    def keeps_name(self, name: str) -> bool:
        try:
            return self.root.key(name) is not None
        except InvalidUri:
            return False


@pytest.mark.slow
class TestYamlToldOtherwise(TestYaml):
    shape = Shape(value="value", lists="bare", writes="empty", errors="text", subjects="text")
