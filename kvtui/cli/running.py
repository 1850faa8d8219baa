"""run: a program with secrets in its environment, and nowhere else."""

from __future__ import annotations

import os
import re
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kvtui.cli.arguments import Command, Parser, whole
from kvtui.cli.context import Context
from kvtui.cli.exits import Usage
from kvtui.cli.inputs import read_file, read_stream
from kvtui.services.references import SECONDS, Resolver, parse_option
from kvtui.services.running_child import StartError, Supervisor, become, program_file

if TYPE_CHECKING:
    from kvtui.services.running import Environment


def _arguments(parser: Parser) -> None:
    parser.add_argument("--env", metavar="NAME=REF", action="append", default=[], help="a variable; repeat for several")
    parser.add_argument(
        "--env-file", metavar="FILE", type=Path, help="lines NAME=value with references in them; - for standard input"
    )
    parser.add_argument("--path", metavar="PREFIX", help="a variable for every field at and below a path")
    parser.add_argument(
        "--allow-env", metavar="NAME", action="append", default=[], help="a name that is refused otherwise"
    )
    parser.add_argument("--mask", action="store_true", help="replace the values in what the program prints")
    add_timeout(parser)
    parser.add_program("--", help="the program and its arguments")


def add_timeout(parser: Parser) -> None:
    """The option for how long all reads together may take."""
    parser.add_argument(
        "--timeout", metavar="SECONDS", type=whole(1), default=int(SECONDS), help="for all reads; 60 without it"
    )


def _run(context: Context, args: Namespace) -> int:
    argv: list[str] = args.program or []
    if not argv:
        raise Usage("There is no program to run.", hint="Write it after --, as in kvtui run --env A=REF -- CMD.")
    try:
        return _started(context, args, argv)
    except StartError as error:
        context.out.error(error)
        return error.code


def _started(context: Context, args: Namespace, argv: Sequence[str]) -> int:
    file = program_file(argv)
    if args.mask:
        from kvtui.cli.running_masked import run_masked  # noqa: PLC0415 - only when asked for

        return run_masked(context, _resolved(context, args), file, argv)
    context.out.flush()
    # The fork asks, opens, reads, closes and becomes the program. Whoever waits for it never knows a secret.
    supervisor = Supervisor()
    if not supervisor.pid:
        environment = _resolved(context, args)
        context.out.flush()
        become(file, argv, environment.whole(context.profiles))
    return supervisor.wait()


def _resolved(context: Context, args: Namespace) -> Environment:
    """All that is asked for. The stores are closed again."""
    from kvtui.services.running import Environment, from_file, from_option  # noqa: PLC0415

    environment = Environment(allowed=args.allow_env)
    single = [_pair(given) for given in args.env]
    environment.check([name for name, _ in single])
    options = [
        from_option(name, parse_option(reference, f"--env {name}", context.profiles)) for name, reference in single
    ]
    file = []
    if args.env_file is not None:
        is_stream = str(args.env_file) == "-"
        data = read_stream(context.stdin) if is_stream else read_file(args.env_file.expanduser())
        file = from_file(data, "Standard input" if is_stream else args.env_file.name)
        environment.check([one.name for one in file])
    try:
        if args.path is not None:
            environment.add_below(*context.at_folder(args.path))
        named = {one.name: one for one in (*file, *options)}
        environment.resolve(list(named.values()), Resolver(context.profiles, context.session, seconds=args.timeout))
    finally:
        context.close()
    given = context.options
    _keep_here(given.passphrase_file, given.key_file, args.env_file, os.environ.get("KVTUI_PASSPHRASE_FILE"))
    return environment


_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/([0-9]{1,9})")


def _keep_here(*files: Path | str | None) -> None:
    """What was read through a descriptor, as a shell's `<(…)` gives it, is not for the program to read again."""
    for file in files:
        if (match := _DESCRIPTOR.fullmatch(str(file))) is not None and int(match[1]) > 2:
            os.set_inheritable(int(match[1]), False)


def _pair(given: str) -> tuple[str, str]:
    name, sign, reference = given.partition("=")
    if not sign or not name or not reference:
        raise Usage("--env: not NAME=REF.", hint="Write it as --env DB_PASSWORD=kv:///app/db#password.")
    return name, reference


COMMANDS = {"run": Command(_run, _arguments)}
