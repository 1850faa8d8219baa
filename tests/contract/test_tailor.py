"""The tailor backend keeps the contract, against the double of the platform."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import pytest

from kvtui.backends.contract import Backend
from kvtui.backends.delegating import DelegatingBackend
from kvtui.backends.tailor.backend import TailorBackend
from kvtui.domain.capability import Capability
from kvtui.domain.errors import AlreadyExists, NotFound
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.secret import Version
from kvtui.domain.value import Fields
from kvtui.testing import BackendConformance
from tests.doubles.tailor import TailorDouble
from tests.tailor.places import opened


class MakingVaults(DelegatingBackend):
    """Makes the vault that a secret is to be in, as somebody would who is told that there is none: no write of the
    platform makes one."""

    def __init__(self, inner: TailorBackend, workspace: str) -> None:
        super().__init__(inner)
        self.workspace = workspace

    def write(
        self, path: str, fields: Fields, *, metadata: MetadataPatch = MetadataPatch(), expected: int | None = None
    ) -> Version:
        with suppress(NotFound):
            return super().write(path, fields, metadata=metadata, expected=expected)
        with suppress(AlreadyExists):
            super().create_container(path.partition("/")[0])
        return super().write(path, fields, metadata=metadata, expected=expected)


@pytest.fixture(scope="module")
def double() -> Iterator[TailorDouble]:
    with TailorDouble() as made:
        yield made


class TestTailor(BackendConformance):
    """Each test in a workspace of its own."""

    capabilities = frozenset(
        {Capability.LIST, Capability.WRITE, Capability.METADATA, Capability.DELETE, Capability.CONTAINERS}
    )
    tells_states = False
    machine_examples = 5

    def keeps_path(self, path: str) -> bool:
        return path.count("/") == 1

    @pytest.fixture(autouse=True)
    def _use(self, double: TailorDouble) -> None:
        self.double = double

    def make(self) -> Backend:
        return self._connect(self.double.workspace("conformance").id)

    def second(self, backend: Backend) -> Backend:
        assert isinstance(backend, MakingVaults)
        return self._connect(backend.workspace)

    reopen = second

    def _connect(self, workspace: str) -> Backend:
        return MakingVaults(opened(self.double, workspace), workspace)
