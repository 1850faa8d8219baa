from __future__ import annotations

from collections.abc import Iterator

import pytest

from kvtui.backends.worker.backend import WorkerBackend
from tests.doubles.worker import WorkerDouble
from tests.worker.places import opened


@pytest.fixture
def double() -> Iterator[WorkerDouble]:
    with WorkerDouble() as made:
        yield made


@pytest.fixture
def store(double: WorkerDouble) -> Iterator[WorkerBackend]:
    with opened(double) as backend:
        yield backend
