"""Signing in at a server: questions one by one, pages to open, and what to wait for."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from queue import SimpleQueue
from typing import TYPE_CHECKING, cast

from textual import on, work
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input, Label, Static

from kvtui.domain.errors import AuthenticationRequired, KvtuiError, WrongCredential
from kvtui.domain.value import SecretValue
from kvtui.services.session import Session
from kvtui.ui.dialogs.base import Dialog
from kvtui.ui.show import say, show
from kvtui.ui.widgets.secret_input import SecretInput

if TYPE_CHECKING:
    from kvtui.ui.app import KvtuiApp

FIRST_DELAY, LONGEST_DELAY = 1.0, 30.0
"""Seconds before the next try after a wrong password, doubling: servers lock out who is faster."""


class _Asking:
    """The conversation of the thread that signs in with the dialog in front of the user."""

    def __init__(self, dialog: SignInDialog) -> None:
        self._dialog = dialog
        self._app = dialog.app
        self._over = threading.Event()
        self.answers: SimpleQueue[SecretValue | None] = SimpleQueue()

    def ask(self, question: str, *, secret: bool) -> SecretValue:
        self._on_screen(self._dialog.show_question, question, secret)
        answer = self.answers.get()
        if answer is None:
            raise _cancelled()
        return answer

    def tell(self, message: str) -> None:
        self._on_screen(self._dialog.show_told, message)

    def visit(self, url: str, message: str) -> None:
        from kvtui.browser import open_page  # noqa: PLC0415 - few sign in by a page

        self._on_screen(self._dialog.show_page, url, message)
        open_page(url)

    def cancelled(self) -> bool:
        return self._over.is_set()

    def cancel(self) -> None:
        self._over.set()
        self.answers.put(None)

    def _on_screen(self, function: object, *args: object) -> None:
        if self._over.is_set():
            raise _cancelled()
        self._app.call_from_thread(function, *args)  # type: ignore[arg-type]


class SignInDialog(Dialog[bool]):
    """True when the session is open, None when it was left. Staged changes and open forms stay as they are."""

    DEFAULT_CSS = """
    SignInDialog {
        #sign-in-question { display: none; height: auto; &.-shown { display: block; } }
        #sign-in-page { color: $text-accent; height: auto; }
        #sign-in-news { height: auto; }
    }
    """

    def __init__(self, session: Session, note: str = "") -> None:
        super().__init__("Sign in", "Sign in")
        self._session, self._note = session, note
        self._asking: _Asking | None = None
        self._url = self._told = ""
        self._delay = 0.0

    def body(self) -> Iterable[Widget]:
        yield Static(say("Server of profile [b]$name[/b]", name=self._session.profile.label))
        if self._note:
            yield Static(show(self._note), markup=False)
        yield Static(id="sign-in-news", markup=False)
        yield Static(id="sign-in-page", markup=False)
        yield Label("", id="sign-in-question", classes="label", markup=False)
        yield Input(id="sign-in-text")
        yield SecretInput(id="sign-in-secret")

    def more_buttons(self) -> Iterable[Button]:
        button = Button(Content("Copy address"), id="copy-address")
        button.display = False
        yield button

    def on_mount(self) -> None:
        self._hide_question()
        self.begin()

    def on_unmount(self) -> None:
        if self._asking is not None:
            self._asking.cancel()

    def is_dirty(self) -> bool:
        return False

    @work(exclusive=True, group="sign-in", description="sign in")
    async def begin(self) -> None:
        """Sign in; after something wrong was typed, from the start again."""
        while True:
            self._asking = asking = _Asking(self)
            self._told = ""
            self.show_news("Signing in…")
            try:
                await asyncio.to_thread(self._session.unlock, None, asking)
            except WrongCredential as error:
                self._delay = min(LONGEST_DELAY, max(FIRST_DELAY, self._delay * 2))
                self._hide_question()
                self._offer_page("")
                self.show_error(f"{error} Next try in {self._delay:.0f} s.")
                await asyncio.sleep(self._delay)
            except KvtuiError as error:
                self.went_wrong(error)
                return
            else:
                self.dismiss(True)
                return

    def went_wrong(self, error: KvtuiError) -> None:
        self._hide_question()
        self._offer_page("")
        self.show_news("")
        self.show_error(error)

    # -- what the conversation shows

    def show_question(self, question: str, secret: bool) -> None:
        label = self.query_one("#sign-in-question", Label)
        label.update(show(question))
        label.add_class("-shown")
        self._offer_page("")
        for box, wanted in (("sign-in-text", not secret), ("sign-in-secret", secret)):
            found = self.query_one(f"#{box}", Input)
            found.clear()
            found.display = wanted
            if wanted:
                found.focus()
        self.show_news(self._told)
        self._told = ""

    def show_news(self, message: str) -> None:
        self.query_one("#sign-in-news", Static).update(show(message))

    def show_told(self, message: str) -> None:
        """It stays beside the next question, which may be asked because of it."""
        self._told = message
        self.show_news(message)

    def show_page(self, url: str, message: str) -> None:
        self._url = url
        self.show_news(message)
        self._offer_page(url)

    def _offer_page(self, url: str) -> None:
        """While a page is waited for there is nothing here to go on with but its address; "" once it is not."""
        self.query_one("#sign-in-page", Static).update(show(url))
        self.query_one("#copy-address", Button).display = bool(url)
        self.query_one("#main", Button).display = not url

    def _hide_question(self) -> None:
        self.query_one("#sign-in-question", Label).remove_class("-shown")
        for box in ("sign-in-text", "sign-in-secret"):
            found = self.query_one(f"#{box}", Input)
            found.clear()
            found.display = False

    # -- what the user does

    @on(Input.Submitted)
    def _typed(self, event: Input.Submitted) -> None:
        event.stop()
        self.finish()

    def finish(self) -> None:
        """Hand over what was typed; where nothing is being asked, try again."""
        boxes = [box for box in self.query(Input) if box.display]
        if boxes and self._asking is not None:
            answer = SecretValue(boxes[0].value)
            self._hide_question()
            self.show_news("Signing in…")
            self._asking.answers.put(answer)
        elif not any(worker.group == "sign-in" and not worker.is_finished for worker in self.workers):
            self.begin()

    @on(Button.Pressed, "#copy-address")
    def _copy_address(self, event: Button.Pressed) -> None:
        event.stop()
        self._copy(self._url)

    @work(group="copy", description="copy an address")
    async def _copy(self, url: str) -> None:
        try:
            copied = await asyncio.to_thread(cast("KvtuiApp", self.app).copy, url.encode())
        except KvtuiError as error:
            self.show_error(error)
        else:
            self.show_news(copied.message)


def _cancelled() -> AuthenticationRequired:
    return AuthenticationRequired("Signing in was cancelled.", hint="Nothing was changed.")
