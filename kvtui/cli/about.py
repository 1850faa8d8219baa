"""profiles, backends, keys, config: about kvtui itself and where it stands."""

from __future__ import annotations

from argparse import Namespace

from kvtui.cli.arguments import Command, Parser
from kvtui.cli.context import Context, location
from kvtui.cli.exits import Exit
from kvtui.domain.errors import NotFound
from kvtui.domain.json_text import Json
from kvtui.text import show


def _profiles_arguments(parser: Parser) -> None:
    parser.add_argument(
        "--forget", metavar="NAME", help="forget the paths and names remembered of a store; NAME:PATH for one path"
    )


def _forget(context: Context, address: str) -> int:
    """Of a store that is not opened for it."""
    from kvtui.services import kept_names  # noqa: PLC0415 - few stores need it
    from kvtui.services.remembered import RememberedNames  # noqa: PLC0415

    name, colon, path = address.partition(":")
    profile = context.profiles.get(name)
    remembered = RememberedNames(profile.name)
    dropped = [path] if colon else [*remembered.paths()]
    if colon:
        if path not in remembered.paths():
            raise NotFound("It is not remembered.", hint="kvtui ls lists what is.", path=path)
        remembered.drop(path)
        remembered.save()
    else:
        remembered.forget()
    had_names = kept_names.forget(profile.name)  # one path of them too: they are read again when they are looked at
    if context.out.json:
        context.out.dump({"profile": profile.name, "forgotten": [*dropped], "names_removed": had_names})
    elif not context.out.quiet:
        count = len(dropped)
        names = ", and the names that were kept" * had_names
        context.out.line(f"{context.out.name(profile.name)}: {count} path{'s' * (count != 1)} forgotten{names}")
    return Exit.DONE


def _profiles(context: Context, args: Namespace) -> int:
    if args.forget is not None:
        return _forget(context, args.forget)
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


COMMANDS = {
    "profiles": Command(_profiles, _profiles_arguments),
    "backends": Command(_backends),
    "keys": Command(_keys),
    "config path": Command(_config_path),
    "config check": Command(_config_check),
}
