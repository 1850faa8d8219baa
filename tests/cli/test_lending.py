"""lease, share, unwrap: against a double of OpenBao, in this process and as programs of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Ran, Typist, run_here
from tests.doubles.trust import TrustDouble
from tests.doubles.vault import VaultDouble

ROLE = "database/creds/readonly"
KVTUI = (sys.executable, "-m", "kvtui")


@pytest.fixture
def server() -> Iterator[VaultDouble]:
    with VaultDouble() as double:
        double.mount("database", kind="database").add_role("readonly")  # type: ignore[attr-defined]
        yield double
        assert not double.broken


@pytest.fixture
def cli(server: VaultDouble, home: Path) -> Any:
    token = home / "token"
    token.write_text(server.root_token)
    token.chmod(0o600)
    auth = f"auth: {{method: token, token_file: {token}}}"
    file = home / "config" / "kvtui" / "config.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(
        f"default: bao\nprofiles:\n  bao: {{backend: vault, url: '{server.url}', {auth}}}\n"
        f"  locked: {{backend: vault, url: '{server.url}', {auth}, read_only: true}}\n"
    )
    run_here("set", "secret/app/db", "-f", "user", stdin=b"admin")
    run_here("set", "secret/app/db", "-f", "password", stdin=b"SENTINEL-hunter2")
    return run_here


def users(server: VaultDouble) -> dict[str, str]:
    engine: Any = server.state.root.mounts["database/"].engine
    found: dict[str, str] = engine.users
    return found


def soon(text: str, expected: timedelta) -> bool:
    return abs(datetime.fromisoformat(text) - datetime.now(UTC) - expected) < timedelta(seconds=30)


# lease


def test_issue_prints_the_fields_and_tells_the_lease(cli: Any, server: VaultDouble) -> None:
    ran: Ran = cli("lease", "issue", ROLE)
    ((user, password),) = users(server).items()
    assert ran.code == 0
    assert [line.split() for line in ran.text.splitlines()] == [["password", password], ["username", user]]
    assert f"Lease {ROLE}/" in ran.err
    assert password not in ran.err


def test_a_bare_name_is_a_role_of_the_database(cli: Any, server: VaultDouble) -> None:
    found = cli("lease", "issue", "readonly", "--ttl", "5m", "--json").json
    assert found["role"] == ROLE
    assert found["id"].startswith(f"{ROLE}/")
    assert found["renewable"] is True
    assert soon(found["expires_at"], timedelta(minutes=5))
    assert list(users(server).items()) == [(found["fields"]["username"], found["fields"]["password"])]


def test_a_lease_is_listed_renewed_and_revoked_by_later_runs(cli: Any, server: VaultDouble) -> None:
    lease = cli("lease", "issue", ROLE, "--json").json["id"]
    listed = cli("lease", "list", "--json").json["leases"]
    assert [set(row) for row in listed] == [{"id", "role", "issued_at", "expires_at", "renewable"}]
    assert lease in cli("lease", "list").text
    renewed = cli("lease", "renew", lease, "--ttl", "10m", "--json").json
    assert renewed["id"] == lease
    assert soon(renewed["expires_at"], timedelta(minutes=10))
    assert cli("lease", "revoke", lease).text == f"{lease}: revoked\n"
    assert users(server) == {}
    assert cli("lease", "list", "--json").json == {"leases": []}
    assert cli("lease", "renew", lease).code == 3


def test_what_ended_on_the_server_is_not_listed_any_more(cli: Any, server: VaultDouble) -> None:
    cli("lease", "issue", ROLE)
    server.advance(3601)
    assert cli("lease", "list").text == ""


def test_roles_are_listed_without_issuing_anything(cli: Any, server: VaultDouble) -> None:
    assert cli("lease", "list", "--roles").text == f"{ROLE}\n"
    assert cli("lease", "list", "--roles", "--json").json == {"roles": [ROLE]}
    cli("ls", "-r")
    cli("tree")
    assert server.state.leases == {}
    assert users(server) == {}


@pytest.mark.parametrize("path", ["secret/app/db", "secret/data/app/db", "sys/health", "cubbyhole/x"])
def test_what_gives_no_lease_is_refused_before_it_is_asked_for(cli: Any, server: VaultDouble, path: str) -> None:
    before = len(server.requests)
    ran: Ran = cli("lease", "issue", path)
    assert ran.code == 2
    assert "no lease" in ran.err
    assert "SENTINEL" not in ran.err + ran.text
    asked = [request.path for request in server.requests[before:]]
    assert f"/v1/{path}" not in asked
    assert cli("lease", "list").text == ""


def test_an_unknown_role_is_said_in_words(cli: Any) -> None:
    assert cli("lease", "issue", "database/creds/none").code == 2
    ran: Ran = cli("lease", "issue", "nowhere/creds/none", "--json")
    assert (ran.code, ran.error["kind"]) == (3, "NotFound")


def test_a_token_without_the_right_is_told_so(cli: Any, server: VaultDouble, home: Path) -> None:
    server.policy("reader", {"secret/data/*": ["read"]})
    (home / "token").write_text(server.token("reader"))
    ran: Ran = cli("lease", "issue", ROLE)
    assert ran.code == 7
    assert "policies do not allow" in ran.err
    assert cli("lease", "list", "--roles").text == ""


def test_a_read_only_profile_changes_nothing_on_the_server(cli: Any, server: VaultDouble) -> None:
    lease = cli("lease", "issue", ROLE, "--json").json["id"]
    token = cli("share", "secret/app/db").out
    leases, before = dict(server.state.leases), len(server.mutations())
    for words in (("lease", "issue", ROLE), ("lease", "renew", lease), ("lease", "revoke", lease)):
        assert cli("-p", "locked", *words).code == 7
    assert cli("-p", "locked", "share", "secret/app/db").code == 7
    assert cli("-p", "locked", "unwrap", stdin=token).code == 7
    assert "sys/wrapping/wrap" in cli("-p", "locked", "unwrap", "--look", stdin=token).text
    assert cli("-p", "locked", "lease", "list").code == 0
    assert len(server.mutations()) == before
    assert server.state.leases == leases


def test_a_store_that_lends_nothing_says_so(vault: Any) -> None:
    for words in (("lease", "issue", ROLE), ("lease", "list"), ("share", "app/db"), ("unwrap",)):
        vault("set", "app/db", stdin=b"x")
        ran: Ran = vault(*words, stdin=b"hvs.token")
        assert ran.code == 9, words


# share and unwrap


def test_ending_a_lease_is_offered_only_where_that_can_be_done(home: Path) -> None:
    with TrustDouble() as service:
        service.role("etl-reader", 3600)
        file = home / "config" / "kvtui" / "config.yaml"
        file.parent.mkdir(parents=True)
        file.write_text(f"profiles:\n  t: {{backend: trust, url: '{service.base_url}', token_file: {home}/token}}\n")
        (home / "token").write_text(service.token)
        (home / "token").chmod(0o600)
        ran = run_here("lease", "issue", "etl-reader")
    assert ran.code == 0
    assert "etl-reader/" in ran.err
    assert "revoke" not in ran.err


def test_share_prints_the_token_alone_and_unwrap_reads_it_once(cli: Any) -> None:
    shared: Ran = cli("share", "secret/app/db", "-f", "password", "--ttl", "5m")
    assert shared.out.endswith(b"\n")
    assert len(shared.out.split()) == 1
    assert shared.text.strip() not in shared.err
    assert "once" in shared.err
    read: Ran = cli("unwrap", stdin=shared.out)
    assert read.out == b"SENTINEL-hunter2"
    assert "sys/wrapping/wrap" in read.err
    again: Ran = cli("unwrap", stdin=shared.out)
    assert again.code == 3
    assert "somebody else read it" in again.err


def test_a_whole_secret_is_unwrapped_as_json(cli: Any) -> None:
    fields = {"user": "admin", "password": "SENTINEL-hunter2"}
    assert cli("unwrap", stdin=cli("share", "secret/app/db").out).json == fields
    shared = cli("share", "secret/app/db", "--json").json
    assert set(shared) == {"token", "accessor", "created_at", "expires_at", "creation_path"}
    assert soon(shared["expires_at"], timedelta(minutes=15))
    found = cli("unwrap", "--json", stdin=shared["token"].encode()).json
    assert found["fields"] == fields
    assert found["creation_path"] == "sys/wrapping/wrap"


def test_looking_uses_nothing_up(cli: Any, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_bytes(cli("share", "secret/app/db", "-f", "user").out)
    for _ in range(2):
        assert "sys/wrapping/wrap" in cli("unwrap", "--look", "--token-file", str(file)).text
    found = cli("unwrap", "--look", "--json", "--token-file", str(file)).json
    assert set(found) == {"created_at", "expires_at", "creation_path"}
    assert cli("unwrap", "--token-file", str(file)).out == b"admin"


def test_at_a_terminal_it_asks_before_it_uses_the_token_up(cli: Any) -> None:
    token = cli("share", "secret/app/db", "-f", "user").text.strip()
    no = Typist(token, "n")
    ran: Ran = cli("unwrap", terminal=no, screen=True, typed=True)
    assert ran.code == 2
    assert no.questions[0] == ("Wrapping token: ", False)
    assert "sys/wrapping/wrap" in no.questions[1][0]
    assert token not in ran.err + ran.text
    assert cli("unwrap", terminal=Typist(token, "y"), screen=True, typed=True).text == "admin\n"


def test_yes_asks_nothing(cli: Any) -> None:
    token = cli("share", "secret/app/db", "-f", "user").text.strip()
    assert cli("unwrap", "--yes", terminal=Typist(token), screen=True, typed=True).text == "admin\n"


def test_a_token_given_as_an_argument_is_refused_and_not_used(cli: Any, server: VaultDouble) -> None:
    token = cli("share", "secret/app/db").text.strip()
    ran: Ran = cli("unwrap", token)
    assert ran.code == 2
    assert token not in ran.err
    assert server.state.token(token) is not None


@pytest.mark.parametrize("data", [b"", b"\n", b"\xff\xfe", b"two words"])
def test_what_is_no_token_is_refused(cli: Any, data: bytes) -> None:
    assert cli("unwrap", stdin=data).code in {2, 3}


@pytest.mark.parametrize("ttl", ["", "soon", "0s", "10000d"])
def test_a_share_needs_a_usable_time(cli: Any, server: VaultDouble, ttl: str) -> None:
    before = len(server.mutations())
    assert cli("share", "secret/app/db", "--ttl", ttl).code == 2
    assert len(server.mutations()) == before


def test_a_missing_field_is_not_shared(cli: Any) -> None:
    assert cli("share", "secret/app/db", "-f", "pin").code == 3
    assert cli("share", "secret/app/none").code == 3


def test_the_wrapping_token_never_goes_as_header_and_body_of_one_request(cli: Any, server: VaultDouble) -> None:
    token = cli("share", "secret/app/db").text.strip()
    cli("unwrap", stdin=token.encode())
    for request in server.requests:
        in_header = token in request.headers.values()
        assert not (in_header and token.encode() in request.body)
    unwrapped = [request for request in server.requests if request.path.endswith("/unwrap")]
    assert len(unwrapped) == 1
    assert not unwrapped[0].body


def test_no_value_and_no_token_stays_in_a_file_a_log_or_an_argument(
    cli: Any, server: VaultDouble, home: Path, tmp_path: Path
) -> None:
    """As processes: what they say at most, what they leave, and what `ps` shows."""
    environment = {**os.environ, "PATH": os.environ["PATH"]}
    seen: list[bytes] = []

    def run(*argv: str, data: bytes = b"") -> tuple[bytes, bytes]:
        seen.extend(word.encode() for word in argv)
        done = subprocess.run(
            [*KVTUI, "--debug", *argv], input=data, capture_output=True, env=environment, timeout=60, check=True
        )
        return done.stdout, done.stderr

    issued, issued_err = run("lease", "issue", ROLE, "--ttl", "5m")
    token, token_err = run("share", "secret/app/db", "-f", "password")
    value, value_err = run("unwrap", data=token)
    run("lease", "list")
    run("journal")
    assert value == b"SENTINEL-hunter2"
    ((_user, password),) = users(server).items()
    assert password.encode() in issued
    for secret in (password.encode(), token.strip(), value):
        assert secret not in b"".join((issued_err, token_err, value_err, *seen))
        for file in (each for folder in (home, tmp_path) for each in folder.rglob("*") if each.is_file()):
            assert secret not in file.read_bytes(), file
