"""What all dialogs share: a titled box, a body, an error line, the main button and the safe one.

Enter on a text field goes on to the next, or finishes; ctrl+s does what the main button does; esc leaves without doing
anything (asking once if something was typed). Focus starts on the first field, or on the safe button where there is
none.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Button, Input, Static
from textual.widgets._button import ButtonVariant

from kvtui.actions import Scope
from kvtui.domain.errors import KvtuiError
from kvtui.services.changes import Change
from kvtui.ui.composing import QuickCompositor
from kvtui.ui.keymap import bindings
from kvtui.ui.show import show

Result = TypeVar("Result")


class Dialog(ModalScreen[Result | None]):
    """A question with one main button. Subclasses give `body`, `result` and, when they hold typed text, `is_dirty`.

    Dismissed with the result, or with None when it was left.
    """

    BINDINGS = bindings(Scope.DIALOG)
    SAFE: ClassVar[bool] = False
    """Whether focus starts on the safe button although there are fields."""
    ENTER_FINISHES: ClassVar[bool] = False
    """Whether enter on a text field does what the main button does, as where there is only one."""

    DEFAULT_CSS = """
    Dialog {
        align: center middle;
        background: $background 60%;
        & > #dialog {
            width: 72; max-width: 96%; height: auto;
            background: $surface; border: round $primary; border-title-color: $text-primary;
            padding: 0 1;
        }
        &.-danger > #dialog { border: round $error; border-title-color: $text-error; }
        &.-wide > #dialog { width: 120; }
        &.-tall > #dialog { height: 96%; }
        &.-tall #dialog-body { height: 1fr; }
        #dialog-body { height: auto; scrollbar-size-vertical: 1; }
        #dialog-error { color: $text-error; height: auto; display: none; }
        #dialog-error.-shown { display: block; }
        #dialog-buttons { height: auto; align-horizontal: right; margin-top: 1; }
        #dialog-buttons Button { margin-left: 2; min-width: 12; height: 1; border: none; padding: 0 1; }
        .label { color: $text-muted; height: 1; margin-top: 1; }
        Input { border: none; height: 1; padding: 0 1; background: $panel; }
        Input:focus { border: none; background: $primary 25%; }
        Select { height: auto; }
        SelectCurrent { border: none; padding: 0 1; }
        TextArea { border: none; padding: 0 1; background: $panel; }
        TextArea:focus { border: none; background: $primary 15%; }
    }
    """

    def __init__(
        self, title: str, main: str, *, cancel: str = "Cancel", danger: bool = False, wide: bool = False
    ) -> None:
        super().__init__()
        self._compositor = QuickCompositor()
        self._title, self._main, self._cancel = title, main, cancel
        self._asked_to_leave = False
        self.is_settling = False
        """Whether the focus is not yet where it shall start; keys typed ahead wait for it."""
        self.set_class(danger, "-danger")
        self.set_class(wide, "-wide")

    def compose(self) -> ComposeResult:
        with Vertical(id="dialog") as box:
            box.border_title = Content(self._title)
            with VerticalScroll(id="dialog-body", can_focus=False):
                yield from self.body()
            yield Static(id="dialog-error", markup=False)
            with Horizontal(id="dialog-buttons"):
                if self._main:
                    variant: ButtonVariant = "error" if self.has_class("-danger") else "primary"
                    yield Button(Content(self._main), id="main", variant=variant)
                yield from self.more_buttons()
                yield Button(Content(self._cancel), id="cancel")

    def body(self) -> Iterable[Widget]:
        """The widgets between title and buttons."""
        return ()

    def more_buttons(self) -> Iterable[Button]:
        """Buttons between the main and the safe one; handle them with @on."""
        return ()

    def result(self) -> Result:
        """What the main button returns. Raises KvtuiError when something has to be mended first: shown, not lost."""
        raise TypeError(f"{type(self).__name__} has no result")

    def draft(self) -> Change | None:
        """What was typed so far, as a change to go on with after a lock; None for nothing worth keeping."""
        return None

    def is_dirty(self) -> bool:
        """Whether leaving would lose something typed."""
        return any(box.value and not box.disabled for box in self.query(Input) if box.id != "confirm-path")

    def on_mount(self) -> None:
        if self.is_settling:
            return
        fields = [] if self.SAFE else [w for w in self.query("#dialog-body *") if w.focusable]
        self.set_focus(fields[0] if fields else self.query_one("#cancel"))

    def on_resize(self) -> None:
        self.fit()

    def fit(self) -> None:
        """Let the body scroll before the buttons leave the screen."""
        below = [self.query_one(f"#{name}") for name in ("dialog-error", "dialog-buttons")]
        taken = sum(widget.outer_size.height + widget.styles.margin.height for widget in below if widget.display)
        self.query_one("#dialog-body").styles.max_height = max(1, self.size.height - 2 - taken)

    def show_error(self, error: KvtuiError | str) -> None:
        """What is wrong and what to do, above the buttons."""
        line = self.query_one("#dialog-error", Static)
        line.update(show(str(error)))
        line.add_class("-shown")
        self.call_after_refresh(self.fit)

    def went_wrong(self, error: KvtuiError) -> None:
        """A worker of this dialog raised this."""
        self.show_error(error)

    def finish(self) -> None:
        """Return the result, or show why there is none."""
        try:
            result = self.result()
        except KvtuiError as error:
            self.show_error(error)
        else:
            self.dismiss(result)

    @on(Button.Pressed, "#main")
    def _main_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.finish()

    @on(Button.Pressed, "#cancel")
    def _cancel_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss(None)

    @on(Input.Submitted)
    def _go_on(self, event: Input.Submitted) -> None:
        event.stop()
        if self.ENTER_FINISHES:
            self.finish()
        else:
            self.focus_next()

    def action_dialog_apply(self) -> None:
        if self._main:
            self.finish()

    def action_dialog_cancel(self) -> None:
        if self.is_dirty() and not self._asked_to_leave:
            self._asked_to_leave = True
            self.show_error("What you typed is not saved. Press esc again to leave it, or go on.")
            return
        self.dismiss(None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Actions of forms only where the form has them."""
        return not action.startswith("dialog_") or hasattr(self, f"action_{action}")
