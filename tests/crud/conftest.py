"""One double for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kvtui.backends.crud.backend import CrudBackend
from tests.crud.places import store
from tests.doubles.crud import CrudDouble


@pytest.fixture
def crud() -> Iterator[CrudDouble]:
    with CrudDouble() as double:
        yield double


@pytest.fixture
def backend(crud: CrudDouble) -> Iterator[CrudBackend]:
    with store(crud) as made:
        yield made
