"""The server of these tests, and homes that are nobody's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kvtui.backends.vault.auth.login import LoginApi
from tests.vault_auth.double import Server
from tests.vault_auth.talk import connected


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def api(server: Server) -> Iterator[LoginApi]:
    with connected(server.url) as opened:
        yield opened


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path)}
