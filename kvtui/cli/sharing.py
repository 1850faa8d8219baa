"""share, unwrap: hand a secret to somebody who can read it once."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from kvtui.cli.arguments import Command, Parser
from kvtui.cli.exits import Exit, Usage
from kvtui.cli.inputs import read_file, read_stream
from kvtui.cli.leases import ttl_option
from kvtui.cli.reading import show_value
from kvtui.cli.records import time_json
from kvtui.domain.codec import to_bytes, to_json, to_text
from kvtui.domain.json_text import Json
from kvtui.domain.metadata import parse_duration
from kvtui.domain.value import Fields, SecretValue
from kvtui.domain.wrapping import Wrapped, used_up
from kvtui.services import once
from kvtui.text import show_name

if TYPE_CHECKING:
    from kvtui.cli.context import Context

_MAX_TOKEN_BYTES = 64 * 1024


def _share_arguments(parser: Parser) -> None:
    parser.add_argument("path", metavar="PATH")
    parser.add_argument("-f", "--field", metavar="FIELD", help="this field alone; all of them without it")
    ttl_option(parser, "how long it can be read", default="15m")


def _share(context: Context, args: Namespace) -> int:
    ttl = parse_duration(args.ttl)
    session, path = context.at(args.path)
    wrapped, unwritten = once.share(session, path, args.field, ttl)
    out = context.out
    if unwritten:
        out.note(unwritten)
    if out.json:
        out.dump({"token": to_text(wrapped.token), "accessor": wrapped.accessor, **_facts(wrapped)})
        return Exit.DONE
    out.line(to_text(wrapped.token))
    out.note(f"Whoever has this token can read it once, until {time_json(wrapped.expires_at)}: kvtui unwrap.")
    return Exit.DONE


def _facts(wrapped: Wrapped) -> dict[str, Json]:
    return {
        "created_at": time_json(wrapped.created_at),
        "expires_at": time_json(wrapped.expires_at),
        "creation_path": wrapped.creation_path,
    }


def _unwrap_arguments(parser: Parser) -> None:
    parser.refuse_value = "A wrapping token given as an argument is seen by others."
    parser.add_argument("--token-file", metavar="FILE", type=Path, help="its first line; else standard input, or typed")
    parser.add_argument("--look", action="store_true", help="only say where it came from; uses nothing up")
    parser.add_argument("--yes", action="store_true", help="read it without asking")


def _unwrap(context: Context, args: Namespace) -> int:
    token = _token(context, args.token_file)
    session, out = context.session(), context.out
    seen = session.backend.look_into(token)
    if args.look:
        if out.json:
            out.dump(_facts(seen))
        else:
            out.line(_origin(seen))
        return Exit.DONE
    if args.yes or not context.is_interactive or session.info().read_only:
        out.note(_origin(seen))
    else:
        answer = context.ask_echoed(f"{_origin(seen)}\nReading it uses it up. Go on? [y/N] ")
        if answer.lower() != "y":
            raise Usage("Nothing was read; the token is as it was.", hint="Say --yes to read it without being asked.")
    fields, unwritten = once.unwrap(session, seen)
    if unwritten:
        out.note(unwritten)
    _print(context, seen, fields)
    return Exit.DONE


def _origin(seen: Wrapped) -> str:
    """Where a token came from: a share of kvtui's is made at the server's own path for that."""
    return f"Made {time_json(seen.created_at)} at {show_name(seen.creation_path)}, lasts until " + (
        time_json(seen.expires_at) or "it is read"
    )


def _print(context: Context, seen: Wrapped, fields: Fields) -> None:
    """One value as `get` prints it; several as JSON, as there is no second time to choose one."""
    out = context.out
    plain: dict[str, Json] = {name: to_json(value) for name, value in fields.items()}
    if out.json:
        out.dump(_facts(seen) | {"fields": plain})
    elif len(fields) != 1:
        out.dump(plain)
    elif out.is_terminal:
        show_value(out, next(iter(fields.values())))
    else:
        out.bytes(to_bytes(next(iter(fields.values()))))


def _token(context: Context, file: Path | None) -> SecretValue:
    if file is not None:
        data = read_file(file.expanduser(), limit=_MAX_TOKEN_BYTES, first_line=True).partition(b"\n")[0]
    elif context.is_interactive:
        data = context.ask("Wrapping token: ").encode("utf-8", "surrogatepass")
    else:
        data = read_stream(context.stdin, _MAX_TOKEN_BYTES, hint="A wrapping token is short.")
    try:
        text = data.decode("ascii").strip()
    except UnicodeDecodeError:
        raise used_up() from None
    if not text:
        raise Usage("There is no wrapping token.", hint="Send it on standard input, or name a --token-file.")
    return SecretValue(text)


COMMANDS = {
    "share": Command(_share, _share_arguments),
    "unwrap": Command(_unwrap, _unwrap_arguments),
}
