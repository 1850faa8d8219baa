"""apply: the changes of a file, planned first, each with its version check, gone on with where a run was ended."""

from __future__ import annotations

import stat
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from kvtui.cli.arguments import Command, Parser
from kvtui.cli.context import Context
from kvtui.cli.exits import Exit, Usage, bulk_exit_code
from kvtui.cli.history import MASK, SIGNS
from kvtui.cli.inputs import read_file, read_stream
from kvtui.cli.output import Output, error_json
from kvtui.cli.records import time_json
from kvtui.cli.running import add_timeout
from kvtui.domain import path as paths
from kvtui.domain.capability import Capability
from kvtui.domain.errors import InvalidInput, InvalidPath, KvtuiError, PermissionDenied
from kvtui.domain.json_text import Json
from kvtui.services.applying import Plan, Run, Task, TaskDone, TaskFailed, plan, with_values
from kvtui.services.change_file import Step, parse
from kvtui.services.changes import Op
from kvtui.services.diff import DiffKind
from kvtui.services.references import Resolver
from kvtui.text import show

MAX_BYTES = 64 << 20
_NEEDS = {
    Op.SET: Capability.WRITE,
    Op.META: Capability.EDIT_METADATA,
    Op.DELETE: Capability.DELETE,
    Op.UNDELETE: Capability.UNDELETE,
    Op.DESTROY: Capability.DESTROY,
    Op.MOVE: Capability.WRITE,
    Op.COPY: Capability.WRITE,
}


def _arguments(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", help="YAML or JSON with a list of changes; - is standard input")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, with a masked comparison")
    add_timeout(parser)
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--resume", action="store_true", help="go on with a run that was ended, however long ago")
    group.add_argument("--anew", action="store_true", help="do all of it again, whatever a run that was ended has done")


def _apply(context: Context, args: Namespace) -> int:
    steps = _read(context, args.file)
    tasks = [_task(context, number, step) for number, step in enumerate(steps, start=1)]
    resolver = Resolver(context.profiles, context.session, seconds=args.timeout)
    if args.dry_run:
        return _print_plan(context.out, list(plan(with_values(tasks, resolver))))
    if not tasks:
        return _print_end(context.out, [], [], [])
    for task in tasks:
        _refuse_read_only(task)
    for task in tasks:
        context.caution(task.session, task.path, _NEEDS[task.step.op])
        if task.to:
            context.caution(task.other, task.to)
    return _do(context, Run(tasks, resolver, resume=args.resume, anew=args.anew))


def _read(context: Context, name: str) -> Sequence[Step]:
    if name == "-":
        return parse(read_stream(context.stdin, MAX_BYTES))
    file = Path(name).expanduser()
    suffix = file.suffix.lower()
    steps = parse(read_file(file, limit=MAX_BYTES), is_json={".json": True, ".yaml": False, ".yml": False}.get(suffix))
    info = file.stat()
    if stat.S_ISREG(info.st_mode) and info.st_mode & 0o077 and any(step.fields for step in steps):
        context.out.note(f"{context.out.name(name)} holds values and others may read it. Use chmod 600.")
    return steps


def _task(context: Context, number: int, step: Step) -> Task:
    """Where it is to be done. Raises InvalidInput, naming the change, and what opening its stores raises."""
    try:
        session, path = context.at(step.path)
        paths.check(path)
        if step.to is None:
            return Task(step, session, path, session)
        other, to = context.at(step.to)
        paths.check_new(to)
    except (InvalidInput, InvalidPath) as error:
        raise type(error)(f"Change {number}: {error.message}", hint=error.hint, path=error.path) from None
    if other is session and to == path:
        raise Usage(f"Change {number}: path and to are the same.", hint="Name another place.", path=path)
    return Task(step, session, path, other, to)


def _refuse_read_only(task: Task) -> None:
    """Nothing is begun where one of the stores is only read."""
    for session in [task.other] if task.step.op is Op.COPY else [task.session, task.other]:
        if session.info().read_only:
            raise PermissionDenied(session.why_not(Capability.WRITE), hint="Nothing was changed.", path=task.path)


def _print_plan(out: Output, plans: Sequence[Plan]) -> int:
    rows: list[Json] = []
    for each in plans:
        step = each.task.step
        row: dict[str, Json] = {"op": step.op.value, "path": step.path}
        if step.to is not None:
            row["to"] = step.to
        if (base := step.base_version if step.base_version is not None else each.base) is not None:
            row["base_version"] = base
        if step.fields is not None:
            row["fields"] = [{"name": field.name, "kind": field.kind.value} for field in each.fields]
        if step.metadata:
            row["metadata"] = [{"name": one.name, "old": one.old, "new": one.new} for one in each.metadata]
        rows.append({**row, "notes": [*each.notes]})
        if not out.json:
            _draw(out, each)
    if out.json:
        out.dump({"plan": rows})
    return Exit.DONE


def _draw(out: Output, each: Plan) -> None:
    step = each.task.step
    where = f" → {out.name(step.to)}" if step.to is not None else ""
    remark = f": {' '.join(each.notes)}" if each.notes else ""
    out.line(f"{step.op.value} {out.name(step.path)}{where}{remark}")
    for field in each.fields:
        sides = f"{MASK} → {MASK}" if field.kind is DiffKind.CHANGED else MASK
        out.line(f"  {SIGNS[field.kind]} {show(field.name)}: {sides}")
    for one in each.metadata:
        out.line(f"  ~ {show(one.name)}: {show(one.old or '-')} → {show(one.new or '-')}")


def _do(context: Context, run: Run) -> int:
    out = context.out
    done: list[Json] = []
    failed: list[Json] = []
    errors: list[KvtuiError] = []
    with run.under_way() as results:
        if run.begun_at is not None:
            out.note(
                f"Going on with what was begun at {time_json(run.begun_at.replace(microsecond=0))}: "
                f"{run.done_before} of its changes are done. --anew does all of them again."
            )
        for result in results:
            step = result.task.step
            if isinstance(result, TaskFailed):
                error = result.error
                error.path = error.path or result.task.path
                errors.append(error)
                failed.append({"op": step.op.value, "path": step.path, "error": error_json(error)})
                if not out.json:
                    out.error(error)
            else:
                done.append(_done_json(result))
                if not out.json and not out.quiet:
                    out.line(_told(out, result))
                for text in result.lost:
                    out.note(f"{out.name(step.path)}: {text}")
    return _print_end(out, done, failed, errors)


def _print_end(out: Output, done: list[Json], failed: list[Json], errors: list[KvtuiError]) -> int:
    if out.json:
        out.dump({"done": done, "failed": failed})
    if errors and done:
        out.note("The same again does exactly the rest.")
    return bulk_exit_code(len(done), errors)


def _done_json(result: TaskDone) -> dict[str, Json]:
    step = result.task.step
    row: dict[str, Json] = {"op": step.op.value, "path": step.path}
    if step.to is not None:
        row["to"] = step.to
    if result.version is not None:
        row["version"] = result.version
    if result.unchanged:
        row["unchanged"] = True
    return {**row, "lost": [*result.lost]} if result.lost else row


def _told(out: Output, result: TaskDone) -> str:
    step = result.task.step
    where = f" → {out.name(step.to)}" if step.to is not None else ""
    remark = " (was so already)" if result.unchanged else ""
    return f"{step.op.value} {out.name(step.path)}{where}{remark}"


COMMANDS = {"apply": Command(_apply, _arguments)}
