"""rotate, generate, due: new values for old secrets."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from datetime import UTC, datetime

from kvtui.cli.arguments import Command, Parser
from kvtui.cli.context import Context
from kvtui.cli.credentials import ask_new
from kvtui.cli.exits import Exit, Usage, bulk_exit_code, exit_code
from kvtui.cli.inputs import read_stream
from kvtui.cli.output import Output, error_json
from kvtui.cli.records import time_json, written
from kvtui.cli.skipping import skipped_json, tell_skipped
from kvtui.domain.codec import to_text
from kvtui.domain.errors import KvtuiError
from kvtui.domain.json_text import Json
from kvtui.domain.metadata import format_duration
from kvtui.services.generator import (
    CLASSES,
    DEFAULT_LENGTH,
    DEFAULT_WORDS,
    REQUIRABLE,
    Recipe,
    entropy_bits,
    formula,
    generate,
)
from kvtui.services.left_out import LeftOut
from kvtui.services.rotation import (
    Due,
    DueState,
    Make,
    RotationOutcome,
    due,
    field_of,
    from_command,
    from_stdin,
    rotate_many,
)
from kvtui.services.rotation_batch import How
from kvtui.services.session import Session


def _recipe_arguments(parser: Parser) -> None:
    group = parser.add_argument_group("what to generate")
    group.add_argument("--length", metavar="N", help=f"so many characters ({DEFAULT_LENGTH})")
    group.add_argument("--charset", metavar="SET", help=f"a class ({', '.join(CLASSES)}; joined by +), or characters")
    group.add_argument("--require", metavar="CLASS", action="append", help=f"at least one of: {', '.join(REQUIRABLE)}")
    group.add_argument("--words", metavar="N", help=f"so many words ({DEFAULT_WORDS} are strong) instead of characters")
    group.add_argument("--separator", metavar="TEXT", help="what stands between words")


def _recipe(args: Namespace) -> Recipe:
    return Recipe.parse(
        length=args.length,
        charset=args.charset,
        words=args.words,
        separator=args.separator,
        required=args.require or (),
    )


def _generate(context: Context, args: Namespace) -> int:
    recipe = _recipe(args)
    text = to_text(generate(recipe))
    out = context.out
    if out.json:
        out.dump({"value": text, "bits": round(entropy_bits(recipe), 1)})
        return Exit.DONE
    out.bytes(text.encode() + b"\n" * out.is_terminal)
    if out.is_terminal:
        out.note(formula(recipe))
    return Exit.DONE


def _rotate_arguments(parser: Parser) -> None:
    parser.add_argument("paths", metavar="PATH", nargs="*")
    parser.add_argument("-f", "--field", metavar="FIELD", help="which field, where there are several")
    parser.add_argument("--dry-run", action="store_true", help="say what would be rotated")
    group = parser.add_argument_group("several at a time, which survive being killed")
    group.add_argument("--resume", action="store_true", help="go on with those that were begun, however long ago")
    group.add_argument("--anew", action="store_true", help="rotate all of them, whatever a run that was ended has done")
    group.add_argument("--undo", action="store_true", help="take the last ones back: the values before, as a version")
    _recipe_arguments(parser)
    group = parser.add_argument_group("or take the new value from elsewhere")
    group.add_argument("--stdin", action="store_true", help="standard input, as it is; typed twice at a terminal")
    group.add_argument("--server", action="store_true", help="rotate on the server, which may make the value itself")
    parser.add_program("--command", help="what this program prints; comes last, with its arguments")


def _rotate(context: Context, args: Namespace) -> int:
    if args.undo or (args.resume and not args.paths):
        from kvtui.cli.rotating_batch import go_on, take_back  # noqa: PLC0415 - few runs are ended, or taken back

        if args.undo:
            return print_many(context.out, take_back(context, args))
        make = _make(context, args) if any(_sources(args)) else None
        return print_many(context.out, go_on(context, make))
    if not args.paths:
        raise Usage("PATH: missing.", hint="See kvtui rotate --help.")
    make = _make(context, args)
    targets = list(dict.fromkeys(context.at(address) for address in args.paths))
    for session, path in targets:
        context.caution(session, path)
    if args.dry_run:
        return _print_plan(context.out, targets, args.field)
    if len(targets) == 1 and not args.resume:
        return _print_one(context.out, _rotated(args, targets[0], make))
    from kvtui.cli.rotating_batch import batches  # noqa: PLC0415 - one is not a batch

    how = How(_recipe(args) if args.command is None and not args.stdin else None, args.server)
    return print_many(context.out, batches(context, args, targets, how, _made(args, targets, make)))


def _made(args: Namespace, targets: list[tuple[Session, str]], make: Make) -> Make | None:
    """None for a store that makes the new values itself. Raises Usage where it was told how."""
    if not args.server or not any(session.info().makes_values for session, _ in targets):
        return make
    if any(_sources(args)):
        raise Usage("This store makes the new value itself.", hint="Leave out how to make one.", path=targets[0][1])
    return None


def _rotated(args: Namespace, target: tuple[Session, str], make: Make) -> RotationOutcome:
    session, path = target
    if not args.server:
        return next(rotate_many(session, [(path, args.field)], make=make))
    from kvtui.services.server_rotation import rotate_many_there  # noqa: PLC0415 - few stores rotate

    return next(rotate_many_there(session, [(path, args.field)], make=_made(args, [target], make)))


def _print_plan(out: Output, targets: list[tuple[Session, str]], field: str | None) -> int:
    rows: list[Json] = []
    for session, path in targets:
        notes, base = [said] if (said := session.backend.caution(path)) else [], None
        try:
            outline = session.backend.outline(path)
            base = outline.current
            notes.insert(0, f"Rotates {field_of(outline, field)}.")
        except KvtuiError as error:
            notes.append(f"It cannot be done: {error.message}")
        rows.append(
            {"op": "rotate", "path": path, **({} if base is None else {"base_version": base}), "notes": [*notes]}
        )
        if not out.json:
            out.line(f"rotate {out.name(path)}: {' '.join(notes)}")
    if out.json:
        out.dump({"plan": rows})
    return Exit.DONE


def _sources(args: Namespace) -> list[bool]:
    """Which ways to come by a new value were named."""
    generated = (args.length, args.charset, args.words, args.separator, args.require)
    return [args.stdin, args.command is not None, any(option is not None for option in generated)]


def _make(context: Context, args: Namespace) -> Make:
    """Where the new values come from. Raises Usage, InvalidInput."""
    if sum(_sources(args)) > 1:
        raise Usage("The new value is to come from several places.", hint="Choose one of them.")
    if args.command is not None:
        if not args.command:
            raise Usage("--command: needs a program.", hint="Write it last, with its arguments.")
        return from_command(args.command)
    if not args.stdin:
        recipe = _recipe(args)
        return lambda: generate(recipe)
    if len(args.paths) > 1:
        raise Usage("One value from standard input is for one secret.", hint="Rotate them one by one.")
    if context.stdin is not None and context.stdin.isatty():
        typed = ask_new(context.ask, "New value")
        return lambda: typed
    data = read_stream(context.stdin)
    if data.endswith(b"\n"):
        context.out.note("The value ends with a line end, which was kept.")
    return from_stdin(data)


def _print_one(out: Output, outcome: RotationOutcome) -> int:
    if outcome.result is not None:
        if out.json:
            out.dump({"path": outcome.path, "version": outcome.result.version.number})
        elif not out.quiet:
            out.line(f"{out.name(outcome.path)}: {written(outcome.result.version)}")
        if outcome.result.note:
            out.note(outcome.result.note)
    if outcome.error is None:
        return Exit.DONE
    out.error(outcome.error)
    return exit_code(outcome.error)


def print_many(out: Output, outcomes: Iterator[RotationOutcome]) -> int:
    done: list[Json] = []
    failed: list[Json] = []
    errors: list[KvtuiError] = []
    for outcome in outcomes:
        made = outcome.result.version if outcome.result else None
        version: dict[str, Json] = {"version": made.number} if made else {}
        if outcome.error is not None:
            errors.append(outcome.error)
            failed.append({"path": outcome.path, "error": error_json(outcome.error), **version})
            if not out.json:
                out.error(outcome.error)
        else:
            done.append({"path": outcome.path, **version})
            if not out.json and not out.quiet:
                out.line(f"{out.name(outcome.path)}: {written(made)}")
            if outcome.result is not None and outcome.result.note:
                out.note(f"{out.name(outcome.path)}: {outcome.result.note}")
    if out.json:
        out.dump({"done": done, "failed": failed})
    return bulk_exit_code(len(done), errors)


def _due_arguments(parser: Parser) -> None:
    parser.add_argument("path", metavar="PATH", nargs="?", default="", help="a folder; everything if left out")
    parser.add_argument("--all", action="store_true", help="those that are not due yet as well")


def _due(context: Context, args: Namespace) -> int:
    session, folder = context.at_folder(args.path)
    left_out = LeftOut()
    found = [
        (path, interval, when)
        for path, interval, when in _with_dates(session, folder, left_out)
        if args.all or when.state is not DueState.FRESH
    ]
    found.sort(key=lambda row: row[2].at)
    out = context.out
    if out.json:
        rows: list[Json] = [
            {"path": path, "state": when.state.value, "at": time_json(when.at), "rotation": interval}
            for path, interval, when in found
        ]
        out.dump({"entries": rows, **skipped_json(left_out)})
    elif found:
        out.table(
            [(when.state.value, f"{when.at:%Y-%m-%d}", interval, out.name(path)) for path, interval, when in found]
        )
    return tell_skipped(out, left_out)


def _with_dates(session: Session, folder: str, left_out: LeftOut) -> Iterator[tuple[str, str, Due]]:
    """Every live secret below a folder that has an interval: path, interval, when."""
    now = datetime.now(UTC)
    for path, metadata, made_at in session.backend.scheduled(folder, skipped=left_out):
        when = due(metadata, now, rotated_at=made_at)
        if metadata.rotation is not None and when is not None:
            yield path, format_duration(metadata.rotation), when


COMMANDS = {
    "rotate": Command(_rotate, _rotate_arguments),
    "generate": Command(_generate, _recipe_arguments),
    "due": Command(_due, _due_arguments),
}
