"""journal: what was done from this machine, what the store wrote down, and what happens in it."""

from __future__ import annotations

from argparse import Namespace

from kvtui.cli.arguments import Command, Parser, whole
from kvtui.cli.context import Context
from kvtui.cli.exits import Exit, Usage
from kvtui.cli.output import Output
from kvtui.cli.records import time_json
from kvtui.domain import path as paths
from kvtui.domain.errors import Corrupt
from kvtui.domain.event import Event
from kvtui.domain.json_text import Json
from kvtui.services.session import Session
from kvtui.text import show

_PAGE = 100
"""Entries a store is asked for in one request."""


def _journal_arguments(parser: Parser) -> None:
    parser.add_argument("path", metavar="PATH", nargs="?", help="of this secret only")
    parser.add_argument("--limit", metavar="N", type=whole(1), default=200, help="the newest N (200)")
    parser.add_argument("--server", action="store_true", help="what the store wrote down itself, at and below PATH")
    parser.add_argument("--follow", action="store_true", help="what happens in the store from now on, until ctrl+c")


def _journal(context: Context, args: Namespace) -> int:
    if args.server and args.follow:
        raise Usage("--server is what was, --follow what comes.", hint="Choose one of them.")
    if args.server:
        return _audit(context, *context.at_folder(args.path or ""), args.limit)
    if args.follow:
        return _follow(context, *context.at_folder(args.path or ""))
    session, path = context.at(args.path) if args.path is not None else (context.session(), None)
    entries = session.journal.entries(path=path, limit=args.limit)
    if context.out.json:
        rows: list[Json] = [
            {
                "at": time_json(entry.at),
                "actor": entry.actor,
                "act": entry.act.value,
                "path": entry.path,
                "field": entry.field,
                "version": entry.version,
                "to": entry.to,
                "result": entry.result,
            }
            for entry in entries
        ]
        context.out.dump({"entries": rows})
    elif entries:
        context.out.table(
            [
                (
                    time_json(entry.at) or "-",
                    show(entry.actor),
                    entry.act.value,
                    context.out.name(entry.path) + (f" → {context.out.name(entry.to)}" if entry.to else ""),
                    "" if entry.version is None else f"version {entry.version}",
                    show(entry.result),
                )
                for entry in entries
            ]
        )
    return Exit.DONE


def _audit(context: Context, session: Session, folder: str, limit: int) -> int:
    """As many pages as it takes."""
    events: list[Event] = []
    more = True
    while more and len(events) < limit:
        page = session.backend.audit(folder, offset=len(events), limit=min(_PAGE, limit - len(events)))
        events += page.events
        more = page.more and bool(page.events)
    if context.out.json:
        context.out.dump({"path": folder, "entries": [_event_json(event) for event in events], "complete": not more})
    elif events:
        context.out.table([_event_row(context.out, event) for event in events])
    if more:
        context.out.note("There are older ones. --limit takes more.")
    return Exit.DONE


def _follow(context: Context, session: Session, folder: str) -> int:
    """One line for each; with --json one object a line."""
    out = context.out
    try:
        for event in session.backend.events():
            if folder and event.path != folder and not paths.is_under(event.path or "", folder):
                continue
            if out.json:
                out.dump(_event_json(event))
            else:
                out.table([_event_row(out, event)])
            out.flush()
    except KeyboardInterrupt:  # how it is ended
        pass
    return Exit.DONE


def _event_json(event: Event) -> dict[str, Json]:
    return {
        "at": time_json(event.at),
        "actor": event.by,
        "act": event.act,
        "path": event.path,
        "detail": event.detail,
    }


def _event_row(out: Output, event: Event) -> tuple[str, ...]:
    """Every text of it is the store's."""
    return (
        time_json(event.at) or "-",
        show(event.by or "-"),
        show(event.act),
        out.name(event.path) if event.path else "-",
        show(event.detail),
    )


def _journal_verify(context: Context, args: Namespace) -> int:  # noqa: ARG001 - takes none
    check = context.session().journal.verify()
    if not check.ok:
        raise Corrupt(check.message, hint="Somebody or something else has written the journal.")
    if context.out.json:
        context.out.dump({"ok": True, "count": check.lines, "message": check.message})
    else:
        context.out.line(check.message)
    return Exit.DONE


COMMANDS = {
    "journal": Command(_journal, _journal_arguments),
    "journal verify": Command(_journal_verify),
}
