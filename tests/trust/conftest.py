from __future__ import annotations

from collections.abc import Iterator

import pytest

from kvtui.backends.contract import Backend
from tests.doubles.trust import TrustDouble
from tests.trust.places import opened


@pytest.fixture
def double() -> Iterator[TrustDouble]:
    """A service that takes any number of requests."""
    with TrustDouble() as made:
        made.rate.per_second = None
        yield made


@pytest.fixture
def store(double: TrustDouble) -> Iterator[Backend]:
    with opened(double) as backend:
        yield backend
