"""Cheap vaults: the format as it is, a key derivation that takes milliseconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kvtui.backends.file.backend import FileBackend
from kvtui.backends.file.factory import FileFactory
from kvtui.backends.file.header import KdfCost
from kvtui.domain.credential import Credential
from kvtui.domain.value import SecretValue

CHEAP = KdfCost(memory_kib=8 * 1024, passes=1, lanes=1)
PASSPHRASE = Credential(SecretValue("correct horse"))
OTHER_PLACE = Credential(SecretValue("battery staple"))


class Place:
    """One vault on disk with its own state folder, and who may open it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "v.kvtui"
        self.state = folder / "state"
        self.settings: dict[str, Any] = {"path": str(self.path)}
        self.factory = FileFactory(lambda: self.state)
        created = self.factory.create_with(self.settings, PASSPHRASE, kdf=CHEAP)
        assert created.recovery_key is not None
        self.recovery = Credential(created.recovery_key)
        self._opened: list[FileBackend] = []

    def open(self, credential: Credential = PASSPHRASE, **settings: Any) -> FileBackend:
        backend = self.factory.open({**self.settings, **settings}, credential)
        assert isinstance(backend, FileBackend)
        self._opened.append(backend)
        return backend

    def close(self) -> None:
        for backend in self._opened:
            backend.close()
