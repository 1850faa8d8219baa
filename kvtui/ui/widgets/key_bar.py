"""The line of keys at the bottom. One widget, drawn again only when a key or its availability changes: Textual's Footer
makes a widget for each key anew whenever anything might have changed."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import Any

from textual import events
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static


class KeyBar(Static):
    """The bindings of the screen that are marked for it, in their order; greyed where they cannot be used here."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    KeyBar {
        height: 1; background: $footer-background; color: $footer-foreground;
        text-wrap: nowrap; text-overflow: clip;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id, markup=False)
        self._shown: list[tuple[str, str, str, bool]] = []  # key, as displayed, what it does, usable
        self._ends: list[int] = []

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._bindings_updated)

    def _bindings_updated(self, screen: Screen[Any]) -> None:
        if screen is self.screen:
            self.call_after_refresh(self.look)

    def look(self) -> None:
        """Show the bindings as they are now."""
        if not self.is_attached:
            return
        first: dict[str, tuple[str, str, str, bool]] = {}
        for _, binding, enabled, _ in self.screen.active_bindings.values():
            if binding.show and binding.action not in first:
                display = self.app.get_key_display(binding)
                first[binding.action] = (binding.key, display, binding.description, enabled)
        shown = list(first.values())
        if shown != self._shown:
            self._shown = shown
            pieces = [_piece(display, title, usable=usable) for _, display, title, usable in shown]
            self._ends = list(accumulate(piece.cell_length for piece in pieces))
            self.update(Content("").join(pieces), layout=False)

    def on_click(self, event: events.Click) -> None:
        """A click is the key."""
        index = bisect_right(self._ends, event.x)
        if index >= len(self._shown):
            return
        key, _, _, usable = self._shown[index]
        if usable:
            self.app.simulate_key(key)
        else:
            self.app.bell()


def _piece(display: str, title: str, *, usable: bool) -> Content:
    key, description = ("bold $footer-key-foreground", "$footer-description-foreground")
    if not usable:
        key = description = "$foreground 40%"
    return Content.assemble((f" {display} ", key), (f"{title} ", description))
