"""Each call that the four documents describe is what the command beside it in docs/documents.md sends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from tests.doubles.server import Seen
from tests.stores.places import KV2, VAULT, YAML, Stores

WORKER: Mapping[str, str] = {
    "POST /v1/secret/data/app/key": "set app/key",
    "GET /v1/secret/data/app/key": "get app/key",
    "GET /v1/secret/metadata/app/key": "meta app/key",
    "DELETE /v1/secret/data/app/key": "rm app/key",
    "GET /v1/secret/list": "ls -r",
}
TRUST: Mapping[str, str] = {
    "POST /secrets/app/key": "set app/key",
    "GET /secrets/app/key": "get app/key",
    "GET /secrets/app/key?version=1": "get app/key --version 1",
    "POST /leases": "lease issue reader",
    "POST /admin/rotate/app/key": "rotate app/key --server",
}
TAILOR: Mapping[str, str] = {
    "CreateSecretManagerVault": "vault create new-vault",
    "ListSecretManagerVaults": "vault list",
    "DeleteSecretManagerVault": "vault delete empty-vault",
    "CreateSecretManagerSecret": f"set {VAULT}/new-key --cas 0",
    "UpdateSecretManagerSecret": f"set {VAULT}/old-key",
    "ListSecretManagerSecrets": f"ls {VAULT}",
    "DeleteSecretManagerSecret": f"rm {VAULT}/old-key",
}
CRUD: Mapping[str, str] = {
    f"POST /api/secrets uri={KV2}/app/key": "set app/key",
    f"GET /api/secrets/value uri={KV2}/app/key version=2": "get app/key",
    f"GET /api/secrets/value uri={KV2}/app/key version=1": "get app/key --version 1",
    f"DELETE /api/secrets destroy=false uri={KV2}/app/key": "rm app/key",
    f"DELETE /api/secrets destroy=true uri={KV2}/app/key": "rm app/key --destroy --yes",
    f"POST /api/secrets/rotate uri={KV2}/app/key": "rotate app/key --server",
    f"GET /api/secrets/metadata/detail uri={KV2}/app/key": "meta app/key",
    f"GET /api/secrets/versions uri={KV2}/app/key": "versions app/key",
    f"POST /api/secrets/undelete uri={KV2}/app/gone": "undelete app/gone",
    f"POST /api/secrets/destroy-versions uri={KV2}/app/key": "rm app/key --destroy --versions 1 --yes",
    f"POST /api/secrets/metadata/owner uri={KV2}/app/key": "meta app/key --owner ann",
    "POST /api/secrets/bulk": "import in.json",
    "POST /api/secrets/copy": "cp app/key app/other --server",
    "POST /api/secrets/move": "mv app/key app/other --server",
    "GET /api/secrets/search": "search key --exact",
    "GET /api/secrets/audit": "journal --server",
}
CRUD_YAML: Mapping[str, str] = {
    f"GET /api/secrets uri={YAML}/app/key": "get app/key",
    "GET /api/secrets/metadata": "ls app",
    f"GET /api/secrets/keys uri={YAML}/app": "set app/new",
}


def told(seen: Seen) -> str:
    """The method, the path and what tells one call from another."""
    parts = urlsplit(seen.target)
    given = dict(parse_qsl(parts.query))
    if seen.body:
        sent = json.loads(seen.body)
        given |= {"uri": sent["uri"]} if "uri" in sent else {}
    known = [f"{key}={given[key]}" for key in ("destroy", "uri", "version") if key in given]
    return " ".join([f"{seen.method} {unquote(parts.path)}", *known])


def short(text: str, wanted: str) -> str:
    """As much of it as `wanted` names."""
    return text.partition(" uri=")[0] if " uri=" not in wanted else text


@pytest.mark.parametrize("wanted", WORKER)
def test_the_documents_of_a_worker_are_its_calls(stores: Stores, wanted: str) -> None:
    run = stores.commands("worker")
    stores.put("worker", "app/key", {"value": "v"})
    run.json(*WORKER[wanted].split(), stdin=b"new")
    sent = [told(seen) for seen in stores.worker.requests]
    assert wanted in sent
    assert [told(seen) for seen in stores.worker.mutations()] == ([] if wanted.startswith("GET ") else [wanted])


@pytest.mark.parametrize("wanted", TRUST)
def test_the_documents_of_a_trust_service_are_its_calls(stores: Stores, wanted: str) -> None:
    run = stores.commands("trust")
    stores.trust.put("app/key", b"one", b"two")
    run.json(*TRUST[wanted].split(), stdin=b"new")
    base = urlsplit(stores.trust.base_url).path
    assert [f"{seen.method} {seen.target.removeprefix(base)}" for seen in stores.trust.requests].count(wanted) == 1


@pytest.mark.parametrize("wanted", TAILOR)
def test_the_documents_of_tailor_platform_are_its_calls(stores: Stores, wanted: str) -> None:
    run = stores.commands("tailor")
    stores.tailor.service.add_secret(stores.tailor.main.vaults[VAULT], "old-key", "v")
    stores.tailor.vault("empty-vault")
    run.json(*TAILOR[wanted].split(), stdin=b"new")
    assert wanted in [method for method, _ in stores.tailor.calls()]


@pytest.mark.parametrize(
    ("store", "wanted"), [("crud", call) for call in CRUD] + [("crud_yaml", call) for call in CRUD_YAML]
)
def test_the_documents_of_the_secrets_api_are_its_calls(stores: Stores, store: str, wanted: str) -> None:
    run = stores.commands(store)
    for _ in range(2):
        stores.put(store, "app/key", {"value": "v"})
    if "gone" in wanted:
        stores.put(store, "app/gone", {"value": "v"})
        stores.crud.cluster().delete("secret/app/gone", stores.crud.clock.now())
    file = stores.home / "in.json"
    file.write_text(json.dumps({"new": {"a": {"value": "1"}, "b": {"value": "2"}}}))
    argv = (CRUD if store == "crud" else CRUD_YAML)[wanted].replace("in.json", str(file)).split()
    ran = run(*argv, "--json", stdin=b"new")
    assert ran.code in {0, 4}, ran.err  # 4: a search that says how deep it looked
    sent = [short(told(seen), wanted) for seen in stores.crud.requests]
    assert wanted in sent, sent
    assert sent.count(wanted) == 1 or wanted.startswith("GET "), sent
    assert len(stores.crud.mutations()) == (not wanted.startswith("GET ") or argv[0] == "set")
