"""inject: a file with the values in place of references."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from kvtui import locations
from kvtui.cli.arguments import Command, Parser
from kvtui.cli.context import Context
from kvtui.cli.exits import Exit
from kvtui.cli.inputs import read_file, read_stream
from kvtui.cli.running import add_timeout
from kvtui.services.injecting import TemplateFormat, format_of, inject
from kvtui.services.references import Resolver
from kvtui.text import show


def _arguments(parser: Parser) -> None:
    parser.add_argument("-i", "--in", dest="template", metavar="TEMPLATE", type=Path, help="standard input if left out")
    parser.add_argument("-o", "--out", dest="target", metavar="OUT", type=Path, help="standard output if left out")
    parser.add_argument(
        "--format", choices=list(TemplateFormat), help="text, yaml or json; by TEMPLATE's name if left out"
    )
    add_timeout(parser)


def _inject(context: Context, args: Namespace) -> int:
    source = _named(args.template)
    target = _named(args.target)
    template = read_stream(context.stdin) if source is None else read_file(source)
    kind = TemplateFormat(args.format) if args.format else format_of("" if source is None else source.name)
    if target is not None:
        locations.check_private_file(target)  # told before anything is read
    data = inject(template, kind, Resolver(context.profiles, context.session, seconds=args.timeout))
    context.close()
    if target is not None:
        locations.write_private(target, data)
        return Exit.DONE
    if not context.out.is_terminal:
        context.out.bytes(data)
        return Exit.DONE
    text = data.decode("utf-8", "replace")
    shown = show(text, lines=True)
    context.out.bytes(shown.encode("utf-8"))
    if shown != text or text.encode("utf-8") != data:
        context.out.note("Control and invisible characters are shown, not sent. Use -o or a pipe for the exact bytes.")
    return Exit.DONE


def _named(path: Path | None) -> Path | None:
    """None for a standard stream."""
    return None if path is None or str(path) == "-" else path.expanduser()


COMMANDS = {"inject": Command(_inject, _arguments)}
