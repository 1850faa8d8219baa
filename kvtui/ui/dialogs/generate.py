"""The generator: a recipe with its exact bits, and a new value by it, masked until shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual import on
from textual.containers import Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Checkbox, Input, Select, Static

from kvtui.domain import codec
from kvtui.domain.errors import InvalidInput
from kvtui.domain.value import SecretValue
from kvtui.services.generator import CLASSES, REQUIRABLE, Recipe, formula, generate
from kvtui.ui.dialogs.form import REVEAL_SECONDS, FormDialog
from kvtui.ui.show import MASK, show
from kvtui.ui.widgets.field_form import FormRow
from kvtui.ui.widgets.line_input import LineInput

_OWN = "own characters"


class GeneratorDialog(FormDialog[SecretValue]):
    """Returns a generated value; `recipe` is what made it. Every change of the recipe makes a new one."""

    DEFAULT_CSS = """
    GeneratorDialog {
        & Vertical { height: auto; }
        & Checkbox { width: auto; height: 1; border: none; padding: 0; margin-right: 2; background: transparent; }
        & .-hidden { display: none; }
        & #generate-preview { max-height: 6; overflow-y: auto; }
        & #generate-bits { color: $text-muted; height: auto; }
        & #generate-bits.-bad { color: $text-error; }
    }
    """

    def __init__(self, recipe: Recipe | None = None, *, reveal_seconds: float = REVEAL_SECONDS) -> None:
        super().__init__("Generate", "Use", reveal_seconds=reveal_seconds)
        self.recipe = recipe or Recipe()
        self._value: SecretValue | None = None
        self._problem: InvalidInput | None = None

    def on_unmount(self) -> None:
        self._value = None

    def body(self) -> Iterable[Widget]:
        recipe = self.recipe
        own = recipe.charset not in CLASSES
        kinds = [(Content("characters"), "characters"), (Content("words"), "words")]
        charsets = [(Content(name), name) for name in [*CLASSES, _OWN]]
        yield FormRow("Kind", Select(kinds, value=recipe.kind, allow_blank=False, compact=True, id="generate-kind"))
        with_characters = [
            FormRow("Length", LineInput(str(recipe.length), id="generate-length")),
            FormRow(
                "Characters",
                Select(
                    charsets,
                    value=_OWN if own else recipe.charset,
                    allow_blank=False,
                    compact=True,
                    id="generate-charset",
                ),
            ),
            FormRow(
                "", LineInput(recipe.charset if own else "", id="generate-own", placeholder="-_.aeiou"), id="own-row"
            ),
            FormRow("At least one", *self._required(REQUIRABLE[:2])),
            FormRow("", *self._required(REQUIRABLE[2:])),
        ]
        with_words = [
            FormRow("Words", LineInput(str(recipe.words), id="generate-words")),
            FormRow("Separator", LineInput(recipe.separator, id="generate-separator")),
        ]
        yield Vertical(*with_characters, id="generate-by-characters")
        yield Vertical(*with_words, id="generate-by-words")
        yield FormRow("Value", Static(id="generate-preview", markup=False))
        yield FormRow("Strength", Static(id="generate-bits", markup=False))

    def _required(self, names: Sequence[str]) -> list[Checkbox]:
        return [
            Checkbox(Content(name), name in self.recipe.required, id=f"generate-{name}", compact=True) for name in names
        ]

    def more_buttons(self) -> Iterable[Button]:
        yield Button(Content("Again"), id="generate-again")

    def on_mount(self) -> None:
        super().on_mount()
        self._read()

    def is_dirty(self) -> bool:
        return False

    def result(self) -> SecretValue:
        if self._value is None:
            raise self._problem or InvalidInput("Nothing was generated.", hint="Change the recipe.")
        return self._value

    # -- the recipe

    @on(Input.Changed)
    @on(Checkbox.Changed)
    @on(Select.Changed)
    def _changed(self) -> None:
        self._read()

    @on(Button.Pressed, "#generate-again")
    def _again(self, event: Button.Pressed) -> None:
        event.stop()
        self.action_dialog_generate()

    def action_dialog_generate(self) -> None:
        """Another value by the same recipe."""
        if self._problem is None:
            self._value = generate(self.recipe)
            self._draw()

    def _read(self) -> None:
        """Take the recipe from the form and follow it, or say why that cannot be done."""
        words = self.query_one("#generate-kind", Select).value == "words"
        self.query_one("#generate-by-words").set_class(not words, "-hidden")
        self.query_one("#generate-by-characters").set_class(words, "-hidden")
        own = self.query_one("#generate-charset", Select).value == _OWN
        self.query_one("#own-row").set_class(not own, "-hidden")
        try:
            recipe = self._typed_recipe(words=words, own=own)
        except InvalidInput as error:
            self._problem, self._value = error, None
        else:
            if self._value is None or recipe != self.recipe:
                self._value = generate(recipe)
            self.recipe, self._problem = recipe, None
        self._draw()

    def _typed_recipe(self, *, words: bool, own: bool) -> Recipe:
        if words:
            return Recipe.parse(words=self._text("words"), separator=self._text("separator"))
        charset = self._text("own") if own else self.query_one("#generate-charset", Select).value
        required = [name for name in REQUIRABLE if self.query_one(f"#generate-{name}", Checkbox).value]
        return Recipe.parse(length=self._text("length"), charset=str(charset), required=required)

    def _text(self, name: str) -> str:
        return self.query_one(f"#generate-{name}", LineInput).value

    # -- drawing

    def show_values(self, shown: bool) -> None:  # noqa: ARG002 - drawn by `values_shown`
        self._draw()

    def _draw(self) -> None:
        preview, bits = self.query_one("#generate-preview", Static), self.query_one("#generate-bits", Static)
        bits.set_class(self._problem is not None, "-bad")
        if self._problem is not None or self._value is None:
            preview.update("")
            bits.update(show(str(self._problem or "")))
            return
        preview.update(show(codec.to_text(self._value)) if self.values_shown else Content(MASK))
        bits.update(Content(formula(self.recipe)))
