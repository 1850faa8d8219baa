"""backup, restore: all of a vault as one encrypted file, and back."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from kvtui.backends.factory import StoreState
from kvtui.cli.arguments import Command, Parser
from kvtui.cli.context import Context, location
from kvtui.cli.exits import Exit
from kvtui.cli.output import ProgressLine
from kvtui.cli.records import time_json
from kvtui.domain.capability import Capability
from kvtui.domain.errors import AlreadyExists, Corrupt, PermissionDenied, Unsupported
from kvtui.services.journal import Act
from kvtui.services.profiles import Profile, vault_profile
from kvtui.services.session import Session
from kvtui.text import show


def _backup_arguments(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="the backup to write; encrypted as the vault is")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that is there")


def _backup(context: Context, args: Namespace) -> int:
    session = context.session()
    out = context.out
    with session.journal.around(Act.BACKUP, ""), ProgressLine(out, "Backing up") as progress:
        made = session.backend.backup(args.file.expanduser(), overwrite=args.overwrite, progress=progress)
    if out.json:
        out.dump({"path": str(made.path), "size": made.size, "generation": made.generation, "secrets": made.secrets})
    elif not out.quiet:
        out.line(f"{out.name(str(made.path))}: {made.secrets} secrets, {_megabytes(made.size)}")
        out.note("It opens with the keys the vault has now. Keep one of them elsewhere, such as the recovery key.")
    return Exit.DONE


def _restore_arguments(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="a backup made by kvtui backup")
    parser.add_argument(
        "directory", metavar="DIR", nargs="?", type=Path, help="the vault to make; the profile's place if left out"
    )
    parser.add_argument("--replace", action="store_true", help="move a vault that is there aside first")


def _restore(context: Context, args: Namespace) -> int:
    profile = context.profiles.current
    if profile.read_only:
        raise PermissionDenied("Nothing is restored read-only.", hint="Leave --read-only out.")
    if args.directory is not None:
        profile = _elsewhere(profile, args.directory.expanduser().absolute())
    if not profile.offers(Capability.BACKUP):
        raise Unsupported(
            f"A {profile.kind} store is not restored from here.", capability="restore", hint="Name a folder."
        )
    session = Session(profile)
    if not args.replace and _is_taken(session):
        # Told before a passphrase is asked for.
        raise AlreadyExists(
            f"Something is already there: {location(profile)}.",
            hint="Name another folder, or move the vault that is there aside with --replace.",
        )
    out = context.out
    credential = context.credential(profile)
    with ProgressLine(out, "Restoring") as progress:
        restored, unwritten = session.restore(
            args.file.expanduser(), credential, replace=args.replace, progress=progress
        )
    if unwritten:
        out.note(f"It could not be written to the journal: {unwritten}")
    if out.json:
        out.dump(
            {
                "vault": restored.location,
                "generation": restored.generation,
                "created_at": time_json(restored.created_at),
                "replaced": restored.replaced,
                "older": restored.is_older,
            }
        )
        return Exit.DONE
    if not out.quiet:
        out.line(f"Restored as of {time_json(restored.created_at)}: {out.name(restored.location)}")
    if restored.replaced is not None:
        out.note(f"The vault that was there is now {show(restored.replaced)}.")
    if restored.is_older:
        which = "" if args.directory is None else f" --vault {show(restored.location)}"
        out.note(
            "It is older than what this machine has seen and is refused as rolled back until you say"
            f" kvtui{which} doctor --accept-rollback."
        )
    return Exit.DONE


def _elsewhere(profile: Profile, directory: Path) -> Profile:
    """The vault in another folder, with the settings of the profile where that is one of a vault: its key file."""
    other = vault_profile(directory)
    return other._replace(settings={**profile.settings, **other.settings}) if profile.kind == other.kind else other


def _is_taken(session: Session) -> bool:
    try:
        return session.probe() is not StoreState.MISSING
    except Corrupt:  # a file, other files, a damaged vault
        return True


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB"


COMMANDS = {"backup": Command(_backup, _backup_arguments), "restore": Command(_restore, _restore_arguments)}
