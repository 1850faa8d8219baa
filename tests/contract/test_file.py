"""The vault keeps the contract."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kvtui.backends.contract import Backend
from kvtui.backends.file.factory import FileFactory
from kvtui.backends.file.header import KdfCost
from kvtui.domain.capability import Capability
from kvtui.domain.credential import Credential
from kvtui.domain.value import SecretValue
from kvtui.testing import BackendConformance

_CHEAP = KdfCost(memory_kib=8 * 1024, passes=1, lanes=1)
_CREDENTIAL = Credential(SecretValue("correct horse"))


class TestFile(BackendConformance):
    capabilities = frozenset(Capability) - {
        Capability.PATCH,
        Capability.METADATA_WITH_VALUE,
        Capability.REREAD,
        Capability.RETENTION,
        Capability.NAMESPACES,
        Capability.LEASES,
        Capability.RENEW_LEASES,
        Capability.SHARE,
        Capability.ROTATE,
        Capability.COPY,
        Capability.SEARCH,
        Capability.EVENTS,
        Capability.AUDIT,
        Capability.LEGACY,
    }
    machine_examples = 5

    @pytest.fixture(autouse=True)
    def _folder(self, tmp_path: Path) -> Iterator[None]:
        self.folder = tmp_path
        self.factory = FileFactory(lambda: tmp_path / "state")
        self.opened: list[tuple[Backend, Path]] = []
        yield
        for backend, _ in self.opened:
            backend.close()

    def make(self) -> Backend:
        path = self.folder / f"{len(self.opened)}.kvtui"
        self.factory.create_with({"path": path}, _CREDENTIAL, kdf=_CHEAP)
        return self._open(path)

    def second(self, backend: Backend) -> Backend:
        return self.reopen(backend)

    def reopen(self, backend: Backend) -> Backend:
        return self._open(next(path for opened, path in self.opened if opened is backend))

    def _open(self, path: Path) -> Backend:
        backend = self.factory.open({"path": path}, _CREDENTIAL)
        self.opened.append((backend, path))
        return backend
