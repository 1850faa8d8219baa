"""profiles, backends, keys, config, journal, doctor: about kvtui itself and where it stands."""

from __future__ import annotations

from argparse import Namespace

from kvtui.cli.arguments import Command, Parser, whole
from kvtui.cli.context import Context, location
from kvtui.cli.exits import Exit
from kvtui.cli.records import time_json
from kvtui.domain.errors import Corrupt
from kvtui.domain.json_text import Json
from kvtui.text import show


def _profiles(context: Context, args: Namespace) -> int:  # noqa: ARG001 - takes none
    profiles = context.profiles
    listed = [profiles.get(name) for name in profiles.names]
    if not profiles.current.name:
        listed.insert(0, profiles.current)
    if context.out.json:
        rows: list[Json] = [
            {
                "name": profile.name,
                "backend": profile.kind,
                "location": location(profile),
                "read_only": profile.read_only,
                "current": profile.name == profiles.current.name,
            }
            for profile in listed
        ]
        context.out.dump({"profiles": rows})
        return Exit.DONE
    context.out.table(
        [
            (
                "*" if profile.name == profiles.current.name else " ",
                show(profile.name or "(named by --vault)"),
                show(profile.kind),
                show(location(profile)),
                "read-only" if profile.read_only else "",
            )
            for profile in listed
        ]
    )
    return Exit.DONE


def _backends(context: Context, args: Namespace) -> int:  # noqa: ARG001 - takes none
    from kvtui.backends import registry  # noqa: PLC0415
    from kvtui.domain.capability import Capability  # noqa: PLC0415
    from kvtui.domain.errors import Unavailable  # noqa: PLC0415

    factories = {}
    for kind in registry.kinds():
        try:
            factories[kind] = registry.factory(kind)
        except Unavailable as error:
            context.out.note(str(error))
    if context.out.json:
        rows: list[Json] = [
            {"name": kind, "title": made.title, "capabilities": [*sorted(able.value for able in made.capabilities)]}
            for kind, made in factories.items()
        ]
        context.out.dump({"backends": rows})
        return Exit.DONE
    header = ("", *(show(kind) for kind in factories))
    context.out.table(
        [
            header,
            *(
                (capability.title, *("yes" if capability in made.capabilities else "-" for made in factories.values()))
                for capability in Capability
            ),
        ]
    )
    return Exit.DONE


def _keys(context: Context, args: Namespace) -> int:  # noqa: ARG001 - takes none
    from kvtui.actions import ACTIONS  # noqa: PLC0415

    keymap = context.keymap()
    if context.out.json:
        rows: list[Json] = [
            {
                "id": action.id,
                "keys": list(keymap.keys(action)),
                "title": action.title,
                "help": action.help,
                "scope": action.scope.value,
            }
            for action in ACTIONS
        ]
        context.out.dump({"actions": rows})
        return Exit.DONE
    context.out.table([(show(keymap.shown(action)) or "-", action.id, action.help) for action in ACTIONS])
    return Exit.DONE


def _config_path(context: Context, args: Namespace) -> int:  # noqa: ARG001 - takes none
    path = context.config_path
    if context.out.json:
        context.out.dump({"path": str(path), "exists": path.exists()})
    else:
        context.out.line(context.out.name(str(path)))
    return Exit.DONE


def _config_check(context: Context, args: Namespace) -> int:  # noqa: ARG001 - takes none
    """Reading everything is the check: the first thing wrong is the error."""
    config, profiles = context.config, context.profiles
    context.keymap()
    if context.out.json:
        context.out.dump({"path": str(context.config_path), "exists": config.path is not None, "ok": True})
    elif config.path is None:
        context.out.line(f"{context.out.name(str(context.config_path))}: there is none; the defaults hold")
    else:
        count = len(profiles.names)
        context.out.line(f"{context.out.name(str(config.path))}: fine, {count} profile{'s' * (count != 1)}")
    return Exit.DONE


def _journal_arguments(parser: Parser) -> None:
    parser.add_argument("path", metavar="PATH", nargs="?", help="of this secret only")
    parser.add_argument("--limit", metavar="N", type=whole(1), default=200, help="the newest N (200)")


def _journal(context: Context, args: Namespace) -> int:
    session, path = context.at(args.path) if args.path is not None else (context.session(), None)
    entries = session.journal.entries(path=path, limit=args.limit)
    if context.out.json:
        rows: list[Json] = [
            {
                "at": time_json(entry.at),
                "actor": entry.actor,
                "act": entry.act.value,
                "path": entry.path,
                "field": entry.field,
                "version": entry.version,
                "to": entry.to,
                "result": entry.result,
            }
            for entry in entries
        ]
        context.out.dump({"entries": rows})
    elif entries:
        context.out.table(
            [
                (
                    time_json(entry.at) or "-",
                    show(entry.actor),
                    entry.act.value,
                    context.out.name(entry.path) + (f" → {context.out.name(entry.to)}" if entry.to else ""),
                    "" if entry.version is None else f"version {entry.version}",
                    show(entry.result),
                )
                for entry in entries
            ]
        )
    return Exit.DONE


def _journal_verify(context: Context, args: Namespace) -> int:  # noqa: ARG001 - takes none
    check = context.session().journal.verify()
    if not check.ok:
        raise Corrupt(check.message, hint="Somebody or something else has written the journal.")
    if context.out.json:
        context.out.dump({"ok": True, "count": check.count, "message": check.message})
    else:
        context.out.line(check.message)
    return Exit.DONE


COMMANDS = {
    "profiles": Command(_profiles),
    "backends": Command(_backends),
    "keys": Command(_keys),
    "config path": Command(_config_path),
    "config check": Command(_config_check),
    "journal": Command(_journal, _journal_arguments),
    "journal verify": Command(_journal_verify),
}
