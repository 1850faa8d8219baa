"""How a store asks and tells somebody while it is being opened: a screen, a terminal, or a test answers."""

from __future__ import annotations

from typing import Protocol

from kvtui.domain.value import SecretValue


class Conversation(Protocol):
    """Called on the thread that opens the store, one call at a time; each may take as long as the person does."""

    def ask(self, question: str, *, secret: bool) -> SecretValue:
        """The text typed for a question such as "Password"; with `secret` it is not echoed.

        Raises AuthenticationRequired when nobody can be asked, and when it was cancelled.
        """

    def tell(self, message: str) -> None:
        """Something to know while waiting, such as that a phone asks for confirmation."""

    def visit(self, url: str, message: str) -> None:
        """Show an address (http or https) to open in a browser, and open it where possible. Returns at once."""

    def cancelled(self) -> bool:
        """Whether to stop waiting. Cheap: asked several times a second."""
