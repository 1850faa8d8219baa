"""A diff inside a dialog: it takes the room that is left and moves by the keys of the lists."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from kvtui.actions import BY_ID
from kvtui.ui.widgets.diff_view import DiffView

_MOVES = {
    "nav.down": "move(1)",
    "nav.up": "move(-1)",
    "nav.half_down": "half_page(1)",
    "nav.half_up": "half_page(-1)",
    "nav.top": "to_top",
    "nav.bottom": "to_bottom",
}


class DiffPane(DiffView, inherit_bindings=False):
    """The keys come from the table of actions, page up and down besides."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(",".join(BY_ID[name].keys), action, BY_ID[name].title, show=False, id=name)
            for name, action in _MOVES.items()
        ),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
    ]
    DEFAULT_CSS = """
    DiffPane { height: auto; max-height: 100vh; }
    DiffPane:focus { background: $primary 6%; }
    """

    def action_move(self, lines: int) -> None:
        self.move(lines)

    def action_half_page(self, direction: int) -> None:
        self.move_half_page(direction)

    def action_page(self, direction: int) -> None:
        self.move_page(direction)

    def action_to_top(self) -> None:
        self.move_to_top()

    def action_to_bottom(self) -> None:
        self.move_to_bottom()
