"""rm, undelete, trash: take away, bring back, destroy for good."""

from __future__ import annotations

from argparse import Namespace

from kvtui.cli.arguments import Command, Parser, version_numbers
from kvtui.cli.context import Context
from kvtui.cli.exits import Exit, Usage
from kvtui.cli.records import numbers_json, time_json
from kvtui.cli.skipping import skipped_json, tell_skipped
from kvtui.domain.capability import Capability
from kvtui.domain.errors import PermissionDenied
from kvtui.domain.json_text import Json
from kvtui.services.changes import Change, Op
from kvtui.services.explaining import can_come_back, destroying, undeleting
from kvtui.services.left_out import LeftOut
from kvtui.services.session import Session
from kvtui.text import show, show_name


def _rm_arguments(parser: Parser) -> None:
    parser.add_argument("path", metavar="PATH")
    _versions_option(parser, "these instead of the newest")
    parser.add_argument("--destroy", action="store_true", help="for good; without --versions the whole secret")
    parser.add_argument("--yes", action="store_true", help="do not ask for the path; needed without a terminal")


def _versions_option(parser: Parser, text: str) -> None:
    parser.add_argument("--versions", metavar="N,…", type=version_numbers, default=(), help=text)


def _rm(context: Context, args: Namespace) -> int:
    session, path = context.at(args.path)
    change = Change(Op.DESTROY if args.destroy else Op.DELETE, path, versions=args.versions)
    current = _current(session, path)
    context.caution(session, path, Capability.DESTROY if args.destroy else Capability.DELETE)
    if args.destroy and not args.yes:
        _confirm(context, change, destroying(session.backend, path, change.versions))
    session.apply(change)
    if args.destroy:
        return _report(context, change, current, "destroyed")
    back = "kvtui undelete brings it back" if can_come_back(session.backend, path) else "this store keeps nothing of it"
    return _report(context, change, current, f"deleted; {back}")


def _confirm(context: Context, change: Change, what: str) -> None:
    """Destroying wants the path typed, or --yes where nobody can type."""
    if not context.is_interactive:
        raise Usage("Destroying cannot be taken back.", hint="Add --yes to do it without a terminal.", path=change.path)
    question = f"{show_name(change.describe())}. {what}\nType the path to go on: "
    if context.ask_echoed(question) != change.path:
        raise Usage("That is not the path; nothing was destroyed.", hint="Type it exactly.", path=change.path)


def _undelete_arguments(parser: Parser) -> None:
    parser.add_argument("path", metavar="PATH")
    _versions_option(parser, "these instead of the newest")


def _undelete(context: Context, args: Namespace) -> int:
    session, path = context.at(args.path)
    change = Change(Op.UNDELETE, path, versions=args.versions)
    context.caution(session, path, Capability.UNDELETE)
    session.apply(change)
    back = undeleting(session.backend, path)
    return _report(context, change, _current(session, path), f"is back. {back}")


def _current(session: Session, path: str) -> int | None:
    """The newest version's number; None where this token may change what it may not see. Raises NotFound."""
    try:
        return session.backend.outline(path).current
    except PermissionDenied:
        return None


def _report(context: Context, change: Change, current: int | None, what: str) -> int:
    out = context.out
    if out.json:
        number = change.versions[-1] if change.versions else current
        out.dump({"path": change.path, "version": number})
    elif not out.quiet:
        some = (
            f" version{'s' * (len(change.versions) > 1)} {', '.join(map(str, change.versions))}"
            if change.versions
            else ""
        )
        out.line(f"{out.name(change.path)}{some}: {what}")
    return Exit.DONE


def _trash(context: Context, args: Namespace) -> int:  # noqa: ARG001 - takes none
    left_out = LeftOut()
    deleted = list(context.session().backend.trash(skipped=left_out))
    out = context.out
    if out.json:
        rows: list[Json] = [
            {
                "path": one.path,
                "versions": numbers_json(one.versions),
                "deleted_at": time_json(one.deleted_at),
                "deleted_by": one.deleted_by,
            }
            for one in deleted
        ]
        out.dump({"entries": rows, **skipped_json(left_out)})
    elif deleted:
        out.table(
            [
                (
                    out.name(one.path),
                    ",".join(map(str, one.versions)),
                    time_json(one.deleted_at) or "-",
                    show(one.deleted_by or "-"),
                )
                for one in deleted
            ]
        )
    return tell_skipped(out, left_out)


COMMANDS = {
    "rm": Command(_rm, _rm_arguments),
    "undelete": Command(_undelete, _undelete_arguments),
    "trash": Command(_trash),
}
