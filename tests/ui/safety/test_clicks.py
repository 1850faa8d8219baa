"""Texts that look like actions, links or markup: shown as they are; clicking them does nothing of theirs."""

from __future__ import annotations

from unittest.mock import patch

import pytest

from kvtui.backends.memory import MemoryBackend, MemoryStore
from kvtui.domain.errors import NotFound
from kvtui.domain.metadata import Metadata
from kvtui.domain.value import SecretValue
from kvtui.ui.dialogs.confirm import ConfirmDialog
from kvtui.ui.dialogs.pick import ReportDialog
from kvtui.ui.show import say
from tests.support.hostile import BY_CATEGORY
from tests.ui.safety.conftest import Watched, Watching
from tests.ui.safety.contents import as_path, history

ACTIONS = [entry.value for entry in BY_CATEGORY["textual_action"]]
PATHS = [path for path in map(as_path, BY_CATEGORY["textual_action"]) if path]
LITERAL = [
    entry.value
    for category in ("markup", "markdown", "textual_action", "format")
    for entry in BY_CATEGORY[category]
    if entry.value.isprintable() and len(entry.value) < 100
]


def action_store() -> MemoryBackend:
    described = Metadata(description=ACTIONS[0], tags=tuple(ACTIONS[1:4]), custom={text: text for text in ACTIONS})
    return MemoryBackend(
        MemoryStore(
            [
                history("values", {text: SecretValue(text) for text in ACTIONS}, described),
                *(history(path, {"value": SecretValue("x")}) for path in PATHS),
            ]
        )
    )


SCROLL_BAR = {"@mouse.down", "@mouse.up"}


async def click_everywhere(watched: Watched, most: int = 6) -> None:
    """No cell of the screen carries an action or a link; and some of those that look like one are clicked."""
    screen = watched.app.screen
    for strip in screen._compositor.render_strips():
        for segment in strip:
            meta = segment.style.meta if segment.style is not None else {}
            assert not [key for key in meta if key.startswith("@") and key not in SCROLL_BAR], segment.text
            assert segment.style is None or segment.style.link is None
    rows = [(y, row.index("click")) for y, row in enumerate(watched.text.split("\n")) if "click" in row]
    for y, x in rows[:most]:
        await watched.pilot.click(offset=(x, y))
        assert watched.app.is_running
        assert watched.app.screen is screen, f"a click on row {y}, column {x} went somewhere"


@pytest.mark.parametrize(
    "place",
    [
        "fields",
        "tree",
        "dialog",
        "toast",
        *(pytest.param(place, marks=pytest.mark.slow) for place in ("revealed", "metadata", "report")),
    ],
)
async def test_clicking_a_text_that_looks_like_an_action_runs_nothing(watching: Watching, place: str) -> None:
    with (
        patch("kvtui.ui.app.KvtuiApp.exit") as leave,
        patch("kvtui.ui.app.KvtuiApp.open_url") as open_url,
        patch("kvtui.ui.app.KvtuiApp.bell") as bell,
        patch("kvtui.ui.app.KvtuiApp.simulate_key") as simulate_key,
    ):
        async with watching(backend=action_store()) as watched:
            app = watched.app
            await watched.open("values")
            if place == "revealed":
                await watched.press("R")
            elif place == "metadata":
                await watched.press("2")
            elif place == "dialog":
                question = say("Delete $names?", names=" ".join(ACTIONS))
                app.push_screen(ConfirmDialog("Delete", question, "Delete"))
            elif place == "report":
                app.push_screen(ReportDialog("Not done", [(text, text) for text in ACTIONS]))
            elif place == "toast":
                watched.main.problem(NotFound(" ".join(ACTIONS[:6]), hint=ACTIONS[7]))
            await watched.rest()
            assert "@click" in watched.text
            await click_everywhere(watched)
            for called in (leave, open_url, bell, simulate_key):
                called.assert_not_called()


@pytest.mark.parametrize("revealed", [False, True], ids=["names", "values"])
async def test_markup_is_shown_as_it_is(watching: Watching, revealed: bool) -> None:
    fields = {f"v{i}": SecretValue(text) for i, text in enumerate(LITERAL)}
    named = {text: SecretValue("x") for text in LITERAL}
    backend = MemoryBackend(MemoryStore([history("values", fields if revealed else named)]))
    async with watching(size=(200, len(LITERAL) + 8), backend=backend) as watched:
        await watched.open("values")
        text = await watched.press(*("R" if revealed else "1"))
        missing = [literal for literal in dict.fromkeys(LITERAL) if literal.strip() not in text and "  " not in literal]
        assert missing == []
