"""Yes or no to something named exactly; and the kind where the path has to be typed."""

from __future__ import annotations

from collections.abc import Iterable

from textual import events, on
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Input, Static

from kvtui.domain.errors import InvalidInput
from kvtui.domain.secret import Secret, VersionState
from kvtui.ui.dialogs.base import Dialog
from kvtui.ui.show import say


class ConfirmDialog(Dialog[bool]):
    """Names what will happen to what; focus is on the safe button."""

    def __init__(
        self, title: str, question: Content, main: str, *, danger: bool = False, cancel: str = "Cancel"
    ) -> None:
        super().__init__(title, main, danger=danger, cancel=cancel)
        self._question = question

    def body(self) -> Iterable[Widget]:
        yield Static(self._question)

    def result(self) -> bool:
        return True


class DeletedDialog(Dialog[str]):
    """Something new is to be written where a deleted secret is. Returns `write`, `undelete`, or None to go back."""

    def __init__(self, path: str, deleted: Secret) -> None:
        super().__init__("Conflict", f"Write version {deleted.current + 1}", cancel="Back")
        self._path, self._deleted = path, deleted

    def body(self) -> Iterable[Widget]:
        yield Static(
            say(
                "[b]$path[/b] was there before and is $state at version $number. Nothing was written. "
                "Undelete it and drop what you typed, or write yours as its next version.",
                path=self._path,
                state=self._deleted.version.state.value,
                number=str(self._deleted.current),
            )
        )

    def more_buttons(self) -> Iterable[Button]:
        if self._deleted.version.state is VersionState.DELETED:
            yield Button(Content("Undelete"), id="deleted-undelete")

    @on(Button.Pressed, "#deleted-undelete")
    def _undelete(self, event: Button.Pressed) -> None:
        event.stop()
        self.dismiss("undelete")

    def result(self) -> str:
        return "write"


class TypedConfirmDialog(Dialog[bool]):
    """For what cannot be undone: the exact path has to be typed; pasted text is not accepted."""

    SAFE = True

    def __init__(self, title: str, question: Content, main: str, path: str) -> None:
        super().__init__(title, main, danger=True)
        self._question, self._path = question, path

    def body(self) -> Iterable[Widget]:
        yield Static(self._question)
        yield Static(say("To go on, type its path: [b]$path[/b]", path=self._path), classes="label")
        yield TypedInput(id="confirm-path", placeholder="Path")

    def result(self) -> bool:
        if self.query_one("#confirm-path", Input).value != self._path:
            raise InvalidInput("That is not the path.", hint="Type it exactly, or press esc.")
        return True


class TypedInput(Input):
    """An input for typing only."""

    def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()
        self.app.bell()
