"""From arguments to an exit code: find the command, run it, say what went wrong in one line."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import takewhile
from typing import BinaryIO, TextIO

from kvtui.cli import commands
from kvtui.cli.arguments import (
    GlobalOptions,
    HelpShown,
    Parser,
    add_global_options,
    global_options,
    split,
)
from kvtui.cli.context import Context
from kvtui.cli.exits import Exit, exit_code
from kvtui.cli.inputs import Terminal
from kvtui.cli.output import Output
from kvtui.domain.errors import KvtuiError

_YOUNG = 50_000
"""New objects at which a command looks for garbage: most end before that."""


def main() -> int:
    """The program: the process' own arguments and streams. Garbage is collected from here on."""
    gc.set_threshold(_YOUNG)
    gc.enable()
    stdin, stdout, stderr = (_binary(stream) for stream in (sys.stdin, sys.stdout, sys.stderr))
    somebody = _at_terminal((stdin, stdout, stderr))
    return run(sys.argv[1:], stdin, stdout, stderr, Terminal() if somebody else None)


def _binary(stream: TextIO | None) -> BinaryIO | None:
    # Python leaves None where the descriptor was closed before the start.
    return None if stream is None else stream.buffer


def _at_terminal(streams: Sequence[BinaryIO | None]) -> bool:
    """Whether somebody can be asked. With all three streams redirected this is a script, whatever /dev/tty says."""
    return any(stream is not None and stream.isatty() for stream in streams)


def run(
    argv: Sequence[str],
    stdin: BinaryIO | None,
    stdout: BinaryIO | None,
    stderr: BinaryIO | None,
    terminal: Terminal | None = None,
) -> int:
    """Run one command line. Returns its exit code; raises nothing."""
    early = list(takewhile(lambda word: word not in {"--", "--command"}, argv))
    output = Output(stdout, stderr, json="--json" in early, quiet=not {"-q", "--quiet"}.isdisjoint(early))
    debug = "--debug" in early
    try:
        with ExitStack() as stack:
            try:
                code = _dispatch(argv, stdin, output, terminal, stack)
            except HelpShown as help_:
                output.bytes(help_.text.encode())
                code = Exit.DONE
            output.flush()
            return code
    except KvtuiError as error:
        if debug:
            output.trace(_describe(error))
        output.error(error)
        return exit_code(error)
    except BrokenPipeError:
        _silence(stdout)
        return Exit.BROKEN_PIPE
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last place that can keep a traceback from the terminal
        if debug:
            output.trace(_describe(error))
        output.error(_unexpected(error))
        _silence(stdout)
        return Exit.FAILED


def _dispatch(
    argv: Sequence[str], stdin: BinaryIO | None, output: Output, terminal: Terminal | None, stack: ExitStack
) -> int:
    before, words = split(argv)
    leading = Parser(prog="kvtui", add_help=False, argument_default=None)
    add_global_options(leading)
    leading.add_argument("--version", action="store_true")
    leading.add_argument("-h", "--help", action="store_true", dest="help")
    place = leading.read(before)
    if place.version:
        from kvtui import __version__  # noqa: PLC0415

        output.line(f"kvtui {__version__}")
        return Exit.DONE
    if place.help:
        raise HelpShown(commands.overview())
    if not words:
        context = _context(global_options(place), stdin, output, terminal, stack)
        from kvtui.cli.launch import launch  # noqa: PLC0415

        return launch(context)
    name, rest = commands.find(words)
    command = commands.load(name)
    parser = Parser(prog=f"kvtui {name}", description=commands.summary(name).capitalize() + ".")
    command.arguments(parser)
    add_global_options(parser)
    args = parser.read(rest)
    return command.run(_context(global_options(place, args), stdin, output, terminal, stack), args)


def _context(
    options: GlobalOptions, stdin: BinaryIO | None, output: Output, terminal: Terminal | None, stack: ExitStack
) -> Context:
    output.json, output.quiet = options.json, options.quiet
    return stack.enter_context(Context(options, stdin, output, terminal))


def _describe(error: BaseException) -> str:
    from kvtui.hardening import describe  # noqa: PLC0415

    return describe(error)


def _unexpected(error: Exception) -> KvtuiError:
    """An error nobody foresaw, without its message: that may quote what was being worked on."""
    if isinstance(error, OSError) and error.strerror:
        return KvtuiError(f"The system refused: {error.strerror}.", hint="Check the disk and where the output goes.")
    return KvtuiError(
        f"Something went wrong inside kvtui ({type(error).__name__}).", hint="Run it again with --debug and report it."
    )


def _silence(stdout: BinaryIO | None) -> None:
    """Keep Python from flushing into the broken stream, and complaining, when the process ends."""
    try:
        if stdout is not None:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, stdout.fileno())
            os.close(null)
    except (OSError, ValueError):
        return
