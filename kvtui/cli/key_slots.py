"""key list, add, remove, passwd, export-raw, rotate-master: what opens the vault."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from kvtui.cli.arguments import Command, Parser
from kvtui.cli.context import Context
from kvtui.cli.exits import Exit, Usage
from kvtui.cli.output import ProgressLine
from kvtui.cli.records import time_json
from kvtui.cli.starting import new_passphrase
from kvtui.domain.codec import to_text
from kvtui.domain.credential import Credential, KeySlot
from kvtui.domain.errors import PermissionDenied
from kvtui.domain.json_text import Json
from kvtui.domain.value import SecretValue
from kvtui.services.journal import Act
from kvtui.services.session import Session
from kvtui.text import show


def _slot_json(slot: KeySlot) -> dict[str, Json]:
    return {"id": slot.id, "type": slot.type, "label": slot.label, "created_at": time_json(slot.created_at)}


def _list(context: Context, args: Namespace) -> int:  # noqa: ARG001 - takes none
    slots = context.session().backend.key_slots()
    if context.out.json:
        rows: list[Json] = [_slot_json(slot) for slot in slots]
        context.out.dump({"slots": rows})
        return Exit.DONE
    context.out.table(
        [(show(slot.id), slot.type, time_json(slot.created_at) or "-", show(slot.label)) for slot in slots]
    )
    return Exit.DONE


def _add_arguments(parser: Parser) -> None:
    parser.add_argument("--new-passphrase-file", metavar="FILE", type=Path, help="its first line; else asked twice")
    parser.add_argument(
        "--new-key-file", metavar="FILE", type=Path, help="a file whose content opens the vault; with both, both do"
    )
    parser.add_argument("--recovery", action="store_true", help="make a recovery key and print it once")
    parser.add_argument("--label", metavar="TEXT", default="", help="what to call it in the list")


def _add(context: Context, args: Namespace) -> int:
    if args.recovery and (args.new_passphrase_file or args.new_key_file):
        raise Usage("--recovery cannot be used with another key.", hint="See kvtui key add --help.")
    session = context.session()
    recovery: SecretValue | None = None
    if args.recovery:
        with session.journal.around(Act.KEY, ""):
            slot, recovery = session.backend.add_recovery_key(args.label)
    else:
        session.backend.key_slots()  # a store without any says so before somebody is asked
        key_file = args.new_key_file and args.new_key_file.expanduser()
        asks = args.new_passphrase_file is not None or key_file is None
        credential = Credential(new_passphrase(context, args.new_passphrase_file) if asks else None, key_file)
        with session.journal.around(Act.KEY, ""):
            slot = session.backend.add_key_slot(credential, args.label)
    out = context.out
    if out.json:
        shown: dict[str, Json] = {} if recovery is None else {"recovery_key": to_text(recovery)}
        out.dump(_slot_json(slot) | shown)
        return Exit.DONE
    if recovery is not None:
        out.line(f"Recovery key: {to_text(recovery)}")
        out.note("It is shown this once. Write it down and keep it away from the vault.")
    elif not out.quiet:
        out.line(f"{show(slot.id)}: {slot.type} added")
    return Exit.DONE


def _remove_arguments(parser: Parser) -> None:
    parser.add_argument("id", metavar="ID", help="from kvtui key list")


def _remove(context: Context, args: Namespace) -> int:
    session = context.session()
    with session.journal.around(Act.KEY, ""):
        session.backend.remove_key_slot(args.id)
    if context.out.json:
        context.out.dump({"id": args.id})
    elif not context.out.quiet:
        context.out.line(f"{show(args.id)}: removed")
    return Exit.DONE


def _passwd_arguments(parser: Parser) -> None:
    parser.add_argument("--new-passphrase-file", metavar="FILE", type=Path, help="its first line; else asked twice")


def _passwd(context: Context, args: Namespace) -> int:
    session = context.session()
    session.backend.key_slots()  # as above
    old = context.credential_of(session)
    new = Credential(new_passphrase(context, args.new_passphrase_file), old.key_file)
    with session.journal.around(Act.KEY, ""):
        slot = session.backend.replace_key_slot(old, new)
    if context.out.json:
        context.out.dump(_slot_json(slot))
    elif not context.out.quiet:
        context.out.line("The passphrase is changed.")
    return Exit.DONE


def _export_raw(context: Context, args: Namespace) -> int:  # noqa: ARG001 - takes none
    session = context.session()
    with session.journal.around(Act.KEY, ""):
        key = session.backend.export_page_key()
    if context.out.json:
        context.out.dump({"page_key": to_text(key)})
    else:
        context.out.line(to_text(key))
    return Exit.DONE


def _rotate_master_arguments(parser: Parser) -> None:
    parser.add_argument("--new-passphrase-file", metavar="FILE", type=Path, help="its first line; else it stays")
    parser.add_argument("--yes", action="store_true", help="end the other keys of the vault without asking")


def _rotate_master(context: Context, args: Namespace) -> int:
    profile = context.profiles.current
    if profile.read_only:
        raise PermissionDenied("This profile is read-only, so nothing is written.", hint="Open it without read_only.")
    credential = context.credential(profile)
    ending = profile.factory.ending_slots(profile.settings, credential)
    is_recovery = credential.passphrase is not None and not any(slot.type == "recovery" for slot in ending)
    new = None
    if args.new_passphrase_file is not None or is_recovery:
        new = Credential(new_passphrase(context, args.new_passphrase_file), credential.key_file)
    if not args.yes and not _agreed(context, ending):
        raise Usage("Nothing was changed.", hint="Say --yes to end the other keys.")
    session = Session(profile)
    session.unlock(credential)
    journal = session.journal
    session.lock()  # nobody may have it open, we ourselves neither
    with journal.around(Act.KEY, ""), ProgressLine(context.out, "Encrypting") as progress:
        created = profile.factory.rotate_master(profile.settings, credential, new=new, progress=progress)
    recovery = "" if created.recovery_key is None else to_text(created.recovery_key)
    out = context.out
    if out.json:
        dropped: list[Json] = [_slot_json(slot) for slot in ending]
        out.dump({"recovery_key": recovery, "dropped": dropped})
        return Exit.DONE
    out.line(f"Recovery key: {recovery}")
    out.note("It is shown this once and replaces the old one. Backups made before open with the old keys only.")
    return Exit.DONE


def _agreed(context: Context, ending: Sequence[KeySlot]) -> bool:
    """Whether the person agrees that these end. The recovery key is replaced and needs no word."""
    others = [slot for slot in ending if slot.type != "recovery"]
    if not others:
        return True
    names = ", ".join(show(f"{slot.id} ({slot.type}{f', {slot.label}' if slot.label else ''})") for slot in others)
    if not context.is_interactive:
        raise Usage(f"These keys would end: {names}.", hint="Say --yes, and add them again afterwards.")
    return context.ask_echoed(f"These keys end and have to be added again: {names}. Go on? [y/N] ").lower() == "y"


COMMANDS = {
    "key list": Command(_list),
    "key add": Command(_add, _add_arguments),
    "key remove": Command(_remove, _remove_arguments),
    "key passwd": Command(_passwd, _passwd_arguments),
    "key export-raw": Command(_export_raw),
    "key rotate-master": Command(_rotate_master, _rotate_master_arguments),
}
