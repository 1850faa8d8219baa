"""versions, diff, rollback: what a secret was and how it became what it is."""

from __future__ import annotations

import re
from argparse import Namespace

from kvtui.cli.arguments import Command, Parser, whole
from kvtui.cli.context import Context
from kvtui.cli.exits import Exit, Usage
from kvtui.cli.output import Output
from kvtui.cli.records import refuse_dead, time_json, version_json
from kvtui.cli.writing import print_written
from kvtui.domain.codec import to_json, to_text
from kvtui.domain.json_text import Json
from kvtui.domain.secret import Secret
from kvtui.domain.value import SecretValue
from kvtui.services.changes import Change, Op
from kvtui.services.diff import DiffKind, FieldDiff, compare_fields, compare_metadata
from kvtui.services.journal import Act
from kvtui.text import show

MASK = "••••••••"
_AT_VERSION = re.compile(r"(?P<path>.+)\?version=(?P<version>[1-9]\d{0,8})", re.DOTALL)
SIGNS = {DiffKind.ADDED: "+", DiffKind.REMOVED: "-", DiffKind.CHANGED: "~", DiffKind.SAME: " "}


def _versions_arguments(parser: Parser) -> None:
    parser.add_argument("path", metavar="PATH")


def _versions(context: Context, args: Namespace) -> int:
    session, path = context.at(args.path)
    versions = session.backend.versions(path)
    out = context.out
    may_be_more = session.info().probes_versions and versions[0].number > 1
    if may_be_more:
        out.note("They were found by asking for each number. Older ones may be there: kvtui get --version N asks.")
    if out.json:
        rows: list[Json] = [version_json(version) for version in versions]
        complete: dict[str, Json] = {"complete": False} if may_be_more else {}
        out.dump({"path": path, "current": versions[-1].number, "versions": rows, **complete})
        return Exit.DONE
    out.table(
        [
            (
                str(version.number),
                version.state.value,
                time_json(version.created_at) or "-",
                show(version.created_by or "-"),
            )
            for version in versions
        ]
    )
    return Exit.DONE


def _diff_arguments(parser: Parser) -> None:
    parser.add_argument("a", metavar="A", help="a path, or PATH?version=N")
    parser.add_argument(
        "b", metavar="B", nargs="?", help="another; if left out, A as it is now against the version before"
    )
    parser.add_argument("--reveal", action="store_true", help="print the values")


def _diff(context: Context, args: Namespace) -> int:
    if args.b is None:
        new = _read(context, args.a)
        if new.version.number < 2:
            raise Usage("There is no version before this one.", hint="Name two paths.", path=new.path)
        old = _read(context, f"{args.a.partition('?version=')[0]}?version={new.version.number - 1}")
    else:
        old, new = _read(context, args.a), _read(context, args.b)
    if args.reveal:
        for typed, secret in ((args.a, old), (args.b or args.a, new)):
            session, _ = context.at(_parse_side(typed)[0])
            session.journal.record(Act.READ, secret.path, version=secret.version.number)
    fields, metadata = compare_fields(old.fields, new.fields), compare_metadata(old.metadata, new.metadata)
    out = context.out
    if out.json:
        out.dump(
            {
                "a": {"path": old.path, "version": old.version.number},
                "b": {"path": new.path, "version": new.version.number},
                "fields": [_field_json(row, reveal=args.reveal) for row in fields],
                "metadata": [{"name": row.name, "old": row.old, "new": row.new} for row in metadata],
            }
        )
        return Exit.DONE
    for sign, side in (("---", old), ("+++", new)):
        number = f" version {side.version.number}" if side.version.numbered else ""
        out.line(f"{sign} {out.name(side.path)}{number}")
    for row in fields:
        _print_field(out, row, reveal=args.reveal)
    for change in metadata:
        out.line(f"~ {show(change.name)}: {show(change.old or '-')} → {show(change.new or '-')}")
    return Exit.DONE


def _parse_side(text: str) -> tuple[str, int | None]:
    """A path and the version asked for. A path that itself ends so is reached by adding its version."""
    match = _AT_VERSION.fullmatch(text)
    return (match["path"], int(match["version"])) if match else (text, None)


def _read(context: Context, text: str) -> Secret:
    address, version = _parse_side(text)
    session, path = context.at(address)
    secret = session.backend.read(path, version)
    refuse_dead(secret)
    return secret


def _field_json(row: FieldDiff, *, reveal: bool) -> dict[str, Json]:
    found: dict[str, Json] = {"name": row.name, "kind": row.kind.value}
    if reveal:
        found |= {side: to_json(value) for side, value in (("old", row.old), ("new", row.new)) if value is not None}
    return found


def _print_field(out: Output, row: FieldDiff, *, reveal: bool) -> None:
    sign, name = SIGNS[row.kind], show(row.name)
    if not reveal:
        sides = [MASK for value in (row.old, row.new) if value is not None]
        out.line(f"{sign} {name}: {' → '.join(sides if row.kind is DiffKind.CHANGED else sides[:1])}")
    elif row.kind is DiffKind.SAME and row.new is not None:
        _print_value(out, " ", name, row.new)
    else:
        for mark, value in (("-", row.old), ("+", row.new)):
            if value is not None:
                _print_value(out, mark, name, value)


def _print_value(out: Output, mark: str, name: str, value: SecretValue) -> None:
    first, *more = to_text(value).split("\n")
    out.line(f"{mark} {name}: {show(first)}")
    for line in more:
        out.line(f"{mark}   {show(line)}")


def _rollback_arguments(parser: Parser) -> None:
    parser.add_argument("path", metavar="PATH")
    parser.add_argument("version", metavar="N", type=whole(1), help="the version to write again")


def _rollback(context: Context, args: Namespace) -> int:
    session, path = context.at(args.path)
    old = session.backend.read(path, args.version)
    refuse_dead(old)
    context.caution(session, path)
    applied = session.apply(Change(Op.SET, path, fields=old.fields, base_version=old.current), act=Act.ROLLBACK)
    print_written(context.out, applied)
    return Exit.DONE


COMMANDS = {
    "versions": Command(_versions, _versions_arguments),
    "diff": Command(_diff, _diff_arguments),
    "rollback": Command(_rollback, _rollback_arguments),
}
