"""cp and mv: secrets and folders to another place, in the same store or another one, planned first."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass

from kvtui.cli.arguments import Command, Parser
from kvtui.cli.context import Context
from kvtui.cli.exits import Exit, Usage, bulk_exit_code
from kvtui.cli.output import Output, error_json
from kvtui.domain import path as paths
from kvtui.domain.capability import Capability
from kvtui.domain.errors import KvtuiError, NotFound, PermissionDenied, Unsupported
from kvtui.domain.json_text import Json
from kvtui.services.changes import Change, Op
from kvtui.services.left_out import all_below
from kvtui.services.session import Session


def _arguments(parser: Parser) -> None:
    parser.add_argument("source", metavar="SRC")
    parser.add_argument("target", metavar="DST", help="the new path itself, not a folder to put it in")
    parser.add_argument("-r", "--recursive", action="store_true", help="everything at and below SRC")
    parser.add_argument("--overwrite", action="store_true", help="add a version to what is there")
    parser.add_argument("--resume", action="store_true", help="go on with what a run that was ended has begun")
    parser.add_argument("--server", action="store_true", help="let the server do it: the newest values alone")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, and what would be lost")


def _move_arguments(parser: Parser) -> None:
    _arguments(parser)
    parser.add_argument("--lossy", action="store_true", help="move also what cannot arrive whole; SRC stays deleted")


@dataclass(frozen=True, slots=True)
class _Run:
    """From one session to another, which may be the same."""

    source: Session
    target: Session
    op: Op
    overwrite: bool
    resume: bool
    lossy: bool
    there: bool = False
    """By the server alone, which carries only the newest values."""

    @property
    def is_native(self) -> bool:
        """Whether the store does it by itself, all at once."""
        can = self.source.can
        return self.source is self.target and not self.resume and can(Capability.MOVE) and can(Capability.HISTORY)

    def do(self, path: str, to: str) -> tuple[int, Sequence[str]]:
        """One secret: its newest version there, and what was lost on the way."""
        if self.there:
            self.source.copy_there(path, to, move=self.op is Op.MOVE, overwrite=self.overwrite)
            return self.target.backend.outline(to).current, ()
        if self.is_native:
            applied = self.source.apply(Change(self.op, path, to=to), overwrite=self.overwrite)
            version = applied.version or self.target.backend.outline(to).version
            return version.number, ()
        how = {"overwrite": self.overwrite, "resume": self.resume, "lossy": self.lossy}
        carried = self.source.carry(path, self.target, to, move=self.op is Op.MOVE, **how)
        return carried.version, [loss.what for loss in carried.lost if not loss.slight]

    def notes(self, path: str, to: str) -> list[str]:
        """What is to be known before it is done."""
        notes = self.cautions(path, to)
        if self.there:
            notes.append("The server copies the newest values alone: older versions and metadata are not carried.")
        elif not self.is_native:
            notes += self._losses(path, to)
        try:
            there = self.target.backend.outline(to)
        except NotFound:
            return notes
        if self.overwrite:
            return [*notes, f"Adds version {there.current + 1} to what is there."]
        if self.resume:
            return [*notes, "Something is there: gone on with where it is the beginning of this."]
        return [*notes, "Something is there; it will be left alone without --overwrite."]

    def cautions(self, path: str, to: str) -> list[str]:
        """What is to be known of the places that something is changed at."""
        changed = [(self.target, to), *([(self.source, path)] if self.op is Op.MOVE else [])]
        return [said for session, place in changed if (said := session.backend.caution(place))]

    def _losses(self, path: str, to: str) -> list[str]:
        try:
            return [loss.what for loss in self.source.losses(path, self.target, to, overwrite=self.overwrite)]
        except KvtuiError as error:
            return [f"It cannot be done: {error.message}"]


def _copy(context: Context, args: Namespace) -> int:
    return _relocate(context, args, Op.COPY, lossy=True)


def _move(context: Context, args: Namespace) -> int:
    return _relocate(context, args, Op.MOVE, lossy=args.lossy)


def _relocate(context: Context, args: Namespace, op: Op, *, lossy: bool) -> int:
    at = context.at_folder if args.recursive else context.at  # all of a store is its root
    session, source = at(args.source)
    other, target = at(args.target)
    if other is session and source == target:
        raise Usage("SRC and DST are the same.", hint="Name another place.", path=source)
    run = _Run(session, other, op, args.overwrite, args.resume, lossy, args.server)
    if args.server:
        _refuse_there(run, args)
    found = _sources(context.out, session, source, recursive=args.recursive)
    plan = [(path, paths.check_new(_moved(path, source, target))) for path in found]
    if args.dry_run:
        return _print_plan(context.out, run, plan)
    if args.recursive:
        return _do_all(context.out, run, plan)
    for text in run.cautions(*plan[0]):
        context.out.note(text)
    version, lost = run.do(*plan[0])
    for text in lost:
        context.out.note(text)
    if context.out.json:
        context.out.dump({"path": target, "version": version})
    elif not context.out.quiet:
        context.out.line(f"{context.out.name(source)} → {context.out.name(args.target)}")
    return Exit.DONE


def _refuse_there(run: _Run, args: Namespace) -> None:
    if run.source is not run.target:
        raise Usage("--server: SRC and DST are in different stores.", hint="Leave --server out.")
    if args.resume:
        raise Usage("--server: what a server does is not resumed.", hint="Leave --resume out.")
    if why := run.source.why_not(Capability.COPY):
        if run.source.info().read_only:
            raise PermissionDenied(why, hint="Nothing was changed.")
        raise Unsupported(why, capability=Capability.COPY.value, hint="Leave --server out.")


def _moved(path: str, source: str, target: str) -> str:
    """Where a path at or below the source goes."""
    return target if path == source else paths.join(target, paths.relative(path, source))


def _sources(out: Output, session: Session, source: str, *, recursive: bool) -> list[str]:
    """The secrets meant. Raises NotFound, and what keeps a folder from being listed: nothing is left out unnoticed."""
    if recursive and not source:
        return [entry.path for entry in all_below(session.backend, source)]
    try:
        session.backend.outline(source)
    except PermissionDenied as denied:
        if not recursive:
            raise
        try:
            below = [entry.path for entry in all_below(session.backend, source)]
        except NotFound:
            raise denied from None
        out.note(f"Only what is in {out.name(source)} is taken: whether it is a secret too may not be looked at.")
        return below
    except NotFound as missing:
        if not recursive:
            raise _maybe_folder(session, source, missing) from None
        return [entry.path for entry in all_below(session.backend, source)]
    if not recursive:
        return [source]
    try:
        return [source, *(entry.path for entry in all_below(session.backend, source))]
    except NotFound:
        return [source]


def _maybe_folder(session: Session, source: str, missing: NotFound) -> KvtuiError:
    try:
        session.backend.list(source)
    except KvtuiError:
        return missing
    return Usage("This is a folder.", hint="Add -r for everything in it.", path=source)


def _print_plan(out: Output, run: _Run, plan: list[tuple[str, str]]) -> int:
    rows: list[Json] = []
    for path, to in plan:
        notes = run.notes(path, to)
        rows.append({"op": run.op.value, "path": path, "to": to, "notes": [*notes]})
        if not out.json:
            remark = f": {' '.join(notes)}" if notes else ""
            out.line(f"{run.op.value} {out.name(path)} → {out.name(to)}{remark}")
    if out.json:
        out.dump({"plan": rows})
    return Exit.DONE


def _do_all(out: Output, run: _Run, plan: list[tuple[str, str]]) -> int:
    done: list[Json] = []
    failed: list[Json] = []
    errors: list[KvtuiError] = []
    for path, to in plan:
        for text in run.cautions(path, to):
            out.note(f"{out.name(to)}: {text}")
        try:
            _, lost = run.do(path, to)
        except KvtuiError as error:
            errors.append(error)
            failed.append({"path": path, "error": error_json(error)})
            if not out.json:
                out.error(error)
            continue
        row: dict[str, Json] = {"path": path, "to": to}
        done.append({**row, "lost": [*lost]} if lost else row)
        if not out.json and not out.quiet:
            out.line(f"{run.op.value} {out.name(path)} → {out.name(to)}")
            for text in lost:
                out.note(f"{out.name(path)}: {text}")
    if out.json:
        out.dump({"done": done, "failed": failed})
    return bulk_exit_code(len(done), errors)


COMMANDS = {"cp": Command(_copy, _arguments), "mv": Command(_move, _move_arguments)}
