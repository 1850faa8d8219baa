"""The diff of two sides of a secret, masked and revealed."""

from __future__ import annotations

from typing import Any

import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult

from kvtui.domain.value import SecretValue
from kvtui.services.diff import DiffKind, FieldDiff, MetadataDiff, compare_fields
from kvtui.text import sanitize
from kvtui.ui.widgets.diff_view import DiffView
from tests.support.hostile import HOSTILE
from tests.support.screens import screen_text, wait_for_idle


class Host(App[None]):
    def __init__(self, old: dict[str, Any], new: dict[str, Any], metadata: list[MetadataDiff] | None = None) -> None:
        super().__init__()
        rows = compare_fields(
            {name: SecretValue(value) for name, value in old.items()},
            {name: SecretValue(value) for name, value in new.items()},
        )
        self.view = DiffView(rows, metadata or [])

    def compose(self) -> ComposeResult:
        yield self.view

    @property
    def shown(self) -> list[str]:
        return [row.rstrip() for row in screen_text(self) if row.strip()]


OLD = {"gone": "g" * 40, "pass": "hunter2", "user": "ann"}
NEW = {"user": "ann", "pass": "correct horse", "more": 7}
MASKED = [
    "  user  same",
    "~ pass  changed",
    "  - ••••••••",
    "  + ••••••••",
    "+ more  added",
    "  + ••••••••",
    "- gone  removed",
    "  - ••••••••",
]


async def test_values_are_masked_whatever_they_hold() -> None:
    app = Host(OLD, NEW)
    async with app.run_test(size=(60, 20)) as pilot:
        await wait_for_idle(pilot)
        assert app.shown == MASKED


async def test_revealed_values_are_shown_and_masked_again() -> None:
    app = Host(OLD, NEW)
    async with app.run_test(size=(60, 20)) as pilot:
        await wait_for_idle(pilot)
        app.view.revealed = True
        await wait_for_idle(pilot)
        assert app.shown == [
            "  user  same",
            "~ pass  changed",
            "  - hunter2",
            "  + correct horse",
            "+ more  added",
            "  + 7",
            "- gone  removed",
            "  - " + "g" * 40,
        ]
        app.view.revealed = False
        await wait_for_idle(pilot)
        assert app.shown == MASKED
        app.view.revealed = True
        app.view.show_diff([FieldDiff("x", DiffKind.ADDED, None, SecretValue("value"))])
        await wait_for_idle(pilot)
        assert app.shown == ["+ x  added", "  + ••••••••"]
        assert not app.view.revealed


async def test_text_of_many_lines_is_compared_line_by_line() -> None:
    lines = [f"line {number}" for number in range(20)]
    changed = [*lines[:9], "LINE 9", *lines[10:]]
    app = Host({"pem": "\n".join(lines) + "\n"}, {"pem": "\n".join(changed) + "\n"})
    async with app.run_test(size=(60, 20)) as pilot:
        app.view.revealed = True
        await wait_for_idle(pilot)
        assert app.shown == [
            "~ pem  changed",
            "    … 6 same lines",
            "    line 6",
            "    line 7",
            "    line 8",
            "  - line 9",
            "  + LINE 9",
            "    line 10",
            "    line 11",
            "    line 12",
            "    … 7 same lines",
        ]


@pytest.mark.parametrize(
    ("old", "new", "shown"),
    [
        ("a\n", "a", ["~ f  changed", "  - a", "  + a", "    no newline at the end"]),
        ("a\nb", "a\r\nb", ["~ f  changed", "  - a", "  + a␍", "    b"]),
        ("1", 1, ["~ f  changed, text → number", "  - 1", "  + 1"]),
        (1, 1.0, ["~ f  changed", "  - 1", "  + 1.0"]),
        ("", "x", ["~ f  changed", "  -", "  + x"]),
        (
            {"a": 1, "b": 2},
            {"a": 1, "b": 3},
            ["~ f  changed", "    {", '      "a": 1,', '  -   "b": 2', '  +   "b": 3', "    }"],
        ),
        (b"\x00\xff", b"\x00", ["~ f  changed", "  - AP8=", "  + AA=="]),
        (None, [], ["~ f  changed, null → list", "  - null", "  + []"]),
    ],
    ids=["newline", "crlf", "type", "literal", "empty", "map", "bytes", "null"],
)
async def test_small_differences_are_visible(old: Any, new: Any, shown: list[str]) -> None:
    app = Host({"f": old}, {"f": new})
    async with app.run_test(size=(60, 20)) as pilot:
        app.view.revealed = True
        await wait_for_idle(pilot)
        assert app.shown == shown


async def test_metadata_is_shown_without_revealing() -> None:
    rows = [
        MetadataDiff("owner", "ann", "bob"),
        MetadataDiff("tags", None, "[b]x"),
        MetadataDiff("custom.a", "1", None),
    ]
    app = Host({}, {}, rows)
    async with app.run_test(size=(60, 20)) as pilot:
        await wait_for_idle(pilot)
        assert app.shown == [
            "~ owner  changed",
            "  - ann",
            "  + bob",
            "+ tags  added",
            "  + [b]x",
            "- custom.a  removed",
            "  - 1",
        ]


async def test_nothing_to_show_says_so() -> None:
    app = Host({}, {})
    async with app.run_test(size=(60, 20)) as pilot:
        await wait_for_idle(pilot)
        assert app.shown == ["  Nothing differs."]


async def test_long_lines_wrap_and_the_rest_is_reached_by_scrolling() -> None:
    app = Host({"f": "x"}, {"f": "漢字" * 100})
    async with app.run_test(size=(24, 8)) as pilot:
        app.view.revealed = True
        await wait_for_idle(pilot)
        assert {cell_len(row) for row in screen_text(app)} == {24}
        assert app.shown[:2] == ["~ f  changed", "  - x"]
        app.view.move_to_bottom()
        await wait_for_idle(pilot)
        seen = app.shown
        assert seen[0] != "~ f  changed"
        assert "字" in seen[-1]
        app.view.move(-2)
        app.view.move_page(-1)
        app.view.move_half_page(-1)
        app.view.move_to_top()
        await wait_for_idle(pilot)
        assert app.shown[0] == "~ f  changed"
        await pilot.resize_terminal(200, 8)
        await wait_for_idle(pilot)
        assert "".join(app.shown).count("漢") == 200 // 2


async def test_hostile_names_and_values_are_shown_safely_and_whole() -> None:
    strings = [entry.value[:300] for entry in HOSTILE if entry.value]
    app = Host({}, {})
    async with app.run_test(size=(40, 12)) as pilot:
        for text in strings:
            app.view.show_diff([FieldDiff(text, DiffKind.CHANGED, SecretValue("old"), SecretValue(text))])
            app.view.revealed = True
            for y in range(app.view.virtual_size.height):
                app.view.scroll_to(y=y, animate=False, force=True)
                strip = app.view.render_line(0)
                assert strip.cell_length == app.view.scrollable_content_region.width
                assert sanitize(strip.text) == strip.text
                assert "\n" not in strip.text
        await wait_for_idle(pilot)
        assert app.is_running
        assert not app.view.allow_select
        assert not list(app.view._bindings)
