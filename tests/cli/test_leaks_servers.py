"""After every command that only servers have: no value and no token where it does not belong, and the journal."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import run_here
from tests.cli.test_commands import ON_SERVERS
from tests.cli.test_leaks import Line, is_json, occurs
from tests.doubles.vault import VaultDouble

LINES = (
    Line("login"),
    Line("login --store", plain=".vault-token"),
    Line("share secret/app/db", ("share secret/app/db",), tells=True),
    Line("unwrap --look", stdin="{wrapped}"),
    Line("unwrap", ("unwrap sys/wrapping/wrap",), tells=True, stdin="{wrapped}"),
    Line("unwrap", stdin="{wrapped}", code=3),
    Line("unwrap {wrapped}", code=2),
    Line("lease list --roles"),
    Line("lease issue readonly", ("issue readonly",), tells=True),
    Line("lease list"),
    Line("lease renew {lease} --ttl 10m", ("renew database/creds/readonly",)),
    Line("lease revoke {lease}", ("revoke database/creds/readonly",)),
    Line("lease renew {lease}", ("renew database/creds/readonly",), code=3),
    Line("lease issue nobody", ("issue nobody",), code=2),
    Line("ls bao/team:"),
    Line("get bao/team:secret/none", code=3),
    Line("logout"),
    Line("logout", code=6),
)


@pytest.fixture
def server() -> Iterator[VaultDouble]:
    with VaultDouble() as double:
        double.root_token = f"canary-{secrets.token_hex(12)}"
        double.state.add_token(["root"], ttl=0, id=double.root_token)
        double.mount("database", kind="database").add_role("readonly")  # type: ignore[attr-defined]
        double.namespace("team")
        double.mount("secret", namespace="team")
        yield double
        assert not double.broken


def configured(home: Path, server: VaultDouble) -> Path:
    """A profile whose token is in a file. Returns the file."""
    token = home / "token"
    token.write_text(server.root_token)
    token.chmod(0o600)
    file = home / "config" / "kvtui" / "config.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    auth = f"{{method: token, token_file: {token}}}"
    file.write_text(f"default: bao\nprofiles:\n  bao: {{backend: vault, url: '{server.url}', auth: {auth}}}\n")
    return token


def users(server: VaultDouble) -> dict[str, str]:
    engine: Any = server.state.root.mounts["database/"].engine
    found: dict[str, str] = engine.users
    return found


def acts() -> list[str]:
    """What the journal has, the first one first."""
    entries = run_here("journal", "--json", "--limit", "1000").json["entries"]
    return [f"{entry['act']} {entry['path']}" for entry in reversed(entries)]


def test_every_command_of_servers_is_in_the_list() -> None:
    assert {name for name in ON_SERVERS for line in LINES if f"{line.argv} ".startswith(f"{name} ")} == ON_SERVERS


@pytest.mark.parametrize("how", ["", *(pytest.param(how, marks=pytest.mark.slow) for how in ("--debug", "--json"))])
def test_no_command_of_servers_leaves_a_value_anywhere(
    home: Path, tmp_path: Path, server: VaultDouble, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    plain = {configured(home, server).name}
    value = f"canary-{secrets.token_hex(12)}"
    server.write("secret", "app/db", {"password": value})
    known = [value, server.root_token]
    found, expected, wrong = {"wrapped": "", "lease": ""}, list[str](), dict[str, Any]()
    for number, line in enumerate(LINES):
        argv = [word.format(**found) for word in line.argv.split()]
        ran = run_here(*how.split(), *argv, stdin=line.stdin.format(**found).encode())
        if line.argv.startswith("share"):
            found["wrapped"] = ran.json["token"] if "--json" in how else ran.text.strip()
            known.append(found["wrapped"])
        if line.argv.startswith("lease issue") and not ran.code:
            ((found["lease"], _),) = server.state.leases.items()
            known += [*users(server).values()]
        plain |= {line.plain} - {""}
        expected += line.acts
        left = {each.name for each in tmp_path.rglob("*") if each.is_file() and occurs(each.read_bytes(), known)}
        told = {
            "code": ran.code == line.code or (ran.code, ran.err),
            "output": line.tells or not occurs(ran.out, known),
            "errors": (not occurs(ran.err.encode(), known) and "Traceback" not in ran.err) or ran.err,
            "files": left <= plain or left - plain,
            "json": "--json" not in how or is_json(ran) or (ran.text, ran.err),
        }
        if any(each is not True for each in told.values()):
            wrong[f"{number} {line.argv}"] = {name: each for name, each in told.items() if each is not True}
    assert wrong == {}
    assert len(known) == 4
    server.state.add_token(["root"], ttl=0, id=server.root_token)  # the one before has ended
    assert acts() == expected
    assert run_here("journal", "verify").code == 0
    assert list((tmp_path / "tmp").iterdir()) == []
