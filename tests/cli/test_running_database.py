"""A real database and its client, and a web server, started under `run`: with the password from a vault file and from a
real server."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Vault
from tests.cli.test_running import WEB_SERVER, check_web_server
from tests.doubles.vault import RealServer, real_server
from tests.leaf.waiting import wait_for

KVTUI = (sys.executable, "-m", "kvtui")
SECONDS = 60.0
PASSWORD = f"SENTINEL-{2:03}-p'w \"$x"
"""Made at run time, so that it stands in no file of the tests as it is."""


def missing(what: str) -> None:
    warnings.warn(f"no {what} on this machine, so nothing was tried with a real one", stacklevel=1)
    pytest.skip(f"no {what} on this machine")


@pytest.fixture(scope="module")
def database() -> Iterator[Path]:
    """A PostgreSQL server that wants a password from everybody, in a folder of its own, with its socket."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found or shutil.which("psql") is None:
        missing("PostgreSQL")  # Debian puts the server there, and it is a dependency of nothing here
    programs = found[-1].parent
    # The server refuses to run as root.
    somebody = pwd.getpwnam("postgres") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    as_somebody = {"user": somebody.pw_uid, "group": somebody.pw_gid} if os.geteuid() == 0 else {}
    folder = Path(tempfile.mkdtemp())  # not pytest's, which only root may enter
    os.chown(folder, somebody.pw_uid, somebody.pw_gid)
    secret = folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    data = folder / "data"
    try:
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", "shop", "-A", "scram-sha-256", "--pwfile", secret, "-N"],
            check=True,
            capture_output=True,
            cwd=folder,
            **as_somebody,
        )
        secret.unlink()
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, "-h", "", "-k", folder, "-F"],  # a socket, which nobody else can take
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            **as_somebody,
        )
        try:
            ready = [programs / "pg_isready", "-q", "-h", folder]
            wait_for(lambda: subprocess.run(ready, check=False).returncode == 0, "the database answers", SECONDS)
            yield folder
        finally:
            server.terminate()
            server.wait(SECONDS)
    finally:
        shutil.rmtree(folder)


def client(database: Path, opening: list[str], *asked: str, env: dict[str, str] | None = None) -> bytes:
    """What psql prints when it is started with what was asked for."""
    query = ["psql", "-X", "-w", "-At", "-h", str(database), "-U", "shop", "-d", "postgres"]
    done = subprocess.run(
        [*KVTUI, *opening, "run", *asked, "--", *query, "-c", "select 'signed in as ' || current_user"],
        capture_output=True,
        timeout=SECONDS,
        check=False,
        env={**os.environ, **(env or {})},
    )
    assert PASSWORD.encode() not in done.stdout + done.stderr
    return done.stdout if done.returncode == 0 else done.stderr


def test_a_database_client_signs_in_with_the_password_of_a_vault_file(database: Path, vault: Vault) -> None:
    vault("set", "shop/db", "-f", "password", stdin=PASSWORD.encode())
    vault("set", "shop/wrong", stdin=b"guess")
    opening = ["--vault", str(vault.path), "--passphrase-file", str(vault.passphrase_file)]
    for how in ([], ["--mask"]):
        assert client(database, opening, *how, "--env", "PGPASSWORD=kv:///shop/db#password") == b"signed in as shop\n"
    assert b"authentication failed" in client(database, opening, "--env", "PGPASSWORD=shop/wrong")


@pytest.fixture(scope="module")
def server() -> Iterator[RealServer]:
    found = real_server()
    if found is None:
        missing("bao or vault")
    else:
        with found:
            yield found


@pytest.fixture
def shop(server: RealServer, home: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """Where the password is on a server, and the token for it."""
    config = home / "config" / "kvtui" / "config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text(
        "default: bao\nprofiles:\n"
        f"  bao: {{backend: vault, url: '{server.url}', auth: {{method: token, token_env: SHOP_TOKEN}}}}\n"
    )
    place = f"secret/kvtui-{os.getpid()}/db"
    token = {"SHOP_TOKEN": server.token}
    subprocess.run(
        [*KVTUI, "set", place, "-f", "password"],
        input=PASSWORD.encode(),
        env={**os.environ, **token},
        check=True,
        capture_output=True,
    )
    yield place, token
    subprocess.run(
        [*KVTUI, "rm", place, "--destroy", "--yes"], env={**os.environ, **token}, check=True, capture_output=True
    )


def test_a_database_client_signs_in_with_the_password_of_a_server(
    database: Path, shop: tuple[str, dict[str, str]]
) -> None:
    place, token = shop
    for reference in (f"kv://bao/{place}#password", f"openbao+kv2://{place}#password", f"bao:{place}"):
        assert client(database, [], "--env", f"PGPASSWORD={reference}", env=token) == b"signed in as shop\n"
    named = client(database, [], "--path", place, "--env", f"PGPASSWORD={place}#password?version=1", env=token)
    assert named == b"signed in as shop\n"


def test_a_web_server_gets_the_password_of_a_server(shop: tuple[str, dict[str, str]]) -> None:
    place, token = shop
    argv = [*KVTUI, "run", "--env", f"PASSWORD=kv://bao/{place}#password", "--"]
    check_web_server([*argv, sys.executable, "-I", "-c", WEB_SERVER], PASSWORD, {**os.environ, **token})
