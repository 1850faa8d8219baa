"""The trust backend keeps the contract, by itself and seen through remembered paths."""

from __future__ import annotations

import itertools
from bisect import insort
from collections.abc import Iterator, Sequence

import pytest

from kvtui.backends.contract import Backend
from kvtui.backends.http import address
from kvtui.backends.http.client import HttpClient
from kvtui.backends.remembering import RememberingBackend
from kvtui.backends.trust.api import ID_HEADER, TrustApi, headers_of
from kvtui.backends.trust.backend import TrustBackend
from kvtui.domain.capability import Capability
from kvtui.domain.json_text import Json
from kvtui.domain.value import SecretValue, decode_input
from kvtui.testing import BackendConformance
from tests.doubles.trust import TrustDouble

_count = itertools.count()


class Names:
    """The paths that one machine remembers."""

    def __init__(self) -> None:
        self.known: list[str] = []

    def paths(self) -> Sequence[str]:
        return self.known

    def add(self, path: str) -> None:
        if path not in self.known:
            insort(self.known, path)

    def drop(self, path: str) -> None:
        if path in self.known:
            self.known.remove(path)

    def save(self) -> None:
        pass


class TrustConformance(BackendConformance):
    """One double for a class, a tenant of its own for each test."""

    capabilities = frozenset(
        {
            Capability.READ,
            Capability.WRITE,
            Capability.BYTES,
            Capability.METADATA_WITH_VALUE,
            Capability.VERSIONS,
            Capability.LEASES,
            Capability.ROTATE,
        }
    )
    tells_states = False
    tells_all_metadata = False
    gives_metadata_back = False
    tells_roles = False
    machine_examples = 2
    large_values = 3
    machine_steps = 12
    segment = "secrets"

    @pytest.fixture(autouse=True, scope="class")
    @classmethod
    def _serve(cls) -> Iterator[None]:
        with TrustDouble(segment=cls.segment) as double:
            double.rate.per_second = None  # no test here is about how often
            double.unknown = "not_found"
            double.role("etl-reader")
            cls.double = double
            yield

    def keeps(self, value: Json | bytes) -> bool:
        if isinstance(value, bytes):
            return decode_input(value).same_as(SecretValue(value))
        return not isinstance(value, str) or value.encode("utf-8", "replace").decode() == value

    def keeps_metadata(self, text: str) -> bool:
        return self.keeps(text)

    def role(self, backend: Backend) -> str:
        return "etl-reader"

    def make(self) -> Backend:
        return self.connect(self.double.new_token(tenant=f"tenant{next(_count)}", admin=True))

    def connect(self, token: str) -> TrustBackend:
        where = address.parse(self.double.base_url)
        client = HttpClient(where, headers=headers_of(token), id_header=ID_HEADER)
        made = TrustBackend(TrustApi(client, segment=self.segment), location=str(where))
        self.tokens = {**getattr(self, "tokens", {}), id(made): token}
        return made

    def second(self, backend: Backend) -> Backend:
        return self.connect(self.tokens[id(backend)])

    reopen = second


@pytest.mark.slow
class TestTrust(TrustConformance):
    pass


class TestTrustRemembered(TrustConformance):
    capabilities = TrustConformance.capabilities | {Capability.LIST}

    def make(self) -> Backend:
        return RememberingBackend(super().make(), Names())

    def second(self, backend: Backend) -> Backend:
        assert isinstance(backend, RememberingBackend)
        return RememberingBackend(super().second(backend._inner), backend._names)

    reopen = second


@pytest.mark.slow
class TestTrustWithoutASegmentInTheOtherAlphabet(TestTrustRemembered):
    """Secrets right below the address, values in URL-safe base64 without padding, writes answered with 201."""

    segment = ""
    machine_examples = 2

    @pytest.fixture(autouse=True)
    def _speak(self) -> None:
        self.double.alphabet, self.double.is_padded, self.double.success_status = "urlsafe", False, 201
        self.double.refuses_get_body = True
        self.double.additions = {"trace": {"id": "x"}}
