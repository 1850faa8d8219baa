"""One field of a secret in a form: its name, its value and the kind of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, Label, Select, Static, TextArea

from kvtui import text as texts
from kvtui.domain import codec, json_text
from kvtui.domain.errors import InvalidInput
from kvtui.domain.json_text import Json
from kvtui.domain.value import SecretValue, ValueType
from kvtui.ui.show import show
from kvtui.ui.widgets.line_input import LineInput
from kvtui.ui.widgets.value_area import CANNOT_HOLD, ValueArea


class FormRow(Horizontal):
    """A label and what it names, on one line."""

    DEFAULT_CSS = """
    FormRow {
        height: auto;
        & > Input, & > ValueArea, & > Static { width: 1fr; }
        & > Label { width: 13; color: $text-muted; }
        & > Select { width: 1fr; height: 1; }
    }
    """

    def __init__(self, label: str, *widgets: Widget, id: str | None = None) -> None:  # noqa: A002
        super().__init__(Label(Content(label)), *widgets, id=id)


class FieldRow(Vertical):
    """A field that is new (`value` is None) or has a value, which stays the very same object unless it is changed.

    kinds: what the store can hold besides text. named: whether the name can be chosen at all. caveat: what to know of
    its value as the store gave it.
    """

    DEFAULT_CSS = """
    FieldRow {
        height: auto; margin-top: 1;
        & .field-kind { width: 13; margin-left: 1; }
        & .field-remove { min-width: 10; width: 10; height: 1; border: none; margin-left: 1; padding: 0; }
        & .field-replace { min-width: 11; width: 11; height: 1; border: none; margin-left: 1; padding: 0; }
        & .field-replace { display: none; }
        & .field-note { color: $text-warning; margin-left: 13; height: auto; display: none; }
        &.-inexact .field-replace, &.-noted .field-note { display: block; }
    }
    """

    @dataclass
    class Removed(Message):
        row: FieldRow

    def __init__(
        self,
        name: str,
        value: SecretValue | None,
        kinds: Sequence[ValueType],
        *,
        named: bool = True,
        caveat: str = "",
    ) -> None:
        super().__init__()
        self._caveat, self._complaint = caveat, ""
        self._field, self._named = name, named
        self._kind = value.type if value is not None else ValueType.TEXT
        self._kinds = list(dict.fromkeys([ValueType.TEXT, *kinds, self._kind]))
        self.area = ValueArea(value)
        self.name_input = LineInput(name, classes="field-name", placeholder="name")
        self._kind_select: Select[ValueType] | None = None
        if len(self._kinds) > 1:
            options = [(Content(kind.value), kind) for kind in self._kinds]
            self._kind_select = Select(options, value=self._kind, allow_blank=False, compact=True, classes="field-kind")

    def compose(self) -> ComposeResult:
        if self._named:
            yield FormRow("Field", self.name_input)
        replace = Button(Content("Replace"), classes="field-replace")
        remove = Button(Content("Remove"), classes="field-remove")
        kind = [self._kind_select] if self._kind_select is not None else []
        yield FormRow("Value", self.area, replace, *kind, remove)
        yield Static(classes="field-note", markup=False)

    def on_mount(self) -> None:
        self.set_class(not self.area.is_exact, "-inexact")
        self._note()

    # -- what it holds

    @property
    def original(self) -> SecretValue | None:
        return self.area.original

    @property
    def field_name(self) -> str:
        return self.name_input.value if self._named else self._field

    @property
    def kind(self) -> ValueType:
        if self._kind_select is None or not isinstance(self._kind_select.value, ValueType):
            return self._kind
        return self._kind_select.value

    @property
    def is_touched(self) -> bool:
        return self.area.is_touched or self.kind is not self._kind or self.field_name != self._field

    def value(self) -> SecretValue:
        """What is to be saved. Raises InvalidInput naming the field, never what was typed."""
        kind = self.kind
        if self.original is not None and kind is self._kind and not self.area.is_touched:
            return self.original
        if self.area.is_held and not self.area.is_exact and kind is not self._kind:
            raise self._invalid("cannot change its kind here", "Replace its value, or edit it with E.")
        text = self.area.form_text()
        match kind:
            case ValueType.TEXT:
                return SecretValue(text)
            case ValueType.NULL:
                return SecretValue(None)
            case ValueType.BYTES:
                try:
                    return codec.from_base64(text)
                except InvalidInput as error:
                    raise self._invalid("is not base64", error.hint) from None
            case _:
                return self._parse(text, kind)

    def lenient_value(self) -> SecretValue:
        """The same, and the text itself where it cannot be read as its kind: for a draft."""
        try:
            return self.value()
        except InvalidInput:
            return SecretValue(self.area.form_text())

    def _parse(self, text: str, kind: ValueType) -> SecretValue:
        try:
            parsed: Json = json_text.parse(text)
        except InvalidInput as error:
            if kind in {ValueType.LIST, ValueType.MAP}:
                raise self._invalid(f"is not a {kind.value}: {error.message}", error.hint) from None
            raise self._invalid(f"is not a {kind.value}", _EXAMPLES[kind]) from None
        value = SecretValue(parsed)
        if value.type is not kind:
            raise self._invalid(f"is not a {kind.value}", _EXAMPLES[kind])
        return value

    def _invalid(self, what: str, hint: str) -> InvalidInput:
        name = texts.clip(texts.show_name(self.field_name), 40)
        return InvalidInput(f"The field {name} {what}.".replace("..", "."), hint=hint)

    # -- what is done with it

    def set_shown(self, shown: bool) -> None:
        self.area.set_shown(shown)
        self._note()

    def put(self, value: SecretValue) -> None:
        """Take a generated value, masked like what was typed."""
        if self._kind_select is not None:
            self._kind_select.value = ValueType.TEXT
        self.area.put(codec.to_text(value))
        self._note()

    @on(Button.Pressed, ".field-remove")
    def _remove_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.post_message(self.Removed(self))

    @on(Button.Pressed, ".field-replace")
    def _replace_pressed(self, event: Button.Pressed) -> None:
        """Replace a value that cannot be edited here, or take it back."""
        event.stop()
        if self.area.is_held:
            self.area.replace_held()
            self.area.focus()
        else:
            self.area.restore_original()
        self._note()

    @on(Select.Changed)
    def _kind_changed(self, event: Select.Changed) -> None:
        event.stop()
        self.area.disabled = self.kind is ValueType.NULL

    @on(TextArea.Changed)
    def _text_changed(self) -> None:
        self._complaint = ""
        self._note()

    def complain(self, text: str) -> None:
        """Why this value cannot be kept; until it is changed."""
        self._complaint = text
        self._note()

    def _note(self) -> None:
        """What to know about this value besides its text."""
        note = self._complaint or ("" if self.area.is_touched else self._caveat)
        if note:
            pass
        elif not self.area.is_exact and self.area.is_held:
            note = CANNOT_HOLD
        elif self.area.has_crlf and self.area.is_shown:
            note = "Its line ends are CRLF and stay so."
        self.query_one(".field-note", Static).update(show(note))
        self.set_class(bool(note), "-noted")
        label = "Replace" if self.area.is_held else "Keep old"
        self.query_one(".field-replace", Button).label = Content(label)


_EXAMPLES = {
    ValueType.NUMBER: "Write it as 42 or 1.5.",
    ValueType.BOOLEAN: "Write true or false.",
    ValueType.LIST: 'Write JSON such as ["a", 1].',
    ValueType.MAP: 'Write JSON such as {"a": 1}.',
}
