"""Folders carried by the installed command between mounts, namespaces, servers and a vault; killed and resumed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kvtui.backends.file import FileFactory
from kvtui.backends.file.header import KdfCost
from kvtui.domain.credential import Credential
from kvtui.domain.value import SecretValue
from tests.doubles.vault import VaultDouble, real_server

PASSPHRASE = "correct horse battery staple"


class Place:
    """A home with profiles: `vault` (a file), `one`, `two` (servers)."""

    def __init__(self, home: Path, **servers: str) -> None:
        self.home = home
        for name in ("token", "passphrase"):
            (home / name).write_text("root" if name == "token" else PASSPHRASE)
            (home / name).chmod(0o600)
        FileFactory(lambda: home / "state").create_with(
            {"path": home / "v"}, Credential(SecretValue(PASSPHRASE)), kdf=KdfCost(8 * 1024, 1, 1)
        )
        lines = ["default: vault", "profiles:", f"  vault: {{backend: file, path: {home}/v}}"]
        lines += [
            f"  {name}: {{backend: vault, url: '{url}', auth: {{method: token, token_file: {home}/token}}}}"
            for name, url in servers.items()
        ]
        (home / "config.yaml").write_text("\n".join(lines) + "\n")

    def start(self, *argv: str) -> "subprocess.Popen[bytes]":
        environment = {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "KVTUI_CONFIG": str(self.home / "config.yaml"),
            "KVTUI_PASSPHRASE_FILE": str(self.home / "passphrase"),
        }
        return subprocess.Popen(
            [sys.executable, "-m", "kvtui", *argv],
            env=environment,
            cwd=Path(__file__).parents[2],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def __call__(self, *argv: str, code: int = 0) -> Any:
        process = self.start(*argv, "--json")
        out, err = process.communicate(timeout=120)
        assert process.returncode == code, err.decode()
        return json.loads(out or err.splitlines()[-1])

    def contents(self, profile: str, folder: str) -> dict[str, list[tuple[int, str, str | None]]]:
        """Every secret below a folder: its versions with number, state and value."""
        found: dict[str, list[tuple[int, str, str | None]]] = {}
        for entry in self("ls", "-r", f"{profile}:{folder}")["entries"]:
            path = f"{profile}:{entry['path']}"
            rows = []
            for version in self("versions", path)["versions"]:
                number, state = version["version"], version["state"]
                live = state == "live"
                value = self("get", path, "--version", str(number))["fields"]["value"] if live else None
                rows.append((number, state, value))
            found[entry["path"].removeprefix(f"{folder}/")] = rows
        return found


def seed(url: str, mount: str = "secret", namespace: str = "") -> dict[str, list[tuple[int, str, str | None]]]:
    """Secrets with a past, and what they must be like elsewhere: deleted values are kept back by the server."""
    from kvtui.backends.http import address
    from kvtui.backends.http.client import HttpClient
    from kvtui.backends.vault.api import VaultApi
    from kvtui.backends.vault.backend import VaultBackend
    from kvtui.backends.vault.mounts import Mounts

    wanted = {}
    api = VaultApi(HttpClient(address.parse(url)), token=SecretValue("root"), namespace=namespace)
    with VaultBackend(api, Mounts(api), location=url) as store:
        for name in ("a", "b/c", "b/d"):
            path = f"{mount}/app/{name}"
            for text in "123":
                store.write(path, {"value": SecretValue(f"{name}-{text}")})
            store.destroy(path, [2])
            wanted[name] = [(1, "live", f"{name}-1"), (2, "destroyed", None), (3, "live", f"{name}-3")]
    return wanted


@pytest.fixture
def servers() -> Iterator[tuple[VaultDouble, VaultDouble]]:
    with VaultDouble() as one, VaultDouble(flavour="vault") as two:
        yield one, two
        assert not one.broken
        assert not two.broken


@pytest.mark.slow
def test_a_folder_goes_from_server_to_server_to_vault_and_back(
    servers: tuple[VaultDouble, VaultDouble], tmp_path: Path
) -> None:
    one, two = servers
    place = Place(tmp_path, one=one.url, two=two.url)
    wanted = seed(one.url)
    plan = place("cp", "-r", "one:secret/app", "two:secret/copy", "--dry-run")["plan"]
    assert [row["to"] for row in plan] == ["secret/copy/a", "secret/copy/b/c", "secret/copy/b/d"]
    assert all(row["notes"] == ["Times and authors of versions are set anew."] for row in plan)
    assert not two.mutations()
    place("cp", "-r", "one:secret/app", "two:secret/copy")
    assert place.contents("two", "secret/copy") == wanted
    place("mv", "-r", "two:secret/copy", "vault:home")
    assert place.contents("vault", "home") == wanted
    place("ls", "two:secret/copy", code=3)
    place("cp", "-r", "vault:home", "one:secret/back")
    assert place.contents("one", "secret/back") == wanted
    refused = place("cp", "-r", "vault:home", "one:secret/back", code=4)
    assert [row["error"]["kind"] for row in refused["failed"]] == ["AlreadyExists"] * 3


def test_a_folder_goes_between_namespaces(servers: tuple[VaultDouble, VaultDouble], tmp_path: Path) -> None:
    one, _ = servers
    one.namespace("team")
    one.mount("kv", namespace="team")
    place = Place(tmp_path, one=one.url)
    wanted = seed(one.url)
    place("cp", "-r", "one:secret/app", "one/team:kv/app")
    assert place.contents("one/team", "kv/app") == wanted


@pytest.mark.slow
def test_a_folder_goes_between_mounts_of_a_real_server(tmp_path: Path) -> None:
    found = real_server()
    if found is None:
        pytest.skip("no bao or vault on PATH")
    with found as server:
        place = Place(tmp_path, one=server.url)
        (tmp_path / "token").write_text(server.token)
        wanted = seed(server.url)
        place("mv", "-r", "one:secret/app", "one:secret/moved")
        assert place.contents("one", "secret/moved") == wanted
        place("cp", "-r", "one:secret/moved", "vault:app")
        assert place.contents("vault", "app") == wanted


@pytest.mark.slow
@pytest.mark.timeout(600)  # on a busy machine it takes long until a run is let live for long enough
@pytest.mark.parametrize("verb", ["cp", "mv"])
def test_a_run_that_is_killed_again_and_again_ends_with_everything_once(verb: str, tmp_path: Path) -> None:
    chance = random.Random(verb)
    with VaultDouble(latency=0.004) as one, VaultDouble(flavour="vault", latency=0.004) as two:
        place = Place(tmp_path, one=one.url, two=two.url)
        wanted = {}
        for number in range(30):
            name = f"s{number:02}"
            for version in range(1, 4):
                one.write("secret", f"app/{name}", {"value": f"{name}-{version}"})
            wanted[f"app/{name}"] = [f"{name}-{version}" for version in range(1, 4)]
        kills = 0
        while True:
            process = place.start(verb, "-r", "one:secret/app", "two:secret/app", "--resume")
            try:
                process.communicate(timeout=0.6 + chance.random() * (1 + kills))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.communicate()
                kills += 1
                time.sleep(0.05)  # its last request may be under way: the next run begins after it, as a person would
                continue
            break
        assert process.returncode in {0, 3}, process.returncode  # 3: all of it was moved before the last kill
        assert kills >= 3
        there = {
            name: [version.data["value"] for _, version in sorted(secret.versions.items())]
            for name, secret in two.secrets_of("secret").items()
        }
        assert there == wanted
        left = set(one.secrets_of("secret"))
        assert left == (set() if verb == "mv" else set(wanted))
