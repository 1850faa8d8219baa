"""login and logout: signing in at the server of a profile, and the conversation any command has while it does."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from kvtui.cli.arguments import Command, Parser
from kvtui.cli.exits import Exit
from kvtui.cli.records import time_json
from kvtui.domain.errors import Unsupported
from kvtui.domain.value import SecretValue
from kvtui.text import show, show_name

if TYPE_CHECKING:
    from kvtui.cli.context import Context


class TerminalConversation:
    """Asks at the terminal; what is told goes to standard error."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def ask(self, question: str, *, secret: bool) -> SecretValue:
        text = f"{show(question)}: "
        return SecretValue(self._context.ask(text) if secret else self._context.ask_echoed(text))

    def tell(self, message: str) -> None:
        self._context.out.urge(message)

    def visit(self, url: str, message: str) -> None:
        from kvtui.browser import open_page  # noqa: PLC0415 - few sign in by a page

        self._context.out.urge(f"{message}\n{url}")
        open_page(url)

    def cancelled(self) -> bool:
        """Ctrl+C ends the whole command."""
        return False


def _login_arguments(parser: Parser) -> None:
    parser.add_argument("--store", action="store_true", help="keep the token where the server's own tools look for it")


def _login(context: Context, args: Namespace) -> int:
    session = context.session()
    who = session.backend.signed_in
    if who is None:
        raise Unsupported(
            f"Nobody signs in at a {session.info().kind} store.", capability="login", hint="It is open already."
        )
    stored = session.backend.store_sign_in() if args.store else None
    if context.out.json:
        context.out.dump(
            {
                "profile": session.profile.name,
                "location": session.info().location,
                "name": who.name,
                "policies": list(who.policies),
                "expires_at": time_json(who.expires_at),
                "renewable": who.renewable,
                "stored": stored,
            }
        )
        return Exit.DONE
    lasts = f", until {time_json(who.expires_at)}" if who.expires_at else ""
    context.out.line(f"Signed in as {show_name(who.name) or '-'} at {show_name(session.info().location)}{lasts}.")
    if who.policies:
        context.out.line(f"Policies: {', '.join(map(show_name, who.policies))}")
    if stored is not None:
        context.out.note(f"The token is kept in {stored}.")
    return Exit.DONE


def _logout(context: Context, args: Namespace) -> int:  # noqa: ARG001 - takes none
    session = context.session()
    session.backend.sign_out()
    if context.out.json:
        context.out.dump({"profile": session.profile.name, "signed_out": True})
    else:
        context.out.note("The token has ended, and is no longer kept on this machine.")
    return Exit.DONE


COMMANDS = {"login": Command(_login, _login_arguments), "logout": Command(_logout)}
