"""What the double of Vault promises to the tests that use it, beyond answering as a real server does."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.doubles.server import Fault, Reply
from tests.doubles.vault import VaultDouble
from tests.doubles.vault.policy import Acl, parse
from tests.doubles.vault.wire import dumps, go_duration, loads, seconds_of, through_float
from tests.doubles.vault_wire import Raw, Wire


@pytest.fixture
def vault() -> Iterator[VaultDouble]:
    with VaultDouble(mounts={"secret": 2, "old": 1}) as double:
        yield double
    assert not double.broken


@pytest.fixture
def hashicorp() -> Iterator[VaultDouble]:
    with VaultDouble(flavour="vault", mounts={"secret": 2, "old": 1}) as double:
        yield double
    assert not double.broken


def wire(double: VaultDouble, **kept: str) -> Wire:
    return Wire(double.url, double.root_token, kept)


def data(answer: Raw) -> dict[str, Any]:
    found = answer.json()["data"]
    assert isinstance(found, dict)
    return found


# Numbers, strings and times as Go writes them.


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1", "1"),
        ("1.0", "1"),
        ("-0", "-0"),
        ("1.50", "1.5"),
        ("1e3", "1000"),
        ("123456789012345678", "123456789012345680"),
        ("100000000000000000000", "100000000000000000000"),
        ("1e21", "1e+21"),
        ("0.000001", "0.000001"),
        ("0.0000001", "1e-7"),
        ("5e-324", "5e-324"),
        ("1.7976931348623157e308", "1.7976931348623157e+308"),
    ],
)
def test_a_number_comes_back_as_go_writes_its_float(written: str, read: str) -> None:
    assert dumps(through_float(loads(written.encode()))) == read
    assert dumps(loads(written.encode())) == written


def test_strings_are_escaped_as_go_does() -> None:
    assert dumps('<a&b>\u2028"\\\n\x01é😀\ud800') == r'"\u003ca\u0026b\u003e\u2028\"\\\n\u0001é😀' + "\ufffd" + '"'


def test_durations_are_read_and_written_as_go_does() -> None:
    assert [seconds_of(text) for text in ("30", "30s", "1h30m", "2d", "-5m", "1.5h", "")] == [
        *(30, 30, 5400, 172800, -300, 5400, 0)
    ]
    assert [go_duration(number) for number in (0, 59, 60, 3600, 12319, -1)] == [
        *("0s", "59s", "1m0s", "1h0m0s", "3h25m19s", "-1s")
    ]


# Policies.


def test_the_most_specific_rule_wins_and_deny_takes_all() -> None:
    acl = Acl.of(
        [
            ("", {"a/*": ["read"], "a/b": ["update"], "a/+/c": ["list"], "a/+/*": ["delete"], "a/x*": ["create"]}),
            ("", {"a/b": ["patch"], "z/*": ["read"]}),
            ("", {"z/*": ["deny"]}),
        ]
    )
    assert acl.names("a/b") == ["patch", "update"]
    assert acl.names("a/q/c") == ["list"]
    assert acl.names("a/q/d") == ["read"]
    assert acl.names("a/x/y") == ["create"]
    assert acl.names("a/xy") == ["create"]
    assert acl.names("a/q") == ["read"]
    assert acl.names("z/anything") == ["deny"]
    assert acl.names("elsewhere") == ["deny"]


def test_a_mount_is_reached_by_any_rule_inside_it() -> None:
    assert Acl.of([("", {"kv/data/deep/*": ["read"]})]).reaches_into("kv/")
    assert Acl.of([("", {"+/data/x": ["read"]})]).reaches_into("kv/")
    assert Acl.of([("", {"k*": ["read"]})]).reaches_into("kv/")
    assert not Acl.of([("", {"kv/data/*": ["deny"]})]).reaches_into("kv/")
    assert not Acl.of([("", {"kv2/data/*": ["read"]})]).reaches_into("kv/")


def test_policies_are_read_from_hcl_and_json() -> None:
    hcl = '# words\npath "a/*" {\n  capabilities = ["read", "list"]\n}\npath "b" { capabilities=["deny"] }'
    assert {path: list(names) for path, names in parse(hcl).items()} == {"a/*": ["read", "list"], "b": ["deny"]}
    assert parse('{"path":{"a":{"capabilities":["read"]}}}') == {"a": ["read"]}
    with pytest.raises(ValueError, match="nonsense"):
        parse("nonsense")


def test_a_token_may_do_what_its_policies_say(vault: VaultDouble) -> None:
    vault.policy("p", {"secret/data/a": ["create"], "secret/metadata/*": ["list"]})
    client = wire(vault, t=vault.token("p"))
    assert client.run('@t POST secret/data/a {"data":{"v":1}}').status == 200
    assert client.run('@t POST secret/data/a {"data":{"v":2}}').status == 403
    assert client.run("@t LIST secret/metadata").status == 200
    assert client.run("@t GET secret/metadata/a").status == 403
    assert vault.secrets_of("secret")["a"].current == 1


# State and time.


def test_the_state_can_be_looked_at_and_filled(vault: VaultDouble) -> None:
    vault.write("secret", "a/b", {"v": 1})
    vault.write("secret", "a/b", {"v": 1.5})
    vault.write("old", "x", {"n": "m"})
    assert data(wire(vault).run("GET secret/data/a/b"))["data"] == {"v": 1.5}
    assert data(wire(vault).run("GET old/x")) == {"n": "m"}
    assert vault.secrets_of("secret")["a/b"].current == 2
    assert vault.requests[-1].path == "/v1/old/x"


def test_a_version_with_a_lifetime_is_deleted_when_time_has_gone_by(vault: VaultDouble) -> None:
    client = wire(vault)
    client.run('POST secret/metadata/a {"delete_version_after":"1h"}')
    client.run('POST secret/data/a {"data":{"v":1}}')
    assert client.run("GET secret/data/a").status == 200
    vault.advance(3601)
    gone = client.run("GET secret/data/a")
    assert gone.status == 404
    assert data(gone)["data"] is None


def test_a_token_expires_with_its_cubbyhole_and_children(vault: VaultDouble) -> None:
    client = wire(vault, t=vault.token("root", ttl=60))
    client.run('@t POST auth/token/create {"policies":["default"]} => child auth.client_token')
    vault.advance(30)
    assert data(client.run("@t GET auth/token/lookup-self"))["ttl"] in {29, 30}
    assert client.run("@t POST auth/token/renew-self").status == 200
    vault.advance(59)
    assert client.run("@t GET auth/token/lookup-self").status == 200
    vault.advance(2)
    assert client.run("@t GET auth/token/lookup-self").status == 403
    assert client.run("@child GET auth/token/lookup-self").status == 403


def test_a_wrapped_answer_expires(vault: VaultDouble) -> None:
    client = wire(vault)
    client.run('POST sys/wrapping/wrap {"a":1} | X-Vault-Wrap-TTL: 60 => w wrap_info.token')
    vault.advance(61)
    assert client.run('POST sys/wrapping/lookup {"token":"$w"}').status == 400
    assert client.run('POST sys/wrapping/unwrap {"token":"$w"}').status == 400


def test_every_reading_of_dynamic_credentials_makes_a_lease_and_a_user(vault: VaultDouble) -> None:
    database = vault.mount("database", kind="database")
    database.add_role("app", ttl=600, max_ttl=900)
    client = wire(vault)
    assert client.run("LIST database/roles").json()["data"] == {"keys": ["app"]}
    first = client.run("GET database/creds/app => l lease_id")
    assert first.json()["lease_duration"] == 600
    assert first.json()["renewable"] is True
    assert client.run("GET database/creds/app => m lease_id").json()["data"] != first.json()["data"]
    assert next(iter(database.users.items())) == tuple(first.json()["data"][key] for key in ("username", "password"))
    vault.advance(300)
    renewed = client.run('POST sys/leases/renew {"lease_id":"$l","increment":3600}').json()
    assert renewed["lease_id"] == client.kept["l"]
    assert 598 <= renewed["lease_duration"] <= 600
    assert "capped" in renewed["warnings"][0]
    assert len(data(client.run("LIST sys/leases/lookup/database/creds/app/"))["keys"]) == 2
    assert client.run('POST sys/leases/revoke {"lease_id":"$l"}').status == 204
    vault.advance(301)
    assert client.run('POST sys/leases/lookup {"lease_id":"$m"}').status == 400
    assert database.users == {}
    assert client.run("GET database/creds/none").status == 400


def test_revoking_a_token_ends_its_leases(vault: VaultDouble) -> None:
    database = vault.mount("database", kind="database")
    database.add_role("app")
    client = wire(vault, t=vault.token("root"))
    client.run("@t GET database/creds/app")
    assert database.users
    client.run("@t POST auth/token/revoke-self")
    assert not database.users


def test_each_login_method_gives_a_token(vault: VaultDouble) -> None:
    vault.login_method("userpass").add("alice", "p", secret="pw")
    vault.login_method("ldap").add("bob", "p", secret="pw")
    approle = vault.login_method("approle", "apps")
    approle.add("app", "p")
    vault.login_method("jwt").add("ci", "p", secret="a.b.c")
    vault.login_method("kubernetes", "k8s").add("pod", "p", secret="x.y.z")
    vault.login_method("cert").add("machine", "p")
    ids = {"role_id": approle.role_id("app"), "secret_id": approle.secret_id("app", uses=1)}
    logins = {
        "userpass/login/alice": {"password": "pw"},
        "ldap/login/bob": {"password": "pw"},
        "apps/login": ids,
        "jwt/login": {"role": "ci", "jwt": "a.b.c"},
        "k8s/login": {"role": "pod", "jwt": "x.y.z"},
        "cert/login": {"name": "machine"},
    }
    client = wire(vault)
    for path, body in logins.items():
        answer = client.run(f"@none POST auth/{path} {json.dumps(body)} => t auth.client_token")
        assert answer.json()["auth"]["policies"] == ["default", "p"]
        assert client.run("@t GET auth/token/lookup-self").status == 200
    assert client.run(f"@none POST auth/apps/login {json.dumps(ids)}").status == 400
    assert vault.mutations() == []


def test_a_confirmation_elsewhere_needs_no_passcode(vault: VaultDouble) -> None:
    vault.login_method("userpass").add("alice", secret="pw")
    method = vault.require_mfa("userpass", "", kind="duo")
    client = wire(vault, id=method)
    begun = client.run(
        '@none POST auth/userpass/login/alice {"password":"pw"} => r auth.mfa_requirement.mfa_request_id'
    )
    constraints = begun.json()["auth"]["mfa_requirement"]["mfa_constraints"]
    assert constraints == {"second": {"any": [{"type": "duo", "id": method, "uses_passcode": False}]}}
    done = client.run('@none POST sys/mfa/validate {"mfa_request_id":"$r","mfa_payload":{"$id":[]}}')
    assert done.json()["auth"]["client_token"]


# Switches.


@pytest.mark.parametrize(
    ("standby", "status"),
    [("standby", 429), ("performance", 473), ("secondary", 472), ("cut off", 474), ("removed", 530), ("", 200)],
)
def test_health_tells_what_a_node_is(hashicorp: VaultDouble, standby: str, status: int) -> None:
    hashicorp.standby = standby  # type: ignore[assignment]
    answer = wire(hashicorp).run("@none GET sys/health")
    assert answer.status == status
    assert answer.json()["standby"] is bool(standby)
    assert answer.json()["performance_standby"] is (standby == "performance")
    ok = "standbyok=true&perfstandbyok=true&standbycode=200&drsecondarycode=200&sealedcode=200&uninitcode=200"
    assert wire(hashicorp).run(f"@none GET sys/health?{ok}").status in {200, status}


def test_a_server_that_is_not_initialised_says_so(vault: VaultDouble) -> None:
    vault.initialized = False
    answer = wire(vault).run("@none GET sys/health")
    assert answer.status == 501
    assert answer.json()["sealed"] is True


def test_a_standby_sends_to_the_active_node(vault: VaultDouble) -> None:
    vault.standby, vault.active_url = "standby", "http://127.0.0.1:1"
    answer = wire(vault).run("GET secret/data/a?version=2")
    assert answer.status == 307
    assert answer.headers["location"] == "http://127.0.0.1:1/v1/secret/data/a?version=2"
    assert wire(vault).run("@none GET sys/health").status == 429


def test_a_mount_being_made_versioned_answers_nothing_else(vault: VaultDouble) -> None:
    engine = vault.mount("new")
    engine.upgrading = True
    answer = wire(vault).run("GET new/data/a")
    assert answer.status == 400
    assert answer.json()["errors"][0].startswith("Upgrading from non-versioned to versioned")


def test_a_quota_lets_through_what_it_says(vault: VaultDouble) -> None:
    vault.limit_rate(3, 600, "secret/")
    client = wire(vault)
    assert [client.run("GET secret/data/a").status for _ in range(5)] == [404, 404, 404, 429, 429]
    assert client.run("GET old/a").status == 404


def test_mutations_are_what_changes_something(vault: VaultDouble) -> None:
    client = wire(vault)
    for line in (
        "GET secret/data/a",
        "LIST secret/metadata",
        "SCAN secret/metadata",
        'POST sys/capabilities-self {"paths":["a"]}',
        'POST sys/leases/lookup {"lease_id":"a"}',
        'POST sys/wrapping/lookup {"token":"a"}',
        "POST auth/token/renew-self {}",
        'POST auth/userpass/login/a {"password":"b"}',
        'POST sys/capabilities-self {"paths":["a"]} | X-Vault-Namespace: ns',
    ):
        client.run(line)
    assert vault.mutations() == []
    for line in (
        'POST secret/data/a {"data":{}}',
        "DELETE secret/data/a",
        'PATCH secret/data/a {"data":{}}',
        'POST secret/undelete/a {"versions":[1]}',
        "POST sys/wrapping/unwrap {}",
        "POST auth/token/revoke-self {}",
    ):
        client.run(line)
    assert len(vault.mutations()) == 6


def test_faults_stand_before_the_state(vault: VaultDouble) -> None:
    vault.break_next(
        Fault("reply", reply=Reply(500, b"{}")),
        Fault("reset_after", when=lambda request: request.method == "POST"),
    )
    assert wire(vault).run('POST secret/data/a {"data":{"v":1}}').status == 500
    assert "a" not in vault.secrets_of("secret")
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        wire(vault).run('POST secret/data/a {"data":{"v":1}}')
    assert vault.secrets_of("secret")["a"].current == 1


# Vault's ways.


def test_vault_knows_no_scan_and_no_pages(hashicorp: VaultDouble) -> None:
    for name in ("a", "b", "c/d"):
        hashicorp.write("secret", name, {"v": 1})
    client = wire(hashicorp)
    assert client.run("SCAN secret/metadata").status == 405
    assert client.run("GET secret/metadata/?scan=true").status == 404
    assert data(client.run("GET secret/metadata/a?scan=true"))["current_version"] == 1
    paged = client.run("GET secret/metadata/?list=true&limit=1&after=a")
    assert paged.json()["data"] == {"keys": ["a", "b", "c/"]}
    assert paged.json()["warnings"] == ["Endpoint ignored these unrecognized parameters: [after limit]"]
    detailed = client.run("LIST secret/detailed-metadata")
    assert detailed.status == 404
    assert "vault kv list" in detailed.json()["warnings"][0]


def test_vault_tells_less_of_metadata_and_more_around_it(hashicorp: VaultDouble) -> None:
    hashicorp.write("secret", "a", {"v": 1})
    answer = wire(hashicorp).run("GET secret/metadata/a").json()
    assert answer["mount_type"] == "kv"
    assert not {"current_metadata_version", "metadata_cas_required"} & set(answer["data"])


def test_vault_says_invalid_token(hashicorp: VaultDouble) -> None:
    answer = wire(hashicorp).run("@bad GET secret/data/a")
    assert answer.status == 403
    assert answer.json()["errors"] == ["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]
    assert hashicorp.token("p").startswith("hvs.")


# Many at once.


def test_writers_with_check_and_set_lose_nothing(vault: VaultDouble) -> None:
    def increment(_: int) -> None:
        client = wire(vault)
        while True:
            found = client.run("GET secret/data/n").json().get("data")
            version = found["metadata"]["version"] if found else 0
            number = found["data"]["n"] + 1 if found else 1
            body = {"data": {"n": number}, "options": {"cas": version}}
            if client.run(f"POST secret/data/n {json.dumps(body)}").status == 200:
                return

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(increment, range(12)))
    assert data(wire(vault).run("GET secret/data/n"))["data"] == {"n": 12}


def test_ten_thousand_secrets_are_listed_quickly(vault: VaultDouble) -> None:
    engine_names = vault.secrets_of("secret")
    for number in range(10_000):
        vault.write("secret", f"folder-{number % 500:03d}/secret-{number}", {})
    started = time.thread_time()
    folders = engine_names.listing("")  # type: ignore[attr-defined]
    leaves = [name for folder in folders for name in engine_names.listing(folder)]  # type: ignore[attr-defined]
    assert (len(folders), len(leaves)) == (500, 10_000)
    assert time.thread_time() - started < 2
