"""Reading the command line: a parser per command, made when it is asked for, and messages that quote no argument.

An argument may be a secret typed in the wrong place, so nothing here repeats one.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Never

from kvtui.cli.exits import Usage
from kvtui.domain.metadata import UNSET, MetadataPatch, SecretType, check_tags, parse_duration

if TYPE_CHECKING:
    from kvtui.cli.context import Context
    from kvtui.domain.retention import Retention

Handler = Callable[["Context", argparse.Namespace], int]


class HelpShown(Exception):  # noqa: N818 - not an error
    """`--help` was asked for; `text` is the answer."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class Unusable(argparse.ArgumentTypeError):
    """An argument that cannot be used as it is; argparse adds which one."""

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def _unmeasured(prog: str) -> argparse.HelpFormatter:
    """For argparse, which makes one to check each argument that is added: asking how wide the terminal is loads half a
    dozen modules, and only the help has to know."""
    return argparse.RawDescriptionHelpFormatter(prog, width=80)


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that raises Usage and HelpShown instead of printing and leaving."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, exit_on_error=False, formatter_class=_unmeasured, **options)
        self.refuse_value = ""
        """What to say when there is a positional argument too many, where that may be a value."""
        self._program = ""

    @property
    def runs_program(self) -> str:
        """The option after which everything belongs to another program; "" for none."""
        return self._program

    def add_program(self, option: str, *, help: str) -> None:  # noqa: A002 - argparse's word
        """An option after which everything, options of ours too, belongs to another program. `--` alone is one too:
        what follows is `program` then."""
        self._program = option
        if option == "--":
            self.set_defaults(program=None)
            self.epilog = f"-- ARGV…: {help}"
            return
        self.add_argument(option, metavar="ARGV", nargs=argparse.REMAINDER, help=help)

    def error(self, message: str) -> Never:
        raise self._usage(message)

    def print_help(self, file: Any = None) -> None:  # noqa: ARG002 - the signature is argparse's
        self.formatter_class = argparse.RawDescriptionHelpFormatter
        raise HelpShown(self.format_help())

    def read(self, argv: Sequence[str]) -> argparse.Namespace:
        """Raises Usage, HelpShown."""
        program: list[str] | None = None
        if self._program and self._program in argv:
            # argparse itself would still look for ours among the program's arguments.
            at = argv.index(self._program)
            argv, program = argv[:at], list(argv[at + 1 :])
        try:
            found, extra = self.parse_known_args(argv)
        except argparse.ArgumentError as error:
            told = error.__context__
            if isinstance(told, Unusable):
                raise Usage(f"{error.argument_name}: {told}", hint=told.hint) from None
            raise self._usage(str(error)) from None
        if extra:
            raise self._too_many(extra)
        if program is not None:
            setattr(found, self._program.lstrip("-") or "program", program)
        return found

    def _too_many(self, extra: Sequence[str]) -> Usage:
        known = list(self._option_string_actions)
        unknown = [word for word in extra if word.startswith("-") and word != "-"]
        if self.refuse_value and not unknown:
            return Usage(self.refuse_value, hint="Give it on standard input, with --file, or at the prompt.")
        if unknown:
            from difflib import get_close_matches  # noqa: PLC0415 - for who mistyped

            near = get_close_matches(unknown[0].partition("=")[0], known, n=1, cutoff=0.7)
            meant = f"Did you mean {near[0]}? " if near else ""
            return Usage(f"{self.prog} has no such option.", hint=f"{meant}See {self.prog} --help.")
        return Usage("There are too many arguments.", hint=f"See {self.prog} --help.")

    def _usage(self, message: str) -> Usage:
        """What argparse found wrong: the names of arguments are ours, what follows them may quote what was typed."""
        hint = f"See {self.prog} --help."
        if missing := re.fullmatch(_MISSING, message):
            return Usage(f"{missing[1]}: missing.", hint=hint)
        if wrong := re.fullmatch(_WRONG, message):
            told = next((told for start, told in _TOLD.items() if wrong[2].startswith(start)), "not usable as it is.")
            return Usage(f"{wrong[1]}: {told}", hint=hint)
        return Usage("The arguments cannot be understood.", hint=hint)


_MISSING = r"the following arguments are required: (.*)"
_WRONG = r"(?s)argument ([^:]+): (.*)"
_TOLD = {
    "expected one argument": "needs a value.",
    "expected at least one argument": "needs a value.",
    "not allowed with argument": "cannot be used with another one that was given.",
    "ignored explicit argument": "takes no value.",
}
"""How argparse's messages about one argument begin, and what we say instead."""


class Command(NamedTuple):
    """One command: `arguments` adds what it takes, `run` does it and returns the exit code."""

    run: Handler
    arguments: Callable[[Parser], None] = lambda _parser: None


class GlobalOptions(NamedTuple):
    """The options every command takes, before or after its name."""

    profile: str | None = None
    config: Path | None = None
    vault: Path | None = None
    read_only: bool = False
    rescue: bool = False
    json: bool = False
    quiet: bool = False
    debug: bool = False
    passphrase_file: Path | None = None
    key_file: Path | None = None


_VALUED = {"-p", "--profile", "--config", "--vault", "--passphrase-file", "--key-file"}


def add_global_options(parser: Parser) -> None:
    group = parser.add_argument_group("everywhere")
    missing: Any = argparse.SUPPRESS
    group.add_argument("-p", "--profile", metavar="NAME", default=missing, help="the profile to use")
    group.add_argument("--config", metavar="FILE", type=Path, default=missing, help="another configuration file")
    group.add_argument("--vault", metavar="DIR", type=Path, default=missing, help="a vault, without a profile")
    group.add_argument("--read-only", action="store_true", default=missing, help="refuse every write")
    group.add_argument(
        "--rescue", action="store_true", default=missing, help="look into a damaged or rolled-back vault, read-only"
    )
    group.add_argument("--json", action="store_true", default=missing, help="print JSON, ASCII only")
    group.add_argument("-q", "--quiet", action="store_true", default=missing, help="print no notes")
    group.add_argument("--debug", action="store_true", default=missing, help="say where an internal error came from")
    group.add_argument(
        "--passphrase-file", metavar="FILE", type=Path, default=missing, help="its first line opens the vault"
    )
    group.add_argument(
        "--key-file", metavar="FILE", type=Path, default=missing, help="the key file that opens the vault"
    )


def split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """The global options before the command, and the rest from the command's name on."""
    at = 0
    while at < len(argv) and argv[at].startswith("-") and argv[at] not in {"-", "--"}:
        at += 2 if argv[at] in _VALUED else 1
    return list(argv[:at]), list(argv[at:])


def global_options(*parsed: argparse.Namespace) -> GlobalOptions:
    """The options of several places; the later place wins."""
    names = GlobalOptions._fields
    found = {name: value for place in parsed for name, value in vars(place).items() if name in names}
    return GlobalOptions(**found)


# -- types of arguments: each raises Unusable without quoting


def whole(least: int) -> Callable[[str], int]:
    """A whole number that is not below `least`."""

    def read(text: str) -> int:
        if not (text.isascii() and text.isdigit() and len(text) <= 9) or int(text) < least:
            raise Unusable("not a usable number.", hint=f"Give a whole number from {least}.")
        return int(text)

    return read


def version_numbers(text: str) -> tuple[int, ...]:
    """`1,3,5-7` as numbers, each once, ascending."""
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        start = whole(1)(first.strip())
        end = whole(1)(last.strip()) if dash else start
        if not 0 <= end - start < 10_000:
            raise Unusable("not a usable range.", hint="Write it as 1,3 or 2-5.")
        found.update(range(start, end + 1))
    return tuple(sorted(found))


# -- metadata options, for set and meta


def add_metadata_options(parser: Parser) -> None:
    group = parser.add_argument_group("metadata; what is not named stays as it is")
    group.add_argument("--type", metavar="TYPE", dest="type", help=f"one of: {', '.join(SecretType)}")
    group.add_argument("--description", metavar="TEXT")
    group.add_argument("--tag", metavar="TAG", action="append", help="repeat for several; replaces all; '' for none")
    group.add_argument("--owner", metavar="NAME", help="'' for nobody")
    group.add_argument("--rotation", metavar="INTERVAL", help="as 90d, 12h or 1w; '' or never for none")
    group.add_argument("--custom", metavar="KEY=VALUE", action="append", help="repeat for several; KEY= drops it")


def metadata_patch(args: argparse.Namespace) -> MetadataPatch:
    """What the metadata options ask for. Raises InvalidInput."""
    tags = args.tag if args.tag is None or args.tag != [""] else []
    return MetadataPatch(
        type=UNSET if args.type is None else SecretType.parse(args.type),
        description=UNSET if args.description is None else args.description,
        tags=UNSET if tags is None else check_tags(tuple(tags)),
        owner=UNSET if args.owner is None else args.owner or None,
        rotation=UNSET
        if args.rotation is None
        else None
        if args.rotation in {"", "never"}
        else parse_duration(args.rotation),
        custom=UNSET if args.custom is None else _pairs(args.custom),
    )


# -- how long and how many versions are kept, for meta


def add_retention_options(parser: Parser) -> None:
    group = parser.add_argument_group("where the store has it for each secret")
    group.add_argument("--max-versions", metavar="N", type=whole(0), help="how many are kept; 0: as the store has it")
    group.add_argument("--cas-required", metavar="yes|no", help="whether a write must name the version it is based on")
    group.add_argument(
        "--delete-after", metavar="INTERVAL", help="delete each version this long after it was made; '' or never"
    )


def retention_change(args: argparse.Namespace) -> Retention | None:
    """What the options ask for, None for nothing. Raises InvalidInput."""
    from kvtui.domain.retention import Retention  # noqa: PLC0415 - the screen starts without it

    required = args.cas_required
    if required not in {None, "yes", "no"}:
        raise Usage("--cas-required: not yes or no.", hint="Write it as --cas-required yes.")
    after = args.delete_after
    change = Retention(
        args.max_versions,
        None if required is None else required == "yes",
        None if after is None else timedelta() if after in {"", "never"} else parse_duration(after),
    )
    return change or None


def _pairs(given: Sequence[str]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for pair in given:
        key, sign, value = pair.partition("=")
        if not sign or not key:
            raise Usage("--custom: not KEY=VALUE.", hint="Write it as --custom team=payments.")
        found[key] = value or None
    return found
