"""Sharing once: what to share and for how long, a token to look into, and what is shown one time only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from textual import on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Label, Select, Static

from kvtui.domain.errors import InvalidInput, KvtuiError
from kvtui.domain.metadata import Metadata, parse_duration
from kvtui.domain.secret import Outline, Version
from kvtui.domain.value import Fields, SecretValue
from kvtui.ui.dialogs.base import Dialog
from kvtui.ui.dialogs.form import REVEAL_SECONDS, FormDialog
from kvtui.ui.dialogs.rows import RowsDialog
from kvtui.ui.show import say, show, show_name
from kvtui.ui.widgets.field_form import FormRow
from kvtui.ui.widgets.line_input import LineInput
from kvtui.ui.widgets.panes import FieldsPane
from kvtui.ui.widgets.secret_input import SecretInput

_ALL = -1
Copy = Callable[[str, SecretValue], Awaitable[str]]
"""Copies the value of a field, and says what became of it. Raises KvtuiError."""


@dataclass(frozen=True, slots=True)
class Share:
    """What to share of a secret: `field` None is all of it."""

    field: str | None
    ttl: timedelta


class ShareDialog(Dialog[Share]):
    """field: the one to start with."""

    def __init__(self, path: str, fields: Sequence[str], field: str) -> None:
        super().__init__("Share once", "Share")
        self._path, self._fields, self._field = path, list(fields), field

    def body(self) -> Iterable[Widget]:
        yield Static(
            say(
                "Share the newest version of [b]$path[/b] by a token. Whoever has the token can read it, once.",
                path=self._path,
            )
        )
        options: list[tuple[Content, int]] = [(show_name(name), index) for index, name in enumerate(self._fields)]
        if len(options) > 1:
            options.append((Content("all fields"), _ALL))
        at = self._fields.index(self._field)
        yield FormRow("Share", Select(options, value=at, allow_blank=False, compact=True, id="share-field"))
        yield FormRow("Lasts", LineInput("15m", id="share-ttl"))

    def is_dirty(self) -> bool:
        return False

    def result(self) -> Share:
        ttl = parse_duration(self.query_one("#share-ttl", LineInput).value.strip())
        chosen = self.query_one("#share-field", Select).value
        return Share(self._fields[chosen] if isinstance(chosen, int) and chosen != _ALL else None, ttl)


class UnwrapDialog(Dialog[SecretValue]):
    """Asks for a wrapping token, to look into it first."""

    ENTER_FINISHES = True

    def __init__(self) -> None:
        super().__init__("Unwrap", "Look")

    def body(self) -> Iterable[Widget]:
        yield Static(say("Where the token came from is looked up first, which uses nothing up."))
        yield Label("Wrapping token", classes="label", markup=False)
        yield SecretInput(id="wrapping-token")

    def result(self) -> SecretValue:
        box = self.query_one("#wrapping-token", SecretInput)
        text = box.value.strip()
        if not text:
            raise InvalidInput("There is no token.", hint="Paste the wrapping token.")
        box.clear()
        return SecretValue(text)


class OnceDialog(FormDialog[None], RowsDialog[None]):
    """Values nobody shows again: masked, to reveal and to copy. Leaving it unread is asked about.

    disclose: journals that they are shown, as in FormDialog. Dismissed with None.
    """

    DEFAULT_CSS = """
    OnceDialog #dialog-body > Static { height: auto; }
    OnceDialog #once-note { color: $text-success; }
    """

    def __init__(
        self,
        title: str,
        facts: Content,
        fields: Fields,
        copy: Copy,
        *,
        reveal_seconds: float = REVEAL_SECONDS,
        disclose: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(title, "Copy", cancel="Close", wide=True, reveal_seconds=reveal_seconds, disclose=disclose)
        self._facts, self._fields, self._copy = facts, fields, copy
        self._read = self._warned = False

    def body(self) -> Iterable[Widget]:
        yield Static(self._facts)
        yield FieldsPane(id="rows")
        yield Static(id="once-note", markup=False)

    def more_buttons(self) -> Iterable[Button]:
        yield Button(Content("Reveal"), id="once-reveal")

    @property
    def pane(self) -> FieldsPane:
        return self.query_one("#rows", FieldsPane)

    def on_mount(self) -> None:
        types = {name: value.type for name, value in self._fields.items()}
        self.pane.show_secret(Outline("", Version(1), types, Metadata(), 1))
        self._fit_rows()
        self.pane.focus()

    def on_resize(self) -> None:
        super().on_resize()
        self._fit_rows()

    def on_unmount(self) -> None:
        self._fields = {}

    def _fit_rows(self) -> None:
        self.show_height(sum(len(row.lines) for row in self.pane.rows), beside=12)

    # -- show and copy

    def show_values(self, shown: bool) -> None:
        if shown:
            self._was_read()
            self.pane.reveal(self._fields)
        else:
            self.pane.mask()
        self._fit_rows()

    def choose(self) -> None:
        self.action_dialog_reveal()

    @on(Button.Pressed, "#once-reveal")
    def _reveal_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.action_dialog_reveal()

    def finish(self) -> None:
        """Copy the value under the cursor; the dialog stays."""
        if (field := self.pane.field) is not None:
            self.run_worker(self._copy_field(field), group="copy", description="copy", exclusive=True)

    async def _copy_field(self, field: str) -> None:
        try:
            said = await self._copy(field, self._fields[field])
        except KvtuiError as error:
            self.show_error(error)
            return
        self._was_read()
        self.query_one("#once-note", Static).update(show(f"{field}: {said}"))

    def _was_read(self) -> None:
        """What was said of leaving it unread does not hold any more."""
        self._read = True
        self.query_one("#dialog-error").remove_class("-shown")

    # -- leaving

    def action_dialog_cancel(self) -> None:
        if not self._read and not self._warned and self._fields:
            self._warned = True
            self.show_error("You have neither revealed nor copied this, and it is not shown again. Leave once more.")
            return
        self.dismiss(None)

    @on(Button.Pressed, "#cancel")
    def _close_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        event.prevent_default()
        self.action_dialog_cancel()
