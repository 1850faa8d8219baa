"""What forms that hold values share: they are masked, shown on demand for a limited time, and enter goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from textual import on
from textual.timer import Timer
from textual.widget import Widget
from textual.widgets import Input, TextArea

from kvtui.domain.errors import KvtuiError
from kvtui.domain.metadata import MetadataPatch
from kvtui.domain.value import Fields
from kvtui.services.changes import Change
from kvtui.services.diff import FieldDiff, MetadataDiff
from kvtui.ui.dialogs.base import Dialog, Result
from kvtui.ui.widgets.diff_pane import DiffPane
from kvtui.ui.widgets.value_area import ValueArea

REVEAL_SECONDS = 20


class FormDialog(Dialog[Result]):
    """Subclasses give `show_values`, called with whether values are to be shown.

    disclose: called on a thread before stored values are shown for the first time, to journal it. When it raises a
    KvtuiError the values stay masked.
    """

    def __init__(
        self,
        title: str,
        main: str,
        *,
        cancel: str = "Cancel",
        wide: bool = False,
        reveal_seconds: float = REVEAL_SECONDS,
        disclose: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(title, main, cancel=cancel, wide=wide)
        self.values_shown = False
        self._reveal_seconds = reveal_seconds
        self._disclose = disclose
        self._reveal_timer: Timer | None = None

    def show_values(self, shown: bool) -> None:
        """Draw the values, or masks in their place."""
        raise NotImplementedError

    def on_mount(self) -> None:
        super().on_mount()
        self.watch(self.app, "app_focus", self._app_focus_changed, init=False)

    def action_dialog_reveal(self) -> None:
        if self.values_shown:
            self.mask()
        else:
            self.run_worker(self._reveal(), group="reveal", description="show values", exclusive=True)

    async def _reveal(self) -> None:
        if self._disclose is not None:
            try:
                await asyncio.to_thread(self._disclose)
            except KvtuiError as error:
                self.show_error(error)
                return
            self._disclose = None
        if not (
            self.is_current and self.app.app_focus
        ):  # asked for before the lock, another dialog or leaving the window
            return
        self.values_shown = True
        self.show_values(True)
        self.keep_shown()

    def keep_shown(self) -> None:
        """Count the seconds anew until what is shown is masked."""
        self._stop_timer()
        if self.values_shown:
            self._reveal_timer = self.set_timer(self._reveal_seconds, self.mask)

    def mask(self) -> None:
        """Hide every value of this form now."""
        self._stop_timer()
        if self.values_shown:
            self.values_shown = False
            self.show_values(False)

    def _stop_timer(self) -> None:
        if self._reveal_timer is not None:
            self._reveal_timer.stop()
            self._reveal_timer = None

    def _app_focus_changed(self, focused: bool) -> None:
        if not focused:
            self.mask()

    def on_unmount(self) -> None:
        """Nothing of a secret stays in a dialog that timers and tasks may keep alive; those below do the same."""
        self._disclose = None

    def on_screen_suspend(self) -> None:
        self.mask()

    # -- enter

    @on(Input.Submitted)
    def _input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        event.prevent_default()
        self.go_on(event.input)

    @on(ValueArea.Submitted)
    def _value_submitted(self, event: ValueArea.Submitted) -> None:
        event.stop()
        self.go_on(event.area)

    def go_on(self, field: Widget) -> None:
        """From a text field to the next one, or to the main button after the last."""
        chain = self.focus_chain
        after = chain[chain.index(field) + 1 :] if field in chain else []
        for widget in after:
            if isinstance(widget, Input | TextArea) or widget.id == "main":
                widget.focus()
                return

    @on(TextArea.Changed)
    def _value_changed(self) -> None:
        self.keep_shown()


Fits = Callable[[str, Fields, MetadataPatch], None]
"""Backend.check: raises what writing these would raise."""


class ChangeForm(FormDialog[Change]):
    """A form of a change that its store is asked about before it is returned, where `fits` is given."""

    fits: Fits | None = None

    def refusal(self, change: Change) -> None:
        """Raise KvtuiError where the store would change or refuse it. Called on a thread."""

    def finish(self) -> None:
        try:
            change = self.result()
        except KvtuiError as error:
            self.show_error(error)
        else:
            if self.fits is None:
                self.dismiss(change)
                return
            self.is_settling = True  # what is typed ahead is for what comes then
            self.run_worker(self._finish(change), group="refusal", description="ask the store", exclusive=True)

    async def _finish(self, change: Change) -> None:
        try:
            await asyncio.to_thread(self.refusal, change)
        except KvtuiError as error:
            self.show_refusal(error)
        else:
            if self.is_current:
                self.dismiss(change)
        finally:
            self.is_settling = False

    def show_refusal(self, error: KvtuiError) -> None:
        self.show_error(error)


class DiffDialogBase(FormDialog[Result]):
    """A form whose values are two sides of a comparison. Subclasses yield `diff` in their body."""

    DEFAULT_CSS = """
    DiffDialogBase #dialog-body > Static { margin-bottom: 1; height: auto; }
    """

    def __init__(
        self,
        title: str,
        main: str,
        fields: Sequence[FieldDiff],
        metadata: Sequence[MetadataDiff],
        *,
        cancel: str = "Cancel",
        reveal_seconds: float = REVEAL_SECONDS,
        disclose: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(title, main, cancel=cancel, wide=True, reveal_seconds=reveal_seconds, disclose=disclose)
        self.diff = DiffPane(fields, metadata)

    def show_values(self, shown: bool) -> None:
        self.diff.revealed = shown

    def fit(self) -> None:
        """The diff scrolls by itself, below what is said about it."""
        super().fit()
        room = self.query_one("#dialog-body").styles.max_height
        said = sum(
            widget.outer_size.height + widget.styles.margin.height for widget in self.query("#dialog-body > Static")
        )
        if room is not None:
            self.diff.styles.max_height = max(1, int(room.value) - said)
