"""health: what is overdue, ends soon, is weak or used twice. No value is printed."""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime

from kvtui.cli.arguments import Command, Parser
from kvtui.cli.context import Context
from kvtui.cli.exits import Exit
from kvtui.cli.output import Output, ProgressLine
from kvtui.cli.records import time_json
from kvtui.cli.skipping import skipped_json, tell_skipped
from kvtui.domain.capability import Capability
from kvtui.domain.json_text import Json
from kvtui.domain.metadata import parse_duration
from kvtui.services.health import NOTICE, OLD, Checkup, Finding, reads_are_noticed
from kvtui.services.journal import Act
from kvtui.services.left_out import LeftOut
from kvtui.text import show


def _arguments(parser: Parser) -> None:
    parser.add_argument("path", metavar="PATH", nargs="?", default="", help="a folder; everything if left out")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--read", action="store_true", help="read values on a server too: each is a request")
    group.add_argument("--dates", action="store_true", help="read no values: only what is to be rotated")
    parser.add_argument("--within", metavar="INTERVAL", help=f"what ends so soon ({NOTICE.days}d)")
    parser.add_argument("--old", metavar="INTERVAL", help=f"what was not changed for so long ({OLD.days}d)")


def _health(context: Context, args: Namespace) -> int:
    now = datetime.now(UTC)
    notice = parse_duration(args.within) if args.within else NOTICE
    old = parse_duration(args.old) if args.old else OLD
    session, folder = context.at_folder(args.path)
    out = context.out
    readable = session.can(Capability.READ)
    asks_a_server = reads_are_noticed(session)
    reads = readable and not args.dates and (args.read or not asks_a_server)
    if readable and asks_a_server and not args.dates:
        told = "Each value is one request, which takes its time and may be written down by the server."
        out.note(f"{told} --read reads them." if not reads else told)
    elif not readable and not args.dates:
        out.note("This store gives no value back: only dates are looked at.")
    if reads:
        session.journal.record(Act.READ, folder)
    checkup = Checkup(now, values=reads, old=old, notice=notice)
    left_out = LeftOut()
    with ProgressLine(out, "Looked at") as progress:
        found = sorted(
            checkup.findings(session.backend, folder, skipped=left_out, progress=progress), key=lambda one: one.rank
        )
    if out.json:
        rows: list[Json] = [_json(finding, now) for finding in found]
        complete = not (left_out or checkup.note)
        told_json: dict[str, Json] = {"path": folder, "findings": rows, "count": checkup.count, "values": reads}
        out.dump({**told_json, "complete": complete, **skipped_json(left_out)})
    elif found:
        out.table([_row(out, finding, now) for finding in found])
    else:
        out.note("Nothing was found.")
    if checkup.note:
        out.note(checkup.note)
    return tell_skipped(out, left_out) or Exit.DONE


def _json(finding: Finding, now: datetime) -> dict[str, Json]:
    return {
        "kind": finding.kind.value,
        "path": finding.path,
        "field": finding.field,
        "detail": finding.detail,
        "at": time_json(finding.at),
        "age_days": None if finding.made_at is None else max((now - finding.made_at).days, 0),
        "group": finding.group,
    }


def _row(out: Output, finding: Finding, now: datetime) -> tuple[str, ...]:
    age = "-" if finding.made_at is None else f"{max((now - finding.made_at).days, 0)}d old"
    at = "-" if finding.at is None else f"{finding.at:%Y-%m-%d}"
    where = out.name(finding.path) + (f"#{show(finding.field)}" if finding.field else "")
    same = f"same as others of group {finding.group}" if finding.group else ""
    return (finding.kind.value, at, age, where, finding.detail or same)


COMMANDS = {"health": Command(_health, _arguments)}
