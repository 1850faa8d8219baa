from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from kvtui.backends import registry
from tests.stores.places import PASSPHRASE, Stores


@contextmanager
def made(home: Path) -> Iterator[Stores]:
    """Stores in a home of their own, with nothing of ours in the environment."""
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        for name in os.environ:
            if name.startswith(("KVTUI_", "VAULT_", "BAO_", "TAILOR_", "PLATFORM_")) or name == "ENVIRONMENT":
                patch.delenv(name)
        patch.setenv("HOME", str(home))
        for name in ("CONFIG", "DATA", "STATE", "CACHE"):
            patch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
        patch.setenv("KVTUI_PASSPHRASE", PASSPHRASE)
        registry.factory.cache_clear()
        yield Stores(home, stack)
        registry.factory.cache_clear()


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    with made(tmp_path) as them:
        yield them
