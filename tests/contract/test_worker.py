"""The worker backend keeps the contract, against its double: both prefixes, both ways to write a time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kvtui.backends.contract import Backend
from kvtui.backends.http import address
from kvtui.backends.http.client import HttpClient
from kvtui.backends.worker.api import WorkerApi
from kvtui.backends.worker.backend import WorkerBackend
from kvtui.backends.worker.keys import strays
from kvtui.backends.worker.writing import MAX_VALUE_BYTES
from kvtui.domain.capability import Capability
from kvtui.domain.codec import to_text
from kvtui.domain.json_text import Json
from kvtui.domain.secret import History
from kvtui.testing import BackendConformance
from tests.doubles.worker import WorkerDouble
from tests.doubles.worker.database import TimeFormat


class WorkerConformance(BackendConformance):
    capabilities = frozenset(
        {
            Capability.LIST,
            Capability.READ,
            Capability.WRITE,
            Capability.METADATA,
            Capability.EDIT_METADATA,
            Capability.METADATA_WITH_VALUE,
            Capability.DELETE,
            Capability.REREAD,
            Capability.INDEX,
            Capability.LEGACY,
        }
    )
    keeps_empty_secrets = False
    indexes_tags = False
    tells_states = False
    machine_examples = 3
    large_values = 3
    machine_steps = 15
    prefix = "/v1"
    time_format: TimeFormat = "d1"

    def keeps(self, value: Json | bytes) -> bool:
        return isinstance(value, str) and 0 < len(_utf8(value)) <= MAX_VALUE_BYTES and self.keeps_metadata(value)

    def keeps_metadata(self, text: str) -> bool:
        return "\x00" not in text and not any("\ud800" <= ch <= "\udfff" for ch in text)

    def keeps_path(self, path: str) -> bool:
        return not strays(path)

    @pytest.fixture(autouse=True)
    def _doubles(self) -> Iterator[None]:
        self.doubles: list[WorkerDouble] = []
        yield
        for double in reversed(self.doubles):
            double.__exit__(None, None, None)

    def double(self) -> WorkerDouble:
        double = WorkerDouble(prefix=self.prefix, time_format=self.time_format)
        double.bindings.most_variables = 1000  # the suite writes more than a worker on Cloudflare holds
        self.doubles.append(double.__enter__())
        return double

    def connect(self, double: WorkerDouble) -> Backend:
        client = HttpClient(address.parse(double.url), headers=double.credentials.headers)
        return WorkerBackend(WorkerApi(client, prefix=self.prefix), pauses=())

    def make(self) -> Backend:
        return self.connect(self.double())

    def second(self, backend: Backend) -> Backend:
        where = backend._info.location.removesuffix(self.prefix)  # type: ignore[attr-defined]
        return self.connect(next(double for double in self.doubles if double.url == where))

    reopen = second

    def plant(self, history: History) -> Backend | None:
        if not self.keeps_metadata(history.path.replace("\x00", "")):
            return None  # no path of a worker is half a character
        double = self.double()
        (stored,) = history.versions
        double.put(history.path, to_text((stored.fields or {})["value"]))
        return self.connect(double)


class TestWorker(WorkerConformance):
    pass


@pytest.mark.slow
class TestWorkerOfToday(WorkerConformance):
    """As the stored router has it: without a prefix."""

    prefix = ""
    time_format: TimeFormat = "iso"


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
