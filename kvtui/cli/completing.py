"""completion: a script for a shell, which asks `kvtui completion SHELL --answer` at every tab.

What can follow is read from the same tables that the commands are read with. Paths are completed only where the store
opens without asking anybody and answers in time: nothing is prompted for, no error is shown, nothing is journaled.
"""

from __future__ import annotations

import os
import stat
import threading
from argparse import Action, ArgumentError, Namespace
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kvtui.cli import commands
from kvtui.cli.arguments import Command, GlobalOptions, Parser, add_global_options, global_options
from kvtui.cli.context import Context
from kvtui.cli.exits import Exit, Usage
from kvtui.cli.output import Output
from kvtui.cli.shell_words import Word, for_bash, split
from kvtui.domain.metadata import SecretType

LOCAL_SECONDS = 1.5
"""For a vault on this machine: its passphrase alone takes about half a second by design."""
SERVER_SECONDS = 0.5
MOST = 1000
"""Candidates at a time."""
_PATHS = frozenset({"PATH", "PREFIX", "SRC", "DST", "A", "B"})
_FILES = frozenset({"FILE", "DIR", "TEMPLATE", "OUT", "ARCHIVE"})

SCRIPTS = {
    "bash": r"""# kvtui completion for bash: eval "$(kvtui completion bash)"
_kvtui() {
  local answer
  COMPREPLY=()
  mapfile -t answer < <(command kvtui completion bash --answer -- \
    "${COMP_LINE:0:COMP_POINT}" "$COMP_WORDBREAKS" 2>/dev/null </dev/null)
  case "${answer[0]}" in
    files) compopt -o bashdefault -o default 2>/dev/null ;;
    open) compopt -o nospace 2>/dev/null; COMPREPLY=("${answer[@]:1}") ;;
    words) COMPREPLY=("${answer[@]:1}") ;;
  esac
}
complete -F _kvtui kvtui
""",
    "zsh": r"""#compdef kvtui
# kvtui completion for zsh: eval "$(kvtui completion zsh)", after compinit
_kvtui() {
  local -a answer whole open
  local one
  answer=("${(@0)$(command kvtui completion zsh --answer -- \
    "${(@Q)words[2,CURRENT-1]}" "${(Q)IPREFIX}${(Q)PREFIX}" 2>/dev/null </dev/null)}")
  if [[ "$answer[1]" == files ]]; then
    _files
    return
  fi
  for one in "${(@)answer[2,-1]}"; do
    [[ -z "$one" ]] && continue
    if [[ "$one" == *[/:] ]]; then open+=("$one"); else whole+=("$one"); fi
  done
  (( $#whole )) && compadd -- "${(@)whole}"
  (( $#open )) && compadd -S '' -- "${(@)open}"
}
compdef _kvtui kvtui
""",
    "fish": r"""# kvtui completion for fish: kvtui completion fish | source
function __kvtui_answer
    set -l words (commandline -opc)
    set -l answer (command kvtui completion fish --answer -- $words[2..-1] (commandline -ct) 2>/dev/null </dev/null \
        | string split0)
    if test "$answer[1]" = files
        __fish_complete_path (commandline -ct)
        return
    end
    printf '%s\n' $answer[2..-1]
end
complete -c kvtui -f -a '(__kvtui_answer)'
""",
}


def _arguments(parser: Parser) -> None:
    parser.add_argument("shell", metavar="SHELL", choices=list(SCRIPTS), help=f"one of: {', '.join(SCRIPTS)}")
    parser.add_argument("--answer", action="store_true", help="what the script asks: how the words after -- go on")
    parser.add_program("--", help="the words so far (in bash the line, and its word breaks)")


def _completion(context: Context, args: Namespace) -> int:
    out = context.out
    if not args.answer:
        if out.json:
            out.dump({"shell": args.shell, "script": SCRIPTS[args.shell]})
        else:
            out.bytes(SCRIPTS[args.shell].encode())
        return Exit.DONE
    if not args.program:
        raise Usage("There are no words.", hint="This is what the script asks by itself.")
    with suppress(Exception):  # whatever is wrong, somebody is typing: it is told when the command is run
        out.bytes(_answer(args.shell, args.program))
        out.flush()
    return Exit.DONE


@dataclass(frozen=True, slots=True)
class Answer:
    """`words` go on from what is typed; instead of them the shell's own `files`."""

    words: Sequence[str] = ()
    files: bool = False


def _answer(shell: str, given: Sequence[str]) -> bytes:
    """What the shell's script reads: how to take it, then the words."""
    typed, last = _typed(shell, given)
    answer = _complete(typed, last.text)
    if answer.files:
        return b"files\n" if shell == "bash" else b"files\0"
    words = [word for word in answer.words if word.startswith(last.text)][:MOST]
    if shell == "bash":
        quoted = [_for_bash(word[last.kept :], last.quote) for word in words]
        lines = ["open" if all(word.endswith(("/", ":")) for word in words) else "words", *filter(None, quoted)]
        return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
    if shell == "fish":  # it takes lines, and what stands behind a tab for a description
        words = [word for word in words if not {"\n", "\t"}.intersection(word)]
    return "".join(f"{word}\0" for word in ["words", *words]).encode("utf-8", "surrogateescape")


def _for_bash(word: str, quote: str) -> str | None:
    """The colon behind a profile begins a word for bash, as it does for people; of one in a name it is told."""
    profile = word.removesuffix(":")
    quoted = for_bash(profile, quote)
    return None if quoted is None else quoted + ":" * (profile != word)


def _typed(shell: str, given: Sequence[str]) -> tuple[list[str], Word]:
    """The words before the one that is being typed, without the program's name; and that one."""
    if shell != "bash":
        *before, last = given
        # fish gives the word as it is typed, zsh without its quotes
        return before, split(last)[-1] if shell == "fish" and last else Word(last)
    words = split(given[0], given[1] if len(given) > 1 else "")
    while len(words) > 1 and "=" in words[0].text:  # variables set for the command
        words.pop(0)
    return [word.text for word in words[1:-1]], words[-1]


def _complete(before: Sequence[str], last: str) -> Answer:
    at, options = 0, _parser()
    while at < len(before) and before[at].startswith("-"):
        at += 1 + _takes_value(options, before[at])
    if at > len(before):  # the value of a global option
        return _value(options, before[-1], before, last)
    if at == len(before):
        return Answer(_options(options, extra=["--version", "--help"]) if last.startswith("-") else _first_words())
    name, rest = _command(before[at:])
    if not name:
        first = f"{before[at]} "
        return Answer([each.removeprefix(first) for each in commands.names() if each.startswith(first)])
    parser = _parser(commands.load(name), name)
    return _argument(parser, name, before, rest, last)


def _first_words() -> list[str]:
    return list(dict.fromkeys(name.partition(" ")[0] for name in commands.names()))


def _command(words: Sequence[str]) -> tuple[str, Sequence[str]]:
    """The command that these begin with, and what stands behind its name; "" for one that is not whole yet."""
    known = commands.names()
    second = [word for word in words[1:] if not word.startswith("-")][:1]
    for size in (2, 1):
        name = " ".join([words[0], *second][:size])
        if name in known and (size == 1 or second):
            rest = list(words[1:])
            if size == 2:
                rest.remove(second[0])
            return name, rest
    return "", ()


def _parser(command: Command | None = None, name: str = "") -> Parser:
    parser = Parser(prog=f"kvtui {name}", add_help=command is not None)
    if command is not None:
        command.arguments(parser)
    add_global_options(parser)
    return parser


def _options(parser: Parser, extra: Sequence[str] = ()) -> list[str]:
    return sorted(option for option in [*parser._option_string_actions, *extra] if option.startswith("--"))  # noqa: SLF001 - argparse tells them nowhere else


def _takes_value(parser: Parser, option: str) -> bool:
    action = parser._option_string_actions.get(option)  # noqa: SLF001
    return action is not None and action.nargs != 0


def _value(parser: Parser, option: str, before: Sequence[str], last: str) -> Answer:
    return _kind(parser._option_string_actions[option], before, last)  # noqa: SLF001


def _argument(parser: Parser, name: str, before: Sequence[str], rest: Sequence[str], last: str) -> Answer:
    """What stands behind a command's name."""
    positional = [action for action in parser._actions if not action.option_strings]  # noqa: SLF001
    count, at, only_words = 0, 0, False
    while at < len(rest):
        word = rest[at]
        if parser.runs_program and word == parser.runs_program:
            return Answer(files=True)
        if word == "--":
            only_words = True
        elif word.startswith("-") and word != "-" and not only_words:
            if _takes_value(parser, word):
                at += 1
                if at == len(rest):
                    return _value(parser, word, before, last)
        else:
            count += 1
        at += 1
    if last.startswith("-") and not only_words:
        return Answer(_options(parser))
    if name in commands.names() and not count and (more := _second_words(name)):
        return Answer([*more, *(_kind(positional[0], before, last).words if positional else ())])
    if not positional or (count >= len(positional) and positional[-1].nargs not in {"*", "+"}):
        return Answer()
    return _kind(positional[min(count, len(positional) - 1)], before, last)


def _second_words(name: str) -> list[str]:
    return [each.removeprefix(f"{name} ") for each in commands.names() if each.startswith(f"{name} ")]


def _kind(action: Action, before: Sequence[str], last: str) -> Answer:
    """What a value can be, as its name in the help says."""
    name = str(action.metavar or action.dest)
    if action.choices is not None:
        return Answer([str(each) for each in action.choices])
    if name in _FILES:
        return Answer(files=True)
    if name in {"TYPE", "CLASS", "SET", "F", "yes|no"}:
        return Answer(_known(name))
    if action.dest == "profile" or name == "PROFILE":
        return Answer(_in_time(SERVER_SECONDS, lambda: list(_context(before).profiles.names)))
    if name in _PATHS:
        return Answer(_paths(before, last))
    return Answer()


def _known(name: str) -> Sequence[str]:
    """Values of a closed set, by their name in the help."""
    from kvtui.services.generator import CLASSES, REQUIRABLE  # noqa: PLC0415 - few words are such
    from kvtui.services.transfer.model import Format  # noqa: PLC0415

    sets: dict[str, Sequence[str]] = {
        "TYPE": list(SecretType),
        "CLASS": REQUIRABLE,
        "SET": list(CLASSES),
        "F": [each.value for each in Format],
        "yes|no": ("yes", "no"),
    }
    return sets[name]


def _paths(before: Sequence[str], last: str) -> list[str]:
    context = _context(before)
    profile, path = context.profiles.parse_address(last)
    found = []
    if profile is None and "/" not in last:
        names = [name for name in context.profiles.names if name]
        found = [f"{name}:" for name in names if len(names) > 1 and name.startswith(last)]
    profile = profile or context.profiles.current
    if not _opens_by_itself(context.options, profile.settings):
        return found
    prefix = last[: len(last) - len(path)]
    folder = path.rpartition("/")[0]
    seconds = SERVER_SECONDS if profile.factory.signs_in else LOCAL_SECONDS

    def read() -> list[str]:
        with context:
            session = context.session(profile)
            listing = session.backend.list(folder)
            return [f"{prefix}{entry.path}{'/' * entry.is_folder}" for entry in listing.entries]

    return [*found, *(each for each in _in_time(seconds, read) if not each.startswith("-"))]


def _opens_by_itself(options: GlobalOptions, settings: object) -> bool:
    """Whether nothing has to be asked, and nothing is used up by looking: no program is run for a passphrase or token,
    and none is taken from a pipe."""
    named = options.passphrase_file or os.environ.get("KVTUI_PASSPHRASE_FILE")
    if named is not None and not stat.S_ISREG(Path(named).expanduser().stat().st_mode):
        return False
    return not _runs_programs(settings)


def _runs_programs(settings: object) -> bool:
    if not hasattr(settings, "items"):
        return False
    return any(str(key).endswith("_command") or _runs_programs(value) for key, value in settings.items())


def _context(before: Sequence[str]) -> Context:
    """With the global options that were typed so far; nobody can be asked, and nothing is said."""
    parser = Parser(prog="kvtui", add_help=False)
    add_global_options(parser)
    words = [os.path.expandvars(word) for word in before]
    if "--" in words:
        words = words[: words.index("--")]
    try:
        found, _ = parser.parse_known_args(words)
    except ArgumentError:  # the last one waits for its value
        found, _ = parser.parse_known_args(words[:-1])
    return Context(global_options(found), None, Output(None, None, quiet=True))


def _in_time(seconds: float, look: Callable[[], list[str]]) -> list[str]:
    """What it gives, or nothing where it fails or takes longer."""
    found: list[str] = []

    def run() -> None:
        with suppress(Exception):
            found.extend(look())

    thread = threading.Thread(target=run, name="completion", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        _leave_behind()
        return []
    return found


def _leave_behind() -> None:
    """End at once: what is under way, with threads of its own, is not waited for."""
    os._exit(0)


COMMANDS = {"completion": Command(_completion, _arguments)}
