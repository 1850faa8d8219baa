"""init, open: create a vault, open the screen."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from kvtui.backends.factory import StoreState
from kvtui.cli.arguments import Command, Parser
from kvtui.cli.context import Context, location
from kvtui.cli.credentials import ask_new, passphrase_from
from kvtui.cli.exits import Exit
from kvtui.domain import path as paths
from kvtui.domain.codec import to_text
from kvtui.domain.credential import Credential
from kvtui.domain.errors import AlreadyExists, Corrupt, InvalidInput, PermissionDenied
from kvtui.domain.value import SecretValue
from kvtui.services.profiles import vault_profile
from kvtui.services.session import Session


def _init_arguments(parser: Parser) -> None:
    parser.add_argument("directory", metavar="DIR", nargs="?", type=Path, help="the profile's place if left out")


def _init(context: Context, args: Namespace) -> int:
    profile = context.profiles.current
    if profile.read_only:
        raise PermissionDenied("Nothing is created read-only.", hint="Leave --read-only out.")
    if args.directory is not None:
        profile = vault_profile(args.directory.expanduser().absolute())
    session = Session(profile)
    try:
        taken = session.probe() is not StoreState.MISSING
    except Corrupt:  # a file, other files, a damaged vault
        taken = True
    if taken:
        # Told before a passphrase is asked for.
        raise AlreadyExists(
            f"Something is already there: {location(profile)}.", hint="Name another folder, or open that one."
        )
    credential = context.given_credential()
    if credential is None:
        credential = Credential(new_passphrase(context, None))
    elif credential.passphrase is not None:
        _warn(context, credential.passphrase)
    created = session.create(credential)
    recovery = None if created.recovery_key is None else to_text(created.recovery_key)
    out = context.out
    if out.json:
        out.dump({"vault": created.location, "recovery_key": recovery})
        return Exit.DONE
    out.line(f"Vault: {out.name(created.location)}")
    if recovery is not None:
        out.line(f"Recovery key: {recovery}")
        out.note("It is shown this once. Write it down and keep it away from the vault.")
    return Exit.DONE


def new_passphrase(context: Context, file: Path | None) -> SecretValue:
    """A passphrase for something new: from a file, else asked twice; with a warning when it looks weak."""
    passphrase = passphrase_from(file) if file is not None else ask_new(context.ask)
    if not to_text(passphrase):
        raise InvalidInput("The passphrase is empty.", hint="Choose one; a few words chosen by chance are good.")
    _warn(context, passphrase)
    return passphrase


def _warn(context: Context, passphrase: SecretValue) -> None:
    from kvtui.services.strength import warn_passphrase  # noqa: PLC0415

    warning = warn_passphrase(to_text(passphrase))
    if warning is not None:
        context.out.note(warning)


def _open_arguments(parser: Parser) -> None:
    parser.add_argument("path", metavar="PATH", help="where to go")


def _open(context: Context, args: Namespace) -> int:
    from kvtui.cli.launch import launch  # noqa: PLC0415

    profile, path = context.profiles.parse_address(args.path)
    if profile is not None:
        context.profiles.current = profile
    return launch(context, paths.check_folder(path))


COMMANDS = {"init": Command(_init, _init_arguments), "open": Command(_open, _open_arguments)}
