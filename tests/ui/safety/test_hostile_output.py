"""Every hostile string in every place of the screen: only our own sequences are sent, every row stays in place."""

from __future__ import annotations

import pytest

from tests.support.hostile import HostileString
from tests.ui.safety.conftest import Watched, Watching
from tests.ui.safety.contents import SHORT, hostile_store, sample

SIZES = [(80, 24), (200, 50)]
corpora = pytest.mark.parametrize(
    "entries", [pytest.param(sample(), id="sample"), pytest.param(SHORT, id="all", marks=pytest.mark.slow)]
)
by_size = pytest.mark.parametrize(
    "size", [pytest.param(SIZES[0], id="80x24"), pytest.param(SIZES[1], id="200x50", marks=pytest.mark.slow)]
)


async def page_through(watched: Watched, most: int = 400) -> int:
    """Page down to the end, looking at each page; how many there were."""
    watched.check()
    before = ""
    for page in range(1, most):
        text = await watched.press("pagedown")
        watched.check()
        if text == before:
            return page
        before = text
    raise AssertionError(f"no end after {most} pages")


@by_size
@corpora
async def test_hostile_values_send_nothing_of_their_own(
    watching: Watching, size: tuple[int, int], entries: list[HostileString]
) -> None:
    async with watching(size=size, backend=hostile_store(entries)) as watched:
        await watched.open("values")
        await watched.press("1", "R")
        assert await page_through(watched) > 1
        await watched.press("R")
        watched.check()


@corpora
async def test_hostile_field_names_and_their_activity_send_nothing_of_their_own(
    watching: Watching, entries: list[HostileString]
) -> None:
    async with watching(backend=hostile_store(entries)) as watched:
        await watched.open("keys")
        await watched.press("1")
        assert await page_through(watched) > 1
        await watched.press("R", "4")
        assert await page_through(watched) > 1


@corpora
async def test_hostile_metadata_sends_nothing_of_its_own(watching: Watching, entries: list[HostileString]) -> None:
    async with watching(backend=hostile_store(entries)) as watched:
        await watched.open("described")
        await watched.press("2")
        assert await page_through(watched) > 1


@corpora
async def test_hostile_authors_of_versions_send_nothing_of_their_own(
    watching: Watching, entries: list[HostileString]
) -> None:
    async with watching(backend=hostile_store(entries)) as watched:
        await watched.open("authors")
        await watched.press("3")
        assert await page_through(watched) > 1


@pytest.mark.parametrize(
    ("folder", "size"),
    [("names", SIZES[0]), pytest.param("names", SIZES[1], marks=pytest.mark.slow), ("folders", SIZES[0])],
)
@corpora
async def test_hostile_names_in_the_tree_send_nothing_of_their_own(
    watching: Watching, size: tuple[int, int], folder: str, entries: list[HostileString]
) -> None:
    async with watching(size=size, backend=hostile_store(entries)) as watched:
        await watched.main.go_to(folder)
        await watched.press("l")
        assert await page_through(watched) > 1
