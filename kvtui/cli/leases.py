"""lease issue, list, renew, revoke: short-lived credentials."""

from __future__ import annotations

from argparse import Namespace
from datetime import timedelta
from typing import TYPE_CHECKING

from kvtui.cli.arguments import Command, Parser
from kvtui.cli.exits import Exit
from kvtui.cli.records import time_json
from kvtui.domain.capability import Capability
from kvtui.domain.codec import to_json, to_text
from kvtui.domain.json_text import Json
from kvtui.domain.lease import Lease
from kvtui.domain.metadata import parse_duration
from kvtui.services.leases import Leases
from kvtui.text import show

if TYPE_CHECKING:
    from kvtui.cli.context import Context


def ttl_option(parser: Parser, text: str, default: str | None = None) -> None:
    parser.add_argument("--ttl", metavar="TIME", default=default, help=f"{text}, as 15m, 12h or 1d")


def ttl_of(args: Namespace) -> timedelta | None:
    """Raises InvalidInput."""
    return None if args.ttl is None else parse_duration(args.ttl)


def lease_json(lease: Lease) -> dict[str, Json]:
    return {
        "id": lease.id,
        "role": lease.role,
        "issued_at": time_json(lease.issued_at),
        "expires_at": time_json(lease.expires_at),
        "renewable": lease.renewable,
    }


def _issue_arguments(parser: Parser) -> None:
    parser.add_argument(
        "role", metavar="ROLE", help="as database/creds/NAME, or any other path that gives a lease; NAME alone is that"
    )
    ttl_option(parser, "how long they are to last, as far as the server allows")


def _issue(context: Context, args: Namespace) -> int:
    ttl = ttl_of(args)
    profile, role = context.profiles.parse_address(args.role)
    session = context.session(profile)
    issued, unwritten = Leases(session).issue(role, ttl)
    out, lease = context.out, issued.lease
    if unwritten:
        out.note(unwritten)
    if out.json:
        fields: dict[str, Json] = {name: to_json(value) for name, value in issued.fields.items()}
        out.dump(lease_json(lease) | {"fields": fields})
        return Exit.DONE
    if issued.fields:
        out.table([(out.name(name), show(to_text(value))) for name, value in issued.fields.items()])
    before = " kvtui lease revoke ends it before." if session.can(Capability.RENEW_LEASES) else ""
    out.note(f"Lease {show(lease.id)}, {_lasts(lease)}.{before}")
    return Exit.DONE


def _lasts(lease: Lease) -> str:
    end = "until it is revoked" if lease.expires_at is None else f"until {time_json(lease.expires_at)}"
    return end if lease.renewable else f"{end}, not renewable"


def _list_arguments(parser: Parser) -> None:
    parser.add_argument("--roles", action="store_true", help="list what credentials can be issued for instead")


def _list(context: Context, args: Namespace) -> int:
    session, out = context.session(), context.out
    if args.roles:
        roles = session.backend.roles()
        if out.json:
            out.dump({"roles": [*roles]})
            return Exit.DONE
        for role in roles:
            out.line(out.name(role))
        return Exit.DONE
    leases = Leases(session).all()
    if out.json:
        rows: list[Json] = [lease_json(lease) for lease in leases]
        out.dump({"leases": rows})
    elif leases:
        out.table([(show(lease.id), _lasts(lease)) for lease in leases])
    return Exit.DONE


def _id_argument(parser: Parser) -> None:
    parser.add_argument("id", metavar="ID", help="from kvtui lease list")


def _renew_arguments(parser: Parser) -> None:
    _id_argument(parser)
    ttl_option(parser, "how long it is to last from now on")


def _renew(context: Context, args: Namespace) -> int:
    ttl = ttl_of(args)
    lease = Leases(context.session()).renew(args.id, ttl)
    if context.out.json:
        context.out.dump(lease_json(lease))
    elif not context.out.quiet:
        context.out.line(f"{show(lease.id)}: {_lasts(lease)}")
    return Exit.DONE


def _revoke(context: Context, args: Namespace) -> int:
    Leases(context.session()).revoke(args.id)
    if context.out.json:
        context.out.dump({"id": args.id})
    elif not context.out.quiet:
        context.out.line(f"{show(args.id)}: revoked")
    return Exit.DONE


COMMANDS = {
    "lease issue": Command(_issue, _issue_arguments),
    "lease list": Command(_list, _list_arguments),
    "lease renew": Command(_renew, _renew_arguments),
    "lease revoke": Command(_revoke, _id_argument),
}
