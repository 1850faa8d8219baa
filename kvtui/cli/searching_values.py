"""search --value: secrets by a part of a value, which never comes from the command line; in one store or in all."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from kvtui.backends.factory import StoreState
from kvtui.cli.context import Context
from kvtui.cli.exits import Exit, Usage
from kvtui.cli.inputs import read_stream
from kvtui.cli.output import ProgressLine
from kvtui.cli.searching_everywhere import Skips, profiles_of
from kvtui.cli.skipping import skipped_json, tell_skipped
from kvtui.domain.errors import AuthenticationRequired, InvalidInput, KvtuiError, NotFound
from kvtui.domain.value import SecretValue, decode_input
from kvtui.services.left_out import LeftOut
from kvtui.services.session import Session
from kvtui.services.value_search import Asked, ValueMatch, ValueSearch, caution

if TYPE_CHECKING:
    from kvtui.domain.json_text import Json
    from kvtui.services.profiles import Profile

_LONGEST_PART = 1 << 20
"""Bytes of a value that can be looked for."""


def by_value(context: Context, args: Namespace, asked: Asked) -> int:
    """`asked` is what stands on the command line: names alone narrow what is read."""
    if asked.parts:
        raise Usage(
            "A value is not taken from the command line, where other programs can read it.",
            hint="Write value: and nothing behind it: the value is asked for, or read from standard input.",
        )
    if args.exact:
        raise Usage("--exact is about names.", hint="Narrow a search of values with path:TEXT.")
    asked = Asked(asked.names, (_part(context),))
    return _everywhere(context, args, asked) if args.all else _here(context, args, asked)


def _part(context: Context) -> SecretValue:
    """What to look for. A line end behind it is taken for that of the line it stands on."""
    if context.is_interactive:
        part = SecretValue(context.ask("Part of the value: "))
    else:
        data = read_stream(context.stdin, _LONGEST_PART)
        part = decode_input(data.removesuffix(b"\n").removesuffix(b"\r"))
    if part.same_as(SecretValue("")):
        raise Usage("There is no value to look for.", hint="Give a part of it on standard input, or at the prompt.")
    return part


class _Searched(NamedTuple):
    """What came of one store."""

    matches: list[ValueMatch]
    left_out: LeftOut
    complete: bool
    is_over_time: bool


def _searched(context: Context, args: Namespace, session: Session, asked: Asked, limit: int | None) -> _Searched:
    with (
        ProgressLine(context.out, "Reading values") as progress,
        ValueSearch(session, asked, agreed=args.on_servers, seconds=args.timeout, progress=progress) as search,
        closing(iter(search)) as found,
    ):
        matches = list(islice(found, limit))
        result = _Searched(matches, search.left_out, search.complete, search.is_over_time)
    if search.is_over_time:
        of_all = "" if search.total is None else f" of {search.total:,}"
        context.out.note(f"After {args.timeout} s, {search.read:,}{of_all} secrets were read. See --timeout.")
    return result


def _here(context: Context, args: Namespace, asked: Asked) -> int:
    session, out = context.session(), context.out
    if (said := caution(session)) and not args.on_servers:
        raise Usage(
            f"Values on a server are not looked through unasked. {said}",
            hint="Add --on-servers, and narrow it with path:TEXT.",
        )
    found = _searched(context, args, session, asked, args.limit)
    if out.json:
        rows: list[Json] = [{"path": path, "fields": [*fields]} for path, fields in found.matches]
        told = {"query": args.query or "", "matches": rows, "complete": found.complete}
        out.dump({**told, **skipped_json(found.left_out)})
    else:
        _print(context, "", found.matches)
    code = tell_skipped(out, found.left_out)
    return Exit.PARTLY if found.is_over_time else code


def _everywhere(context: Context, args: Namespace, asked: Asked) -> int:
    out, skipped = context.out, Skips(context.out)
    rows: list[Json] = []
    complete, stores = True, 0
    for profile in profiles_of(context):
        stores += 1
        left = None if args.limit is None else args.limit - len(rows)
        try:
            with _opened(context, profile) as session:
                if (said := caution(session)) and not args.on_servers:
                    skipped.store(profile.name, InvalidInput(said, hint="Add --on-servers."), on_purpose=True)
                    continue
                found = _searched(context, args, session, asked, left)
        except KvtuiError as error:
            skipped.store(profile.name, error)
            continue
        skipped.places(profile.name, found.left_out)
        skipped.code = Exit.PARTLY if found.is_over_time else skipped.code
        complete = complete and found.complete
        rows += [{"profile": profile.name, "path": path, "fields": [*fields]} for path, fields in found.matches]
        if not out.json:
            _print(context, f"{profile.name}:" if profile.name else "", found.matches)
        if len(rows) == args.limit:
            complete = False
            break
    skipped.refuse_if_all(stores)
    if out.json:
        out.dump({"query": args.query or "", "matches": rows, "complete": complete, **skipped.json()})
    return skipped.code


@contextmanager
def _opened(context: Context, profile: Profile) -> Iterator[Session]:
    """Without asking anybody. Raises as opening does, AuthenticationRequired for a vault that is locked."""
    session = Session(profile)
    try:
        match session.enter(context.given_credential()):
            case StoreState.MISSING:
                raise NotFound("There is nothing yet.", hint="Create it first.")
            case StoreState.LOCKED:
                raise AuthenticationRequired("It is locked.", hint="Open it first.")
            case StoreState.READY:
                yield session
    finally:
        session.lock()


def _print(context: Context, before: str, matches: list[ValueMatch]) -> None:
    """As references are written: `path#field`."""
    for path, fields in matches:
        for field in fields:
            context.out.line(context.out.name(f"{before}{path}#{field}"))
