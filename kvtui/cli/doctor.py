"""doctor: what keeps kvtui from working well or safely here."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path

from kvtui.backends.factory import StoreState
from kvtui.cli.arguments import Command, Parser
from kvtui.cli.context import Context, location
from kvtui.cli.exits import Exit
from kvtui.cli.output import ProgressLine
from kvtui.domain.codec import to_text
from kvtui.domain.errors import AuthenticationRequired, Corrupt, KvtuiError, PermissionDenied, Unavailable, Unsupported
from kvtui.domain.json_text import Json
from kvtui.services.doctor import checkup, examine
from kvtui.services.doctor_finding import Finding, Level
from kvtui.services.session import Session
from kvtui.text import show


def _arguments(parser: Parser) -> None:
    parser.add_argument("--verify", action="store_true", help="open the vault and check all of it, asking how")
    parser.add_argument(
        "--accept-rollback", action="store_true", help="take a restored, older vault for the newest from now on"
    )
    parser.add_argument(
        "--salvage", metavar="DIR", type=Path, help="make a new vault of whatever can be read of a damaged one"
    )


def _salvage(context: Context, target: Path) -> int:
    """Make a new vault of what is left of the current one."""
    profile = context.profiles.current
    credential = context.credential(profile)
    with ProgressLine(context.out, "Salvaging") as progress:
        made = profile.factory.salvage(profile.settings, credential, target, progress=progress)
    out = context.out
    recovery = to_text(made.recovery_key)
    if out.json:
        lost: list[Json] = [
            {"path": one.path} if one.version is None else {"path": one.path, "version": one.version}
            for one in made.lost
        ]
        out.dump({"vault": made.location, "saved": made.saved, "lost": lost, "recovery_key": recovery})
    else:
        out.line(f"Vault: {out.name(made.location)}")
        out.line(f"Recovery key: {recovery}")
        for one in made.lost:
            out.note(f"{out.name(one.path)}: {'lost' if one.version is None else f'version {one.version} is lost'}")
        out.note(f"{made.saved} secrets are in it; {len(made.lost) or 'none'} known to be lost.")
    return Exit.PARTLY if made.lost else Exit.DONE


def _doctor(context: Context, args: Namespace) -> int:
    profile = context.profiles.current
    if args.salvage is not None:
        return _salvage(context, args.salvage.expanduser())
    if args.accept_rollback:
        if profile.read_only:
            raise PermissionDenied(
                "This profile is read-only, so nothing is accepted.", hint="Open it without read_only."
            )
        profile.factory.accept_rollback(profile.settings, context.credential(profile))
        if not context.out.quiet:
            context.out.note(f"{location(profile)} is taken for the newest from now on.")
    findings = checkup(context.config, context.profiles, environ=os.environ)
    findings += _examined(context, ask=args.verify or args.accept_rollback)
    well = all(finding.level is not Level.PROBLEM for finding in findings)
    out = context.out
    if out.json:
        rows: list[Json] = [
            {"level": one.level.value, "subject": one.subject, "message": one.message, "hint": one.hint}
            for one in findings
        ]
        out.dump({"ok": well, "findings": rows})
    else:
        shown = [one for one in findings if not out.quiet or one.level in {Level.WARNING, Level.PROBLEM}]
        for one in shown:
            out.line(f"{one.level.value:8} {show(one.subject)}: {show(f'{one.message} {one.hint}'.rstrip())}")
    return Exit.DONE if well else Exit.FAILED


def _examined(context: Context, *, ask: bool) -> list[Finding]:
    """What is in the current vault, where its passphrase is given or may be asked for."""
    profile = context.profiles.current
    try:
        state = Session(profile).probe()
    except KvtuiError:
        return []  # the checkup has told
    if state is StoreState.MISSING:
        return []
    if state is StoreState.LOCKED and not ask and context.given_credential() is None:
        return [Finding(Level.NOTE, "vault", "What is in it was not checked.", "Add --verify to do that.")]
    try:
        with ProgressLine(context.out, "Checking") as progress:
            return examine(profile, context.session().backend, progress)
    except (Corrupt, Unsupported) as error:
        return [Finding(Level.PROBLEM, "vault", error.message, error.hint)]
    except (Unavailable, AuthenticationRequired, PermissionDenied) as error:
        if not profile.factory.signs_in:
            raise
        return [Finding(Level.PROBLEM, f"profile {profile.name}", error.message, error.hint)]


COMMANDS = {"doctor": Command(_doctor, _arguments)}
