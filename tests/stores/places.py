"""Every kind of store, on its double where it is remote, and what a test puts into it and looks at there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from kvtui.backends.file.factory import FileFactory
from kvtui.backends.file.header import KdfCost
from kvtui.domain.credential import Credential
from kvtui.domain.value import SecretValue
from tests.cli.conftest import Ran, run_here
from tests.doubles.crud import CrudDouble
from tests.doubles.tailor import TailorDouble
from tests.doubles.trust import TrustDouble
from tests.doubles.vault import VaultDouble
from tests.doubles.vault.wire import dumps
from tests.doubles.worker import WorkerDouble

PASSPHRASE = "correct horse battery staple"
CHEAP = KdfCost(memory_kib=8 * 1024, passes=1, lanes=1)
KV2, YAML = "openbao+kv2://secret", "yaml://secret"
VAULT = "api-keys"
"""The one vault of the tailor double."""


class Stores:
    """A profile of each kind, named after the column of a table; a double runs once it is looked at.

    `home` holds the configuration, the vault files and the YAML file. Use within an ExitStack, which stops the doubles.
    """

    def __init__(self, home: Path, stack: ExitStack) -> None:
        self.home = home
        self._stack = stack

    @cached_property
    def vault(self) -> VaultDouble:
        double = self._stack.enter_context(VaultDouble())
        double.mount("kv1", version=1)
        double.mount("database", kind="database").add_role("reader")
        return double

    @cached_property
    def worker(self) -> WorkerDouble:
        return self._stack.enter_context(WorkerDouble())

    @cached_property
    def trust(self) -> TrustDouble:
        double = self._stack.enter_context(TrustDouble())
        double.rate.per_second = None
        double.role("reader")
        return double

    @cached_property
    def tailor(self) -> TailorDouble:
        double = self._stack.enter_context(TailorDouble())
        double.vault(VAULT)
        return double

    @cached_property
    def crud(self) -> CrudDouble:
        double = self._stack.enter_context(CrudDouble())
        double.token("t")
        return double

    @property
    def yaml_file(self) -> Path:
        return self.home / "secrets.yaml"

    def settings(self, name: str) -> Mapping[str, Any]:
        """Of the profile of this name; makes what it leads to."""
        match name:
            case "file" | "back":
                path = self.home / f"{name}.kvtui"
                FileFactory(lambda: self.home / "state" / "kvtui").create_with(
                    {"path": str(path)}, Credential(SecretValue(PASSPHRASE)), kdf=CHEAP
                )
                return {"backend": "file", "path": str(path)}
            case "vault" | "kv1":
                auth = {"method": "token", "token_file": self._held("vault", self.vault.root_token)}
                root = "secret" if name == "vault" else name
                return {"backend": "vault", "url": self.vault.url, "auth": auth, "root": root}
            case "worker":
                given = self.worker.credentials
                secret = self._held(name, given.client_secret)
                return {
                    "backend": name,
                    "url": self.worker.url,
                    "client_id": given.client_id,
                    "client_secret_file": secret,
                }
            case "trust":
                token = self._held(name, self.trust.token)
                return {
                    "backend": name,
                    "url": self.trust.base_url,
                    "token_file": token,
                    "requests_per_second": 1000,
                }
            case "tailor":
                token = self._held(name, self.tailor.login.access_token)
                return {"backend": name, "url": self.tailor.url, "token_file": token}
            case "crud" | "crud_yaml":
                root = KV2 if name == "crud" else YAML
                return {"backend": "crud", "url": self.crud.url, "token_file": self._held("crud", "t"), "root": root}
        assert name == "yaml"
        self.yaml_file.touch()
        return {"backend": "yaml", "path": str(self.yaml_file), "environment": "dev"}

    def _held(self, name: str, text: str) -> str:
        file = self.home / f"{name}.token"
        file.write_text(text)
        file.chmod(0o600)
        return str(file)

    def commands(self, *names: str, **others: Mapping[str, Any]) -> Commands:
        """Command lines on profiles of these names, and with these settings; the first is the current one."""
        profiles = {name: self.settings(name) for name in names} | others
        config = self.home / "config.yaml"
        config.write_text(yaml.safe_dump({"default": names[0], "profiles": profiles}))
        return Commands(config)

    # What a test puts there and looks at, past kvtui.

    def put(self, name: str, path: str, fields: Mapping[str, Any]) -> None:
        """A secret; of a store with one value per path the field is `value`, and it is text or bytes."""
        match name:
            case "vault":
                self.vault.write("secret", path, dict(fields))
            case "kv1":
                self.vault.write("kv1", path, dict(fields))
            case "worker":
                self.worker.put(path, fields["value"], kind="api_key", description="what for", tags=["prod", "ü"])
            case "trust":
                value = fields["value"]
                self.trust.put(path, value if isinstance(value, bytes) else value.encode())
            case "crud":
                self.crud.put(f"{KV2}/{path}", dict(fields))
            case "crud_yaml":
                self.crud.put(f"{YAML}/{path}", dict(fields))
            case "yaml":
                whole = yaml.safe_load(self.yaml_file.read_text() if self.yaml_file.exists() else "") or {}
                folder = whole
                for segment in path.split("/"):
                    folder = folder.setdefault(segment, {})
                folder.update(fields)
                self.yaml_file.write_text(yaml.safe_dump(whole, allow_unicode=True))

    def held(self, name: str, path: str) -> Any:
        """The newest fields there, None where nothing is; of a store with one value, that as text or bytes."""
        match name:
            case "vault":
                secret = self.vault.secrets_of("secret").get(path)
                return None if secret is None else json.loads(dumps(secret.versions[max(secret.versions)].data))
            case "kv1":
                found = self.vault.secrets_of("kv1").get(path)
                return None if found is None else json.loads(dumps(found))
            case "worker":
                return self.worker.value(path)
            case "trust":
                values = self.trust.values(path)
                return values[-1] if values else None
            case "tailor":
                return self.tailor.value(*path.split("/"))
            case "crud" | "crud_yaml":
                return self.crud.live(f"{KV2 if name == 'crud' else YAML}/{path}")
        assert name == "yaml"
        node = yaml.safe_load(self.yaml_file.read_text())
        for segment in path.split("/"):
            node = (node or {}).get(segment)
        return node

    def mutations(self, name: str) -> list[Any]:
        """The recorded requests to this store that would change something."""
        double = {"kv1": "vault", "crud_yaml": "crud"}.get(name, name)
        found: list[Any] = getattr(self, double).mutations()
        return found


@dataclass(frozen=True)
class Commands:
    """Command lines, one after the other."""

    config: Path

    def __call__(self, *argv: str, stdin: bytes = b"") -> Ran:
        return run_here("--config", str(self.config), *argv, stdin=stdin)

    def json(self, *argv: str, stdin: bytes = b"") -> Any:
        """What one prints that has to succeed."""
        ran = self(*argv, "--json", stdin=stdin)
        assert ran.code == 0, ran.err
        return ran.json
