from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kvtui.backends.file import FileFactory
from kvtui.backends.file.header import KdfCost
from kvtui.backends.worker.backend import WorkerBackend
from kvtui.domain.credential import Credential
from kvtui.domain.value import SecretValue
from tests.doubles.worker import WorkerDouble
from tests.worker.places import Cli, opened

PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def double() -> Iterator[WorkerDouble]:
    with WorkerDouble() as made:
        yield made


@pytest.fixture
def store(double: WorkerDouble) -> Iterator[WorkerBackend]:
    with opened(double) as backend:
        yield backend


@pytest.fixture
def worker(double: WorkerDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command line: `worker` is current, `vault` a file, `elsewhere` in memory."""
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    for name in ("CONFIG", "PROFILE", "VAULT", "PASSPHRASE_FILE"):
        monkeypatch.delenv(f"KVTUI_{name}", raising=False)
    monkeypatch.setenv("KVTUI_PASSPHRASE", PASSPHRASE)
    monkeypatch.setenv("WORKER_SECRET", double.credentials.client_secret)
    vault = Credential(SecretValue(PASSPHRASE))
    FileFactory(lambda: tmp_path / "state").create_with({"path": tmp_path / "v"}, vault, kdf=KdfCost(8 * 1024, 1, 1))
    config = tmp_path / "config.yaml"
    config.write_text(
        f"default: worker\nprofiles:\n  worker:\n    backend: worker\n    url: {double.url}\n"
        f"    client_id: {double.credentials.client_id}\n    client_secret_env: WORKER_SECRET\n"
        f"  vault: {{backend: file, path: {tmp_path}/v}}\n  elsewhere: {{backend: memory, name: {tmp_path}}}\n"
    )
    return Cli(config)
