"""The table of commands: where each one lives and what the overview says of it. Importing it imports none of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from types import MappingProxyType

from kvtui.cli.arguments import Command, HelpShown, split
from kvtui.cli.exits import Usage

_GROUPS: Mapping[str, Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "Look": {
            "ls": ("reading", "list a folder"),
            "tree": ("reading", "draw a folder as a tree"),
            "search": ("searching", "find secrets by path, description and tags"),
            "get": ("reading", "print a value"),
            "versions": ("history", "list the versions of a secret"),
            "diff": ("history", "compare two secrets or two versions"),
        },
        "Change": {
            "set": ("writing", "write a value"),
            "meta": ("writing", "show or change metadata"),
            "rotate": ("rotating", "write a new generated value"),
            "rollback": ("history", "write an old version again as a new one"),
            "cp": ("moving", "copy secrets or folders"),
            "mv": ("moving", "move or rename secrets or folders"),
            "rm": ("removing", "delete, or destroy for good"),
            "undelete": ("removing", "bring back what was deleted"),
            "trash": ("removing", "list what can be brought back"),
            "import": ("transferring", "read secrets from a file"),
            "export": ("transferring", "write secrets to a file"),
            "apply": ("applying", "do the changes of a file"),
        },
        "Make": {
            "generate": ("rotating", "print a random value"),
            "due": ("rotating", "list what should be rotated"),
            "health": ("health", "list what is overdue, ends soon, is weak or used twice"),
        },
        "Use": {
            "run": ("running", "run a program with secrets in its environment only"),
            "inject": ("injecting", "write a file with the values in place of references"),
        },
        "Lend": {
            "lease issue": ("leases", "issue short-lived credentials"),
            "lease list": ("leases", "list what was issued and still lasts"),
            "lease renew": ("leases", "let credentials last longer"),
            "lease revoke": ("leases", "end credentials now"),
            "share": ("sharing", "print a token that reads a secret once"),
            "unwrap": ("sharing", "read what somebody shared, once"),
        },
        "Vault": {
            "init": ("starting", "create an encrypted vault"),
            "backup": ("backing_up", "write all of the vault to one encrypted file"),
            "restore": ("backing_up", "make a vault of a backup"),
            "vault create": ("containers", "make an empty container"),
            "vault list": ("containers", "list the containers"),
            "vault delete": ("containers", "remove an empty container"),
            "key list": ("key_slots", "list what opens the vault"),
            "key add": ("key_slots", "add a passphrase, key file or recovery key"),
            "key remove": ("key_slots", "remove one of them"),
            "key passwd": ("key_slots", "change the passphrase"),
            "key rotate-master": ("key_slots", "encrypt everything anew under a new master key"),
            "key export-raw": ("key_slots", "print the database's page key"),
        },
        "Screen": {
            "open": ("starting", "open the screen at a path"),
            "demo": ("demo", "open the screen on a throw-away vault with example data"),
        },
        "The rest": {
            "profiles": ("about", "list the profiles"),
            "login": ("signing_in", "sign in at the profile's server, and say as whom"),
            "logout": ("signing_in", "end the token and forget it"),
            "backends": ("about", "list the kinds of stores and what they can do"),
            "keys": ("about", "list the keys of the screen"),
            "completion": ("completing", "print what completes commands and paths in a shell"),
            "config path": ("about", "print where the configuration is"),
            "config check": ("about", "check the configuration"),
            "doctor": ("doctor", "check the vault and this machine"),
            "journal": ("journal", "list what was done from this machine, or by the store"),
            "journal verify": ("journal", "check that no line of it is missing or changed"),
        },
    }
)

_TABLE: Mapping[str, tuple[str, str]] = MappingProxyType(
    {name: place for group in _GROUPS.values() for name, place in group.items()}
)


def names() -> Sequence[str]:
    """All commands, as typed, in the order of the overview."""
    return list(_TABLE)


def summary(name: str) -> str:
    return _TABLE[name][1]


def load(name: str) -> Command:
    """The command of a name, importing just the module it is in."""
    commands: Mapping[str, Command] = import_module(f"kvtui.cli.{_TABLE[name][0]}").COMMANDS
    return commands[name]


def find(words: Sequence[str]) -> tuple[str, list[str]]:
    """The command that `words` start with, and the other words. Options may stand between the two parts of a name.

    Raises Usage, HelpShown.
    """
    first, rest = words[0], list(words[1:])
    parts = sorted(name.partition(" ")[2] for name in _TABLE if name.startswith(f"{first} "))
    if parts:
        options, others = split(rest)
        if others and others[0] in parts:
            return f"{first} {others[0]}", options + others[1:]
        if first not in _TABLE:
            if {"-h", "--help"}.intersection(options):
                raise HelpShown(overview(first))
            raise Usage(f"{first}: say what to do.", hint=f"One of: {', '.join(parts)}.")
    if first in _TABLE:
        return first, rest
    from difflib import get_close_matches  # noqa: PLC0415 - for who mistyped

    near = get_close_matches(first, {name.partition(" ")[0] for name in _TABLE}, n=1)
    raise Usage("There is no such command.", hint=f"Did you mean {near[0]}?" if near else "See kvtui --help.")


def overview(only: str = "") -> str:
    """The help text with all commands, or those that start with a word."""
    lines = [
        "usage: kvtui [option…] [command …]",
        "",
        "Without a command the screen opens. kvtui COMMAND --help says more.",
    ]
    for title, group in _GROUPS.items():
        shown = {name: place for name, place in group.items() if not only or name.startswith(f"{only} ")}
        if shown:
            lines += ["", f"{title}:"]
            lines += [f"  {name:15} {text}" for name, (_, text) in shown.items()]
    return "\n".join(lines) + "\n"
