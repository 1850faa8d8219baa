"""The command line on a secrets API: what somebody does there every day, and what is in the documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from kvtui.backends.file import FileFactory
from kvtui.backends.file.header import KdfCost
from kvtui.cli.main import run
from kvtui.domain.credential import Credential
from kvtui.domain.value import SecretValue
from tests.crud.places import APP, APP_URI, ENV, ENV_URI, TOKEN
from tests.doubles.crud import CrudDouble, Settings

PASSPHRASE = "correct horse battery staple"
BASE, YAML = "openbao+kv2/secret", "yaml/secret"
MAP = {"token": "t\r\n", "n": 1, "map": {"a": [1, None]}, "quoted": "\"'\\ $HOME \U0001f511"}


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Cli:
    config: Path

    def __call__(self, *argv: object, stdin: bytes = b"") -> Ran:
        out, err = BytesIO(), BytesIO()
        code = run(["--config", str(self.config), *map(str, argv)], BytesIO(stdin), out, err, None)
        return Ran(int(code), out.getvalue().decode(), err.getvalue().decode())

    def json(self, *argv: object, stdin: bytes = b"", code: int = 0) -> Any:
        ran = self(*argv, "--json", stdin=stdin)
        assert ran.code == code, ran.err
        return json.loads(ran.out)


@pytest.fixture
def crud() -> Iterator[CrudDouble]:
    with CrudDouble(Settings(tenant_salt=None, require_auth=True, enforce_scopes=True)) as double:
        double.token(TOKEN, subject="ann")
        yield double


@pytest.fixture
def cli(crud: CrudDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """`crud` is current, `vault` a file."""
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    for name in ("CONFIG", "PROFILE", "VAULT", "PASSPHRASE_FILE"):
        monkeypatch.delenv(f"KVTUI_{name}", raising=False)
    monkeypatch.setenv("KVTUI_PASSPHRASE", PASSPHRASE)
    monkeypatch.setenv("CRUD_TOKEN", TOKEN)
    vault = Credential(SecretValue(PASSPHRASE))
    FileFactory(lambda: tmp_path / "state").create_with({"path": tmp_path / "v"}, vault, kdf=KdfCost(8 * 1024, 1, 1))
    config = tmp_path / "config.yaml"
    config.write_text(
        f"default: crud\nprofiles:\n  crud:\n    backend: crud\n    url: {crud.url}\n    token_env: CRUD_TOKEN\n"
        "    roots: [openbao+kv2://secret, yaml://secret]\n"
        f"  vault: {{backend: file, path: {tmp_path}/v}}\n"
    )
    return Cli(config)


def test_reading(crud: CrudDouble, cli: Cli) -> None:
    crud.put(APP_URI, {"token": "old"})
    crud.put(APP_URI, MAP)
    crud.put(ENV_URI, {"A": "1"})
    assert cli.json("get", APP)["fields"] == MAP
    assert cli("get", APP, "-f", "token").out == MAP["token"]
    assert cli.json("get", APP, "--version", "1")["fields"] == {"token": "old"}
    assert [row["version"] for row in cli.json("versions", APP)["versions"]] == [1, 2]
    assert cli.json("meta", APP)["metadata"]["owner"] == "setup"
    assert cli.json("get", ENV)["fields"] == {"A": "1"}
    listed = cli.json("ls", "-r", YAML)
    assert ([row["path"] for row in listed["entries"]], listed["complete"]) == ([ENV], True)
    remembered = cli.json("ls", BASE)
    assert ([row["path"] for row in remembered["entries"]], remembered["complete"]) == ([APP], False)
    found = cli("search", "--exact", "app", "--json")
    assert [row["path"] for row in json.loads(found.out)["matches"]] == [APP]
    assert cli("get", f"{BASE}/nothing").code == 3
    assert cli("versions", ENV).code == 9
    assert cli("get", f"{BASE}/bad name").code == 3


def test_writing(crud: CrudDouble, cli: Cli) -> None:
    cli.json("set", APP, "-f", "token", "--owner", "team-a", stdin=b"t")
    cli.json("set", APP, "-f", "user", stdin=b"u")
    assert crud.live(APP_URI) == {"token": "t", "user": "u"}
    assert cli.json("meta", APP, "--owner", "team-b")["metadata"]["owner"] == "team-b"
    assert cli("set", f"{BASE}/bad name", stdin=b"x").code == 2
    assert cli("set", APP, "--cas", "0", stdin=b"x").code == 5
    cli.json("rotate", APP, "-f", "token")
    cli.json("rotate", APP, "-f", "token", "--server", "--stdin", stdin=b"given")
    assert crud.live(APP_URI) == {"token": "given", "user": "u"}
    assert [seen.path for seen in crud.mutations()][-1] == "/api/secrets/rotate"
    cli.json("rm", APP)
    assert crud.live(APP_URI) is None
    cli.json("undelete", APP)
    cli.json("rollback", APP, "1")
    assert crud.live(APP_URI) == {"token": "t"}
    cli.json("rm", APP, "--versions", "2", "--destroy", "--yes")
    assert crud.cluster().secrets["secret/app"].versions[2].destroyed
    cli.json("rm", APP, "--destroy", "--yes")
    assert "secret/app" not in crud.cluster().secrets
    cli.json("set", ENV, "-f", "A", stdin=b"1")
    cli.json("set", f"{ENV}/sub", "-f", "B", stdin=b"2")
    cli.json("set", ENV, "-f", "C", stdin=b"3")
    assert crud.yaml["secret"] == {"env": {"A": "1", "C": "3", "sub": {"B": "2"}}}
    cli.json("rm", ENV, "--yes")
    assert crud.yaml["secret"] == {"env": {"sub": {"B": "2"}}}


def test_to_a_vault_and_back(crud: CrudDouble, cli: Cli) -> None:
    crud.put(APP_URI, {"token": "old"})
    crud.put(APP_URI, MAP)
    crud.yaml["secret"] = {"env": {"A": "1", "list": [1, "x"], "deep": {"B": "line\n"}}}
    before = json.loads(json.dumps(crud.yaml))
    cli.json("cp", APP, "vault:kv2/app")
    cli.json("cp", "-r", YAML, "vault:yaml")
    assert cli.json("get", "vault:kv2/app")["fields"] == MAP
    assert cli.json("get", "vault:kv2/app", "--version", "1")["fields"] == {"token": "old"}
    assert cli.json("get", "vault:yaml/env")["fields"] == {"A": "1", "list": [1, "x"]}
    crud.yaml.clear()
    cli.json("cp", "-r", "vault:yaml", YAML)
    assert crud.yaml == before
    cli.json("cp", "-r", "vault:kv2", f"crud:{BASE}/back")
    assert crud.live("openbao+kv2://secret/back/app") == MAP


def test_what_the_service_cannot_hold_is_said_before_it_is_carried(crud: CrudDouble, cli: Cli) -> None:
    cli.json("set", "vault:a", "--description", "d", "--tag", "t", "--owner", "me", stdin=b"1")
    cli.json("set", "vault:a", stdin=b"2")
    said = json.dumps(cli.json("cp", "vault:a", f"crud:{BASE}/a", "--dry-run")["plan"])
    for word in ("description", "tags"):
        assert word in said
    said = json.dumps(cli.json("cp", "vault:a", f"crud:{YAML}/a", "--dry-run")["plan"])
    for word in ("version", "owner"):
        assert word in said
    cli.json("set", "vault:map", "--json-value", stdin=b'{"a": 1}')
    assert cli("cp", "vault:map", f"crud:{YAML}/map").code != 0
    cli.json("set", "vault:bytes", stdin=b"\xff")
    assert cli("cp", "vault:bytes", f"crud:{BASE}/bytes").code == 9
    assert not crud.mutations()


def test_the_server_copies_and_moves_and_tells(crud: CrudDouble, cli: Cli) -> None:
    crud.put(APP_URI, {"token": "t"})
    cli.json("cp", "--server", APP, f"{BASE}/copy")
    cli.json("mv", "--server", f"{BASE}/copy", f"{BASE}/moved")
    assert crud.live("openbao+kv2://secret/moved") == {"token": "t"}
    assert [seen.path for seen in crud.mutations()] == ["/api/secrets/copy", "/api/secrets/move"]
    told = cli("journal", "--server", BASE)
    assert told.code == 0
    assert "ann" in told.out
    crud.settings.environment = "prod"
    assert cli("journal", "--server").code == 9


def test_a_secret_is_imported_in_few_requests(crud: CrudDouble, cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "many.json"
    file.write_text(json.dumps({f"n{number}": {"value": str(number)} for number in range(20)}))
    ran = cli("import", file, "--into", BASE)
    assert ran.code == 0, ran.err
    assert crud.live("openbao+kv2://secret/n7") == {"value": "7"}
    assert [seen.path for seen in crud.mutations()] == ["/api/secrets/bulk"]
    file.write_text(json.dumps({f"n{number}": {"value": str(number % 19)} for number in range(20)}))
    assert cli("import", file, "--into", BASE).code == 0
    assert len(crud.mutations()) == 2
    assert len(crud.cluster().secrets["secret/n19"].versions) == 2
