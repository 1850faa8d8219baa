"""The vault backend keeps the contract: KV version 1 and 2, against doubles of both servers and a real one."""

from __future__ import annotations

import itertools
import json
import os
import warnings
from collections.abc import Iterator

import pytest

from kvtui.backends.contract import Backend
from kvtui.backends.http import address
from kvtui.backends.http.client import HttpClient
from kvtui.backends.vault import numbers
from kvtui.backends.vault.api import VaultApi, is_final
from kvtui.backends.vault.backend import VaultBackend
from kvtui.backends.vault.mounts import Mounts
from kvtui.domain.capability import Capability
from kvtui.domain.errors import InvalidInput
from kvtui.domain.json_text import Json
from kvtui.domain.value import SecretValue
from kvtui.testing import BackendConformance
from tests.doubles.rabbitmq import RabbitMq
from tests.doubles.vault import VaultDouble, real_server

_count = itertools.count()
ISSUING = f"rabbitmq{os.getpid()}"
"""Where a real server issues credentials of a queue that is a double."""


def api_of(url: str, token: str) -> VaultApi:
    return VaultApi(HttpClient(address.parse(url), is_final=is_final), token=SecretValue(token))


class Kv2OnOpenBaoDouble(BackendConformance):
    """`server` gives the address and the root token of one that the whole class uses, each test in its own mount."""

    capabilities = frozenset(Capability) - {
        Capability.BYTES,
        Capability.METADATA_WITH_VALUE,
        Capability.REREAD,
        Capability.HISTORY,
        Capability.MOVE,
        Capability.CONTAINERS,
        Capability.CHANGE_SIGNAL,
        Capability.KEY_SLOTS,
        Capability.BACKUP,
        Capability.ROTATE,
        Capability.COPY,
        Capability.SEARCH,
        Capability.EVENTS,
        Capability.AUDIT,
        Capability.LEGACY,
    }
    keeps_field_order = False
    tells_states = False
    tells_all_metadata = False
    writes_at_once = False
    machine_examples = 3
    machine_steps = 10
    version = 2
    issues = "database/creds/readonly"

    def role(self, backend: Backend) -> str:
        return self.issues

    def keeps(self, value: Json | bytes) -> bool:
        if _has_half_characters(value):
            return False
        try:
            numbers.check_exact({"": SecretValue(value)}, "")
        except InvalidInput:
            return False
        return True

    def keeps_metadata(self, text: str) -> bool:
        return 0 < len(text.encode("utf-8", "surrogatepass")) <= 128 and text.isprintable()

    @pytest.fixture(autouse=True)
    def _use(self, server: tuple[str, str]) -> Iterator[None]:
        self.url, self.token = server
        self.roots: list[str] = []
        yield
        with self.api() as api:
            for root in self.roots:
                api.change("DELETE", f"sys/mounts/{root}")

    def api(self) -> VaultApi:
        return api_of(self.url, self.token)

    def make(self) -> Backend:
        root = f"conformance{os.getpid()}x{next(_count)}"
        self.roots.append(root)
        with self.api() as api:
            api.change("POST", f"sys/mounts/{root}", {"type": "kv", "options": {"version": str(self.version)}})
        return self.connect(root)

    def deny(self, backend: Backend, folder: str) -> Backend:
        assert isinstance(backend, VaultBackend)
        root = backend.root
        rules = {f"{root}/*": {"capabilities": ["create", "read", "update", "delete", "list"]}}
        for kind in ("metadata/", "detailed-metadata/") if self.version == 2 else ("",):
            rules[f"{root}/{kind}{folder}/*"] = {"capabilities": ["deny"]}
        with self.api() as api:
            api.change("PUT", f"sys/policies/acl/{root}", {"policy": json.dumps({"path": rules})})
            made = api.change("POST", "auth/token/create", {"policies": [root], "ttl": "1h"})
            token = made.envelope["auth"]["client_token"]
        narrow = api_of(self.url, token)
        return VaultBackend(narrow, Mounts(narrow), location=self.url, root=root)

    def connect(self, root: str) -> VaultBackend:
        api = self.api()
        return VaultBackend(api, Mounts(api), location=self.url, root=root)

    def second(self, backend: Backend) -> Backend:
        assert isinstance(backend, VaultBackend)
        return self.connect(backend.root)

    reopen = second


class Kv1OnOpenBaoDouble(Kv2OnOpenBaoDouble):
    capabilities = frozenset(
        {
            Capability.LIST,
            Capability.READ,
            Capability.WRITE,
            Capability.FIELDS,
            Capability.TYPED_VALUES,
            Capability.DELETE,
            Capability.REREAD,
            Capability.NAMESPACES,
            Capability.LEASES,
            Capability.RENEW_LEASES,
            Capability.SHARE,
        }
    )
    version = 1
    keeps_empty_secrets = False

    def keeps(self, value: Json | bytes) -> bool:
        return not _has_half_characters(value) and getattr(value, "literal", "") != "1e400"


@pytest.fixture(scope="class")
def openbao_double() -> Iterator[tuple[str, str]]:
    with VaultDouble() as double:
        double.mount("database", kind="database").add_role("readonly")
        yield double.url, double.root_token


@pytest.fixture(scope="class")
def vault_double() -> Iterator[tuple[str, str]]:
    with VaultDouble(flavour="vault") as double:
        double.mount("database", kind="database").add_role("readonly")
        yield double.url, double.root_token


@pytest.fixture(scope="module")
def real() -> Iterator[tuple[str, str]]:
    found = real_server()
    if found is None:
        warnings.warn("no bao or vault on PATH, so nothing was tried against a real server", stacklevel=1)
        pytest.skip("no bao or vault on PATH")
    with found, RabbitMq() as rabbit, api_of(found.url, found.token) as api:
        api.change("POST", f"sys/mounts/{ISSUING}", {"type": "rabbitmq"})
        connection: Json = {"connection_uri": rabbit.url, "username": "a", "password": "b", "verify_connection": False}
        api.change("POST", f"{ISSUING}/config/connection", connection)
        api.change("POST", f"{ISSUING}/config/lease", {"ttl": 3600, "max_ttl": 86400})
        api.change("POST", f"{ISSUING}/roles/app", {"tags": "x"})
        yield found.url, found.token
        api.change("POST", f"sys/leases/revoke-prefix/{ISSUING}", {"sync": True})
        assert not rabbit.users
        api.change("DELETE", f"sys/mounts/{ISSUING}")


class TestKv2OnOpenBaoDouble(Kv2OnOpenBaoDouble):
    @pytest.fixture
    def server(self, openbao_double: tuple[str, str]) -> tuple[str, str]:
        return openbao_double


class TestKv1OnOpenBaoDouble(Kv1OnOpenBaoDouble):
    @pytest.fixture
    def server(self, openbao_double: tuple[str, str]) -> tuple[str, str]:
        return openbao_double


@pytest.mark.slow
class TestKv2OnVaultDouble(Kv2OnOpenBaoDouble):
    capabilities = Kv2OnOpenBaoDouble.capabilities - {Capability.INDEX}

    @pytest.fixture
    def server(self, vault_double: tuple[str, str]) -> tuple[str, str]:
        return vault_double


@pytest.mark.slow
class TestKv1OnVaultDouble(Kv1OnOpenBaoDouble):
    machine_examples = 1

    @pytest.fixture
    def server(self, vault_double: tuple[str, str]) -> tuple[str, str]:
        return vault_double


@pytest.mark.slow
class TestKv2OnRealServer(Kv2OnOpenBaoDouble):
    capabilities = None  # what it can do depends on which server is here
    issues = f"{ISSUING}/creds/app"

    @pytest.fixture
    def server(self, real: tuple[str, str]) -> tuple[str, str]:
        return real


@pytest.mark.slow
class TestKv1OnRealServer(Kv1OnOpenBaoDouble):
    capabilities = None  # what it can do depends on which server is here
    machine_examples = 1
    issues = f"{ISSUING}/creds/app"

    @pytest.fixture
    def server(self, real: tuple[str, str]) -> tuple[str, str]:
        return real


def _has_half_characters(value: Json | bytes) -> bool:
    match value:
        case str():
            return any("\ud800" <= ch <= "\udfff" for ch in value)
        case dict():
            return any(map(_has_half_characters, (*value, *value.values())))
        case list():
            return any(map(_has_half_characters, value))
    return False
