"""A listing is complete or says that it is not, also where a policy limits how much may be listed at once."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode

import pytest

from kvtui.backends.http import address
from kvtui.backends.http.client import HttpClient
from kvtui.backends.vault.api import VaultApi, is_final
from kvtui.backends.vault.backend import VaultBackend
from kvtui.backends.vault.mounts import Mounts
from kvtui.domain.errors import PermissionDenied
from kvtui.domain.value import SecretValue
from tests.doubles.server import Reply, Seen
from tests.doubles.vault import RealServer, VaultDouble, real_server

NAMES = [f"n{number}" for number in range(7)]
DENIED = b'{"errors":["1 error occurred:\\n\\t* permission denied\\n\\n"]}'


class Limiting(VaultDouble):
    """A policy with `pagination_limit = 3`, as OpenBao 2.6.2 heeds it."""

    def answer(self, request: Seen) -> Reply:
        path, _, query = request.target.partition("?")
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        if "scan" in asked or "detailed-metadata" in path:
            return Reply(403, DENIED)
        if "list" in asked and int(asked.get("limit", 0)) > 3:
            return Reply(403, DENIED)
        if "list" in asked:
            asked.setdefault("limit", "3")
            request = Seen(request.method, f"{path}?{urlencode(asked)}", request.headers, request.body)
        return super().answer(request)


def api(url: str, token: str) -> VaultApi:
    return VaultApi(HttpClient(address.parse(url), is_final=is_final), token=SecretValue(token))


def backend(url: str, token: str) -> VaultBackend:
    opened = api(url, token)
    return VaultBackend(opened, Mounts(opened), location=url)


@pytest.fixture
def real() -> Iterator[RealServer]:
    found = real_server()
    if found is None:
        pytest.skip("no bao or vault on PATH")
    with found:
        yield found


def test_a_limit_of_a_policy_cuts_no_listing() -> None:
    with Limiting() as server:
        for name in NAMES:
            server.write("secret", f"app/{name}", {"value": name})
        with backend(server.url, server.root_token) as store:
            assert [entry.name for entry in store.list("secret/app").entries] == NAMES
            assert [entry.name for entry in store.walk("secret")] == NAMES


def test_a_server_that_knows_no_pages_is_asked_once() -> None:
    with VaultDouble(flavour="vault") as server:
        for name in NAMES:
            server.write("secret", f"app/{name}", {"value": name})
        with backend(server.url, server.root_token) as store:
            before = len(server.requests)
            assert [entry.name for entry in store.list("secret/app").entries] == NAMES
            asked = [seen.target for seen in server.requests[before:] if "/metadata/app/?list" in seen.target]
            assert len(asked) == 1


def test_a_limit_of_a_policy_cuts_no_listing_of_a_real_server(real: RealServer) -> None:
    rules = 'path "secret/metadata/*" { capabilities = ["list", "read"]\n pagination_limit = 3 }'
    with api(real.url, real.token) as root:
        for name in NAMES:
            root.change("POST", f"secret/data/pages/{name}", {"data": {"value": name}})
        root.change("POST", "sys/policies/acl/pages", {"policy": rules})
        made = root.change("POST", "auth/token/create", {"policies": ["pages"]})
        auth = made.envelope["auth"]
        assert isinstance(auth, dict)
    with backend(real.url, str(auth["client_token"])) as store:
        assert [entry.name for entry in store.list("secret/pages").entries] == NAMES
        with pytest.raises(PermissionDenied):
            store.read("secret/pages/n0")
