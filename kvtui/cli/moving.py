"""cp and mv: secrets and folders to another place in the same store, planned first."""

from __future__ import annotations

from argparse import Namespace

from kvtui.cli.arguments import Command, Parser
from kvtui.cli.context import Context
from kvtui.cli.exits import Exit, Usage, bulk_exit_code
from kvtui.cli.output import Output, error_json
from kvtui.domain import path as paths
from kvtui.domain.errors import KvtuiError, NotFound, Unsupported
from kvtui.domain.json_text import Json
from kvtui.services.changes import Change, Op
from kvtui.services.session import Session
from kvtui.text import show


def _arguments(parser: Parser) -> None:
    parser.add_argument("source", metavar="SRC")
    parser.add_argument("target", metavar="DST", help="the new path itself, not a folder to put it in")
    parser.add_argument("-r", "--recursive", action="store_true", help="everything at and below SRC")
    parser.add_argument("--overwrite", action="store_true", help="add a version to what is there")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done")


def _copy(context: Context, args: Namespace) -> int:
    return _relocate(context, args, Op.COPY)


def _move(context: Context, args: Namespace) -> int:
    return _relocate(context, args, Op.MOVE)


def _relocate(context: Context, args: Namespace, op: Op) -> int:
    session, source = context.at(args.source)
    other, target = context.at(args.target)
    if other is not session:
        raise Unsupported(
            "SRC and DST are in different profiles.", capability="copy", hint="Use kvtui export and kvtui import."
        )
    if source == target:
        raise Usage("SRC and DST are the same.", hint="Name another place.", path=source)
    found = _sources(session, source, recursive=args.recursive)
    plan = [Change(op, path, to=paths.check_new(target + path[len(source) :])) for path in found]
    if args.dry_run:
        return _print_plan(context.out, session, plan, overwrite=args.overwrite)
    if not args.recursive:
        session.apply(plan[0], overwrite=args.overwrite)
        current = session.backend.read(target).current
        if context.out.json:
            context.out.dump({"path": target, "version": current})
        elif not context.out.quiet:
            context.out.line(f"{context.out.name(source)} → {context.out.name(target)}")
        return Exit.DONE
    return _apply(context.out, session, plan, overwrite=args.overwrite)


def _sources(session: Session, source: str, *, recursive: bool) -> list[str]:
    """The secrets meant. Raises NotFound."""
    try:
        session.backend.read(source)
    except NotFound as missing:
        if not recursive:
            raise _maybe_folder(session, source, missing) from None
        return [entry.path for entry in session.backend.walk(source)]
    if not recursive:
        return [source]
    try:
        return [source, *(entry.path for entry in session.backend.walk(source))]
    except NotFound:
        return [source]


def _maybe_folder(session: Session, source: str, missing: NotFound) -> KvtuiError:
    try:
        session.backend.list(source)
    except KvtuiError:
        return missing
    return Usage("This is a folder.", hint="Add -r for everything in it.", path=source)


def _print_plan(out: Output, session: Session, plan: list[Change], *, overwrite: bool) -> int:
    rows: list[Json] = []
    for change in plan:
        notes = _notes(session, change, overwrite=overwrite)
        rows.append({"op": change.op.value, "path": change.path, "to": change.to, "notes": [*notes]})
        if not out.json:
            remark = f": {' '.join(notes)}" if notes else ""
            out.line(f"{change.op.value} {out.name(change.path)} → {out.name(change.to or '')}{remark}")
    if out.json:
        out.dump({"plan": rows})
    return Exit.DONE


def _notes(session: Session, change: Change, *, overwrite: bool) -> list[str]:
    try:
        there = session.backend.read(change.to or "")
    except NotFound:
        return []
    if overwrite:
        return [f"Adds version {there.current + 1} to what is there."]
    return ["Something is there; it will be left alone without --overwrite."]


def _apply(out: Output, session: Session, plan: list[Change], *, overwrite: bool) -> int:
    done: list[Json] = []
    failed: list[Json] = []
    errors: list[KvtuiError] = []
    for change in plan:
        try:
            session.apply(change, overwrite=overwrite)
        except KvtuiError as error:
            errors.append(error)
            failed.append({"path": change.path, "error": error_json(error)})
            if not out.json:
                out.error(error)
        else:
            done.append({"path": change.path, "to": change.to})
            if not out.json and not out.quiet:
                out.line(f"{show(change.op.value)} {out.name(change.path)} → {out.name(change.to or '')}")
    if out.json:
        out.dump({"done": done, "failed": failed})
    return bulk_exit_code(len(done), errors)


COMMANDS = {"cp": Command(_copy, _arguments), "mv": Command(_move, _arguments)}
