"""import and export: secrets from files and into files."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path

from kvtui.cli.arguments import Command, Parser
from kvtui.cli.context import Context
from kvtui.cli.exits import Exit, bulk_exit_code
from kvtui.cli.inputs import read_file, read_stream
from kvtui.cli.output import Output, error_json
from kvtui.domain.errors import InvalidInput, KvtuiError
from kvtui.domain.json_text import Json
from kvtui.services.transfer.importing import ItemOutcome, ItemResult, import_items, read_items
from kvtui.services.transfer.model import Format, Problem
from kvtui.text import show

_FORMATS = ", ".join(Format)


def _import_arguments(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", help="- is standard input")
    parser.add_argument("--format", metavar="F", help=f"one of: {_FORMATS}; else by the file's name")
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--into", metavar="PATH", help="a folder for all of it")
    place.add_argument("--as", metavar="PATH", dest="as_path", help="one secret whose fields these are")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done")


def _import(context: Context, args: Namespace) -> int:
    data = read_stream(context.stdin) if args.file == "-" else read_file(Path(args.file).expanduser())
    format_ = Format.parse(args.format) if args.format else Format.of_file(args.file)
    if args.as_path is not None:
        session, as_path = context.at(args.as_path)
        items = read_items(data, format_, as_path=as_path)
    else:
        session, into = context.at_folder(args.into or "")
        items = read_items(data, format_, into=into)
    results = import_items(session.backend, items, dry_run=args.dry_run, journal=session.journal)
    return _print_plan(context.out, results) if args.dry_run else _print_results(context.out, results)


def _print_plan(out: Output, results: Iterator[ItemResult]) -> int:
    planned = list(results)
    if out.json:
        out.dump({"plan": [_step(result) for result in planned if result.outcome is not ItemOutcome.SKIPPED]})
    else:
        for result in planned:
            out.line(f"{result.outcome.value:8} {out.name(result.path)}{_remark(result)}")
    errors = [result.error for result in planned if result.error]
    return bulk_exit_code(len(planned) - len(errors), errors)


def _step(result: ItemResult) -> Json:
    """One line of a plan. `base_version` is what the write will be checked against."""
    step: dict[str, Json] = {"op": "set", "path": result.path}
    if result.version is not None:
        step["base_version"] = 0 if result.outcome is ItemOutcome.CREATED else result.version - 1
    step["notes"] = [note for note in (result.note, result.error and str(result.error)) if note]
    return step


def _remark(result: ItemResult) -> str:
    told = str(result.error) if result.error else result.note
    return f": {show(told)}" if told else ""


def _print_results(out: Output, results: Iterator[ItemResult]) -> int:
    done: list[Json] = []
    failed: list[Json] = []
    errors: list[KvtuiError] = []
    counts = dict.fromkeys(ItemOutcome, 0)
    for result in results:
        counts[result.outcome] += 1
        if result.error is not None:
            errors.append(result.error)
            failed.append({"path": result.path, "error": error_json(result.error)})
            if not out.json:
                out.error(_about(result.error, result.path))
        else:
            done.append({"path": result.path, "version": result.version, "outcome": result.outcome.value})
            if result.note:
                out.note(f"{out.name(result.path)}: {result.note}")
    if out.json:
        out.dump({"done": done, "failed": failed})
    elif not out.quiet:
        told = ", ".join(f"{count} {outcome.value}" for outcome, count in counts.items() if count)
        out.line(f"Imported: {told or 'nothing'}")
    return bulk_exit_code(len(done), errors)


def _about(error: KvtuiError, path: str) -> KvtuiError:
    error.path = error.path or path
    return error


def _export_arguments(parser: Parser) -> None:
    parser.add_argument("path", metavar="PATH", nargs="?", default="", help="everything if left out")
    parser.add_argument("--format", metavar="F", help=f"one of: {_FORMATS}; else by the file's name, else json")
    parser.add_argument("-o", "--output", metavar="FILE", help="a file for its owner only; else standard output")
    parser.add_argument("--all-versions", action="store_true", help="all versions and metadata (json)")


def _format_of(file: str) -> Format:
    try:
        return Format.of_file(file)
    except InvalidInput:
        return Format.JSON


def _export(context: Context, args: Namespace) -> int:
    from kvtui.services.transfer.exporting import export  # noqa: PLC0415

    to_file = args.output not in {None, "-"}
    format_ = Format.parse(args.format) if args.format else _format_of(args.output) if to_file else Format.JSON
    session, path = context.at_folder(args.path)
    exported = export(session.backend, path, format_, all_versions=args.all_versions, journal=session.journal)
    out = context.out
    if to_file:
        from kvtui.locations import write_private  # noqa: PLC0415

        write_private(Path(args.output).expanduser(), exported.data)
    elif out.is_terminal:
        out.bytes(show(exported.data.decode("utf-8", "replace"), lines=True).encode("utf-8"))
    else:
        out.bytes(exported.data)
    for note in exported.notes:
        out.note(f"{out.name(note.path)}: {note.reason}" if note.path else note.reason)
    return _print_exported(out, args.output if to_file else None, exported.problems)


def _print_exported(out: Output, file: str | None, problems: Sequence[Problem]) -> int:
    if out.json and file is not None:
        failed: list[Json] = [{"path": one.path, "error": error_json(_left_out(one))} for one in problems]
        out.dump({"done": [{"file": file}], "failed": failed})
    else:
        for one in problems:
            out.error(_left_out(one))
    return Exit.PARTLY if problems else Exit.DONE


def _left_out(problem: Problem) -> KvtuiError:
    return InvalidInput(problem.reason, hint="It was left out.", path=problem.path or None)


COMMANDS = {"import": Command(_import, _import_arguments), "export": Command(_export, _export_arguments)}
