"""The palette: every action by name, with its keys, those chosen last first; what cannot be done here is shown with the
reason. As one types, the profiles and themes there are, and below them the paths that are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple

from textual.content import Content

from kvtui.actions import ACTIONS, BY_ID, Action, Keymap
from kvtui.domain.errors import InvalidInput
from kvtui.services.completing import Completions
from kvtui.services.matcher import Hit, rank
from kvtui.ui.dialogs.matched import matched
from kvtui.ui.dialogs.pick import ListDialog
from kvtui.ui.show import show
from kvtui.ui.widgets.row_list import Row

_PATHS = 20
"""Paths that are offered."""


class Offer(NamedTuple):
    """Something beside an action. `key` is what the palette returns for it; no action has such an id."""

    key: str
    kind: str
    name: str

    @property
    def title(self) -> str:
        return f"{self.kind} {self.name}"


class PaletteDialog(ListDialog):
    """Returns the id of the chosen action, or the key of an offer; of a path, `path:` and the path."""

    def __init__(
        self,
        keys: Keymap,
        why_not: Callable[[Action], str],
        offers: Callable[[], Sequence[Offer]] = tuple,
        completions: Callable[[], Completions | None] = lambda: None,
        lately: Sequence[str] = (),
    ) -> None:
        """`lately`: the ids of actions that were chosen, the last one first."""
        super().__init__("Palette", placeholder="what to do, a profile, a theme, a path", main="Do it")
        self._keys, self._why_not = keys, why_not
        self._offered, self._completed = offers, completions
        self._lately = lately

    @cached_property
    def _offers(self) -> Sequence[Offer]:
        return self._offered()

    @cached_property
    def _completions(self) -> Completions | None:
        return self._completed()

    def narrow(self, query: str) -> None:
        actions = sorted((action for action in ACTIONS if action.palette), key=self._how_long_ago)
        things: list[Action | Offer] = [*actions]
        things += self._offers if query.strip() else ()
        rows = [self._row(thing, hit) for thing, hit in rank(query, things, name=_name)]
        if query.strip() and self._completions is not None:
            paths = self._completions.found(query, _PATHS)
            rows += [Row(f"path:{each.path}", [_said(matched(each.path, each.positions), "path")]) for each in paths]
        self.show_rows(rows)
        self.rows.move_to_top()  # enter does what matches best, not what did before the last letter

    def _how_long_ago(self, action: Action) -> int:
        """Of equal matches, as all are while nothing is typed, what was done lately comes first."""
        return self._lately.index(action.id) if action.id in self._lately else len(self._lately)

    def _row(self, thing: Action | Offer, hit: Hit) -> Row:
        if isinstance(thing, Offer):
            before = len(thing.kind) + 1
            name = matched(thing.name, [at - before for at in hit.positions if at >= before])
            return Row(thing.key, [_said(name, thing.kind.lower())])
        reason = self._why_not(thing)
        title = Content.styled(f"{thing.title:<20} ", "$foreground-muted" if reason else "bold")
        for position in hit.positions:
            if position < len(thing.title):
                title = title.stylize("$text-accent", position, position + 1)
        keys = Content.styled(f"{self._keys.shown(thing):<14} ", "$text-accent")
        return Row(thing.id, [title + keys + Content.styled(show(reason or thing.help).plain, "$foreground-muted")])

    def result(self) -> str:
        chosen = super().result()
        if chosen in BY_ID and (reason := self._why_not(BY_ID[chosen])):
            raise InvalidInput(reason, hint="Choose something else.")
        return chosen


def _name(thing: Action | Offer) -> str:
    return thing.title if isinstance(thing, Offer) else f"{thing.title} {thing.id}"


def _said(name: Content, kind: str) -> Content:
    return name + Content.styled(f"  {kind}", "$foreground-muted")
