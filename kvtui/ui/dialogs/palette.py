"""The palette: every action by name, with its keys; what cannot be done here is shown with the reason."""

from __future__ import annotations

from collections.abc import Callable

from textual.content import Content

from kvtui.actions import ACTIONS, BY_ID, Action, Keymap
from kvtui.domain.errors import InvalidInput
from kvtui.services.matcher import rank
from kvtui.ui.dialogs.pick import ListDialog
from kvtui.ui.show import show
from kvtui.ui.widgets.row_list import Row


class PaletteDialog(ListDialog):
    """Returns the id of the chosen action."""

    def __init__(self, keys: Keymap, why_not: Callable[[Action], str]) -> None:
        super().__init__("Palette", placeholder="what to do", main="Do it")
        self._keys, self._why_not = keys, why_not

    def narrow(self, query: str) -> None:
        offered = [action for action in ACTIONS if action.palette]
        ranked = rank(query, offered, name=lambda action: f"{action.title} {action.id}")
        self.show_rows([Row(action.id, [self._row(action)]) for action, _ in ranked])

    def _row(self, action: Action) -> Content:
        reason = self._why_not(action)
        title = Content.styled(f"{action.title:<20} ", "$foreground-muted" if reason else "bold")
        keys = Content.styled(f"{self._keys.shown(action):<14} ", "$text-accent")
        return title + keys + Content.styled(show(reason or action.help).plain, "$foreground-muted")

    def result(self) -> str:
        chosen = super().result()
        if reason := self._why_not(BY_ID[chosen]):
            raise InvalidInput(reason, hint="Choose something else.")
        return chosen
