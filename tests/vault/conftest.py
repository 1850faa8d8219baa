"""Vaults to test on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kvtui.backends.file.backend import FileBackend
from tests.vault.places import Place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.close()


@pytest.fixture
def vault(place: Place) -> FileBackend:
    return place.open()


@pytest.fixture
def new_place(tmp_path: Path) -> Iterator[Callable[[], Place]]:
    made: list[Place] = []

    def make() -> Place:
        folder = tmp_path / f"place{len(made)}"
        folder.mkdir(mode=0o700)
        made.append(Place(folder))
        return made[-1]

    yield make
    for each in made:
        each.close()
