"""Commands on a server: profiles, signing in, every command that has a meaning there, exit codes, and no token."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Ran, Typist, run_here
from tests.doubles.server import Fault, Reply
from tests.doubles.vault import RealServer, VaultDouble, real_server

VALUE = "SENTINEL-hunter2"
PASSWORD = "SENTINEL-password"
KVTUI = (sys.executable, "-m", "kvtui")
ALL = ("create", "read", "update", "patch", "delete", "list", "scan", "sudo")

Cli = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _no_server_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("BAO_", "VAULT_"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def server() -> Iterator[VaultDouble]:
    with VaultDouble() as double:
        double.write("secret", "app/db", {"user": "admin", "password": VALUE})
        double.write("secret", "app/api", {"value": "k-1"})
        yield double
        assert not double.broken


def write_config(home: Path, server: Any, token: str) -> Path:
    held = home / "token"
    held.write_text(token)
    held.chmod(0o600)
    auth = f"{{method: token, token_file: {held}}}"
    file = home / "config" / "kvtui" / "config.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(
        "default: bao\nprofiles:\n"
        f"  bao: {{backend: vault, url: '{server.url}', auth: {auth}}}\n"
        f"  locked: {{backend: vault, url: '{server.url}', auth: {auth}, read_only: true}}\n"
        f"  ann: {{backend: vault, url: '{server.url}', auth: {{method: userpass, username: ann}}}}\n"
    )
    return file


@pytest.fixture
def cli(server: VaultDouble, home: Path) -> Cli:
    write_config(home, server, server.root_token)
    return run_here


# Profiles and addresses


def test_a_server_of_the_environment_needs_no_configuration(
    server: VaultDouble, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:1")  # BAO_ADDR comes before it
    monkeypatch.setenv("BAO_ADDR", server.url)
    monkeypatch.setenv("BAO_TOKEN", server.root_token)
    assert run_here("-p", "vault", "get", "secret/app/api").out == b"k-1"
    assert run_here("vault:secret/app/api", "get").code == 2
    assert run_here("get", "vault:secret/app/api").out == b"k-1"


def test_namespaces_are_addressed_below_their_profile(cli: Cli, server: VaultDouble) -> None:
    server.namespace("team-a")
    server.mount("kv", namespace="team-a")
    assert cli("set", "bao/team-a:kv/inside", stdin=b"x").code == 0
    assert cli("get", "bao/team-a:kv/inside").out == b"x"
    assert cli("-p", "bao/team-a", "ls", "--json").json["entries"][-1]["name"] == "kv"
    assert cli("get", "kv/inside").code == 3
    assert {seen.headers["x-vault-namespace"] for seen in server.mutations()} == {"team-a"}


# Signing in


def test_login_tells_as_whom_and_stores_the_token_where_other_tools_look(
    cli: Cli, server: VaultDouble, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.policy("dev", {"secret/*": ALL})
    server.login_method("userpass").add("ann", "dev", secret=PASSWORD, ttl=3600)
    said = cli("-p", "ann", "login", terminal=Typist(PASSWORD))
    assert said.code == 0
    assert "Signed in as ann at" in said.text
    assert "Policies: default, dev" in said.text
    assert not (home / ".vault-token").exists()
    told = cli("-p", "ann", "login", "--store", "--json", terminal=Typist(PASSWORD)).json
    assert set(told) == {"profile", "location", "name", "policies", "expires_at", "renewable", "stored"}
    assert (told["name"], told["renewable"], told["stored"]) == ("ann", True, str(home / ".vault-token"))
    stored = home / ".vault-token"
    assert stored.stat().st_mode & 0o777 == 0o600
    assert stored.read_text() in server.state.tokens
    monkeypatch.setenv("BAO_ADDR", server.url)
    assert cli("get", "vault:secret/app/api").out == b"k-1"
    out = cli("-p", "vault", "logout", "--json").json
    assert out["signed_out"] is True
    assert not stored.exists()
    assert cli("get", "vault:secret/app/api").code == 6


def test_whoever_cannot_be_asked_is_told_what_to_set(cli: Cli, server: VaultDouble) -> None:
    server.login_method("userpass").add("ann", "dev", secret=PASSWORD)
    ran = cli("-p", "ann", "ls")
    assert ran.code == 6
    assert "password_file" in ran.err
    wrong = cli("-p", "ann", "ls", terminal=Typist("wrong"))
    assert (wrong.code, "name or password is wrong" in wrong.err) == (6, True)


# Commands


def test_looking_around(cli: Cli) -> None:
    assert [row["path"] for row in cli("ls", "secret", "-r", "--json").json["entries"]] == [
        "secret/app/api",
        "secret/app/db",
    ]
    assert "db" in cli("tree").text
    assert cli("search", "apdb", "--json").json["matches"] == [{"path": "secret/app/db"}]
    assert cli("get", "secret/app/db", "-f", "password").out == VALUE.encode()
    assert cli("get", "secret/app/db").code == 2
    assert cli("get", "secret/app/db", "--json").json["fields"] == {"password": VALUE, "user": "admin"}


def test_a_folder_that_lists_what_no_path_can_have_is_partly_done(cli: Cli, server: VaultDouble) -> None:
    body = b'{"data": {"keys": ["db", "..", "new"]}}'
    fault = Fault("reply", when=lambda seen: "metadata/app" in seen.path, times=9, reply=Reply(200, body))
    server.break_next(fault)
    ran = cli("ls", "secret/app")
    assert (ran.code, ran.text) == (4, "db\nnew\n")
    assert "The server lists 1 name that no path can have" in ran.err
    told = cli("ls", "secret/app", "--json")
    assert (told.code, told.json["complete"]) == (4, False)


def test_a_secret_s_whole_life(cli: Cli, server: VaultDouble) -> None:
    assert cli("set", "secret/x", "--json", "--description", "a key", "--tag", "t", stdin=b"one").json == {
        "path": "secret/x",
        "version": 1,
    }
    assert cli("set", "secret/x", "--cas", "1", stdin=b"two").code == 0
    assert cli("set", "secret/x", "--cas", "1", stdin=b"three").code == 5
    assert cli("meta", "secret/x", "--owner", "ann", "--rotation", "1d").code == 0
    told = cli("get", "secret/x", "--json").json["metadata"]
    assert (told["description"], told["tags"], told["owner"]) == ("a key", ["t"], "ann")
    assert [row["state"] for row in cli("versions", "secret/x", "--json").json["versions"]] == ["live", "live"]
    assert "•" in cli("diff", "secret/x", "secret/app/api").text
    assert cli("rollback", "secret/x", "1").code == 0
    assert cli("get", "secret/x").out == b"one"
    assert cli("rm", "secret/x").code == 0
    gone = cli("get", "secret/x", "--json")
    assert (gone.code, gone.error["state"]) == (3, "deleted")
    assert [row["path"] for row in cli("trash", "--json").json["entries"]] == ["secret/x"]
    assert cli("undelete", "secret/x").code == 0
    assert cli("rotate", "secret/x", "--length", "12").code == 0
    assert len(cli("get", "secret/x").out) == 12
    assert cli("rm", "secret/x", "--versions", "1", "--destroy", "--yes").code == 0
    assert cli("versions", "secret/x", "--json").json["versions"][0]["state"] == "destroyed"
    server.secrets_of("secret")["x"].versions[4].created -= 3 * 86400 * 10**9
    assert cli("due", "--json").code == 0
    assert cli("rm", "secret/x", "--destroy", "--yes").code == 0
    assert "x" not in server.secrets_of("secret")


def test_each_change_is_one_request(cli: Cli, server: VaultDouble) -> None:
    for argv, count in (
        (("set", "secret/app/api"), 1),
        (("meta", "secret/app/api", "--owner", "ann"), 1),
        (("rollback", "secret/app/api", "1"), 1),
        (("rotate", "secret/app/api"), 1),
        (("rm", "secret/app/api"), 1),
        (("undelete", "secret/app/api"), 1),
        (("get", "secret/app/api"), 0),
        (("set", "secret/app/api", "--cas", "1"), 1),
        (("rm", "secret/app/api", "--destroy", "--yes"), 1),
    ):
        before = len(server.mutations())
        cli(*argv, stdin=b"new")
        assert len(server.mutations()) - before == count, argv


def test_what_was_exported_is_imported_elsewhere(cli: Cli, server: VaultDouble, tmp_path: Path) -> None:
    server.mount("other")
    file = tmp_path / "out.json"
    assert cli("export", "secret/app", "-o", str(file)).code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert cli("import", str(file), "--into", "other/copy").code == 0
    assert sorted(server.secrets_of("other")) == ["copy/secret/app/api", "copy/secret/app/db"]
    assert cli("get", "other/copy/secret/app/db", "-f", "password").out == VALUE.encode()


# Exit codes


def _refuse_rates(server: VaultDouble) -> None:
    full = Reply(429, b"{}", {"Retry-After": "1"})
    server.break_next(Fault("reply", times=99, reply=full, when=lambda seen: "/secret/" in seen.path))


@pytest.mark.parametrize("state", ["sealed", "denied", "not signed in", "rate limited"])
def test_exit_codes(cli: Cli, server: VaultDouble, home: Path, state: str) -> None:
    server.policy("lists", {"secret/metadata/*": ["list"]})
    server.sealed = state == "sealed"
    if state == "denied":
        (home / "token").write_text(server.token("lists"))
    elif state == "not signed in":
        (home / "token").write_text("s.not-a-token-of-this-server")
    elif state == "rate limited":
        _refuse_rates(server)
    ran = cli("get", "secret/app/api", "--json")
    wanted = {
        "sealed": (8, "Unavailable"),
        "denied": (7, "PermissionDenied"),
        "not signed in": (6, "AuthenticationRequired"),
        "rate limited": (8, "RateLimited"),
    }
    assert (ran.code, ran.error["kind"]) == wanted[state], ran.err
    assert not server.mutations()


def test_a_mount_the_token_may_not_see_is_not_told_from_none(cli: Cli, server: VaultDouble, home: Path) -> None:
    (home / "token").write_text(server.token())
    ran = cli("get", "secret/app/api")
    assert ran.code == 3
    assert "that this token may see" in ran.err


def test_an_expired_token_is_told_from_a_policy_that_denies(cli: Cli, server: VaultDouble, home: Path) -> None:
    server.policy("narrow", {"secret/data/app/api": ["read"]})
    (home / "token").write_text(server.token("narrow"))
    assert cli("get", "secret/app/api").code == 0
    assert cli("get", "secret/app/db", "--json").error["kind"] == "PermissionDenied"
    assert cli("set", "secret/app/api", stdin=b"x").code == 7
    server.state.revoke(server.state.tokens[(home / "token").read_text()])
    assert cli("get", "secret/app/api", "--json").error["kind"] == "AuthenticationRequired"


def test_what_an_old_engine_cannot_do_is_exit_9(cli: Cli, server: VaultDouble) -> None:
    server.mount("old", version=1)
    assert cli("set", "old/x", stdin=b"one").text == "old/x: written\n"
    assert cli("get", "old/x").out == b"one"
    for argv in (
        ("versions", "old/x"),
        ("rollback", "old/x", "1"),
        ("meta", "old/x", "--owner", "a"),
        ("undelete", "old/x"),
    ):
        ran = cli(*argv, "--json")
        assert (ran.code, ran.error["kind"]) == (9, "Unsupported"), argv
        assert "KV version 1" in ran.error["message"]
    assert cli("rotate", "old/x").text == "old/x: written\n"
    assert cli("set", "old/y", stdin=b"two").code == 0
    assert cli("diff", "old/x", "old/y").text == "--- old/x\n+++ old/y\n~ value: •••••••• → ••••••••\n"
    assert cli("rm", "old/x").code == 0
    assert list(server.secrets_of("old")) == ["y"]


def test_a_read_only_profile_sends_no_change(cli: Cli, server: VaultDouble) -> None:
    for argv in (
        ("set", "secret/new"),
        ("meta", "secret/app/api", "--owner", "a"),
        ("rotate", "secret/app/api"),
        ("rollback", "secret/app/api", "1"),
        ("rm", "secret/app/api"),
        ("rm", "secret/app/api", "--destroy", "--yes"),
        ("undelete", "secret/app/api"),
        ("mv", "secret/app/api", "secret/app/z"),
        ("cp", "secret/app/api", "secret/app/z"),
    ):
        assert cli("-p", "locked", *argv, stdin=b"x").code == 7, argv
    assert server.mutations() == []


# The installed program


def spawn(home: Path, *argv: str, stdin: bytes = b"", **more: str) -> subprocess.CompletedProcess[bytes]:
    environ = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environ |= {name: text for name, text in os.environ.items() if name.startswith("XDG_")}
    root = str(Path(__file__).parents[2])
    return subprocess.run(
        [*KVTUI, *argv], input=stdin, capture_output=True, env={**environ, "PYTHONPATH": root, **more}, check=False
    )


def test_the_token_stands_in_no_output_log_or_file(server: VaultDouble, home: Path) -> None:
    token = server.token("dev")
    server.policy("dev", {"secret/app/*": ALL, "secret/data/*": ALL, "secret/metadata/*": ALL})
    write_config(home, server, token)
    (home / "token").unlink()
    file = home / "config" / "kvtui" / "config.yaml"
    file.write_text(re.sub(r"token_file: [^}]*", "token_env: THE_TOKEN", file.read_text()))
    said = b""
    for argv in (
        ("ls",),
        ("get", "secret/none"),
        ("set", "secret/app/n"),
        ("--debug", "get", "secret/app/db", "--json"),
        ("login",),
        ("doctor",),
    ):
        done = spawn(home, *argv, stdin=b"x", THE_TOKEN=token)
        said += done.stdout + done.stderr
    server.sealed = True
    done = spawn(home, "--debug", "ls", THE_TOKEN=token)
    assert done.returncode == 8
    said += done.stdout + done.stderr
    assert token.encode() not in said
    for each in home.rglob("*"):
        assert not each.is_file() or token.encode() not in each.read_bytes(), each


def example(name: str) -> str:
    """The block of the README below this mark."""
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    found = re.search(rf"<!-- example: {name} -->\n```\w+\n(.*?)```", readme, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_examples_of_the_readme_run(server: VaultDouble, home: Path) -> None:
    bin_ = home / "bin"
    bin_.mkdir()
    program = bin_ / "kvtui"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m kvtui "$@"\n')
    program.chmod(0o755)
    script = example("server").replace("https://vault.example.com:8200", server.url)
    assert server.url in script
    server.secrets_of("secret").pop("app/db")
    server.write("secret", "app/db", {"password": "first"})
    done = subprocess.run(
        ["bash", "-euc", script],
        env={
            **os.environ,
            "PATH": f"{bin_}:{os.environ['PATH']}",
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "BAO_TOKEN": server.root_token,
            "NEW": "second",
        },
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b"first" in done.stdout
    found = server.secrets_of("secret")["app/db"]
    assert [found.versions[number].data for number in (1, 2, 3)] == [
        {"password": text} for text in ("first", "second", "first")
    ]


def test_the_profiles_of_the_readme_are_right(home: Path) -> None:
    file = home / "config" / "kvtui" / "config.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(example("profiles"))
    assert run_here("config", "check").code == 0
    assert {row["name"] for row in run_here("profiles", "--json").json["profiles"]} >= {"staging", "production"}


@pytest.fixture(scope="module")
def real() -> Iterator[RealServer]:
    found = real_server()
    if found is None:
        warnings.warn("no bao or vault on PATH, so nothing was tried against a real server", stacklevel=1)
        pytest.skip("no bao or vault on PATH")
    with found:
        yield found


@pytest.mark.slow
def test_the_program_on_a_real_server(real: RealServer, home: Path) -> None:
    write_config(home, real, real.token)
    place = f"secret/kvtui-{os.getpid()}"
    assert spawn(home, "set", f"{place}/x", "-f", "a", "--description", "d", stdin=b"one").returncode == 0
    assert spawn(home, "set", f"{place}/x", "-f", "a", stdin=b"two").returncode == 0
    assert spawn(home, "get", f"{place}/x").stdout == b"two"
    listed = json.loads(spawn(home, "ls", place, "--json").stdout)
    assert [row["path"] for row in listed["entries"]] == [f"{place}/x"]
    told = json.loads(spawn(home, "versions", f"{place}/x", "--json").stdout)
    assert [row["state"] for row in told["versions"]] == ["live", "live"]
    assert spawn(home, "set", f"{place}/x", "--cas", "1", stdin=b"z").returncode == 5
    assert spawn(home, "rollback", f"{place}/x", "1").returncode == 0
    assert spawn(home, "get", f"{place}/x").stdout == b"one"
    assert spawn(home, "rm", f"{place}/x").returncode == 0
    assert spawn(home, "get", f"{place}/x").returncode == 3
    assert spawn(home, "undelete", f"{place}/x").returncode == 0
    assert spawn(home, "-p", "locked", "rm", f"{place}/x").returncode == 7
    assert spawn(home, "rm", f"{place}/x", "--destroy", "--yes").returncode == 0
    assert spawn(home, "login", "--json").returncode == 0
    (home / "token").write_text("s.wrong")
    assert spawn(home, "ls").returncode == 6
