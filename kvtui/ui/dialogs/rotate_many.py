"""Rotate a batch: each of several secrets gets a generated value of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Checkbox, Select, Static

from kvtui.domain.value import SecretValue
from kvtui.services.generator import Recipe, formula
from kvtui.ui.dialogs.rotate import There
from kvtui.ui.dialogs.rows import RowsDialog
from kvtui.ui.show import say, show, show_name
from kvtui.ui.widgets.field_form import FormRow
from kvtui.ui.widgets.row_list import Row, RowList

_USUAL = ("password", "value", "token", "secret", "key", "api_key")
"""Names a field to rotate often has, the likeliest first."""


@dataclass(frozen=True, slots=True)
class BatchRotation:
    """Which field of which path, how each new value is made, and whether the server rotates, which may make it."""

    targets: Sequence[tuple[str, str]]
    recipe: Recipe
    there: bool = False


class BatchRotateDialog(RowsDialog[BatchRotation]):
    """secrets: the names of the fields of each path. One field is rotated; where there are several, the chosen one.
    there: what the server can do by itself. cautions: by path, what else to know of it."""

    SAFE = True
    DEFAULT_CSS = """
    BatchRotateDialog {
        & #dialog-body > Static { height: auto; margin-bottom: 1; }
        & #batch-recipe { width: auto; min-width: 17; height: 1; border: none; margin-left: 1; padding: 0 1; }
    }
    """

    def __init__(
        self,
        secrets: Mapping[str, Sequence[str]],
        *,
        there: There = There.NOTHING,
        unread: bool = False,
        cautions: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__("Rotate", "Rotate", wide=True)
        self._there, self._unread, self._cautions = there, unread, cautions
        self._secrets = secrets
        self._recipe = Recipe()
        several = [name for names in secrets.values() if len(names) > 1 for name in names]
        self._choices = sorted(dict.fromkeys(several), key=lambda name: (_rank(name), -several.count(name), name))
        self._field = self._choices[0] if self._choices else ""

    def body(self) -> Iterable[Widget]:
        count = str(len(self._secrets))
        after = "Values cannot be read back here: nothing is compared." if self._unread else "The old versions stay."
        yield Static(say("Give [b]$count[/b] secrets a new value each. $after", count=count, after=after))
        if self._choices:
            options = [(show_name(name), index) for index, name in enumerate(self._choices)]
            yield FormRow("Field", Select(options, value=0, allow_blank=False, compact=True, id="batch-field"))
        yield FormRow(
            "Recipe", Static(id="batch-formula", markup=False), Button(Content("Change recipe"), id="batch-recipe")
        )
        if self._there is not There.NOTHING:
            words = "On the server, which makes the values" if self._there is There.MAKES else "On the server"
            yield FormRow("", Checkbox(Content(words), id="batch-there", compact=True))
        yield RowList(id="rows")

    def on_mount(self) -> None:
        super().on_mount()
        self._draw()

    def on_resize(self) -> None:
        super().on_resize()
        self.show_height(len(self._secrets), beside=12)

    def field_of(self, path: str) -> str:
        """The field of a secret that gets a new value."""
        names = self._secrets[path]
        return names[0] if len(names) == 1 else self._field

    def result(self) -> BatchRotation:
        there = any(box.value for box in self.query("#batch-there").results(Checkbox))
        return BatchRotation([(path, self.field_of(path)) for path in self._secrets], self._recipe, there)

    def _draw(self) -> None:
        self.query_one("#batch-formula", Static).update(Content(formula(self._recipe)))
        rows = []
        for path, names in self._secrets.items():
            field = self.field_of(path)
            left = Content.styled("has no such field: left", "$text-warning")
            remark = show_name(field) if field in names else left
            lines = [Content.assemble(show_name(path).stylize("bold"), "  ", remark)]
            if caution := self._cautions.get(path):
                lines.append(Content("  ") + show(caution).stylize("$text-warning"))
            rows.append(Row(path, lines))
        self.rows.set_rows(rows)
        self.show_height(len(rows), beside=12)

    @on(Select.Changed, "#batch-field")
    def _field_chosen(self, event: Select.Changed) -> None:
        event.stop()
        if isinstance(event.value, int):
            self._field = self._choices[event.value]
        self._draw()

    @on(Button.Pressed, "#batch-recipe")
    def _change_recipe(self, event: Button.Pressed) -> None:
        event.stop()
        self.action_dialog_generate()

    def action_dialog_generate(self) -> None:
        from kvtui.ui.dialogs.generate import GeneratorDialog  # noqa: PLC0415 - only when asked for

        dialog = GeneratorDialog(self._recipe)

        def generated(value: SecretValue | None) -> None:
            if value is not None:  # the recipe is what is wanted: each secret gets a value of its own
                self._recipe = dialog.recipe
                self._draw()

        self.app.push_screen(dialog, generated)


def _rank(name: str) -> int:
    return _USUAL.index(name) if name in _USUAL else len(_USUAL)
