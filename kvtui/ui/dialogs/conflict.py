"""Conflict: somebody else wrote meanwhile. Base, theirs and mine side by side; nothing is overwritten."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from textual import on
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Static

from kvtui.domain import codec
from kvtui.domain.errors import InvalidInput
from kvtui.domain.metadata import Metadata
from kvtui.domain.secret import Secret
from kvtui.domain.value import Fields, SecretValue, ValueType
from kvtui.services.changes import Change, Op
from kvtui.services.diff import metadata_rows
from kvtui.ui.dialogs.form import REVEAL_SECONDS, FormDialog
from kvtui.ui.show import MASK, say, show, show_name

SHOWN_CHARACTERS = 2_000
"""Of a longer value the beginning is shown: the dialog is for choosing, not for reading."""


class Kind(StrEnum):
    MERGE = "merge"
    EDIT = "edit"
    DROP = "drop"


@dataclass(frozen=True, slots=True)
class Resolution:
    """What to do: `change` is based on their version; None when mine is dropped. `again`: back to the form with it."""

    kind: Kind
    change: Change | None

    @property
    def again(self) -> bool:
        return self.kind is Kind.EDIT


def merge_fields(base: Fields, theirs: Fields, mine: Fields) -> dict[str, SecretValue]:
    """Mine on top of theirs: what I changed, added or removed since `base` is as I have it, the rest as they have it.

    The order is mine, then what only they have; theirs where only they changed the order.
    """
    first, then = (theirs, mine) if list(mine) == list(base) else (mine, theirs)
    merged: dict[str, SecretValue] = {}
    for name in dict.fromkeys([*first, *then]):
        i_changed = not _same(base.get(name), mine.get(name))
        value = mine.get(name) if i_changed else theirs.get(name)
        if value is not None:
            merged[name] = value
    return merged


def rebase(mine: Change, base: Secret | None, theirs: Secret | None) -> Change:
    """My change as one of their version, nothing of theirs lost but what I changed too."""
    current = theirs.current if theirs is not None else 0
    if mine.op is not Op.SET:
        return mine._replace(base_version=current)
    fields = merge_fields(_fields(base), _fields(theirs), mine.fields or {})
    return mine._replace(fields=fields, base_version=current)


class ConflictDialog(FormDialog[Resolution]):
    """mine: the change that was refused; base: what it was made of; theirs: what is there now, None for nothing."""

    SAFE = True
    DEFAULT_CSS = """
    ConflictDialog {
        & #dialog-body > Static { height: auto; margin-bottom: 1; }
        & .conflict-field { height: auto; margin-bottom: 1; }
        & .conflict-sides { height: auto; layout: grid; grid-size: 3; grid-gutter: 0 2; grid-rows: auto; }
        & .conflict-sides > Static { height: auto; }
        &.-stacked .conflict-sides { layout: vertical; }
        &.-stacked #dialog-buttons { layout: vertical; }
        &.-stacked #dialog-buttons Button { width: 100%; margin-left: 0; }
    }
    """

    def __init__(
        self,
        mine: Change,
        base: Secret | None,
        theirs: Secret | None,
        *,
        reveal_seconds: float = REVEAL_SECONDS,
        disclose: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(
            "Conflict",
            "Keep mine on top of theirs",
            wide=True,
            reveal_seconds=reveal_seconds,
            disclose=disclose,
        )
        self._mine, self._base, self._theirs = mine, base, theirs
        self._sides: list[tuple[Static, str, SecretValue | str | None]] = []

    def on_unmount(self) -> None:
        for widget, _, _ in self._sides:
            widget.update("")
        self._sides = []
        del self._mine, self._base, self._theirs

    def body(self) -> Iterable[Widget]:
        yield Static(self._explanation(), markup=False)
        if self._mine.op is Op.SET:
            base, theirs, mine = _fields(self._base), _fields(self._theirs), self._mine.fields or {}
            for name in dict.fromkeys([*mine, *theirs, *base]):
                yield self._row(name, fate(name, base, theirs, mine), base, theirs, mine)
        if self._mine.metadata:
            yield from self._metadata_rows()

    def _explanation(self) -> Content:
        path = self._mine.path
        if self._theirs is None:
            return say("Somebody removed [b]$path[/b] meanwhile. Nothing was written.", path=path)
        if self._theirs.current == self._mine.base_version:  # no versions are kept
            return say("Somebody changed [b]$path[/b] meanwhile. Nothing was overwritten.", path=path)
        was = str(self._mine.base_version if self._mine.base_version is not None else "?")
        return say(
            "Somebody wrote [b]$path[/b] meanwhile: it is at version [b]$now[/b], mine was made on $was. "
            "Nothing was overwritten.",
            path=path,
            now=str(self._theirs.current),
            was="nothing" if was == "0" else f"version {was}",
        )

    def _metadata_rows(self) -> Iterable[Widget]:
        base = self._base.metadata if self._base is not None else Metadata()
        theirs = self._theirs.metadata if self._theirs is not None else Metadata()
        mine = self._mine.metadata.apply(theirs)
        sides = [metadata_rows(one) for one in (base, theirs, mine)]
        for name in dict.fromkeys([*sides[2], *sides[1]]):
            if sides[1].get(name) != sides[2].get(name):
                yield self._row(name, "mine will be kept", *sides)

    def _row(
        self,
        name: str,
        outcome: str,
        base: Mapping[str, SecretValue] | Mapping[str, str],
        theirs: Mapping[str, SecretValue] | Mapping[str, str],
        mine: Mapping[str, SecretValue] | Mapping[str, str],
    ) -> Widget:
        heading = show_name(name).stylize("bold") + Content.styled(f"  {outcome}", "$text-muted")
        sides = []
        for label, side in (("base", base), ("theirs", theirs), ("mine", mine)):
            widget = Static(markup=False)
            self._sides.append((widget, label, side.get(name)))
            sides.append(widget)
        columns = Vertical(*sides, classes="conflict-sides")
        return Vertical(Static(heading, markup=False), columns, classes="conflict-field")

    def more_buttons(self) -> Iterable[Button]:
        yield Button(Content("Edit again"), id="conflict-edit")
        yield Button(Content("Drop mine"), id="conflict-drop")

    def on_mount(self) -> None:
        super().on_mount()
        self.show_values(False)

    def on_resize(self) -> None:
        self.set_class(self.size.width < 90, "-stacked")
        super().on_resize()
        self.call_after_refresh(self.fit)

    def show_values(self, shown: bool) -> None:
        for widget, label, value in self._sides:
            widget.update(Content.styled(f"{label:<7} ", "$text-muted") + _side(value, shown))

    def draft(self) -> Change | None:
        return self._mine

    # -- the choices

    def result(self) -> Resolution:
        return Resolution(Kind.MERGE, self._rebased())

    def _rebased(self) -> Change:
        if self._theirs is None and self._mine.op is not Op.SET:
            raise InvalidInput("It is not there any more.", hint="Drop mine.")
        return rebase(self._mine, self._base, self._theirs)

    @on(Button.Pressed, "#conflict-edit")
    def _edit_again(self, event: Button.Pressed) -> None:
        event.stop()
        try:
            change = self._rebased()
        except InvalidInput as error:
            self.show_error(error)
        else:
            self.dismiss(Resolution(Kind.EDIT, change))

    @on(Button.Pressed, "#conflict-drop")
    def _drop(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(Resolution(Kind.DROP, None))


def fate(name: str, base: Fields, theirs: Fields, mine: Fields) -> str:
    """What keeping mine on top of theirs makes of a field, in words."""
    i_changed = not _same(base.get(name), mine.get(name))
    they_changed = not _same(base.get(name), theirs.get(name))
    if _same(theirs.get(name), mine.get(name)):
        return "the same on both sides"
    if i_changed:
        kept = "mine will be kept" if name in mine else "mine will be kept: removed"
        return f"changed by both, {kept}" if they_changed else f"changed by me, {kept}"
    return "changed by them, theirs will be kept" + ("" if name in theirs else ": removed")


def _side(value: SecretValue | str | None, shown: bool) -> Content:
    if value is None:
        return Content.styled("–", "$text-muted")
    if isinstance(value, str):
        return show(value)
    if not shown:
        return Content(MASK)
    text = codec.to_text(value)
    cut = text[:SHOWN_CHARACTERS]
    kind = "" if value.type is ValueType.TEXT else f"{value.type.value} "
    lines = show(cut, lines=True).split("\n")
    return Content.assemble((kind, "$text-muted"), Content("\n" + " " * 8).join(lines), "…" if cut != text else "")


def _same(one: SecretValue | None, other: SecretValue | None) -> bool:
    if one is None or other is None:
        return one is other
    return one.same_as(other)


def _fields(secret: Secret | None) -> Fields:
    return secret.fields if secret is not None else {}
