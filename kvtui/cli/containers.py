"""vault create, list, delete: top-level folders that may be empty."""

from __future__ import annotations

from argparse import Namespace

from kvtui.cli.arguments import Command, Parser
from kvtui.cli.context import Context
from kvtui.cli.exits import Exit
from kvtui.domain.capability import Capability


def _name_argument(parser: Parser) -> None:
    parser.add_argument("name", metavar="NAME")


def _create(context: Context, args: Namespace) -> int:
    session, name = context.at(args.name)
    context.caution(session, name, Capability.CONTAINERS)
    session.create_container(name)
    return _report(context, name, "created")


def _delete(context: Context, args: Namespace) -> int:
    session, name = context.at(args.name)
    context.caution(session, name, Capability.CONTAINERS)
    session.delete_container(name)
    return _report(context, name, "deleted")


def _report(context: Context, name: str, what: str) -> int:
    if context.out.json:
        context.out.dump({"name": name})
    elif not context.out.quiet:
        context.out.line(f"{context.out.name(name)}/: {what}")
    return Exit.DONE


def _list(context: Context, args: Namespace) -> int:  # noqa: ARG001 - takes none
    names = context.session().backend.containers()
    if context.out.json:
        context.out.dump({"containers": list(names)})
        return Exit.DONE
    for name in names:
        context.out.line(context.out.name(name))
    return Exit.DONE


COMMANDS = {
    "vault create": Command(_create, _name_argument),
    "vault list": Command(_list),
    "vault delete": Command(_delete, _name_argument),
}
