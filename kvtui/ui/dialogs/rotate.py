"""Rotate: a new value for one field, generated or typed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Checkbox, Select, Static

from kvtui.domain.errors import InvalidInput
from kvtui.domain.secret import Secret
from kvtui.domain.value import SecretValue
from kvtui.services.changes import Change, Op
from kvtui.services.generator import Recipe, formula, generate
from kvtui.ui.dialogs.form import REVEAL_SECONDS, FormDialog
from kvtui.ui.show import say, show, show_name
from kvtui.ui.widgets.field_form import FormRow
from kvtui.ui.widgets.value_area import ValueArea


@dataclass(frozen=True, slots=True)
class Rotation:
    """The new value of a field, None where the server makes it; whether the server rotates, and whether to copy the
    value once it is written."""

    field: str
    value: SecretValue | None
    copy: bool
    there: bool = False


class There(StrEnum):
    """What a server does of a rotation."""

    NOTHING = "nothing"
    TAKES = "takes"
    """It writes the value it is given."""
    MAKES = "makes"
    """It makes the value."""


class RotateDialog(FormDialog[Rotation]):
    """field: the one to start with. Without a field at all the new one is `value`. there: what the server can do by
    itself. unread: whether no value is ever given back. caution: what else to know of the place."""

    DEFAULT_CSS = """
    RotateDialog {
        & #dialog-body > Static { height: auto; margin-bottom: 1; }
        & .-hidden { display: none; }
        & #rotate-recipe { width: auto; min-width: 17; height: 1; border: none; margin-left: 1; padding: 0 1; }
        & Checkbox { width: auto; height: 1; border: none; padding: 0; background: transparent; }
    }
    """

    def __init__(
        self,
        secret: Secret,
        field: str | None = None,
        *,
        there: There = There.NOTHING,
        unread: bool = False,
        caution: str = "",
        reveal_seconds: float = REVEAL_SECONDS,
    ) -> None:
        super().__init__("Rotate", "Rotate", reveal_seconds=reveal_seconds)
        self._secret = secret
        self._there, self._unread, self._caution = there, unread, caution
        self._fields = list(secret.fields) or ["value"]
        self._field = field if field in self._fields else self._fields[0]
        self._recipe = Recipe()
        self._generated: SecretValue | None = None
        self._area = ValueArea(id="rotate-value")

    def on_unmount(self) -> None:
        self._generated = None
        del self._secret

    def body(self) -> Iterable[Widget]:
        yield Static(id="rotate-what", markup=False)
        if len(self._fields) > 1:
            options = [(show_name(name), index) for index, name in enumerate(self._fields)]
            at = self._fields.index(self._field)
            yield FormRow("Field", Select(options, value=at, allow_blank=False, compact=True, id="rotate-field"))
        sources = [(Content("generate it"), "generate"), (Content("type it"), "type")]
        if self._there is There.MAKES:
            sources.append((Content("On the server: it makes the value"), "server"))
        yield FormRow(
            "New value", Select(sources, value="generate", allow_blank=False, compact=True, id="rotate-source")
        )
        yield FormRow(
            "Recipe",
            Static(id="rotate-formula", markup=False),
            Button(Content("Change recipe"), id="rotate-recipe"),
            id="rotate-generated",
        )
        yield FormRow("Value", self._area, id="rotate-typed")
        if self._there is There.TAKES:
            yield FormRow("", Checkbox(Content("On the server"), id="rotate-there", compact=True))
        copies = Checkbox(Content("Copy the new value"), value=True, id="rotate-copy", compact=True)
        yield FormRow("", copies, id="rotate-copies")

    def on_mount(self) -> None:
        super().on_mount()
        self._draw()

    @property
    def _source(self) -> str:
        return str(self.query_one("#rotate-source", Select).value)

    @property
    def _typed(self) -> bool:
        return self._source == "type"

    @property
    def _is_there(self) -> bool:
        """Whether the server is to do it."""
        return self._source == "server" or any(box.value for box in self.query("#rotate-there").results(Checkbox))

    def result(self) -> Rotation:
        copy = self.query_one("#rotate-copy", Checkbox).value
        if self._source == "server":
            return Rotation(self._field, None, copy and not self._unread, there=True)
        if not self._typed:
            return Rotation(self._field, self._generated or generate(self._recipe), copy, self._is_there)
        text = self._area.form_text()
        if not text:
            raise InvalidInput("There is no new value.", hint="Type one, or let it be generated.")
        value = SecretValue(text)
        old = self._secret.fields.get(self._field)
        if old is not None and old.same_as(value):
            raise InvalidInput("That is the value it has.", hint="Type another one, or let it be generated.")
        return Rotation(self._field, value, copy, self._is_there)

    def is_dirty(self) -> bool:
        return self._typed and bool(self._area.form_text())

    def draft(self) -> Change | None:
        """A typed value is gone on with in the form."""
        if not self.is_dirty():
            return None
        fields = {**self._secret.fields, self._field: SecretValue(self._area.form_text())}
        return Change(Op.SET, self._secret.path, fields=fields, base_version=self._secret.current)

    def show_values(self, shown: bool) -> None:
        self._area.set_shown(shown)

    # -- the form

    @on(Select.Changed)
    def _chosen(self, event: Select.Changed) -> None:
        event.stop()
        if event.select.id == "rotate-field" and isinstance(event.value, int):
            self._field = self._fields[event.value]
        self._draw()

    @on(Checkbox.Changed, "#rotate-there")
    def _placed(self, event: Checkbox.Changed) -> None:
        event.stop()
        self._draw()

    @on(Button.Pressed, "#rotate-recipe")
    def _change_recipe(self, event: Button.Pressed) -> None:
        event.stop()
        self.action_dialog_generate()

    def action_dialog_generate(self) -> None:
        from kvtui.ui.dialogs.generate import GeneratorDialog  # noqa: PLC0415 - only when asked for

        dialog = GeneratorDialog(self._recipe, reveal_seconds=self._reveal_seconds)

        def generated(value: SecretValue | None) -> None:
            if value is not None:
                self._recipe, self._generated = dialog.recipe, value
                self.query_one("#rotate-source", Select).value = "generate"
                self._draw()

        self.app.push_screen(dialog, generated)

    def _draw(self) -> None:
        old = self._secret.current
        what = say(
            "Give the field [b]$field[/b] of [b]$path[/b] a new value", field=self._field, path=self._secret.path
        )
        if self._secret.version.numbered:
            what += say(": version $old → [b]$new[/b]. The old version stays.", old=str(old), new=str(old + 1))
        else:
            what += say(". No versions are kept here: the old value is gone then.")
        if self._unread:
            what += say(" Values cannot be read back here: nothing is compared, and nothing takes it back.")
        elif self._is_there:
            what += say(" The server does it in one request; u does not take it back.")
        if self._caution:
            what += show(f" {self._caution}").stylize("$text-warning")
        self.query_one("#rotate-what", Static).update(what)
        self.query_one("#rotate-formula", Static).update(Content(formula(self._recipe)))
        self.query_one("#rotate-generated").set_class(self._source != "generate", "-hidden")
        self.query_one("#rotate-copies").set_class(self._source == "server" and self._unread, "-hidden")
        self.query_one("#rotate-typed").set_class(not self._typed, "-hidden")
