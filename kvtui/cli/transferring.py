"""import and export: secrets from files and into files. Both stream, with a bounded number of secrets in memory."""

from __future__ import annotations

import signal
import threading
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, BinaryIO, Self

from kvtui.cli.arguments import Command, Parser
from kvtui.cli.context import Context
from kvtui.cli.exits import Exit, Usage, bulk_exit_code
from kvtui.cli.inputs import seekable
from kvtui.cli.output import Output, ProgressLine, error_json
from kvtui.domain import json_text
from kvtui.domain.codec import to_bytes
from kvtui.domain.errors import InvalidInput, KvtuiError
from kvtui.domain.json_text import Json
from kvtui.domain.progress import silent
from kvtui.services.journal import Act
from kvtui.services.transfer.importing import CHUNK, ItemOutcome, ItemResult, import_items, read_items
from kvtui.services.transfer.model import Format, Problem, Report
from kvtui.services.transfer.reading import Items
from kvtui.text import show

if TYPE_CHECKING:
    from kvtui.services.transfer.foreign.pass_store import PassStore

_FORMATS = ", ".join(Format)
_WRITTEN = ", ".join(Format.written())


def _import_arguments(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", nargs="?", help="- is standard input")
    parser.add_argument(
        "--from", metavar="PROFILE", dest="source", help="in place of FILE: what that store's predecessor held"
    )
    parser.add_argument(
        "--format",
        metavar="F",
        help=f"one of: {_FORMATS}; else by what the file begins with and its name. pass and gopass need no FILE",
    )
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--into", metavar="PATH", help="a folder for all of it")
    place.add_argument("--as", metavar="PATH", dest="as_path", help="one secret whose fields these are")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done")


def _import(context: Context, args: Namespace) -> int:
    out = context.out
    with _source(context, args) as items:
        session = context.at_folder(args.into or "")[0] if args.as_path is None else context.at(args.as_path)[0]
        results = _Results(out)
        if args.dry_run:
            return _print_plan(out, results, import_items(session.backend, items, dry_run=True))
        with _Stopping() as stopping, _Counting(out, results) as counting:

            def progress_or_stop(done: int, total: int | None) -> None:
                counting(done, total)
                stopping(done, total)

            return _print_results(
                out,
                results,
                import_items(
                    session.backend,
                    items,
                    journal=session.journal,
                    progress=progress_or_stop,
                    chunk=CHUNK if isinstance(items, Items) else items.chunk,
                ),
            )


@contextmanager
def _source(context: Context, args: Namespace) -> Iterator[Items | PassStore]:
    """What is imported: the secrets of a file, of a store that another program reads, or what a store still has of its
    predecessor, which is nowhere but in memory."""
    format_ = Format.parse(args.format) if args.format else None
    if args.source is not None:
        if args.file is not None:
            raise Usage("import takes FILE or --from PROFILE, not both.", hint="See kvtui import --help.")
        if format_ not in {None, Format.LEGACY_CONNECTIONS}:
            raise Usage(f"A store gives {Format.LEGACY_CONNECTIONS}, nothing else.", hint="Leave --format out.")
        source = context.session(context.profiles.get(args.source))
        source.journal.record(Act.EXPORT, "")
        legacy = BytesIO(to_bytes(source.backend.legacy()))
        yield _checked(context, args, legacy, Format.LEGACY_CONNECTIONS)
        return
    if format_ is not None and format_.is_store:
        yield _store(context, args, format_)
        return
    if args.file is None:
        raise Usage("import needs FILE, --from PROFILE, or --format pass or gopass.", hint="See kvtui import --help.")
    path = None if args.file == "-" else Path(args.file).expanduser()
    if format_ is None and path is not None and (path / ".gpg-id").is_file():
        yield _store(context, args, Format.PASS)
        return
    from kvtui.services.transfer.foreign.recognizing import format_of  # noqa: PLC0415

    with seekable(path, context.stdin) as file:
        yield _checked(context, args, file, format_ or format_of(file, args.file))


def _checked(context: Context, args: Namespace, file: BinaryIO, format_: Format) -> Items:
    """The secrets of a file that was gone through."""
    if args.as_path is None:
        where = {"into": context.at_folder(args.into or "")[1]}
    else:
        where = {"as_path": context.at(args.as_path)[1]}
    with ProgressLine(context.out, "Checking the file") as progress:
        return read_items(file, format_, **where, progress=progress)


def _store(context: Context, args: Namespace, format_: Format) -> PassStore:
    from kvtui.services.transfer.foreign.pass_store import read_store  # noqa: PLC0415 - it starts programs

    if args.as_path is not None:
        raise Usage("A store names its own paths.", hint="Use --into PATH, or leave --as out.")
    folder = Path(args.file).expanduser() if args.file is not None else None
    return read_store(format_, folder, into=context.at_folder(args.into or "")[1])


class _Interrupted(KvtuiError):  # noqa: N818 - named after what happened
    kind = "Interrupted"


class _Stopping:
    """Turns the first ctrl-c into an end between two commits, the second one into the usual."""

    def __init__(self) -> None:
        self._asked = False
        self._before: signal.Handlers | int | Callable[[int, FrameType | None], object] | None = None

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def __call__(self, _done: int, _total: int | None) -> None:
        if self._asked:
            raise KeyboardInterrupt

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked:
            raise KeyboardInterrupt
        self._asked = True


class _Results:
    """What became of the secrets so far: counts, and the errors an exit code is made of."""

    def __init__(self, out: Output) -> None:
        self._out = out
        self.counts = dict.fromkeys(ItemOutcome, 0)
        self.errors: list[KvtuiError] = []
        """Two of each kind at most: a million would fill the memory and tell no more."""

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def done(self) -> int:
        return self.total - self.counts[ItemOutcome.FAILED]

    def take(self, result: ItemResult) -> None:
        self.counts[result.outcome] += 1
        error = result.error
        if error is not None and sum(kept.kind == error.kind for kept in self.errors) < 2:
            self.errors.append(error)

    def told(self) -> str:
        return ", ".join(f"{count} {outcome.value}" for outcome, count in self.counts.items() if count) or "nothing"


class _Counting(ProgressLine):
    """How many secrets are done, how many a second, and how much of the file."""

    def __init__(self, out: Output, results: _Results) -> None:
        super().__init__(out, "Importing")
        self._results = results
        self._began = time.monotonic()

    def text(self, done: int, total: int | None) -> str:
        count = self._results.total
        rate = round(count / max(time.monotonic() - self._began, 0.001))
        return f"{count:,} secrets, {rate:,} a second, {super().text(done, total)}"


class _Rows:
    """One JSON object whose first member is a list that is written as it grows."""

    def __init__(self, out: Output, name: str) -> None:
        self._out = out
        self._name = name
        self._count = 0

    def add(self, row: Json) -> None:
        before = ", " if self._count else f'{{"{self._name}": ['
        self._out.bytes((before + json_text.dump(row)).encode("ascii"))
        self._count += 1

    def end(self, rest: dict[str, Json]) -> None:
        """Close the list, write the other members, end the line."""
        text = "" if self._count else f'{{"{self._name}": ['
        members = "".join(f', "{name}": {json_text.dump(value)}' for name, value in rest.items())
        self._out.bytes(f"{text}]{members}}}\n".encode("ascii"))


def _print_plan(out: Output, results: _Results, planned: Iterator[ItemResult]) -> int:
    rows = _Rows(out, "plan")
    for result in planned:
        results.take(result)
        if not out.json:
            out.line(f"{result.outcome.value:8} {out.name(result.path)}{_remark(result)}")
        elif result.outcome is not ItemOutcome.SKIPPED:
            rows.add(_step(result))
    if out.json:
        rows.end({})
    return bulk_exit_code(results.done, results.errors)


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


def _print_results(out: Output, results: _Results, made: Iterator[ItemResult]) -> int:
    rows = _Rows(out, "done")
    failed: list[Json] = []
    try:
        for result in made:
            results.take(result)
            if result.error is not None:
                error = _about(result.error, result.path)
                if out.json:
                    failed.append({"path": result.path, "error": error_json(error)})
                else:
                    out.error(error)
            elif out.json:
                rows.add({"path": result.path, "version": result.version, "outcome": result.outcome.value})
            if result.note:
                out.note(f"{out.name(result.path)}: {result.note}")
    except (KvtuiError, KeyboardInterrupt) as stopped:
        if not results.total and isinstance(stopped, KvtuiError):
            raise
        if out.json:
            rows.end({"failed": failed})
        told = f"Stopped after {results.total} secrets: {results.told()}."
        error = _Interrupted(told, hint="Import again to go on: what is the same already is skipped.")
        out.error(error)
        if isinstance(stopped, KeyboardInterrupt):
            return Exit.INTERRUPTED
        raise
    if out.json:
        rows.end({"failed": failed})
    elif not out.quiet:
        out.line(f"Imported: {results.told()}")
    return bulk_exit_code(results.done, results.errors)


def _about(error: KvtuiError, path: str) -> KvtuiError:
    error.path = error.path or path
    return error


def _export_arguments(parser: Parser) -> None:
    parser.add_argument("path", metavar="PATH", nargs="?", default="", help="everything if left out")
    parser.add_argument("--format", metavar="F", help=f"one of: {_WRITTEN}; else by the file's name, else json")
    parser.add_argument("-o", "--output", metavar="FILE", help="a file for its owner only; else standard output")
    parser.add_argument("--all-versions", action="store_true", help="all versions and metadata (json)")
    parser.add_argument("--partial", action="store_true", help="go on without folders that cannot be listed")


def _format_of(file: str) -> Format:
    try:
        return Format.of_file(file)
    except InvalidInput:
        return Format.JSON


def _export(context: Context, args: Namespace) -> int:
    from kvtui.locations import replacing_private  # noqa: PLC0415
    from kvtui.services.transfer.exporting import export_to  # noqa: PLC0415

    out = context.out
    file = None if args.output in {None, "-"} else Path(args.output).expanduser()
    format_ = Format.parse(args.format) if args.format else _format_of(args.output) if file else Format.JSON
    session, path = context.at_folder(args.path)

    def run(write: Callable[[bytes], object], form: Callable[[str], str] = str) -> Report:
        with ProgressLine(out, "Exporting") as progress:
            return export_to(
                lambda text: write(form(text).encode("utf-8")),
                session.backend,
                path,
                format_,
                all_versions=args.all_versions,
                partial=args.partial,
                journal=session.journal,
                progress=silent if file is None else progress,
            )

    if file is not None:
        with replacing_private(file) as private:
            report = run(private.write)
    elif out.is_terminal:
        report = run(out.bytes, lambda text: show(text, lines=True))
    else:
        report = run(out.bytes)
    for note in report.notes:
        out.note(f"{out.name(note.path)}: {note.reason}" if note.path else note.reason)
    return _print_exported(out, None if file is None else args.output, report.problems)


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
