"""What is long, many, empty or odd: shown, and the keys stay answered."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from kvtui.backends.contract import Backend
from kvtui.backends.memory import MemoryBackend
from kvtui.domain.metadata import Metadata
from kvtui.domain.secret import History, StoredVersion, Version, VersionState
from kvtui.domain.value import SecretValue
from kvtui.services.journal import Act
from kvtui.ui.widgets.row_list import RowList
from tests.support.variants import QUIET, use
from tests.ui.conftest import Running

LONG = "x" * 200


def odd(backend: Backend) -> None:
    backend.write("none", {})
    backend.write("many", {f"field{number:03}": SecretValue(str(number)) for number in range(200)})
    backend.write("big", {"value": SecretValue("line of a megabyte\n" * 56_000)})
    backend.write(f"deep/{LONG}/the-end", {LONG: SecretValue("v"), "short": SecretValue("w" * 300)})


@pytest.mark.parametrize(
    "size", [(80, 24), *(pytest.param(size, marks=pytest.mark.slow) for size in ((60, 20), (200, 50)))]
)
async def test_odd_secrets_are_shown_at_every_size(running: Running, size: tuple[int, int]) -> None:
    async with running(contents=odd, size=size) as screen:
        await screen.go_to("none")
        await screen.press("enter")
        assert "no fields" in screen.text
        assert "no fields" in await screen.press("r")
        await screen.go_to("many")
        await screen.press("enter", "G")
        assert "field199" in screen.text
        assert "199" in (await screen.press("r")).split("field199")[1]
        await screen.press("escape", "g")
        assert "field000" in screen.text
        await screen.go_to(f"deep/{LONG}/the-end")
        await screen.press("enter")
        text = screen.text
        assert "/the-end" in text
        assert text.count("••••••••") == 2
        await screen.press("j")
        shown = "".join(line.split("│")[-1].strip() for line in (await screen.press("r")).splitlines())
        assert "w" * 300 in shown
        for line in screen.text.splitlines():
            assert len(line) <= size[0]


async def test_a_megabyte_is_revealed_cut_and_scrolled_quickly(running: Running) -> None:
    async with running(contents=odd) as screen:
        await screen.go_to("big")
        await screen.press("enter")
        start = time.thread_time()
        await screen.press("r")
        assert "line of a megabyte" in screen.text
        await screen.press("G")
        assert "cut here; y copies all" in screen.text
        assert time.thread_time() - start < 5
        await screen.press("e")
        assert "Edit" in screen.text


async def test_the_age_of_every_version_is_read_beside_the_tree_in_80_columns(running: Running) -> None:
    def old(backend: Backend) -> None:
        now = datetime.now(UTC)
        told = [(timedelta(days=364), VersionState.DESTROYED), (timedelta(days=9), VersionState.DELETED)]
        told += [(timedelta(minutes=59, seconds=-30), VersionState.LIVE)]
        versions = [
            StoredVersion(
                Version(number, state, now - age), None if state is VersionState.DESTROYED else {"v": SecretValue("x")}
            )
            for number, (age, state) in enumerate(told, start=1)
        ]
        backend.write_history(History("aged", Metadata(), tuple(versions)))

    async with running(contents=old, size=(80, 24)) as screen:
        await screen.go_to("aged")
        text = await screen.press("v")
        assert all(age in text for age in ("58min ago", "9d ago", "12mo ago"))


async def test_three_thousand_versions_are_listed_marked_and_left(running: Running) -> None:
    def versions(backend: Backend) -> None:
        assert isinstance(backend, MemoryBackend)
        stored = [StoredVersion(Version(n), {"value": SecretValue(str(n))}) for n in range(1, 3001)]
        backend.write_history(History("old", Metadata(), stored))

    async with running(contents=versions) as screen:
        await screen.go_to("old")
        start = time.thread_time()
        text = await screen.press("v")
        assert "3000" in text
        await screen.press("j", "space", "G", "space")
        assert "✓    1 live" in screen.text
        assert time.thread_time() - start < 8
        assert "version 1 → 2999" in await screen.press("=")


async def test_thousands_of_lines_of_activity_open_quickly(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, QUIET)
    async with running() as screen:
        await screen.go_to("app/db")
        for _ in range(5000):
            screen.session.journal.record(Act.REVEAL, "app/db", field="password", version=2)
        start = time.thread_time()
        text = await screen.press("4")
        assert "reveal" in text
        assert time.thread_time() - start < 5
        listed = screen.app.screen.query_one("#pane-activity", RowList)
        assert len(listed.rows) == 200


async def test_a_click_selects_a_field_and_a_double_click_reveals_it(running: Running) -> None:
    async with running() as screen:
        await screen.go_to("app/db")
        await screen.pilot.click("#pane-fields", offset=(3, 1))
        text = await screen.settle()
        assert text.count("••••••••") == 3
        assert screen.app.screen.query_one("#pane-fields", RowList).key == "user"
        await screen.pilot.click("#pane-fields", offset=(3, 1), times=2)
        assert "admin" in await screen.settle()


async def test_what_is_open_and_typed_stays_through_resizes(running: Running) -> None:
    async with running(size=(200, 50)) as screen:
        await screen.go_to("app/db")
        await screen.press("e")
        await screen.type("typed")
        for size in ((80, 24), (60, 20), (30, 9), (20, 5), (200, 50)):
            await screen.pilot.resize_terminal(*size)
            await screen.settle()
        await screen.press("ctrl+s", "ctrl+s")
        assert screen.backend.read("app/db").fields["password"].reveal() == "typed"


async def test_the_cursor_stays_where_it_makes_sense(running: Running) -> None:
    async with running() as screen:
        await screen.press("/")
        await screen.type("tok")
        await screen.press("enter")
        assert "infra/token" in await screen.settle()
        await screen.press("escape")
        assert "infra/token" in await screen.settle()
        await screen.press("d", "ctrl+s")
        assert "infra/token" in await screen.settle()
        await screen.press("D", "tab")
        screen.app.screen.query_one("#confirm-path").focus()
        await screen.type("infra/token")
        await screen.press("ctrl+s")
        await screen.settle()
        tree = screen.app.main.path_tree  # type: ignore[union-attr]
        assert tree.cursor is not None
