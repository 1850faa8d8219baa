from __future__ import annotations

from collections.abc import Iterator

import pytest

from kvtui.backends.http import address
from kvtui.backends.http.client import HttpClient
from tests.http.echo import Echo


@pytest.fixture
def server() -> Iterator[Echo]:
    with Echo() as double:
        yield double


@pytest.fixture
def client(server: Echo) -> Iterator[HttpClient]:
    made = HttpClient(address.parse(server.url + "/v1"), timeout=3)
    yield made
    made.close()
