"""First run: make the vault, then show its recovery key, once."""

from __future__ import annotations

import asyncio

from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Button, Input, Label, Static

from kvtui.actions import Scope
from kvtui.domain.credential import Created, Credential
from kvtui.domain.errors import KvtuiError
from kvtui.domain.value import SecretValue
from kvtui.services.session import Session
from kvtui.services.strength import estimate, warn_passphrase
from kvtui.ui.keymap import bindings
from kvtui.ui.show import say, show
from kvtui.ui.widgets.secret_input import SecretInput


class CreateScreen(Screen[None]):
    """Asks for a passphrase twice. A weak one is warned about once, not forbidden."""

    BINDINGS = bindings(Scope.DIALOG, only=("dialog.apply",))
    DEFAULT_CSS = """
    CreateScreen {
        align: center middle;
        & > Vertical {
            width: 78; max-width: 100%; height: auto; max-height: 100%; padding: 1 1; overflow-y: auto;
            border: round $primary; border-title-color: $text-primary; background: $surface;
        }
        .label { color: $text-muted; margin-top: 1; }
        Input, Input:focus { border: none; height: 1; padding: 0 1; background: $panel; }
        Input:focus { background: $primary 25%; }
        #create-note { height: auto; min-height: 1; }
        #create-note.-failed { color: $text-error; }
        #create-buttons { height: 1; margin-top: 1; }
        #recovery-key { margin: 1 0; text-style: bold; color: $text-warning; height: auto; }
        Button { width: auto; padding: 0 2; margin-right: 2; }
    }
    """

    class Done(Message):
        """The vault was made, and is open."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._warned_of = ""

    def compose(self) -> ComposeResult:
        with Vertical(id="create-box") as box:
            box.border_title = "Create a vault"
            yield Static(
                say(
                    "There is no vault yet. Create one at [b]$place[/b]: encrypted, no server, no account.",
                    place=str(self._session.profile.settings.get("path", "")),
                ),
            )
            yield Label("Passphrase", classes="label", markup=False)
            yield SecretInput(id="passphrase")
            yield Label("Passphrase again", classes="label", markup=False)
            yield SecretInput(id="again")
            yield Static("Several random words are good. It cannot be reset.", id="create-note", markup=False)
            with Horizontal(id="create-buttons"):
                yield Button("Create", id="create", variant="primary", compact=True)
                yield Button("Quit", id="leave", compact=True)

    @on(Input.Changed, "#passphrase")
    def _rate(self, event: Input.Changed) -> None:
        if event.value:
            strength = estimate(event.value)
            self._note(f"{strength.label}, about {strength.bits:.0f} bits (estimate). {strength.advice}")

    @on(Input.Submitted, "#passphrase")
    def _go_on(self) -> None:
        self.set_focus(self.query_one("#again"))

    @on(Input.Submitted, "#again")
    @on(Button.Pressed, "#create")
    def _submit(self) -> None:
        one, two = self.query_one("#passphrase", SecretInput), self.query_one("#again", SecretInput)
        if not one.value:
            self._note("Type a passphrase.", failed=True)
        elif one.value != two.value:
            self._note("The two are not the same. Type them again.", failed=True)
        elif (warning := warn_passphrase(one.value)) and self._warned_of != one.value:
            self._warned_of = one.value
            self._note(f"{warning} Press Create again to use it all the same.", failed=True)
        else:
            credential = Credential(SecretValue(one.value))
            self._warned_of = ""
            self._create(credential)

    def action_dialog_apply(self) -> None:
        """Create; once the recovery key is shown, go on."""
        if written := self.query("#written"):
            written.first(Button).press()
        elif not self.query_one("#create", Button).disabled:
            self._submit()

    @on(Button.Pressed, "#leave")
    def _leave(self) -> None:
        self.app.exit(0)

    @work(exclusive=True, description="create the vault")
    async def _create(self, credential: Credential) -> None:
        self.query_one("#create", Button).disabled = True
        self._note("Creating…")
        try:
            created = await asyncio.to_thread(self._session.create, credential)
            await asyncio.to_thread(self._session.unlock, credential)
        except KvtuiError as error:
            self.went_wrong(error)
            return
        for box in self.query(SecretInput):
            box.clear()
        await self._show_recovery_key(created)

    def went_wrong(self, error: KvtuiError) -> None:
        self._note(str(error), failed=True)
        self.query_one("#create", Button).disabled = False

    async def _show_recovery_key(self, created: Created) -> None:
        if created.recovery_key is None:
            self.post_message(self.Done())
            return
        box = self.query_one("#create-box", Vertical)
        box.border_title = "Recovery key"
        await box.remove_children()
        await box.mount(
            Static(
                "This opens the vault when the passphrase is lost. It is shown once and kept nowhere: write it down.",
                markup=False,
            ),
            RecoveryKey(show(created.recovery_key.reveal()), id="recovery-key"),
            Horizontal(
                Button("I have written it down", id="written", variant="primary", compact=True), id="create-buttons"
            ),
        )
        self.set_focus(self.query_one("#written"))

    @on(Button.Pressed, "#written")
    async def _written(self) -> None:
        await self.query_one("#create-box").remove_children()
        self.post_message(self.Done())

    def _note(self, text: str, *, failed: bool = False) -> None:
        note = self.query_one("#create-note", Static)
        note.update(show(text))
        note.set_class(failed, "-failed")


class RecoveryKey(Static):
    """The one thing on this screen that must not be selected with the mouse into a clipboard nobody clears."""

    ALLOW_SELECT = False

    def __init__(self, key: Content, *, id: str) -> None:  # noqa: A002
        super().__init__(key, id=id, markup=False)
